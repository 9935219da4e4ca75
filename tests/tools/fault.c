/* Preloaded into a program: makes the n-th call of a kind fail.
 *   LD_PRELOAD=fault.so FAULT="KIND N ERROR once|on" FAULT_REPORT=FILE PROGRAM ...
 * KIND: write, fsync, rename, open, room (fallocate, ftruncate), map, thread; alloc is
 * memory that the program itself asks for, anyalloc that of its libraries too. ERROR is
 * an errno; "on" makes later calls of the kind fail as well. FILE gets the number of
 * calls, and that of blocks the program asked for and never freed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

#define CALLER ((uintptr_t)__builtin_return_address(0))
#define NEXT(name) (__extension__(__typeof__(&name)) dlsym(RTLD_NEXT, #name))

static struct {
    char kind[16];
    long at;
    int error;
    bool on, ready, over;
} fault;
static atomic_long calls;
static uintptr_t program_begin, program_end;

static int find_program(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    (void)user;
    program_begin = UINTPTR_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD) {
            program_begin = begin < program_begin ? begin : program_begin;
            program_end = begin + part->p_memsz > program_end ? begin + part->p_memsz : program_end;
        }
    }
    return 1; /* the first object is the program */
}

static bool own(uintptr_t caller)
{
    return caller >= program_begin && caller < program_end;
}

/* After the program's main nothing fails or counts: what follows is the C library's, and
 * that of whoever counts the lines that were run. */
static void leave(void)
{
    fault.ready = false;
    fault.over = true;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAULT");
    char how[8] = "";
    dl_iterate_phdr(find_program, NULL);
    if (text && sscanf(text, "%15s %ld %d %7s", fault.kind, &fault.at, &fault.error, how) == 4) {
        fault.on = strcmp(how, "on") == 0;
        fault.ready = true;
    }
}

static bool refused(const char *kind)
{
    if (!fault.ready || strcmp(kind, fault.kind) != 0) {
        return false;
    }
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call != fault.at && !(fault.on && call > fault.at)) {
        return false;
    }
    errno = fault.error;
    return true;
}

/* Blocks of the program that are not freed yet: a hash set under a spin lock. */
enum { SLOTS = 1 << 18 };
static uintptr_t slot[SLOTS];
static atomic_flag busy = ATOMIC_FLAG_INIT;

static void note(uintptr_t old, uintptr_t made)
{
    if (fault.over) {
        return;
    }
    while (atomic_flag_test_and_set(&busy)) {
    }
    uintptr_t wanted[2] = {old, made};
    for (int i = 0; i < 2; i++) {
        size_t at = (wanted[i] >> 4) * 0x9e3779b97f4a7c15u >> 46;
        while (i == 0 && wanted[i] && slot[at] && slot[at] != wanted[i]) {
            at = (at + 1) % SLOTS;
        }
        while (i == 1 && wanted[i] && slot[at] > 1) {
            at = (at + 1) % SLOTS;
        }
        if (i == 0 && wanted[i] && slot[at] == wanted[i]) {
            slot[at] = 1; /* taken once, free now */
        }
        if (i == 1 && wanted[i]) {
            slot[at] = wanted[i];
        }
    }
    atomic_flag_clear(&busy);
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_REPORT");
    char text[64];
    long kept = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        kept += slot[i] > 1;
    }
    int fd = path ? NEXT(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    int size = snprintf(text, sizeof text, "%ld %ld\n", atomic_load(&calls), kept);
    if (fd >= 0 && NEXT(write)(fd, text, (size_t)size) == size) {
        close(fd);
    }
}

static bool no_memory(uintptr_t caller)
{
    static atomic_flag started = ATOMIC_FLAG_INIT;
    /* Not earlier: what is registered last is called first. */
    if (own(caller) && !atomic_flag_test_and_set(&started)) {
        atexit(leave);
    }
    return (own(caller) && refused("alloc")) || refused("anyalloc");
}

static void *noted(uintptr_t caller, void *memory)
{
    if (own(caller) && memory) {
        note(0, (uintptr_t)memory);
    }
    return memory;
}

void *malloc(size_t size)
{
    return no_memory(CALLER) ? NULL : noted(CALLER, __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return no_memory(CALLER) ? NULL : noted(CALLER, __libc_calloc(count, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return no_memory(CALLER) ? NULL : noted(CALLER, __libc_memalign(alignment, size));
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *made = no_memory(CALLER) ? NULL : noted(CALLER, __libc_memalign(alignment, size));
    *memory = made ? made : *memory;
    return made ? 0 : ENOMEM;
}

void *realloc(void *old, size_t size)
{
    if (no_memory(CALLER)) {
        return NULL;
    }
    uintptr_t before = (uintptr_t)old;
    note(before, 0);
    void *made = __libc_realloc(old, size);
    note(0, made && own(CALLER) ? (uintptr_t)made : 0);
    return made;
}

void free(void *memory)
{
    note((uintptr_t)memory, 0);
    __libc_free(memory);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return refused("write") ? -1 : NEXT(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t place)
{
    return refused("write") ? -1 : NEXT(pwrite)(fd, data, size, place);
}

int fsync(int fd)
{
    return refused("fsync") ? -1 : NEXT(fsync)(fd);
}

int rename(const char *from, const char *to)
{
    return refused("rename") ? -1 : NEXT(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return refused("rename") ? -1 : NEXT(renameat2)(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    return refused("rename") ? -1 : NEXT(link)(from, to);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return refused("open") ? -1 : NEXT(open)(path, flags, mode);
}

int fallocate(int fd, int mode, off_t place, off_t size)
{
    return refused("room") ? -1 : NEXT(fallocate)(fd, mode, place, size);
}

int ftruncate(int fd, off_t size)
{
    return refused("room") ? -1 : NEXT(ftruncate)(fd, size);
}

void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t place)
{
    return own(CALLER) && refused("map") ? MAP_FAILED
                                         : NEXT(mmap)(at, size, prot, flags, fd, place);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *user)
{
    return refused("thread") ? EAGAIN : NEXT(pthread_create)(thread, attributes, start, user);
}
