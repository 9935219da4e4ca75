#include "kern/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kern/isa.h"

enum { TRIES = 5, MOST_THREADS = 1024, FMA_ROUNDS = 4096, LINE = 64 };

/* "32768K" of the kernel's description of the first core; 0 if it has none. */
static size_t cache_size(int level)
{
    char path[80], line[32] = "";
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", level);
    FILE *file = fopen(path, "re");
    bool read = file && fgets(line, sizeof line, file);
    if (file) {
        fclose(file);
    }
    char *unit;
    unsigned long size = read ? strtoul(line, &unit, 10) : 0;
    return size == 0 ? 0 : (size_t)size << (*unit == 'M' ? 20 : *unit == 'K' ? 10 : 0);
}

/* "model name\t: AMD EPYC\n" of /proc/cpuinfo; other architectures have no such line. */
static void ask_name(char *name, size_t room)
{
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "re");
    name[0] = '\0';
    while (info && fgets(line, sizeof line, info)) {
        const char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && value) {
            snprintf(name, room, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
            break;
        }
    }
    if (info) {
        fclose(info);
    }
}

void nd_machine_ask(nd_machine *machine)
{
    *machine = (nd_machine){.isa = nd_kern_isa()};
    ask_name(machine->name, sizeof machine->name);
    machine->l2 = cache_size(2);
    machine->l3 = cache_size(3);
}

/* One try: every thread repeats its piece of work. */
typedef struct probe {
    const nd_isa *isa;
    size_t repeat, n;
    nd_real *x;
    const nd_real *in;
    /* A cache line each, so that threads do not share one. */
    struct {
        nd_real value;
        double work;
        char rest[LINE - 2 * sizeof(double)];
    } result[MOST_THREADS];
} probe;

static void fma_task(void *user, size_t i)
{
    probe *p = user;
    p->result[i].work = p->isa->probe_fma(p->repeat * FMA_ROUNDS, &p->result[i].value);
}

static void read_task(void *user, size_t i)
{
    probe *p = user;
    for (size_t r = 0; r < p->repeat; r++) {
        p->result[i].value += p->isa->probe_read(p->n, p->in + i * p->n);
    }
    p->result[i].work = (double)p->repeat * (double)p->n * sizeof(nd_real);
}

static void change_task(void *user, size_t i)
{
    probe *p = user;
    for (size_t r = 0; r < p->repeat; r++) {
        p->isa->scale(p->n, (nd_real)-1, p->x + i * p->n);
    }
    p->result[i].work = 2 * (double)p->repeat * (double)p->n * sizeof(nd_real);
}

/* Work per second of one run of the task on every thread; *took gets its seconds. */
static double run(nd_pool *pool, probe *p, void (*task)(void *user, size_t i), double *took)
{
    size_t threads = pool ? (size_t)nd_pool_threads(pool) : 1;
    threads = threads < MOST_THREADS ? threads : MOST_THREADS;
    double (*clock)(void) = threads > 1 ? nd_seconds : nd_thread_seconds;
    double start = clock(), work = 0;
    nd_pool_run(pool, threads, task, p);
    *took = clock() - start;
    for (size_t i = 0; i < threads; i++) {
        work += p->result[i].work;
    }
    return work / *took;
}

static double best_rate(nd_pool *pool, probe *p, void (*task)(void *user, size_t i), double seconds)
{
    double took = 0, best = 0;
    p->isa = nd_isa_at(0);
    p->repeat = 1;
    run(pool, p, task, &took);
    for (; took < seconds; p->repeat *= 2) {
        run(pool, p, task, &took);
    }
    for (int i = 0; i < TRIES; i++) {
        double rate = run(pool, p, task, &took);
        best = rate > best ? rate : best;
    }
    return best;
}

double nd_machine_flops(nd_pool *pool, double seconds)
{
    probe p = {0};
    return best_rate(pool, &p, fma_task, seconds);
}

double nd_machine_read(nd_pool *pool, const nd_real *x, size_t n, double seconds)
{
    probe p = {.in = x, .n = n};
    return best_rate(pool, &p, read_task, seconds);
}

double nd_machine_change(nd_pool *pool, nd_real *x, size_t n, double seconds)
{
    probe p = {.x = x, .n = n};
    return best_rate(pool, &p, change_task, seconds);
}
