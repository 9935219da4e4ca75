/* The adding problem (Hochreiter & Schmidhuber 1997, experiment 4) on short sequences: gated
 * layers carry a number to the end, where a network that cannot has an error of 1/6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nadir.h"

enum { ROWS = 64, TEST_ROWS = 256, LENGTH = 12, STEPS = 500 };

static nd_real x[TEST_ROWS][LENGTH][2], y[TEST_ROWS];

/* Two marked numbers, one in each half, and their sum. */
static void draw(uint64_t batch, size_t rows)
{
    nd_rng rng = {.seed = 5, .step = batch};
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * (LENGTH + 2);
        for (size_t t = 0; t < LENGTH; t++) {
            x[r][t][0] = (nd_real)nd_rng_uniform(&rng, at + t);
            x[r][t][1] = 0;
        }
        size_t first = (size_t)(nd_rng_uniform(&rng, at + LENGTH) * (LENGTH / 2));
        size_t second = (size_t)(nd_rng_uniform(&rng, at + LENGTH + 1) * (LENGTH / 2));
        second += LENGTH / 2;
        x[r][first][1] = x[r][second][1] = 1;
        y[r] = x[r][first][0] + x[r][second][0];
    }
}

/* Mean squared error on sequences that were not trained on. */
static double error_of(const char *layer)
{
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    nd_optimizer *optimizer;
    double loss;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, LENGTH * 2, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, layer, "units=16, features=2"), ND_OK);
    assert_int_equal(nd_desc_add(desc, "dense", "units=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", TEST_ROWS, 1, &net), ND_OK);
    assert_int_equal(nd_optimizer_create(net, "adam", "lr=0.01, clip_norm=1", &optimizer), ND_OK);
    for (uint64_t step = 1; step <= STEPS; step++) {
        draw(step, ROWS);
        assert_int_equal(nd_net_train(net, optimizer, &x[0][0][0], y, ROWS, &loss), ND_OK);
    }
    draw(0, TEST_ROWS);
    assert_int_equal(nd_net_loss(net, &x[0][0][0], y, TEST_ROWS, &loss), ND_OK);
    nd_optimizer_destroy(optimizer);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
    print_message("%s: %.4f\n", layer, loss);
    return loss;
}

static void an_lstm_solves_it(void **state)
{
    (void)state;
    assert_true(error_of("lstm") < 0.02);
}

static void a_gru_solves_it(void **state)
{
    (void)state;
    assert_true(error_of("gru") < 0.02);
}

/* Always 1 would have 1/6; so has a layer that sees the last step alone. */
static void the_answer_needs_the_whole_sequence(void **state)
{
    (void)state;
    double sum = 0;
    draw(0, TEST_ROWS);
    for (size_t r = 0; r < TEST_ROWS; r++) {
        sum += (double)((y[r] - 1) * (y[r] - 1)) / TEST_ROWS;
    }
    assert_true(sum > 0.14 && sum < 0.19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_needs_the_whole_sequence),
        cmocka_unit_test(an_lstm_solves_it),
        cmocka_unit_test(a_gru_solves_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
