/* Files that PyTorch's networks were saved to (make_torch_files.py), read into networks of
 * the same layers: the outputs are PyTorch's within 1e-6, in double within 1e-12. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "job/transfer.h"

#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 1e-6;
#endif

enum { MOST = 64 };

static nd_ctx *ctx;
static const char folder[] = "tests/golden/transfer";

typedef struct sample {
    nd_desc *desc;
    nd_real x[MOST];
    double y[MOST];
    size_t rows, outputs;
} sample;

static void read_tensor(const char *header, FILE *file, sample *s)
{
    char name[8];
    size_t rows, cols;
    assert_int_equal(sscanf(header, "tensor %7s %zu %zu", name, &rows, &cols), 3);
    assert_true(rows * cols <= MOST);
    s->rows = rows;
    s->outputs = cols;
    for (size_t i = 0; i < rows * cols; i++) {
        double value;
        assert_int_equal(fscanf(file, "%lf", &value), 1);
        if (name[0] == 'x') {
            s->x[i] = (nd_real)value;
        } else {
            s->y[i] = value;
        }
    }
}

static void read_line(char *line, FILE *file, sample *s)
{
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "input ", 6) == 0) {
        assert_int_equal(nd_desc_create(ctx, strtoul(line + 6, NULL, 10), &s->desc), ND_OK);
    } else if (strncmp(line, "layer ", 6) == 0) {
        char *attributes = strchr(line + 6, ' ');
        if (attributes != NULL) {
            *attributes++ = '\0';
        }
        assert_int_equal(nd_desc_add(s->desc, line + 6, attributes), ND_OK);
    } else if (strncmp(line, "tensor ", 7) == 0) {
        read_tensor(line, file, s);
    }
}

static void read_sample(const char *name, sample *s)
{
    char path[256], line[256];
    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        read_line(line, file, s);
    }
    fclose(file);
}

/* A net that starts from the file as the option from does. */
static nd_net *start_from(const char *name, const sample *s, const char *map)
{
    char path[256];
    nd_net *net;
    nd_config *config;
    nd_transfer transfer;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    assert_int_equal(nd_config_set(config, "from", path), ND_OK);
    assert_int_equal(nd_config_set(config, "map", map), ND_OK);
    assert_int_equal(nd_net_create(ctx, s->desc, "mse", s->rows, 1, &net), ND_OK);
    assert_int_equal(nd_transfer_open(ctx, config, &transfer), ND_OK);
    nd_status status = nd_transfer_start(&transfer, config, net);
    if (status != ND_OK) {
        fail_msg("%s: %s", name, nd_ctx_message(ctx));
    }
    nd_transfer_close(&transfer);
    nd_config_destroy(config);
    return net;
}

static void compare(const char *name, const char *map)
{
    sample s = {0};
    nd_real y[MOST];
    read_sample(name, &s);
    nd_net *net = start_from(name, &s, map);
    assert_int_equal(nd_net_forward(net, s.x, s.rows, y), ND_OK);
    for (size_t i = 0; i < s.rows * s.outputs; i++) {
        if (!(fabs((double)y[i] - s.y[i]) <= tolerance * fmax(1, fabs(s.y[i])))) {
            fail_msg("%s: output %zu is %.9g, PyTorch's %.9g", name, i, (double)y[i], s.y[i]);
        }
    }
    nd_net_destroy(net);
    nd_desc_destroy(s.desc);
}

static void every_file_gives_the_outputs_of_its_network(void **state)
{
    (void)state;
    DIR *directory = opendir(folder);
    struct dirent *entry;
    int files = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        char *end = strstr(entry->d_name, ".txt");
        if (end != NULL) {
            *end = '\0';
            compare(entry->d_name, "");
            files++;
        }
    }
    closedir(directory);
    assert_int_equal(files, 6);
}

static void layers_can_be_mapped_by_name(void **state)
{
    (void)state;
    compare("mlp_f32", "0=dense1,2=dense2,4=dense3");
}

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_gives_the_outputs_of_its_network),
        cmocka_unit_test(layers_can_be_mapped_by_name),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
