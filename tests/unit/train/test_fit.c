/* The loop, seen from what it tells its observer and leaves in the network. */
#include "train/fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

enum { ROWS = 6, EVENTS = 64, BLOCK = 64 };

static const nd_real ramp[ROWS] = {-3, -2, -1, 1, 2, 3}, fall[ROWS] = {3, 2, 1, -1, -2, -3};
static nd_ctx *ctx;

/* What an observer saw, by epoch from 0. */
typedef struct seen {
    nd_net *net;
    size_t epochs;
    long stop_at; /* epoch after which to ask for a stop; 0: never */
    double train[EVENTS], valid[EVENTS], lr[EVENTS];
    unsigned long calls[EVENTS]; /* of the allocator */
    nd_real param[EVENTS][BLOCK], buffer[EVENTS][BLOCK];
} seen;

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
    seen *s = user;
    if (event->kind != ND_EVENT_EPOCH) {
        return 0;
    }
    size_t i = s->epochs++;
    assert_true(i < EVENTS);
    s->train[i] = event->train_loss;
    s->valid[i] = event->valid_loss;
    s->lr[i] = event->lr;
    s->calls[i] = nd_alloc_calls();
    memcpy(s->param[i], nd_net_parameters(s->net), nd_net_size(s->net) * sizeof(nd_real));
    memcpy(s->buffer[i], nd_net_buffers(s->net), nd_net_buffer_size(s->net) * sizeof(nd_real));
    return s->stop_at > 0 && event->epoch >= s->stop_at;
}

/* One input, one output, weights from 0; with normalization if asked for. */
static nd_net *make_net(size_t max_rows, bool normalized)
{
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_desc_create(ctx, 1, &desc), ND_OK);
    if (normalized) {
        assert_int_equal(nd_desc_add(desc, "batchnorm", NULL), ND_OK);
    }
    assert_int_equal(nd_desc_add(desc, "dense", "units=1, init=zeros"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", max_rows, 1, &net), ND_OK);
    assert_true(nd_net_size(net) <= BLOCK && nd_net_buffer_size(net) <= BLOCK);
    nd_desc_destroy(desc);
    return net;
}

static nd_fit_params slow(long epochs)
{
    return (nd_fit_params){
        .epochs = epochs,
        .lr = 0.01,
        .schedule = {.class = nd_schedule_find("constant")},
        .seed = 1,
        .keep_best = true,
        .observe = watch,
    };
}

/* Fit y on the ramp; valid_y NULL: no validation. */
static nd_status fit(nd_net *net, nd_fit_params *params, const nd_real *y, const nd_real *valid_y,
                     seen *s, nd_fit_result *result)
{
    nd_source *train, *valid = NULL;
    nd_optimizer *optimizer;
    s->net = net;
    params->user = s;
    assert_int_equal(nd_source_from_arrays(ctx, ramp, y, ROWS, 1, 1, &train), ND_OK);
    if (valid_y) {
        assert_int_equal(nd_source_from_arrays(ctx, ramp, valid_y, ROWS, 1, 1, &valid), ND_OK);
    }
    assert_int_equal(nd_optimizer_create(net, "sgd", NULL, &optimizer), ND_OK);
    nd_status status = nd_fit(net, optimizer, train, valid, params, result);
    nd_optimizer_destroy(optimizer);
    nd_source_destroy(valid);
    nd_source_destroy(train);
    return status;
}

/* Learning the ramp makes the fall worse: the first epoch is the best. */
static void patience_counts_epochs_since_the_best_validation_loss(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(50);
    params.patience = 3;
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_int_equal(result.epochs, 4);
    assert_int_equal(result.best_epoch, 1);
    assert_true(result.best_loss == s.valid[0] && result.last_loss == s.valid[3]);
    assert_string_equal(result.why, "the validation loss stopped improving");
    assert_memory_equal(nd_net_parameters(net), s.param[0], nd_net_size(net) * sizeof(nd_real));
    assert_memory_not_equal(s.param[0], s.param[3], nd_net_size(net) * sizeof(nd_real));
    nd_net_destroy(net);
}

static void the_best_running_statistics_come_back_as_well(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, true);
    nd_fit_params params = slow(5);
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_int_equal(result.best_epoch, 1);
    size_t bytes = nd_net_buffer_size(net) * sizeof(nd_real);
    assert_memory_equal(nd_net_buffers(net), s.buffer[0], bytes);
    assert_memory_not_equal(s.buffer[0], s.buffer[4], bytes);
    nd_net_destroy(net);
}

