/* Batches of distorted and mixed rows: functions of seed, epoch and row, whoever gathers them
 * and when. */
#include "train/vary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "train/feed.h"
#include "train/fit.h"

enum { SIDE = 8, PIXELS = SIDE * SIDE, ROWS = 50, BATCH = 16, BATCHES = 4, CLASSES = 3, FULL = 8 };

static nd_ctx *ctx;
static nd_real pixel[ROWS * PIXELS], label[ROWS];
static const nd_image image = {SIDE, SIDE, 1, 0};
static const char *const bends = "shift=1, rotate=10, elastic=2:6, cutout=3";

static int start(void **state)
{
    (void)state;
    nd_rng rng = {.seed = 3, .stream = 1};
    for (size_t i = 0; i < (size_t)ROWS * PIXELS; i++) {
        pixel[i] = (nd_real)nd_rng_uniform(&rng, i);
    }
    for (size_t r = 0; r < ROWS; r++) {
        label[r] = (nd_real)(r % CLASSES);
    }
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

/* The same rows in blocks of 8. */
typedef struct blocked {
    nd_source base;
    nd_source_blocks blocks;
} blocked;

static size_t rows_of(const nd_source *source, size_t block)
{
    size_t rest = source->rows - block * FULL;
    return rest < FULL ? rest : FULL;
}

static void ignore(const nd_source *source, size_t block)
{
    (void)source;
    (void)block;
}

static void gather(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                   nd_real *x, nd_real *y)
{
    (void)source;
    for (size_t i = 0; i < count; i++) {
        size_t row = index ? index[i] : first + i;
        memcpy(x + i * PIXELS, pixel + row * PIXELS, PIXELS * sizeof *x);
        y[i] = label[row];
    }
}

static void make_source(blocked *s, bool blocks)
{
    *s = (blocked){.base = {.rows = ROWS, .features = PIXELS, .label_width = 1, .gather = gather}};
    s->blocks = (nd_source_blocks){.count = (ROWS + FULL - 1) / FULL,
                                   .full = FULL,
                                   .window = 3,
                                   .rows = rows_of,
                                   .expect = ignore,
                                   .forget = ignore};
    s->base.blocks = blocks ? &s->blocks : NULL;
}

static nd_net *make_net(const char *loss)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, PIXELS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", strcmp(loss, "mse") == 0 ? "units=1" : "units=3"),
                     ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, loss, ROWS, 1, &net), ND_OK);
    nd_desc_destroy(desc);
    return net;
}

typedef struct recipe {
    const char *loss;
    bool bend, blocks, ahead;
    double mixup;
    size_t batch;
} recipe;

/* Batches of epochs first.. 3, one behind the other, into x, y. */
static size_t walk(const recipe *r, long first, nd_real *x, nd_real *y)
{
    blocked source;
    nd_net *net = make_net(r->loss);
    nd_augment *augment = NULL;
    nd_vary vary;
    nd_feed *feed;
    size_t rows = 0;
    make_source(&source, r->blocks);
    if (r->bend) {
        assert_int_equal(nd_augment_create(ctx, &image, bends, 0.25, &augment), ND_OK);
    }
    assert_int_equal(nd_vary_init(&vary, net, &source.base, augment, r->mixup, 5, r->batch), ND_OK);
    nd_feed_params params = {.batch = r->batch,
                             .batches = (ROWS + r->batch - 1) / r->batch,
                             .room = r->batch,
                             .seed = 5,
                             .vary = &vary,
                             .ahead = r->ahead};
    assert_int_equal(nd_feed_create(ctx, &source.base, &params, &feed), ND_OK);
    for (long epoch = first; epoch <= 3; epoch++) {
        for (uint64_t b = 0; b < params.batches; b++) {
            nd_batch got;
            nd_feed_batch(feed, epoch, b, &got);
            memcpy(x + rows * PIXELS, got.x, got.rows * PIXELS * sizeof *x);
            memcpy(y + rows * vary.label_width, got.y, got.rows * vary.label_width * sizeof *y);
            rows += got.rows;
        }
    }
    nd_feed_destroy(feed);
    nd_vary_free(&vary, net);
    nd_augment_destroy(augment);
    nd_net_destroy(net);
    return rows;
}

