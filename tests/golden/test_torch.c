/* PyTorch's numbers (make_torch.py, make_torch_penalty.py) for forward, loss, gradients, 100 steps of each
 * rule and running statistics: within 1e-12 in double and 1e-5 in float (1e-10 and 5e-4 after 15
 * steps of L-BFGS) of the norm of each tensor. */
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

#include "net/net.h"
#include "optim/optim.h"
#include "train/fit.h"

#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-12;
#else
static const double tolerance = 1e-5;
#endif

enum { MAX_TENSORS = 128 };

typedef struct tensor {
    char name[64];
    size_t rows, cols;
    double *value;
} tensor;

typedef struct golden {
    const char *path;
    nd_ctx *ctx;
    nd_desc *desc;
    char loss[64], rule[64], attributes[256];
    unsigned steps;
    unsigned swa;  /* step from which the weights are averaged, all by nd_fit; 0: none */
    bool weighted; /* label rows end with a weight */
    tensor tensor[MAX_TENSORS];
    size_t tensors;
} golden;

static char *rest_of(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *space = strchr(line, ' ');
    assert_non_null(space);
    *space = '\0';
    return space + 1;
}

static void read_tensor(golden *g, const char *header, FILE *file)
{
    assert_true(g->tensors < MAX_TENSORS);
    tensor *t = &g->tensor[g->tensors++];
    assert_int_equal(sscanf(header, "%63s %zu %zu", t->name, &t->rows, &t->cols), 3);
    t->value = calloc(t->rows * t->cols, sizeof *t->value);
    assert_non_null(t->value);
    for (size_t i = 0; i < t->rows * t->cols; i++) {
        assert_int_equal(fscanf(file, "%lf", &t->value[i]), 1);
    }
    (void)!fgetc(file);
}

static void read_line(golden *g, char *line, FILE *file)
{
    char *rest = rest_of(line);
    if (strcmp(line, "tensor") == 0) {
        read_tensor(g, rest, file);
    } else if (strcmp(line, "input") == 0) {
        assert_int_equal(nd_desc_create(g->ctx, strtoul(rest, NULL, 10), &g->desc), ND_OK);
    } else if (strcmp(line, "layer") == 0) {
        char *attributes = strchr(rest, ' ');
        assert_non_null(attributes);
        *attributes = '\0';
        assert_int_equal(nd_desc_add(g->desc, rest, attributes + 1), ND_OK);
    } else if (strcmp(line, "loss") == 0) {
        snprintf(g->loss, sizeof g->loss, "%s", rest);
    } else if (strcmp(line, "rule") == 0) {
        assert_int_equal(sscanf(rest, "%63s %255[^\n]", g->rule, g->attributes), 2);
    } else if (strcmp(line, "swa") == 0) {
        g->swa = (unsigned)strtoul(rest, NULL, 10);
    } else if (strcmp(line, "labels") == 0) {
        assert_string_equal(rest, "weighted");
        g->weighted = true;
    } else {
        assert_string_equal(line, "steps");
        g->steps = (unsigned)strtoul(rest, NULL, 10);
    }
}

static void golden_read(golden *g, const char *path)
{
    char line[1024];
    *g = (golden){.path = path};
    assert_int_equal(nd_ctx_create(&g->ctx, 1), ND_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        read_line(g, line, file);
    }
    fclose(file);
    assert_true(g->tensors > 0 && g->steps > 0);
}

static void golden_free(golden *g)
{
    for (size_t i = 0; i < g->tensors; i++) {
        free(g->tensor[i].value);
    }
    nd_desc_destroy(g->desc);
    nd_ctx_destroy(g->ctx);
}

static const tensor *find(const golden *g, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    for (size_t i = 0; i < g->tensors; i++) {
        if (strcmp(g->tensor[i].name, full) == 0) {
            return &g->tensor[i];
        }
    }
    fail_msg("%s: no tensor %s", g->path, full);
    return NULL;
}

static nd_real *reals(const tensor *t)
{
    nd_real *copy = calloc(t->rows * t->cols, sizeof *copy);
    assert_non_null(copy);
    for (size_t i = 0; i < t->rows * t->cols; i++) {
        copy[i] = (nd_real)t->value[i];
    }
    return copy;
}

/* A line search interpolates differences of losses, which in float have few digits: after 15
 * steps PyTorch's own results in float and in double differ by up to 2e-3. */
static double tolerance_of(const golden *g)
{
    bool search = strcmp(g->rule, "lbfgs") == 0;
    return !search ? tolerance : sizeof(nd_real) == 4 ? 5e-4 : 1e-10;
}

/* |ours - theirs| <= tolerance |theirs|, as norms. */
static void same(const golden *g, const tensor *t, const nd_real *ours)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < t->rows * t->cols; i++) {
        double d = (double)ours[i] - t->value[i];
        difference += d * d;
        norm += t->value[i] * t->value[i];
    }
    if (!(sqrt(difference) <= tolerance_of(g) * sqrt(norm))) {
        fail_msg("%s: %s differs by %g, its norm is %g", g->path, t->name, sqrt(difference),
                 sqrt(norm));
    }
}

static void same_number(const golden *g, const char *name, double ours)
{
    nd_real value = (nd_real)ours;
    same(g, find(g, "", name), &value);
}

