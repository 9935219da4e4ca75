/* Peak memory of whole trainings beside what it should be: the data, 4 x the
 * parameters (weights, gradients, two moments), the activations of one batch, and
 * 32 MB. Each training runs in a process of its own on random images of the size of
 * MNIST's; the reading is VmHWM. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nadir.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, MNIST_ROWS = 60000, CLASSES = 10, MOST_WIDTHS = 4 };

static const double spare = 32e6;

/* One training; widths are those of the hidden layers. */
typedef struct training {
    const char *name, *hidden, *batch_size;
    double width[MOST_WIDTHS];
    double rows, batch;
} training;

static const training list[] = {
    {"T3, 60000 images", "128", "128", {128}, MNIST_ROWS, 128},
    {"T5, 3072 images", "2048,2048,2048", "512", {2048, 2048, 2048}, 3072, 512},
};

static double peak_bytes(void)
{
    char line[128];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        if (sscanf(line, "VmHWM: %lf kB", &kilobytes) == 1) {
            break;
        }
    }
    if (status) {
        fclose(status);
    }
    return kilobytes * 1024;
}

static void put_number(FILE *file, unsigned long number)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(number >> shift & 255), file);
    }
}

/* An IDX file of rows x pixels random bytes, as images; or of rows classes. */
static int write_idx(const char *path, size_t rows, size_t pixels)
{
    FILE *file = fopen(path, "wb");
    if (!file) {
        return 1;
    }
    put_number(file, pixels > 1 ? 0x803 : 0x801);
    put_number(file, rows);
    for (int i = 0; pixels > 1 && i < 2; i++) {
        put_number(file, SIDE);
    }
    srand(1);
    for (size_t i = 0; i < rows * pixels; i++) {
        fputc(pixels > 1 ? rand() >> 4 & 255 : rand() % CLASSES, file);
    }
    return fclose(file) != 0;
}

static const char *const options[][2] = {
    {"epochs", "2"}, {"valid", "0"}, {"test", "0"}, {"dropout", "0"}, {"optimizer", "adam"},
};

static nd_status configure(nd_ctx *ctx, const training *t, nd_config **config)
{
    nd_status status = nd_config_create(ctx, ND_VERB_TRAIN, config);
    for (size_t i = 0; status == ND_OK && i < sizeof options / sizeof options[0]; i++) {
        status = nd_config_set(*config, options[i][0], options[i][1]);
    }
    if (status == ND_OK) {
        status = nd_config_set(*config, "hidden", t->hidden);
    }
    return status == ND_OK ? nd_config_set(*config, "batch_size", t->batch_size) : status;
}

static int train(const training *t, const char *images)
{
    nd_ctx *ctx;
    nd_config *config = NULL;
    nd_table *table = NULL;
    nd_model *model = NULL;
    if (nd_ctx_create(&ctx, 0) != ND_OK) {
        return 1;
    }
    nd_status status = configure(ctx, t, &config);
    if (status == ND_OK) {
        status = nd_table_read(ctx, config, images, &table);
    }
    if (status == ND_OK) {
        status = nd_train(ctx, config, table, NULL, NULL, &model);
    }
    if (status != ND_OK) {
        fprintf(stderr, "%s: %s\n", t->name, nd_ctx_message(ctx));
    }
    nd_model_destroy(model);
    nd_table_destroy(table);
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return status == ND_OK ? 0 : 1;
}

static void print(const training *t, double reading)
{
    double parameters = 0, activations = t->batch * PIXELS, below = PIXELS;
    for (size_t i = 0; i <= MOST_WIDTHS && below > 0; i++) {
        double width = i < MOST_WIDTHS && t->width[i] > 0 ? t->width[i] : CLASSES;
        parameters += below * width + width;
        activations += t->batch * width;
        below = width == CLASSES ? 0 : width;
    }
    double data = t->rows * (PIXELS + 1), real = sizeof(nd_real);
    double allowed = data + 4 * real * parameters + real * activations + spare;
    printf("%-18s data %6.1f  4 x parameters %6.1f  activations %5.1f  spare %4.1f  sum %6.1f  "
           "reading %6.1f MB  %s\n",
           t->name, data / 1e6, 4 * real * parameters / 1e6, real * activations / 1e6, spare / 1e6,
           allowed / 1e6, reading / 1e6, reading <= allowed ? "within" : "OVER");
}

/* Train in a child, whose peak comes back through a pipe. */
static int measure(const training *t, const char *images)
{
    int ends[2];
    double reading = 0;
    if (pipe(ends) != 0) {
        return 1;
    }
    pid_t child = fork();
    if (child == 0) {
        int failed = train(t, images);
        reading = peak_bytes();
        failed = failed || write(ends[1], &reading, sizeof reading) != (ssize_t)sizeof reading;
        _exit(failed);
    }
    int status = 1;
    close(ends[1]);
    int got = read(ends[0], &reading, sizeof reading) == (ssize_t)sizeof reading;
    close(ends[0]);
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0 || !got) {
        return 1;
    }
    print(t, reading);
    return 0;
}

static int measure_images(const training *t, const char *folder)
{
    char images[64], labels[64];
    snprintf(images, sizeof images, "%s/images-idx3-ubyte", folder);
    snprintf(labels, sizeof labels, "%s/labels-idx1-ubyte", folder);
    int failed = write_idx(images, (size_t)t->rows, PIXELS) ||
                 write_idx(labels, (size_t)t->rows, 1) || measure(t, images);
    unlink(images);
    unlink(labels);
    return failed;
}

int main(void)
{
    char folder[] = "/tmp/nadir-memory-XXXXXX";
    if (!mkdtemp(folder)) {
        return 1;
    }
    int failed = 0;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        failed |= measure_images(&list[i], folder);
    }
    rmdir(folder);
    return failed;
}