static nd_real x[3 * ROWS * PIXELS], y[3 * ROWS * 4];
static nd_real other_x[3 * ROWS * PIXELS], other_y[3 * ROWS * 4];

static void the_thread_that_gathers_ahead_makes_the_same_batches(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        recipe r = {"cross_entropy", k & 1, k & 4, false, k & 2 ? 0.4 : 0, BATCH};
        assert_int_equal(walk(&r, 1, x, y), 3 * ROWS);
        r.ahead = true;
        assert_int_equal(walk(&r, 1, other_x, other_y), 3 * ROWS);
        assert_memory_equal(x, other_x, sizeof x);
        size_t width = k & 2 ? 4 : 1;
        assert_memory_equal(y, other_y, 3 * ROWS * width * sizeof *y);
    }
}

/* What an epoch looks like does not hang on the epochs before it. */
static void a_later_epoch_is_the_same_without_the_earlier_ones(void **state)
{
    (void)state;
    for (int blocks = 0; blocks < 2; blocks++) {
        const recipe r = {"cross_entropy", true, blocks, false, 0.4, BATCH};
        assert_int_equal(walk(&r, 1, x, y), 3 * ROWS);
        assert_int_equal(walk(&r, 3, other_x, other_y), ROWS);
        assert_memory_equal(x + 2 * ROWS * PIXELS, other_x, ROWS * PIXELS * sizeof *x);
        assert_memory_equal(y + 2 * ROWS * 4, other_y, ROWS * 4 * sizeof *y);
    }
}

static void rows_in_one_batch_are_distorted_anew_in_each_epoch(void **state)
{
    (void)state;
    const recipe r = {"cross_entropy", true, false, false, 0, ROWS};
    assert_int_equal(walk(&r, 1, x, y), 3 * ROWS);
    for (size_t e = 1; e < 3; e++) {
        for (size_t row = 0; row < ROWS; row++) {
            assert_memory_not_equal(x + row * PIXELS, x + (e * ROWS + row) * PIXELS,
                                    PIXELS * sizeof *x);
            assert_true(y[row] >= y[e * ROWS + row] && y[row] <= y[e * ROWS + row]);
        }
    }
}

/* An image is distorted in the same way whatever the size of the batches is. */
static void the_size_of_the_batches_does_not_change_an_image(void **state)
{
    (void)state;
    const recipe small = {"cross_entropy", true, false, false, 0, 7};
    const recipe large = {"cross_entropy", true, false, false, 0, BATCH};
    assert_int_equal(walk(&small, 1, x, y), 3 * ROWS);
    assert_int_equal(walk(&large, 1, other_x, other_y), 3 * ROWS);
    assert_memory_equal(x, other_x, sizeof x);
}

static void quantities_keep_one_label_a_row(void **state)
{
    (void)state;
    const recipe r = {"mse", false, false, false, 0.4, BATCH};
    size_t between = 0;
    assert_int_equal(walk(&r, 1, x, y), 3 * ROWS);
    for (size_t row = 0; row < 3 * ROWS; row++) {
        double apart = fabs((double)y[row] - floor((double)y[row] + 0.5));
        between += apart > 1e-3;
    }
    assert_true(between > 30);
}

/* ---- Whole runs ---- */

typedef struct kept {
    uint64_t at;
    nd_state state;
    unsigned char *bytes;
} kept;

static bool is_due(void *user, uint64_t steps, double now)
{
    (void)now;
    return steps == ((const kept *)user)->at;
}