static void same_spans(const golden *g, const char *prefix, const nd_span *span, size_t count,
                       const nd_real *block)
{
    for (size_t i = 0; i < count; i++) {
        const tensor *t = find(g, prefix, span[i].name);
        assert_int_equal(t->rows, span[i].rows);
        assert_int_equal(t->cols, span[i].cols);
        same(g, t, block + span[i].offset);
    }
}

static void load_start(const golden *g, nd_net *net)
{
    size_t count;
    const nd_span *span = nd_net_spans(net, &count);
    for (size_t i = 0; i < count; i++) {
        const tensor *t = find(g, "start/", span[i].name);
        for (size_t k = 0; k < t->rows * t->cols; k++) {
            nd_net_parameters(net)[span[i].offset + k] = (nd_real)t->value[k];
        }
    }
}

static void same_evaluation(const golden *g, nd_net *net, const nd_real *x, const nd_real *y,
                            const char *predict, const char *loss_name)
{
    const tensor *t = find(g, "", predict);
    nd_real *p = calloc(t->rows * t->cols, sizeof *p);
    double loss;
    assert_non_null(p);
    assert_int_equal(nd_net_forward(net, x, t->rows, p), ND_OK);
    same(g, t, p);
    assert_int_equal(nd_net_loss(net, x, y, t->rows, &loss), ND_OK);
    same_number(g, loss_name, loss);
    free(p);
}

/* All rows in one batch, a step for each epoch. */
static void train_by_fit(const golden *g, nd_net *net, nd_optimizer *optimizer, const nd_real *x,
                         const nd_real *y)
{
    const tensor *shape = find(g, "", "x");
    nd_source *source;
    nd_fit_result result;
    nd_fit_params params = {
        .epochs = g->steps, .lr = nd_optimizer_lr(optimizer), .swa_start = g->swa};
    assert_int_equal(nd_source_from_arrays(g->ctx, x, y, shape->rows, shape->cols,
                                           find(g, "", "y")->cols, &source),
                     ND_OK);
    assert_int_equal(nd_fit(net, optimizer, source, NULL, &params, &result), ND_OK);
    assert_int_equal(result.steps, g->steps);
    nd_source_destroy(source);
}

/* Parameters and running tensors after the last step; the average, where one was kept. */
static void same_end(const golden *g, nd_net *net, nd_optimizer *optimizer)
{
    size_t count;
    const nd_span *span = nd_net_spans(net, &count);
    same_spans(g, "end/", span, count, nd_net_parameters(net));
    if (nd_optimizer_average(optimizer)) {
        assert_int_equal(nd_optimizer_swap_average(optimizer), ND_OK);
        same_spans(g, "average/", span, count, nd_net_parameters(net));
        assert_int_equal(nd_optimizer_swap_average(optimizer), ND_OK);
        same_spans(g, "end/", span, count, nd_net_parameters(net));
    }
    span = nd_net_buffer_spans(net, &count);
    same_spans(g, "end/", span, count, nd_net_buffers(net));
}

static void train(const golden *g, nd_net *net, const nd_real *x, const nd_real *y)
{
    size_t count, rows = find(g, "", "x")->rows;
    const nd_span *span = nd_net_spans(net, &count);
    nd_optimizer *optimizer;
    assert_int_equal(nd_optimizer_create(net, g->rule, g->attributes, &optimizer), ND_OK);
    bool searches = nd_optimizer_searches(optimizer);
    for (unsigned step = 0; step < (g->swa ? 0 : g->steps); step++) {
        double loss;
        if (step > 0 && (searches || step % 2)) {
            assert_int_equal(nd_net_train(net, optimizer, x, y, rows, &loss), ND_OK);
            continue;
        }
        assert_int_equal(nd_optimizer_look_ahead(optimizer), ND_OK);
        assert_int_equal(nd_net_gradient(net, x, y, rows, &loss), ND_OK);
        if (step == 0) {
            same_number(g, "loss", loss);
            same_spans(g, "grad/", span, count, nd_net_gradients(net));
        }
        assert_int_equal(searches ? nd_net_train(net, optimizer, x, y, rows, &loss)
                                  : nd_optimizer_step(optimizer),
                         ND_OK);
    }
    if (g->swa) {
        train_by_fit(g, net, optimizer, x, y);
    }
    same_end(g, net, optimizer);
    nd_optimizer_destroy(optimizer);
}

static void check_case(const char *path)
{
    golden g;
    golden_read(&g, path);
    nd_real *x = reals(find(&g, "", "x")), *y = reals(find(&g, "", "y"));
    nd_net *net;
    assert_int_equal(nd_net_create(g.ctx, g.desc, g.loss, find(&g, "", "x")->rows, 1, &net), ND_OK);
    assert_int_equal(nd_net_set_weighted(net, g.weighted), ND_OK);
    load_start(&g, net);
    same_evaluation(&g, net, x, y, "predict", "eval_loss");
    train(&g, net, x, y);
    same_evaluation(&g, net, x, y, "end_predict", "end_loss");
    nd_net_destroy(net);
    free(x);
    free(y);
    golden_free(&g);
}

static void every_case_agrees_with_pytorch(void **state)
{
    (void)state;
    static const char folder[] = "tests/golden/cases";
    const char *source = getenv("NADIR_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", source ? source : ".", folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned cases = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t n = strlen(entry->d_name);
        if (n > 4 && strcmp(entry->d_name + n - 4, ".txt") == 0) {
            char file[2048];
            snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
            check_case(file);
            cases++;
        }
    }
    closedir(dir);
    assert_true(cases >= 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_agrees_with_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
