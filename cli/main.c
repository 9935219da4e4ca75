/* nadir: one verb per call. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"

typedef int (*verb_fn)(const nd_verb *verb, int count, char **argument);

static verb_fn function_of(unsigned bit)
{
    switch (bit) {
    case ND_VERB_TRAIN:
        return cli_train;
    case ND_VERB_EVAL:
        return cli_eval;
    case ND_VERB_PREDICT:
        return cli_predict;
    case ND_VERB_INSPECT:
        return cli_inspect;
    case ND_VERB_INIT:
        return cli_init;
    case ND_VERB_LR_FIND:
        return cli_lr_find;
    case ND_VERB_AUGMENT:
        return cli_augment;
    case ND_VERB_BENCH:
        return cli_bench;
    case ND_VERB_CHECK:
        return cli_check;
    case ND_VERB_CV:
        return cli_cv;
    default:
        return NULL;
    }
}

/* Verb by name; NULL with a message that names the nearest. */
static const nd_verb *find_verb(const char *name)
{
    cli_run run = {0};
    if (nd_ctx_create(&run.ctx, 1) != ND_OK) {
        cli_status(&run, ND_ERR_MEMORY);
        return NULL;
    }
    const nd_verb *verb = nd_verb_find(run.ctx, name);
    if (!verb) {
        cli_usage(&run, "%s", nd_ctx_message(run.ctx));
    }
    nd_ctx_destroy(run.ctx);
    return verb;
}

/* Options of a verb (bit 0: of the program) in one of the forms of
 * nd_option_write, on standard output. */
static int write_options(unsigned bit, const char *kind)
{
    cli_run run = {0};
    nd_sink sink = cli_stdout();
    nd_status status = nd_option_write(bit, kind, &sink);
    if (status == ND_ERR_ARGUMENT) {
        return cli_fail(&run, "unknown form '%s'", kind);
    }
    if (status != ND_OK && status != ND_ERR_IO) {
        return cli_fail(&run, "%s", nd_status_text(status));
    }
    return cli_flush(&run) ? CLI_OK : CLI_ERROR;
}

/* "help [VERB]", and "_write KIND [VERB]", which the build makes man pages and
 * completion with. */
static int write_for(const char *kind, const char *name)
{
    const nd_verb *verb = name ? find_verb(name) : NULL;
    if (name && !verb) {
        return CLI_ERROR;
    }
    return write_options(verb ? verb->bit : 0, kind);
}

static int print_version(void)
{
    cli_run run = {0};
    printf("nadir %s\n", nd_version());
    return cli_flush(&run) ? CLI_OK : CLI_ERROR;
}

/* A file opened on a closed standard descriptor would get what is printed. */
static void guard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
}

enum { STACK_ROOM = 1 << 20 };

__attribute__((noinline)) static void touch_stack(void)
{
    volatile char room[STACK_ROOM];
    room[0] = 0;
    (void)room[0];
}

/* Tiles of the kernels lie on the stack. Where memory is limited (ulimit -v) a stack that
 * has to grow later, when the rest is taken, ends the program: it grows now. */
static void grow_stack(void)
{
    const size_t wanted = 2 * STACK_ROOM;
    struct rlimit limit;
    void *probe = mmap(NULL, wanted, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) {
        return;
    }
    munmap(probe, wanted);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= wanted) {
        touch_stack();
    }
}

int main(int argc, char **argv)
{
    guard_descriptors();
    grow_stack();
    /* A reader that goes away must not end a training without saving; writers to
     * standard output see the failed write instead. */
    signal(SIGPIPE, SIG_IGN);
    /* A file that outgrows its limit (ulimit -f) is a failed write too. */
    signal(SIGXFSZ, SIG_IGN);
    if (argc < 2) {
        cli_run run = {0};
        return cli_usage(&run, "no verb");
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        return print_version();
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return write_for("help", argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(name, "_write") == 0 && argc > 2) {
        return write_for(argv[2], argc > 3 ? argv[3] : NULL);
    }
    const nd_verb *verb = find_verb(name);
    return verb ? function_of(verb->bit)(verb, argc - 2, argv + 2) : CLI_ERROR;
}
