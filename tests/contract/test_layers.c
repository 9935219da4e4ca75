/* Every registered layer, alone and in every combination with activation and loss:
 * gradients against central differences in double, norm-relative error <= 1e-7. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "contract/gradcheck.h"
#include "net/net.h"

static void gradcheck_sees_a_flipped_sign(void **state)
{
    (void)state;
    const nd_real a[2] = {1, -2};
    const double flipped[2] = {-1, 2}, same[2] = {1, -2};
    assert_true(gradcheck_error(a, flipped, 2) == 2);
    assert_true(gradcheck_error(a, same, 2) == 0);
}

static void every_layer_is_found_by_name(void **state)
{
    (void)state;
    size_t count;
    const nd_layer_class *const *table = nd_layer_table(&count);
    assert_true(count >= 9);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(nd_layer_find(table[i]->name), table[i]);
        assert_true(table[i]->min_inputs >= 1 && table[i]->max_inputs <= ND_LAYER_INPUTS);
    }
    assert_null(nd_layer_find("no such layer"));
}

#ifdef ND_REAL_DOUBLE
static const double tolerance = 1e-7;

enum { ROWS = 7, INPUTS = 5, OUTPUTS = 4, WIDTH = 6, MAX_PARAMS = 1024 };

typedef struct trial {
    nd_net *net;
    nd_real x[ROWS * INPUTS], y[ROWS * (OUTPUTS + 1)];
} trial;

static double trial_loss(void *user)
{
    trial *t = user;
    double loss;
    nd_net_set_step(t->net, 3); /* the same dropout mask each time */
    assert_int_equal(nd_net_gradient(t->net, t->x, t->y, ROWS, &loss), ND_OK);
    return loss;
}

/* Rows of shares of 1. */
static void share_out(nd_real *y)
{
    for (nd_real *row = y; row < y + ROWS * OUTPUTS; row += OUTPUTS) {
        nd_real sum = 0;
        for (size_t j = 0; j < OUTPUTS; j++) {
            row[j] = row[j] < 0 ? -row[j] : row[j];
            sum += row[j];
        }
        for (size_t j = 0; j < OUTPUTS; j++) {
            row[j] /= sum;
        }
    }
}

static void fill_labels(const nd_net *net, nd_real *y)
{
    const nd_loss_class *loss = nd_net_loss_class(net);
    size_t n = ROWS * loss->label_width(OUTPUTS);
    gradcheck_random(5, 1, y, n);
    for (size_t i = 0; i < n && loss->classes; i++) {
        y[i] = (nd_real)(strcmp(loss->link, "softmax") == 0 ? i % OUTPUTS : y[i] > 0);
    }
    for (size_t i = 0; i < n && strcmp(loss->link, "exp") == 0; i++) {
        y[i] = y[i] < 0 ? -y[i] : y[i];
    }
    if (strcmp(loss->link, "softmax") == 0 && !loss->classes) {
        share_out(y);
    }
}

/* Weights behind the label rows, one of them 0. */
static void weigh_labels(nd_net *net, nd_real *y)
{
    size_t width = nd_net_label_width(net);
    assert_int_equal(nd_net_set_weighted(net, 1), ND_OK);
    for (size_t r = ROWS; r-- > 0;) {
        memmove(y + r * (width + 1), y + r * width, width * sizeof *y);
        y[r * (width + 1) + width] = (nd_real)(r % 3) / 2;
    }
}

/* Largest error of the whole block and of each tensor that is not negligible beside it;
 * *name gets the tensor's. */
static double worst_error(const nd_net *net, const nd_real *gradient, const double *numeric,
                          const char **name)
{
    size_t size = nd_net_size(net), count;
    double norm = gradcheck_norm(numeric, size), worst = gradcheck_error(gradient, numeric, size);
    const nd_span *span = nd_net_spans(net, &count);
    *name = "the block";
    for (size_t i = 0; i < count; i++) {
        size_t n = span[i].rows * span[i].cols, at = span[i].offset;
        double error = gradcheck_error(gradient + at, numeric + at, n);
        if (gradcheck_norm(numeric + at, n) > 1e-2 * norm && !(error <= worst)) {
            worst = error;
            *name = span[i].name;
        }
    }
    return worst;
}

