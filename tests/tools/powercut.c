/* Run a program and cut the power of a file system after its n-th system call there.
 *   powercut FOLDER N FLUSH PROGRAM [ARGUMENT...]
 * Calls that touch files are counted, of all threads, from the first one that names
 * FOLDER, the mount point of an ext4 file system. After call N the file system is shut
 * down: FLUSH 0 loses what it has not written to its journal, 1 writes the journal but
 * no file contents. Everything of the program is then killed. Where the program ends
 * before, the power is cut then, and the file that $POWERCUT_CALLS names gets the
 * number of calls. Status 99: cut after call N; 125: this tool failed; else
 * that of the program. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
enum { CUT = 99, BROKEN = 125, LOG_FLUSH = 1, NO_LOG_FLUSH = 2 };

typedef struct cutter {
    const char *folder;
    int fd; /* of the folder */
    long last, calls;
    uint32_t flag;
    bool counting;
} cutter;

static bool touches_files(uint64_t number)
{
    static const long calls[] = {
        SYS_openat,    SYS_write,   SYS_pwrite64, SYS_fsync,     SYS_fdatasync,
        SYS_renameat,  SYS_linkat,  SYS_unlinkat, SYS_close,     SYS_ftruncate,
        SYS_fallocate, SYS_mkdirat, SYS_flock,    SYS_renameat2,
#ifdef SYS_rename
        SYS_rename,    SYS_link,    SYS_unlink,   SYS_mkdir,     SYS_open,
#endif
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (number == (uint64_t)calls[i]) {
            return true;
        }
    }
    return false;
}

/* True if a text argument of the call begins with the folder. */
static bool names_folder(const cutter *c, pid_t task, const struct ptrace_syscall_info *info)
{
    char text[256];
    size_t n = strlen(c->folder);
    for (int i = 0; i < 2; i++) {
        struct iovec here = {text, n}, there = {(void *)(uintptr_t)info->entry.args[i], n};
        if (n < sizeof text && process_vm_readv(task, &here, 1, &there, 1, 0) == (ssize_t)n &&
            memcmp(text, c->folder, n) == 0) {
            return true;
        }
    }
    return false;
}

/* At the entry of a call: is it one to count? The end of a call is what is cut after. */
static bool counts(cutter *c, pid_t task)
{
    struct ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, task, sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY || !touches_files(info.entry.nr)) {
        return false;
    }
    c->counting = c->counting || names_folder(c, task, &info);
    c->calls += c->counting;
    return c->counting && c->calls == c->last;
}

static int cut(const cutter *c, int status)
{
    return ioctl(c->fd, EXT4_IOC_SHUTDOWN, &c->flag) == 0 ? status : BROKEN;
}

static void report(const cutter *c)
{
    const char *path = getenv("POWERCUT_CALLS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", c->calls);
        fclose(file);
    }
}

/* Nothing of the program goes on after the cut. */
static int cut_and_kill(const cutter *c, pid_t child)
{
    int status = cut(c, CUT);
    kill(child, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR) {
    }
    return status;
}

static int follow(cutter *c, pid_t child)
{
    pid_t cutting = 0; /* the task whose running call is the last one */
    for (;;) {
        int status, deliver = 0;
        pid_t task = waitpid(-1, &status, __WALL);
        if (task < 0) {
            return BROKEN;
        }
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (task == child) {
                report(c);
                return cut(c, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
            }
            continue;
        }
        int stop = WSTOPSIG(status);
        if (stop == (SIGTRAP | 0x80)) {
            if (task == cutting) {
                return cut_and_kill(c, child);
            }
            cutting = counts(c, task) ? task : cutting;
        } else if (stop != SIGTRAP && stop != SIGSTOP) {
            deliver = stop;
        }
        ptrace(PTRACE_SYSCALL, task, 0, deliver);
    }
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("powercut FOLDER N FLUSH PROGRAM [ARGUMENT...]\n", stderr);
        return BROKEN;
    }
    cutter c = {.folder = argv[1], .last = atol(argv[2])};
    c.fd = open(c.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    c.flag = argv[3][0] == '1' ? LOG_FLUSH : NO_LOG_FLUSH;
    pid_t child = c.fd >= 0 ? fork() : -1;
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0) {
            raise(SIGSTOP);
            execvp(argv[4], argv + 4);
        }
        _exit(BROKEN);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, child, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL) != 0) {
        perror("powercut");
        return BROKEN;
    }
    ptrace(PTRACE_SYSCALL, child, 0, 0);
    return follow(&c, child);
}
