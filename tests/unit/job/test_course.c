/* What is taught about training, shown on the handwritten digits that come with nadir.
 * The settings are those of the pages in docs/techniques. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nadir.h"

static nd_ctx *ctx;
static nd_table *digits;

/* What one training told. */
typedef struct told {
    nd_status status;
    double first_loss, last_loss, rises;  /* of the training loss, epoch by epoch */
    double valid_rises;                   /* of the validation loss */
    double accuracy;                      /* on the test rows, NaN if it diverged */
    double first_gradient, last_gradient; /* of first and last layer, after one epoch */
    double dead;                          /* share of dead units of the worst layer at the end */
    double valid_loss;
    double reconstruction; /* of an autoencoder, on the test rows */
} told;

static void take_layers(told *t, const nd_event *event)
{
    bool begins = event->epoch == 1;
    t->dead = 0;
    for (size_t i = 0; i < event->layer_count; i++) {
        const nd_layer_signal *s = &event->layers[i];
        if (begins && !isnan(s->gradient)) {
            t->first_gradient = isnan(t->first_gradient) ? s->gradient : t->first_gradient;
            t->last_gradient = s->gradient;
        }
        t->dead = s->dead > t->dead ? s->dead : t->dead;
    }
}

static int listen(void *user, const nd_event *event)
{
    told *t = user;
    if (event->kind == ND_EVENT_EPOCH) {
        bool begins = event->epoch == 1;
        t->first_loss = begins ? event->train_loss : t->first_loss;
        t->rises += begins ? 0 : fmax(event->train_loss - t->last_loss, 0);
        t->valid_rises += begins ? 0 : fmax(event->valid_loss - t->valid_loss, 0);
        t->last_loss = event->train_loss;
        t->valid_loss = event->valid_loss;
        take_layers(t, event);
    } else if (event->kind == ND_EVENT_TEST) {
        t->accuracy = nd_metrics_get(event->metrics, "accuracy");
        t->reconstruction = nd_metrics_get(event->metrics, "reconstruction");
    }
    return 0;
}

/* "key=value key=value": --key value on the command line. */
static void set_all(nd_config *config, const char *settings)
{
    char text[512], *next = text;
    snprintf(text, sizeof text, "%s", settings);
    for (char *pair = strsep(&next, " "); pair; pair = strsep(&next, " ")) {
        char *value = pair;
        const char *key = strsep(&value, "=");
        if (nd_config_set(config, key, value) != ND_OK) {
            fail_msg("%s: %s", settings, nd_ctx_message(ctx));
        }
    }
}

static told train_task(const char *task, const char *settings)
{
    told t = {.accuracy = NAN, .first_gradient = NAN, .last_gradient = NAN};
    nd_config *config;
    nd_model *model;
    assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &config), ND_OK);
    set_all(config, "dropout=0 patience=0 refit=no signals=true");
    set_all(config, task);
    set_all(config, settings);
    t.status = nd_train(ctx, config, digits, listen, &t, &model);
    nd_model_destroy(model);
    nd_config_destroy(config);
    return t;
}

static told train(const char *settings)
{
    return train_task("target=digit", settings);
}

static int start(void **state)
{
    (void)state;
    const char *source = getenv("NADIR_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/data/digits.csv", source ? source : ".");
    return nd_ctx_create(&ctx, 2) != ND_OK || nd_table_read(ctx, NULL, path, &digits) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_table_destroy(digits);
    nd_ctx_destroy(ctx);
    return 0;
}

#define RATE "hidden=32 optimizer=sgd batch_size=0 schedule=constant weight_decay=0 epochs=60 "

static void a_rate_is_too_small_right_too_high_or_diverges(void **state)
{
    (void)state;
    told small = train(RATE "lr=0.001"), right = train(RATE "lr=1"), high = train(RATE "lr=3");
    assert_true(small.rises <= 0 && small.last_loss > 0.9 * small.first_loss);
    assert_true(right.rises <= 0 && right.last_loss < 0.1 && right.accuracy > 0.95);
    assert_true(high.rises > 1 && high.accuracy < right.accuracy);
    if (sizeof(nd_real) == sizeof(float)) { /* doubles reach further than 60 epochs */
        assert_int_equal(train(RATE "lr=100").status, ND_ERR_DIVERGED);
    }
}

#define LINEAR "hidden=none optimizer=sgd lr=0.5 schedule=constant weight_decay=0 epochs=40 "

static void batches_make_the_cost_fall_smoothly_and_single_rows_noisily(void **state)
{
    (void)state;
    told batch = train(LINEAR "batch_size=0"), mini = train(LINEAR "batch_size=32");
    told single = train(LINEAR "batch_size=1");
    assert_true(batch.rises <= 0 && batch.valid_rises <= 0);
    assert_true(mini.valid_rises > 0 && mini.valid_rises < 0.1);
    assert_true(single.rises > 0.1 && single.valid_rises > 10 * mini.valid_rises);
    assert_true(mini.last_loss < batch.last_loss);
}

#define DEEP "hidden=16,16,16,16,16,16,16,16,16,16 optimizer=momentum epochs=40 activation="