static void check_gradient(nd_ctx *ctx, const nd_desc *desc, const char *loss, const char *what,
                           bool weighted)
{
    static double numeric[MAX_PARAMS];
    static nd_real gradient[MAX_PARAMS];
    trial t;
    const char *name;
    assert_int_equal(nd_net_create(ctx, desc, loss, ROWS + 3, 11, &t.net), ND_OK);
    size_t size = nd_net_size(t.net);
    assert_true(size <= MAX_PARAMS);
    gradcheck_random(4, 1, t.x, ROWS * INPUTS);
    fill_labels(t.net, t.y);
    if (weighted) {
        weigh_labels(t.net, t.y);
    }
    gradcheck_random(6, 0.5, nd_net_parameters(t.net), size);
    trial_loss(&t);
    memcpy(gradient, nd_net_gradients(t.net), size * sizeof *gradient);
    gradcheck_numeric(trial_loss, &t, nd_net_parameters(t.net), size, numeric);
    double error = worst_error(t.net, gradient, numeric, &name);
    if (error > tolerance) {
        /* A small gradient of a large loss drowns in its rounding; a wider step lifts it. */
        gradcheck_numeric_by(1e-5, trial_loss, &t, nd_net_parameters(t.net), size, numeric);
        error = worst_error(t.net, gradient, numeric, &name);
    }
    if (!(gradcheck_norm(numeric, size) > 1e-4 && error <= tolerance)) {
        fail_msg("%s, %s: gradient of norm %g is wrong by %g in %s", what, loss,
                 gradcheck_norm(numeric, size), error, name);
    }
    nd_net_destroy(t.net);
}

static void check_net(nd_ctx *ctx, const nd_desc *desc, const char *loss, const char *what)
{
    check_gradient(ctx, desc, loss, what, false);
}

static void add(nd_desc *desc, const char *type, const char *attributes)
{
    assert_int_equal(nd_desc_add(desc, type, attributes), ND_OK);
}

/* Attributes with which a class can follow layers a and b. */
static const char *attributes_of(const nd_layer_class *class)
{
    if (class->min_inputs > 1) {
        return "from=a|b";
    }
    if (class->sequence) {
        return "units=3, time=3";
    }
    if (strcmp(class->name, "embedding") == 0) {
        return "words=2, dims=3, column=1";
    }
    return strcmp(class->name, "dense") == 0 ? "units=4" : "";
}

static void check_combination(nd_ctx *ctx, const nd_layer_class *class, const nd_layer_class *act,
                              const nd_loss_class *loss)
{
    char what[128];
    nd_desc *desc;
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    add(desc, "dense", "units=6, name=a");
    add(desc, "dense", class->min_inputs > 1 ? "units=6, name=b, from=input" : "units=6, name=b");
    add(desc, class->name, attributes_of(class));
    if (act) {
        add(desc, act->name, "");
    }
    add(desc, "dense", "units=4");
    snprintf(what, sizeof what, "%s then %s", class->name, act ? act->name : "nothing");
    check_net(ctx, desc, loss->name, what);
    nd_desc_destroy(desc);
}

static void every_layer_activation_and_loss_has_the_right_gradient(void **state)
{
    (void)state;
    nd_ctx *ctx;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    size_t layers, losses, checked = 0;
    const nd_layer_class *const *layer = nd_layer_table(&layers);
    const nd_loss_class *const *loss = nd_loss_table(&losses);
    for (size_t i = 0; i < layers; i++) {
        for (size_t j = 0; j <= layers; j++) {
            const nd_layer_class *act = j < layers ? layer[j] : NULL;
            if (act && act->act == ND_ACT_NONE) {
                continue;
            }
            for (size_t k = 0; k < losses; k++, checked++) {
                check_combination(ctx, layer[i], act, loss[k]);
            }
        }
    }
    print_message("%zu combinations\n", checked);
    assert_true(checked >= 9 * 5 * 3);
    nd_ctx_destroy(ctx);
}

/* Residual, batch normalization and dropout at once, several readers of one
 * result, and a layer that reads the input again. */
