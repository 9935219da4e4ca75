/* System calls of this program that fail when they are told to: they stand before those of
 * the C library, for code that is linked into the same program. */
#ifndef ND_TESTS_FAIL_CALLS_H
#define ND_TESTS_FAIL_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Instrumented C libraries must see these calls themselves. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define ND_NO_FAIL_CALLS
#endif
#endif

/* Calls of a name from the next on that fail with an errno: several kinds, ended by one
 * without name. */
typedef struct fail_call {
    const char *name;
    int error, times;
} fail_call;

static fail_call failing[4];

/* One kind of call fails so many times from now on; 0 times: none does. */
static inline void fail_calls(size_t slot, const char *name, int error, int times)
{
    failing[slot] = (fail_call){name, error, times};
}

static inline bool call_fails(const char *name)
{
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        if (failing[i].times > 0 && strcmp(failing[i].name, name) == 0) {
            failing[i].times--;
            errno = failing[i].error;
            return true;
        }
    }
    return false;
}

#ifndef ND_NO_FAIL_CALLS

#define ND_SEEN __attribute__((visibility("default")))

ND_SEEN ssize_t read(int fd, void *data, size_t size)
{
    return call_fails("read") ? -1 : syscall(SYS_read, fd, data, size);
}

ND_SEEN ssize_t write(int fd, const void *data, size_t size)
{
    return call_fails("write") ? -1 : syscall(SYS_write, fd, data, size);
}

ND_SEEN ssize_t pwrite(int fd, const void *data, size_t size, off_t place)
{
    return call_fails("pwrite") ? -1 : syscall(SYS_pwrite64, fd, data, size, place);
}

ND_SEEN int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
    va_end(list);
    return call_fails("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ND_SEEN int close(int fd)
{
    int closed = (int)syscall(SYS_close, fd);
    return call_fails("close") ? -1 : closed;
}

ND_SEEN int flock(int fd, int operation)
{
    return call_fails("flock") ? -1 : (int)syscall(SYS_flock, fd, operation);
}

ND_SEEN int fsync(int fd)
{
    return call_fails("fsync") ? -1 : (int)syscall(SYS_fsync, fd);
}

ND_SEEN int link(const char *from, const char *to)
{
    return call_fails("link") ? -1 : (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

ND_SEEN int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                      unsigned flags)
{
    return call_fails("renameat2")
               ? -1
               : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

ND_SEEN ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    return call_fails("getrandom") ? -1 : syscall(SYS_getrandom, bytes, size, flags);
}

ND_SEEN int fallocate(int fd, int mode, off_t place, off_t size)
{
    return call_fails("fallocate") ? -1 : (int)syscall(SYS_fallocate, fd, mode, place, size);
}

#endif
#endif
