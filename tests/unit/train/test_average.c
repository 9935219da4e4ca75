/* Averages of weights in the loop: over steps (ema) and over epochs (swa). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "train/fit.h"

enum { ROWS = 20, BATCH = 5, EPOCHS = 6, INPUTS = 2, MOST = 128 };

static nd_ctx *ctx;

/* A network with its rows, and what was seen after each epoch. */
typedef struct fixture {
    nd_real x[ROWS * INPUTS], y[ROWS];
    nd_net *net;
    nd_optimizer *optimizer;
    nd_source *train, *valid;
    nd_fit_result result;
    double seen[EPOCHS + 1][MOST], loss[EPOCHS + 1], lr[EPOCHS + 1];
} fixture;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 2) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

static int watch(void *user, const nd_event *event)
{
    fixture *f = user;
    if (event->kind == ND_EVENT_EPOCH) {
        for (size_t i = 0; i < nd_net_size(f->net); i++) {
            f->seen[event->epoch][i] = (double)nd_net_parameters(f->net)[i];
        }
        f->loss[event->epoch] = event->valid_loss;
        f->lr[event->epoch] = event->lr;
    }
    return 0;
}

static void make(fixture *f, bool norm, const char *attributes)
{
    nd_desc *desc;
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < ROWS * INPUTS; i++) {
        f->x[i] = (nd_real)((double)(i * 37 % 101) / 50 - 1);
    }
    for (size_t i = 0; i < ROWS; i++) {
        f->y[i] = f->x[i * INPUTS] - f->x[i * INPUTS + 1] / 2;
    }
    assert_int_equal(nd_desc_create(ctx, INPUTS, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=3"), ND_OK);
    if (norm) {
        assert_int_equal(nd_desc_add(desc, "batchnorm", NULL), ND_OK);
    }
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 4, &f->net), ND_OK);
    nd_desc_destroy(desc);
    assert_true(nd_net_size(f->net) <= MOST);
    assert_int_equal(nd_optimizer_create(f->net, "momentum", attributes, &f->optimizer), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, f->x, f->y, ROWS, INPUTS, 1, &f->train), ND_OK);
    assert_int_equal(nd_source_from_arrays(ctx, f->x, f->y, 8, INPUTS, 1, &f->valid), ND_OK);
}

static void clear(fixture *f)
{
    nd_optimizer_destroy(f->optimizer);
    nd_source_destroy(f->train);
    nd_source_destroy(f->valid);
    nd_net_destroy(f->net);
}

static nd_fit_params params_for(fixture *f)
{
    return (nd_fit_params){
        .batch_size = BATCH, .epochs = EPOCHS, .lr = 0.05, .seed = 1, .observe = watch, .user = f};
}

static void fit(fixture *f, const nd_fit_params *params)
{
    assert_int_equal(nd_fit(f->net, f->optimizer, f->train, f->valid, params, &f->result), ND_OK);
}

/* The mean of what the observer saw after epochs from, from + by, .. */
static void is_mean(const fixture *f, size_t from, size_t by)
{
    for (size_t i = 0; i < nd_net_size(f->net); i++) {
        double total = 0, count = 0;
        for (size_t e = from; e <= EPOCHS; e += by) {
            total += f->seen[e][i];
            count++;
        }
        double ours = (double)nd_net_parameters(f->net)[i];
        if (!(fabs(ours - total / count) < 1e-6)) {
            fail_msg("parameter %zu is %g, not %g", i, ours, total / count);
        }
    }
}

static void swa_ends_with_the_mean_over_epochs(void **state)
{
    (void)state;
    static fixture f;
    make(&f, false, NULL);
    nd_fit_params params = params_for(&f);
    params.swa_start = 3;
    params.keep_best = true;
    fit(&f, &params);
    is_mean(&f, 3, 1);
    double loss;
    assert_int_equal(nd_net_loss(f.net, f.x, f.y, 8, &loss), ND_OK);
    assert_true(fabs(loss - f.result.best_loss) < 1e-6);
    assert_int_equal(f.result.best_epoch, EPOCHS);
    clear(&f);
}

static void swa_takes_one_epoch_of_each_cycle(void **state)
{
    (void)state;
    static fixture f;
    make(&f, false, NULL);
    nd_fit_params params = params_for(&f);
    params.swa_start = 3;
    params.swa_every = 2;
    fit(&f, &params);
    is_mean(&f, 4, 2);
    clear(&f);
}

/* The rate of the cosine at the beginning of epoch 3 of 6 is (1 + cos(pi/3)) / 2. */
static void swa_holds_the_rate_of_its_start_or_takes_its_own(void **state)
{
    (void)state;
    static fixture f;
    static const double own[] = {0, 0.02};
    for (size_t k = 0; k < 2; k++) {
        make(&f, false, NULL);
        nd_fit_params params = params_for(&f);
        params.swa_start = 3;
        params.swa_lr = own[k];
        assert_int_equal(nd_schedule_make(ctx, "cosine", NULL, &params.schedule), ND_OK);
        fit(&f, &params);
        double held = k == 1 ? 0.02 : 0.05 * 0.75;
        for (size_t e = 3; e <= EPOCHS; e++) {
            assert_true(fabs(f.lr[e] - held) < 1e-12);
        }
        assert_true(f.lr[2] > 0.05 * 0.75 + 1e-4);
        clear(&f);
    }
}