static void without_best_the_last_weights_stay(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(5);
    params.keep_best = false;
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_int_equal(result.best_epoch, 5);
    assert_memory_equal(nd_net_parameters(net), s.param[4], nd_net_size(net) * sizeof(nd_real));
    nd_net_destroy(net);
}

/* The loss falls in every epoch, but never by as much as asked for. */
static void a_fall_below_min_delta_is_no_improvement(void **state)
{
    (void)state;
    seen s = {0}, t = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(10);
    params.patience = 2;
    params.min_delta = 100;
    assert_int_equal(fit(net, &params, ramp, NULL, &s, &result), ND_OK);
    assert_int_equal(result.epochs, 3);
    assert_true(s.train[2] < s.train[1] && s.train[1] < s.train[0]);
    assert_string_equal(result.why, "the training loss stopped improving");
    params.min_delta = 0;
    assert_int_equal(fit(net, &params, ramp, NULL, &t, &result), ND_OK);
    assert_int_equal(result.epochs, 10);
    assert_int_equal(result.best_epoch, 10);
    nd_net_destroy(net);
}

static void training_ends_once_its_loss_is_under_the_target(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(EVENTS);
    params.lr = 0.05;
    params.target_loss = 0.5;
    assert_int_equal(fit(net, &params, ramp, NULL, &s, &result), ND_OK);
    assert_true(result.epochs > 1 && result.epochs < EVENTS);
    assert_true(result.train_loss <= 0.5);
    assert_true(s.train[result.epochs - 2] > 0.5);
    assert_string_equal(result.why, "the training loss reached its target");
    nd_net_destroy(net);
}

/* Batches of 4 and 2 rows; a rate that moves nothing. mean y^2 = 28 / 6. */
static void the_loss_of_an_epoch_is_the_mean_over_rows(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(4, false);
    nd_fit_params params = slow(3);
    params.batch_size = 4;
    params.lr = 1e-30;
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_int_equal(result.steps, 6);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(s.train[i] - 28.0 / 6) < 1e-6);
        assert_true(fabs(s.valid[i] - 28.0 / 6) < 1e-6);
    }
    nd_net_destroy(net);
}

/* lr_t = lr (1 + cos(pi t / 4)) / 2 for t = 0..3. */
static void the_rate_follows_its_schedule(void **state)
{
    (void)state;
    static const double share[] = {1, 0.85355339059327376, 0.5, 0.14644660940672624};
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(4);
    params.schedule.class = nd_schedule_find("cosine");
    assert_int_equal(fit(net, &params, ramp, NULL, &s, &result), ND_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(fabs(s.lr[i] - 0.01 * share[i]) < 1e-12);
    }
    nd_net_destroy(net);
}

static void epochs_do_not_allocate(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, true);
    nd_fit_params params = slow(20);
    params.batch_size = 2;
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_int_equal(s.epochs, 20);
    assert_true(s.calls[0] > 0 && s.calls[0] == s.calls[19]);
    nd_net_destroy(net);
}

static void an_observer_can_stop_with_the_best_weights(void **state)
{
    (void)state;
    seen s = {.stop_at = 3};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(20);
    assert_int_equal(fit(net, &params, ramp, fall, &s, &result), ND_OK);
    assert_true(result.interrupted);
    assert_int_equal(result.epochs, 3);
    assert_memory_equal(nd_net_parameters(net), s.param[0], nd_net_size(net) * sizeof(nd_real));
    nd_net_destroy(net);
}