static void deep_sigmoid_networks_stall(void **state)
{
    (void)state;
    told t = train(DEEP "sigmoid");
    assert_true(t.first_gradient < 1e-5 * t.last_gradient);
    assert_true(t.last_loss > 2.25 && t.accuracy < 0.15);
}

static void relu_normalization_initialization_and_shortcuts_each_cure_it(void **state)
{
    (void)state;
    static const char *const cure[] = {DEEP "relu", DEEP "sigmoid norm=batch",
                                       DEEP "sigmoid init=orthogonal init_gain=8",
                                       DEEP "sigmoid residual=true"};
    static const double least[] = {0.8, 0.8, 0.3, 0.8}; /* guessing: 0.1 */
    for (size_t i = 0; i < sizeof cure / sizeof cure[0]; i++) {
        told t = train(cure[i]);
        if (!(t.first_gradient > 0.02 * t.last_gradient) || !(t.accuracy > least[i])) {
            fail_msg("%s: gradient %g in the first layer, %g in the last; accuracy %g", cure[i],
                     t.first_gradient, t.last_gradient, t.accuracy);
        }
    }
}

#define BIASED \
    "hidden=64 optimizer=sgd lr=0.1 batch_size=32 schedule=constant weight_decay=0 epochs=20 "

static void a_large_negative_bias_kills_relu_units(void **state)
{
    (void)state;
    told t = train(BIASED "activation=relu bias_init=-8");
    assert_true(t.dead >= 1 && t.accuracy < 0.15);
}

static void leaky_relu_or_a_positive_bias_keeps_them_alive(void **state)
{
    (void)state;
    told leaky = train(BIASED "activation=leaky_relu slope=0.1 bias_init=-8");
    told lifted = train(BIASED "activation=relu bias_init=0.1");
    assert_true(leaky.dead <= 0 && leaky.accuracy > 0.9);
    assert_true(lifted.dead <= 0 && lifted.accuracy > 0.95);
}

#define FAST                                                                       \
    "hidden=64,64 optimizer=momentum clip_norm=5 batch_size=32 schedule=constant " \
    "weight_decay=0 epochs=20 "

/* Where such a rate ends depends on the last bits of every sum: means over seeds 1 to 3. */
static told train_seeds(const char *settings)
{
    enum { SEEDS = 3 };
    told mean = {0};
    for (int seed = 1; seed <= SEEDS; seed++) {
        char all[300];
        snprintf(all, sizeof all, "%s seed=%d", settings, seed);
        told t = train(all);
        mean.dead += t.dead / SEEDS;
        mean.last_loss += t.last_loss / SEEDS;
        mean.accuracy += t.accuracy / SEEDS;
    }
    return mean;
}

static void a_high_rate_kills_relu_units(void **state)
{
    (void)state;
    told t = train_seeds(FAST "activation=relu lr=0.15");
    assert_true(t.dead > 0.5 && t.last_loss > 0.5);
}

static void leaky_relu_or_a_lower_rate_keeps_them_alive(void **state)
{
    (void)state;
    told leaky = train_seeds(FAST "activation=leaky_relu lr=0.15");
    told slow = train_seeds(FAST "activation=relu lr=0.02");
    assert_true(leaky.dead <= 0 && leaky.last_loss < 0.3 && leaky.accuracy > 0.9);
    assert_true(slow.dead < 0.1 && slow.last_loss < 0.1 && slow.accuracy > 0.95);
}

#define MIRROR                                                                          \
    "scaling=minmax loss=binary_cross_entropy hidden=32,16,8,16,32 activation=sigmoid " \
    "init=sparse weight_decay=0 schedule=constant batch_size=32 epochs=60 lr=3 optimizer="

static double error_of(const char *settings)
{
    return train_task("task=autoencoder ignore=digit", settings).reconstruction;
}

/* Sutskever et al. 2013, section 3: the order of plain descent, momentum and Nesterov's. */
static void looking_ahead_trains_a_deep_autoencoder_better(void **state)
{
    (void)state;
    double plain = error_of(MIRROR "sgd");
    double momentum = error_of(MIRROR "momentum momentum=0.9 optimizer_options=rise=1");
    double nesterov = error_of(MIRROR "nesterov momentum=0.9 optimizer_options=rise=1");
    double far = error_of(MIRROR "momentum momentum=0.99 optimizer_options=rise=1");
    double far_ahead = error_of(MIRROR "nesterov momentum=0.99 optimizer_options=rise=1");
    assert_true(momentum < 0.7 * plain && nesterov < 0.95 * momentum);
    assert_true(far_ahead < 0.8 * far && far - far_ahead > momentum - nesterov);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_too_small_right_too_high_or_diverges),
        cmocka_unit_test(batches_make_the_cost_fall_smoothly_and_single_rows_noisily),
        cmocka_unit_test(deep_sigmoid_networks_stall),
        cmocka_unit_test(relu_normalization_initialization_and_shortcuts_each_cure_it),
        cmocka_unit_test(a_large_negative_bias_kills_relu_units),
        cmocka_unit_test(leaky_relu_or_a_positive_bias_keeps_them_alive),
        cmocka_unit_test(a_high_rate_kills_relu_units),
        cmocka_unit_test(leaky_relu_or_a_lower_rate_keeps_them_alive),
        cmocka_unit_test(looking_ahead_trains_a_deep_autoencoder_better),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