static void a_graph_with_residuals_has_the_right_gradient(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    size_t losses;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    add(desc, "dense", "units=6, bias=false");
    add(desc, "batchnorm", "");
    add(desc, "tanh", "name=t");
    add(desc, "dense", "units=6, name=b");
    add(desc, "leaky_relu", "slope=0.3");
    add(desc, "dropout", "rate=0.3, name=d");
    add(desc, "dense", "units=6, from=input, name=i");
    add(desc, "add", "from=t|d|i|t, name=sum");
    add(desc, "sigmoid", "");
    add(desc, "dropout", "rate=0.2, name=e");
    add(desc, "add", "from=e|sum");
    add(desc, "dense", "units=4");
    const nd_loss_class *const *loss = nd_loss_table(&losses);
    for (size_t i = 0; i < losses; i++) {
        check_net(ctx, desc, loss[i]->name, "residual graph");
    }
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

/* By the path of small networks, and by the one of all others. */
static void every_loss_has_the_right_gradient_with_weights(void **state)
{
    (void)state;
    static const char *const layer[] = {"tanh", "batchnorm"};
    nd_ctx *ctx;
    size_t losses;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    const nd_loss_class *const *loss = nd_loss_table(&losses);
    for (size_t k = 0; k < 2; k++) {
        nd_desc *desc;
        assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
        add(desc, "dense", "units=6");
        add(desc, layer[k], "");
        add(desc, "dense", "units=4");
        for (size_t i = 0; i < losses; i++) {
            check_gradient(ctx, desc, loss[i]->name, layer[k], true);
        }
        nd_desc_destroy(desc);
    }
    nd_ctx_destroy(ctx);
}

/* Normalizations, joints and random layers with several readers each. */
static void a_graph_of_norms_and_joints_has_the_right_gradient(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    add(desc, "noise", "name=n");
    add(desc, "dense", "units=6, name=a");
    add(desc, "layernorm", "name=l");
    add(desc, "tanh", "");
    add(desc, "alpha_dropout", "rate=0.2, name=t");
    add(desc, "dense", "units=6");
    add(desc, "rmsnorm", "offset=true");
    add(desc, "gaussian_dropout", "rate=0.1, name=g");
    add(desc, "add", "from=g|t|l, name=sum");
    add(desc, "concat", "from=sum|n|a|g, name=c");
    add(desc, "batchnorm", "root=outside, eps=0.1, scale=false");
    add(desc, "noise", "");
    add(desc, "dropout", "form=classic, rate=0.2");
    add(desc, "dense", "units=4");
    check_net(ctx, desc, "mse", "norms and joints");
    check_net(ctx, desc, "cross_entropy", "norms and joints");
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

/* Every recurrent class in every form, on the input and behind layers that learn. */
static void every_form_of_a_recurrent_layer_has_the_right_gradient(void **state)
{
    (void)state;
    static const char *const form[] = {
        "units=3, time=3",
        "units=3, features=3, return=all",
        "units=2, time=3, bidirectional=true",
        "units=2, features=1, bidirectional=true, return=all",
        "units=3, time=9, features=1, bias=false",
        "units=4, time=1, bidirectional=true, truncate=1",
        "units=2, time=3, return=all, bidirectional=true, truncate=3",
    };
    nd_ctx *ctx;
    size_t count, classes = 0;
    assert_int_equal(nd_ctx_create(&ctx, 2), ND_OK);
    const nd_layer_class *const *table = nd_layer_table(&count);
    for (size_t i = 0; i < count; i++) {
        classes += table[i]->sequence;
        for (size_t k = 0; table[i]->sequence && k < sizeof form / sizeof form[0]; k++) {
            nd_desc *desc;
            assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
            add(desc, "dense", "units=9, name=a");
            add(desc, table[i]->name, form[k]);
            add(desc, "tanh", "name=t");
            add(desc, table[i]->name, "units=2, from=input, name=i");
            add(desc, "concat", "from=t|i|a");
            add(desc, "dense", "units=3");
            check_net(ctx, desc, "mse", form[k]);
            nd_desc_destroy(desc);
        }
    }
    assert_int_equal(classes, 3);
    nd_ctx_destroy(ctx);
}

/* One layer called by hand, its result weighed by fixed numbers: sum w y. */
typedef struct solo {
    const nd_desc_layer *layer;
    nd_layer_io io;
    nd_real x[2][ROWS * WIDTH], gx[2][ROWS * WIDTH];
    nd_real y[2 * ROWS * WIDTH], gy[2 * ROWS * WIDTH], weight[2 * ROWS * WIDTH]; /* concat */
    nd_real param[ND_LAYER_PARAMS][WIDTH * WIDTH], grad[ND_LAYER_PARAMS][WIDTH * WIDTH];
    nd_real buffer[ND_LAYER_BUFFERS][WIDTH], work[ROWS * WIDTH * 64];
} solo;

static double solo_value(void *user)
{
    solo *s = user;
    double sum = 0;
    s->layer->class->forward(&s->io);
    for (size_t i = 0; i < ROWS * s->layer->shape.out; i++) {
        sum += (double)s->weight[i] * (double)s->y[i];
    }
    return sum;
}

static void solo_prepare(solo *s, nd_ctx *ctx, const nd_desc_layer *layer)
{
    *s = (solo){.layer = layer};
    s->io = (nd_layer_io){.shape = &layer->shape,
                          .pool = ctx->pool,
                          .rows = ROWS,
                          .training = true,
                          .rng = {.seed = 1, .stream = ND_STREAM_LAYER},
                          .y = s->y,
                          .gy = s->gy,
                          .work = s->work};
    assert_true(layer->shape.work + ROWS * layer->shape.work_per_row <= ROWS * WIDTH * 64);
    for (size_t k = 0; k < layer->inputs; k++) {
        gradcheck_random(20 + k, 1, s->x[k], ROWS * WIDTH);
        s->io.x[k] = s->x[k];
        s->io.gx[k] = s->gx[k];
    }
    for (size_t k = 0; k < ND_LAYER_PARAMS; k++) {
        gradcheck_random(30 + k, 0.7, s->param[k], WIDTH * WIDTH);
        s->io.param[k] = s->param[k];
        s->io.grad[k] = s->grad[k];
    }
    for (size_t k = 0; k < ND_LAYER_BUFFERS; k++) {
        s->io.buffer[k] = s->buffer[k];
    }
    gradcheck_random(40, 1, s->weight, 2 * ROWS * WIDTH);
}

static void solo_check(solo *s, const char *what, nd_real *value, const nd_real *gradient, size_t n)
{
    static double numeric[ROWS * WIDTH + WIDTH * WIDTH];
    gradcheck_numeric(solo_value, s, value, n, numeric);
    double error = gradcheck_error(gradient, numeric, n);
    if (!(gradcheck_norm(numeric, n) > 1e-3 && error <= tolerance)) {
        fail_msg("%s: gradient of %s is wrong by %g", s->layer->class->name, what, error);
    }
}

static void check_solo(nd_ctx *ctx, const nd_layer_class *class)
{
    nd_desc *desc;
    assert_int_equal(nd_desc_create(ctx, WIDTH, &desc), ND_OK);
    add(desc, class->name, class->min_inputs > 1 ? "from=input|input" : attributes_of(class));
    const nd_desc_layer *layer = desc->layer[0];
    solo s;
    solo_prepare(&s, ctx, layer);
    solo_value(&s);
    memcpy(s.gy, s.weight, sizeof s.gy);
    class->backward(&s.io);
    for (size_t k = 0; k < layer->inputs; k++) {
        solo_check(&s, "its input", s.x[k], s.gx[k], ROWS * WIDTH);
    }
    for (size_t k = 0; k < layer->shape.params; k++) {
        const nd_tensor_spec *spec = &layer->shape.param[k];
        solo_check(&s, spec->name, s.param[k], s.grad[k], spec->rows * spec->cols);
    }
    nd_desc_destroy(desc);
}

static void every_layer_has_the_right_gradient_of_inputs_and_parameters(void **state)
{
    (void)state;
    nd_ctx *ctx;
    size_t count;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    const nd_layer_class *const *table = nd_layer_table(&count);
    for (size_t i = 0; i < count; i++) {
        check_solo(ctx, table[i]);
    }
    nd_ctx_destroy(ctx);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradcheck_sees_a_flipped_sign),
        cmocka_unit_test(every_layer_is_found_by_name),
#ifdef ND_REAL_DOUBLE
        cmocka_unit_test(every_layer_activation_and_loss_has_the_right_gradient),
        cmocka_unit_test(a_graph_with_residuals_has_the_right_gradient),
        cmocka_unit_test(every_loss_has_the_right_gradient_with_weights),
        cmocka_unit_test(a_graph_of_norms_and_joints_has_the_right_gradient),
        cmocka_unit_test(every_layer_has_the_right_gradient_of_inputs_and_parameters),
        cmocka_unit_test(every_form_of_a_recurrent_layer_has_the_right_gradient),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
