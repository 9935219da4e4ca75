/* The contract of everything that has a state: a run that is saved at any step and gone
 * on with in fresh objects ends with the same bits as one that was not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "train/fit.h"

enum { ROWS = 22, INPUTS = 3, BATCH = 5, EPOCHS = 3, BLOCK = 512 };

/* A state as a saver copied it. */
typedef struct kept {
    uint64_t at; /* step to be saved after; 0: never */
    nd_state state;
    unsigned char *bytes;
} kept;

/* What a run ended with. */
typedef struct ending {
    nd_real param[BLOCK], buffer[BLOCK];
    nd_fit_result result;
} ending;

typedef struct recipe {
    const nd_layer_class *layer;
    const char *rule;
    const char *schedule;
    int threads;
    const char *noise, *attributes; /* of the net and of the rule; NULL for none, weight decay */
    nd_fit_params more;             /* swa, stopping */
} recipe;

static bool is_due(void *user, uint64_t steps, double now)
{
    (void)now;
    return steps == ((const kept *)user)->at;
}

static void keep(void *user, const nd_state *state, uint64_t steps, bool last)
{
    kept *k = user;
    assert_true(steps == k->at || last);
    free(k->bytes);
    k->bytes = malloc(nd_state_bytes(state) + 1);
    assert_non_null(k->bytes);
    nd_state_copy(state, k->bytes);
    k->state = *state;
    unsigned char *at = k->bytes;
    for (size_t i = 0; i < state->count; i++) {
        k->state.block[i].data = at;
        at += nd_state_size(&state->block[i]);
    }
}

static nd_net *make_net(nd_ctx *ctx, const nd_layer_class *class)
{
    nd_desc *desc;
    nd_net *net;
    bool two = class->min_inputs > 1;
    const char *attributes = two ? "from=a|b" : strcmp(class->name, "dense") == 0 ? "units=4" : "";
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=6, name=a"), ND_OK);
    if (two) {
        assert_int_equal(nd_desc_add(desc, "dense", "units=6, name=b, from=input"), ND_OK);
    }
    assert_int_equal(nd_desc_add(desc, class->name, attributes), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 9, &net), ND_OK);
    assert_true(nd_net_size(net) <= BLOCK && nd_net_buffer_size(net) <= BLOCK);
    nd_desc_destroy(desc);
    return net;
}

/* Train by the recipe; saver and resume may be NULL. */
static void train(const recipe *r, kept *saver, const nd_state *resume, ending *end)
{
    nd_real x[ROWS * INPUTS], y[ROWS];
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        x[i] = (nd_real)((double)(i * 37 % 101) / 50 - 1);
    }
    for (size_t i = 0; i < ROWS; i++) {
        y[i] = x[i * INPUTS] - x[i * INPUTS + 1] / 2;
    }
    nd_ctx *ctx;
    nd_source *train_rows, *valid;
    nd_optimizer *optimizer;
    assert_int_equal(nd_ctx_create(&ctx, r->threads), ND_OK);
    nd_net *net = make_net(ctx, r->layer);
    assert_int_equal(nd_net_set_noise(net, r->noise), ND_OK);
    const char *attributes = r->attributes ? r->attributes : "weight_decay=0.01";
    assert_int_equal(nd_optimizer_create(net, r->rule, attributes, &optimizer), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, x, y, ROWS, INPUTS, 1, &train_rows), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, x, y, 4, INPUTS, 1, &valid), ND_OK);
    nd_fit_saver hook = {is_due, keep, saver};
    nd_schedule schedule;
    const char *settings = strcmp(r->schedule, "plateau") == 0 ? "patience=0" : NULL;
    assert_int_equal(nd_schedule_make(ctx, r->schedule, settings, &schedule), ND_OK);
    nd_fit_params params = {
        .stop_gl = r->more.stop_gl,
        .stop_pq = r->more.stop_pq,
        .strip = r->more.strip,
        .swa_start = r->more.swa_start,
        .swa_every = r->more.swa_every,
        .batch_size = nd_optim_find(r->rule)->full_batch ? 0 : BATCH,
        .epochs = EPOCHS,
        .lr = 0.01,
        .schedule = schedule,
        .warmup = 1,
        .seed = 3,
        .keep_best = true,
        .saver = saver != NULL ? &hook : NULL,
        .resume = resume,
    };
    memset(end, 0, sizeof *end);
    assert_int_equal(nd_fit(net, optimizer, train_rows, valid, &params, &end->result), ND_OK);
    memcpy(end->param, nd_net_parameters(net), nd_net_size(net) * sizeof(nd_real));
    if (nd_net_buffer_size(net) > 0) {
        memcpy(end->buffer, nd_net_buffers(net), nd_net_buffer_size(net) * sizeof(nd_real));
    }
    nd_source_destroy(valid);
    nd_source_destroy(train_rows);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_ctx_destroy(ctx);
}