static void keep(void *user, const nd_state *state, uint64_t steps, bool last)
{
    kept *k = user;
    assert_true(steps == k->at || last);
    nd_free(k->bytes);
    k->bytes = nd_alloc(nd_state_bytes(state) + 1, 1);
    assert_non_null(k->bytes);
    nd_state_copy(state, k->bytes);
    k->state = *state;
    unsigned char *at = k->bytes;
    for (size_t i = 0; i < state->count; i++) {
        k->state.block[i].data = at;
        at += nd_state_size(&state->block[i]);
    }
}

static nd_status fit(const char *rule, int threads, kept *saver, const nd_state *resume,
                     nd_real *parameters, double *valid_loss)
{
    blocked source, valid;
    nd_augment *augment;
    nd_optimizer *optimizer;
    nd_fit_result result;
    nd_fit_saver hook = {is_due, keep, saver};
    assert_int_equal(nd_ctx_set_threads(ctx, threads), ND_OK);
    nd_net *net = make_net("cross_entropy");
    make_source(&source, false);
    make_source(&valid, false);
    assert_int_equal(nd_augment_create(ctx, &image, bends, 0.25, &augment), ND_OK);
    assert_int_equal(nd_optimizer_create(net, rule, NULL, &optimizer), ND_OK);
    nd_fit_params params = {.batch_size = strcmp(rule, "lbfgs") == 0 ? 0 : BATCH,
                            .epochs = 3,
                            .lr = 0.01,
                            .seed = 3,
                            .keep_best = true,
                            .saver = saver ? &hook : NULL,
                            .resume = resume,
                            .augment = augment,
                            .mixup = 0.3};
    assert_int_equal(nd_schedule_make(ctx, "constant", NULL, &params.schedule), ND_OK);
    nd_status status = nd_fit(net, optimizer, &source.base, &valid.base, &params, &result);
    memcpy(parameters, nd_net_parameters(net), nd_net_size(net) * sizeof *parameters);
    if (status == ND_OK) {
        double loss;
        assert_int_equal(nd_net_loss(net, pixel, label, ROWS, &loss), ND_OK);
        *valid_loss = fabs(loss - result.best_loss);
    }
    nd_optimizer_destroy(optimizer);
    nd_augment_destroy(augment);
    nd_net_destroy(net);
    return status;
}

static void a_run_that_goes_on_ends_with_the_same_bits(void **state)
{
    (void)state;
    static nd_real whole[1024], part[1024];
    double apart;
    for (uint64_t at = 1; at < 3 * BATCHES; at += 2) {
        kept saved = {.at = at};
        memset(whole, 0, sizeof whole);
        memset(part, 0, sizeof part);
        assert_int_equal(fit("adam", 1, &saved, NULL, whole, &apart), ND_OK);
        assert_int_equal(fit("adam", 3, NULL, &saved.state, part, &apart), ND_OK);
        assert_memory_equal(whole, part, sizeof whole);
        nd_free(saved.bytes);
    }
}

/* The loss that early stopping watched is that of the rows as they are. */
static void validation_rows_are_neither_distorted_nor_mixed(void **state)
{
    (void)state;
    static nd_real parameters[1024];
    double apart;
    assert_int_equal(fit("adam", 2, NULL, NULL, parameters, &apart), ND_OK);
    assert_true(apart < 1e-5);
}

static void rules_that_need_the_same_rows_are_refused(void **state)
{
    (void)state;
    static nd_real parameters[1024];
    double apart;
    assert_int_equal(fit("lbfgs", 2, NULL, NULL, parameters, &apart), ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "lbfgs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thread_that_gathers_ahead_makes_the_same_batches),
        cmocka_unit_test(a_later_epoch_is_the_same_without_the_earlier_ones),
        cmocka_unit_test(rows_in_one_batch_are_distorted_anew_in_each_epoch),
        cmocka_unit_test(the_size_of_the_batches_does_not_change_an_image),
        cmocka_unit_test(quantities_keep_one_label_a_row),
        cmocka_unit_test(a_run_that_goes_on_ends_with_the_same_bits),
        cmocka_unit_test(validation_rows_are_neither_distorted_nor_mixed),
        cmocka_unit_test(rules_that_need_the_same_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