static void a_rate_that_diverges_leaves_finite_weights(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(ROWS, false);
    nd_fit_params params = slow(EVENTS);
    params.lr = 1e10;
    assert_int_equal(fit(net, &params, ramp, NULL, &s, &result), ND_ERR_DIVERGED);
    assert_string_equal(result.why, "diverged");
    assert_non_null(strstr(nd_ctx_message(ctx), "try a tenth of it"));
    for (size_t i = 0; i < nd_net_size(net); i++) {
        assert_true(isfinite(nd_net_parameters(net)[i]));
    }
    nd_net_destroy(net);
}

/* A source that notes the order in which rows are asked for. */
typedef struct noting {
    nd_source base;
    size_t *count;
    uint32_t *order; /* [EVENTS * ROWS] */
} noting;

static void note(const nd_source *source, const uint32_t *index, size_t first, size_t count,
                 nd_real *x, nd_real *y)
{
    const noting *n = (const noting *)source;
    for (size_t i = 0; i < count; i++) {
        size_t row = index ? index[i] : first + i;
        n->order[(*n->count)++] = (uint32_t)row;
        x[i] = ramp[row];
        y[i] = ramp[row];
    }
}

static void each_epoch_visits_every_row_once_in_another_order(void **state)
{
    (void)state;
    uint32_t order[EVENTS * ROWS];
    size_t count = 0, repeats = 0;
    noting source = {
        {.rows = ROWS, .features = 1, .label_width = 1, .gather = note}, &count, order};
    nd_net *net = make_net(ROWS, false);
    nd_optimizer *optimizer;
    nd_fit_result result;
    nd_fit_params params = slow(8);
    params.observe = NULL;
    params.batch_size = 2;
    assert_int_equal(nd_optimizer_create(net, "sgd", NULL, &optimizer), ND_OK);
    assert_int_equal(nd_fit(net, optimizer, &source.base, NULL, &params, &result), ND_OK);
    assert_int_equal(count, 8 * ROWS);
    for (size_t e = 0; e < 8; e++) {
        unsigned rows = 0;
        for (size_t i = 0; i < ROWS; i++) {
            rows |= 1u << order[e * ROWS + i];
        }
        assert_int_equal(rows, (1u << ROWS) - 1);
        repeats += e > 0 && memcmp(order, order + e * ROWS, ROWS * sizeof *order) == 0;
    }
    assert_true(repeats < 2);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
}

static void batches_beyond_the_plan_are_refused(void **state)
{
    (void)state;
    seen s = {0};
    nd_fit_result result;
    nd_net *net = make_net(4, false);
    nd_fit_params params = slow(1);
    assert_int_equal(fit(net, &params, ramp, NULL, &s, &result), ND_ERR_SHAPE);
    assert_non_null(strstr(nd_ctx_message(ctx), "batches of 6 rows"));
    nd_net_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patience_counts_epochs_since_the_best_validation_loss),
        cmocka_unit_test(the_best_running_statistics_come_back_as_well),
        cmocka_unit_test(without_best_the_last_weights_stay),
        cmocka_unit_test(a_fall_below_min_delta_is_no_improvement),
        cmocka_unit_test(training_ends_once_its_loss_is_under_the_target),
        cmocka_unit_test(the_loss_of_an_epoch_is_the_mean_over_rows),
        cmocka_unit_test(the_rate_follows_its_schedule),
        cmocka_unit_test(epochs_do_not_allocate),
        cmocka_unit_test(an_observer_can_stop_with_the_best_weights),
        cmocka_unit_test(a_rate_that_diverges_leaves_finite_weights),
        cmocka_unit_test(each_epoch_visits_every_row_once_in_another_order),
        cmocka_unit_test(batches_beyond_the_plan_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
