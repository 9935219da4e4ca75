/* Training on more rows than the memory may hold: a CSV file of rows x columns numbers is
 * made, turned into a row cache and trained on for one epoch, in a process of its own
 * whose peak of resident memory (VmHWM) is printed beside what --memory allows; then
 * trained on once more, from the cache that is there now.
 *   cache [ROWS [COLUMNS [MEMORY [FOLDER]]]]
 * 10000000 100 512M takes about 6 GB for the file, 8 GB while the cache is made, and 4 GB
 * for it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "nadir.h"

typedef struct times {
    double begin, plan, epoch, end; /* seconds; plan: the rows are ready */
    double rows_per_s, accuracy;
} times;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double peak_megabytes(void)
{
    char line[128];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) &&
           sscanf(line, "VmHWM: %lf kB", &kilobytes) != 1) {
    }
    if (status) {
        fclose(status);
    }
    return kilobytes / 1024;
}

/* A number -9.99 .. 9.99; its value in hundredths. */
static int put_number(char **at, uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    int number = (int)((*state >> 32) * 1999 >> 32) - 999, size = abs(number);
    char *p = *at;
    if (number < 0) {
        *p++ = '-';
    }
    *p++ = (char)('0' + size / 100);
    *p++ = '.';
    *p++ = (char)('0' + size / 10 % 10);
    *p++ = (char)('0' + size % 10);
    *p++ = ',';
    *at = p;
    return number;
}

/* The class says on which side of a plane through half of the columns a row lies, one
 * row in sixteen being wrong. */
static int write_csv(const char *path, long rows, int columns)
{
    enum { CELL = 6 };
    FILE *file = fopen(path, "w");
    char *line = malloc((size_t)columns * CELL + 8);
    uint64_t state = 88172645463325252u;
    for (int c = 0; file && c < columns; c++) {
        fprintf(file, "x%d,", c);
    }
    if (file) {
        fputs("y\n", file);
    }
    for (long r = 0; file && line && r < rows; r++) {
        char *at = line;
        long side = 0;
        for (int c = 0; c < columns; c++) {
            int number = put_number(&at, &state);
            side += c % 2 ? number * (c % 7 - 3) : 0;
        }
        *at++ = (side > 0) == (state % 16 > 0) ? '1' : '0';
        *at++ = '\n';
        fwrite(line, 1, (size_t)(at - line), file);
    }
    free(line);
    return !file || fclose(file) != 0;
}

static int listen(void *user, const nd_event *event)
{
    times *t = user;
    if (event->kind == ND_EVENT_PLAN) {
        t->plan = seconds();
    } else if (event->kind == ND_EVENT_EPOCH) {
        t->epoch = seconds();
        t->rows_per_s = event->rows_per_s;
    } else if (event->kind == ND_EVENT_TEST) {
        t->accuracy = nd_metrics_get(event->metrics, "accuracy");
    }
    return 0;
}

static void tell(void *user, int level, const char *text)
{
    (void)user;
    if (level <= 2) {
        fprintf(stderr, "    %s\n", text);
    }
}

static int train(const char *csv, const char *cache, const char *memory)
{
    const char *const option[][2] = {
        {"cache", cache}, {"memory", memory}, {"epochs", "1"}, {"batch_size", "128"}};
    nd_ctx *ctx;
    nd_config *config = NULL;
    nd_model *model = NULL;
    times t = {.begin = seconds()};
    if (nd_ctx_create(&ctx, 0) != ND_OK) {
        return 1;
    }
    nd_ctx_set_log(ctx, tell, NULL);
    nd_status status = nd_config_create(ctx, ND_VERB_TRAIN, &config);
    for (size_t i = 0; status == ND_OK && i < sizeof option / sizeof option[0]; i++) {
        status = nd_config_set(config, option[i][0], option[i][1]);
    }
    if (status == ND_OK) {
        status = nd_train_file(ctx, config, csv, listen, &t, &model);
    }
    t.end = seconds();
    if (status != ND_OK) {
        fprintf(stderr, "%s\n", nd_ctx_message(ctx));
    } else {
        printf("rows ready in %6.1f s, epoch %6.1f s, %8.0f rows/s, test %5.1f s, accuracy %.4f, "
               "peak %.0f MiB of %s\n",
               t.plan - t.begin, t.epoch - t.plan, t.rows_per_s, t.end - t.epoch, t.accuracy,
               peak_megabytes(), memory);
    }
    fflush(stdout);
    nd_model_destroy(model);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}

static int train_apart(const char *what, const char *csv, const char *cache, const char *memory)
{
    int status = 1;
    printf("%s: ", what);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        _exit(train(csv, cache, memory));
    }
    return child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
}

int main(int argc, char **argv)
{
    long rows = argc > 1 ? atol(argv[1]) : 1000000;
    int columns = argc > 2 ? atoi(argv[2]) : 100;
    const char *memory = argc > 3 ? argv[3] : "128M", *base = argc > 4 ? argv[4] : "/tmp";
    char folder[256], csv[300], cache[300];
    struct stat info;
    snprintf(folder, sizeof folder, "%s/nadir-cache-XXXXXX", base);
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    snprintf(csv, sizeof csv, "%s/rows.csv", folder);
    snprintf(cache, sizeof cache, "%s/rows.cache", folder);
    int failed = write_csv(csv, rows, columns);
    if (!failed && stat(csv, &info) == 0) {
        printf("%ld rows x %d columns, %.0f MB of CSV\n", rows, columns,
               (double)info.st_size / 1e6);
    }
    failed = failed || train_apart("cache made  ", csv, cache, memory);
    if (!failed && stat(cache, &info) == 0) {
        printf("cache of %.0f MB\n", (double)info.st_size / 1e6);
    }
    failed = failed || train_apart("cache reused", csv, cache, memory);
    if (rows <= 1000000) {
        failed = failed || train_apart("in memory   ", csv, "none", memory);
    }
    unlink(cache);
    unlink(csv);
    rmdir(folder);
    return failed;
}