/* The running statistics become the mean over the batches of what the averaged weights
 * give: of the first layer's results, worked out here. */
static void swa_finds_the_statistics_of_batch_normalization_anew(void **state)
{
    (void)state;
    static fixture f;
    make(&f, true, NULL);
    nd_fit_params params = params_for(&f);
    params.batch_size = 0;
    params.swa_start = 2;
    fit(&f, &params);
    const nd_real *w = nd_net_parameters(f.net), *running = nd_net_buffers(f.net);
    size_t count;
    const nd_span *span = nd_net_spans(f.net, &count);
    for (size_t j = 0; j < 3; j++) {
        double sum = 0, squares = 0;
        for (size_t r = 0; r < ROWS; r++) {
            double h = (double)w[span[1].offset + j];
            for (size_t i = 0; i < INPUTS; i++) {
                h += (double)f.x[r * INPUTS + i] * (double)w[i * 3 + j];
            }
            sum += h;
            squares += h * h;
        }
        double mean = sum / ROWS, variance = (squares - sum * mean) / (ROWS - 1);
        const nd_span *buffer = nd_net_buffer_spans(f.net, &count);
        assert_true(fabs((double)running[buffer[0].offset + j] - mean) < 1e-5);
        assert_true(fabs((double)running[buffer[1].offset + j] - variance) < 1e-5);
    }
    clear(&f);
}

/* The model holds the average, the validation loss is its own, and the steps go on from
 * the weights themselves: those are what a run without average has. */
static void ema_is_what_is_validated_and_kept(void **state)
{
    (void)state;
    static fixture plain, f;
    make(&plain, true, NULL);
    make(&f, true, "ema=0.8");
    nd_fit_params params = params_for(&plain);
    fit(&plain, &params);
    params = params_for(&f);
    fit(&f, &params);
    assert_memory_equal(plain.seen, f.seen, sizeof f.seen);
    double loss;
    assert_int_equal(nd_net_loss(f.net, f.x, f.y, 8, &loss), ND_OK);
    assert_true(fabs(loss - f.loss[EPOCHS]) < 1e-6);
    assert_true(fabs(plain.loss[EPOCHS] - f.loss[EPOCHS]) > 1e-6);
    assert_true(fabs((double)nd_net_parameters(f.net)[0] - f.seen[EPOCHS][0]) > 1e-6);
    assert_true(fabs((double)nd_net_buffers(f.net)[0] - (double)nd_net_buffers(plain.net)[0]) >
                1e-7);
    clear(&plain);
    clear(&f);
}

static void the_best_epoch_of_ema_holds_the_average_too(void **state)
{
    (void)state;
    static fixture f;
    make(&f, false, "ema=0.5");
    nd_fit_params params = params_for(&f);
    params.keep_best = true;
    fit(&f, &params);
    double loss;
    assert_int_equal(nd_net_loss(f.net, f.x, f.y, 8, &loss), ND_OK);
    assert_true(fabs(loss - f.loss[f.result.best_epoch]) < 1e-6);
    clear(&f);
}

static void batches_to_collect_count_from_one(void **state)
{
    (void)state;
    static fixture f;
    make(&f, true, NULL);
    assert_int_equal(nd_net_collect(f.net, f.x, ROWS, 0), ND_ERR_ARGUMENT);
    assert_int_equal(nd_net_collect(f.net, f.x, ROWS + 1, 1), ND_ERR_SHAPE);
    assert_int_equal(nd_net_collect(f.net, f.x, 10, 1), ND_OK);
    nd_real first = nd_net_buffers(f.net)[0];
    assert_int_equal(nd_net_collect(f.net, f.x + 10 * INPUTS, 10, 1), ND_OK);
    nd_real second = nd_net_buffers(f.net)[0];
    assert_int_equal(nd_net_collect(f.net, f.x, 10, 2), ND_OK);
    assert_true(fabs((double)nd_net_buffers(f.net)[0] - ((double)first + (double)second) / 2) <
                1e-6);
    clear(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swa_ends_with_the_mean_over_epochs),
        cmocka_unit_test(swa_takes_one_epoch_of_each_cycle),
        cmocka_unit_test(swa_holds_the_rate_of_its_start_or_takes_its_own),
        cmocka_unit_test(swa_finds_the_statistics_of_batch_normalization_anew),
        cmocka_unit_test(ema_is_what_is_validated_and_kept),
        cmocka_unit_test(the_best_epoch_of_ema_holds_the_average_too),
        cmocka_unit_test(batches_to_collect_count_from_one),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