static void same(const ending *a, const ending *b, const recipe *r, uint64_t at)
{
    bool equal =
        memcmp(a->param, b->param, sizeof a->param) == 0 &&
        memcmp(a->buffer, b->buffer, sizeof a->buffer) == 0 && a->result.steps == b->result.steps &&
        a->result.epochs == b->result.epochs && a->result.best_epoch == b->result.best_epoch &&
        a->result.best_loss == b->result.best_loss && a->result.last_loss == b->result.last_loss &&
        a->result.train_loss == b->result.train_loss;
    if (!equal) {
        fail_msg("%s, %s, %s, saved after step %d: other bits", r->layer->name, r->rule,
                 r->schedule, (int)at);
    }
}

/* Saved at step at, gone on with on another number of threads. */
static void check_at(const recipe *r, const ending *whole, uint64_t at)
{
    ending saved, resumed;
    kept k = {.at = at};
    recipe other = *r;
    other.threads = 3;
    train(r, &k, NULL, &saved);
    same(whole, &saved, r, at);
    assert_non_null(k.bytes);
    train(&other, NULL, &k.state, &resumed);
    same(whole, &resumed, r, at);
    free(k.bytes);
}

static void check_recipe(const recipe *r, ending *whole)
{
    train(r, NULL, NULL, whole);
    for (uint64_t at = 1; at <= whole->result.steps; at++) {
        check_at(r, whole, at);
    }
}

static void check(const char *layer, const char *rule, const char *schedule)
{
    ending whole;
    recipe r = {.layer = nd_layer_find(layer), .rule = rule, .schedule = schedule, .threads = 1};
    uint64_t batches = nd_optim_find(rule)->full_batch ? 1 : 4;
    check_recipe(&r, &whole);
    assert_true(whole.result.epochs == EPOCHS && whole.result.steps >= batches * EPOCHS);
}

static void every_layer_can_be_saved_and_resumed(void **state)
{
    (void)state;
    size_t count;
    const nd_layer_class *const *layer = nd_layer_table(&count);
    for (size_t i = 0; i < count; i++) {
        check(layer[i]->name, "adam", "cosine");
    }
}

static void every_optimizer_can_be_saved_and_resumed(void **state)
{
    (void)state;
    size_t count;
    const nd_optim_class *const *rule = nd_optim_table(&count);
    for (size_t i = 0; i < count; i++) {
        check("batchnorm", rule[i]->name, "constant");
    }
}

static void every_schedule_can_be_saved_and_resumed(void **state)
{
    (void)state;
    size_t count;
    const nd_schedule_class *const *schedule = nd_schedule_table(&count);
    for (size_t i = 0; i < count; i++) {
        check("dropout", "momentum", schedule[i]->name);
    }
}

static void noise_and_rising_momentum_can_be_saved_and_resumed(void **state)
{
    (void)state;
    ending whole;
    recipe noisy = {.layer = nd_layer_find("relu"),
                    .rule = "nesterov",
                    .schedule = "constant",
                    .threads = 1,
                    .noise = "weight=0.1, gradient=0.01, label=0.1",
                    .attributes = "rise=2"};
    check_recipe(&noisy, &whole);
}

static void averages_and_penalties_can_be_saved_and_resumed(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        nd_fit_params more;
    } row[] = {
        {"ema=0.7", {.epochs = 0}},
        {"ema=0.7, max_norm=0.4, orthogonality=0.01", {.epochs = 0}},
        {"l1=0.01, clip_adaptive=0.01, decoupled_decay=true, weight_decay=0.1", {.epochs = 0}},
        {"l2=0.01, clip_layer_norm=0.1", {.swa_start = 2}},
        {"clip_value=0.01", {.swa_start = 1, .swa_every = 2}},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        ending whole;
        recipe r = {.layer = nd_layer_find("batchnorm"),
                    .rule = "adam",
                    .schedule = "cosine",
                    .threads = 1,
                    .attributes = row[i].attributes,
                    .more = row[i].more};
        check_recipe(&r, &whole);
        assert_true(whole.result.epochs == EPOCHS);
    }
}

/* A bound that any rise of the loss passes: the run ends early, resumed or not. */
static void early_stopping_can_be_saved_and_resumed(void **state)
{
    (void)state;
    static const nd_fit_params more[] = {{.stop_gl = 1e-9}, {.stop_pq = 1e-12, .strip = 2}};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        ending whole;
        recipe r = {.layer = nd_layer_find("dropout"),
                    .rule = "sgd",
                    .schedule = "constant",
                    .threads = 1,
                    .attributes = "maximize=true",
                    .more = more[i]};
        check_recipe(&r, &whole);
        assert_true(whole.result.epochs == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_can_be_saved_and_resumed),
        cmocka_unit_test(every_optimizer_can_be_saved_and_resumed),
        cmocka_unit_test(noise_and_rising_momentum_can_be_saved_and_resumed),
        cmocka_unit_test(every_schedule_can_be_saved_and_resumed),
        cmocka_unit_test(averages_and_penalties_can_be_saved_and_resumed),
        cmocka_unit_test(early_stopping_can_be_saved_and_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
