/* The embedding by hand, and its sums at every number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "net/net.h"

enum { ROWS = 300, WORDS = 7, DIMS = 37, WIDTH = DIMS + 1 };

static void rows_take_the_place_of_their_numbers(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 3, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "embedding", "words=2, dims=2, column=1"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", 5, 1, &net), ND_OK);
    assert_int_equal(nd_net_outputs(net), 4);
    const nd_real table[4] = {10, 20, 30, 40};
    const nd_real x[15] = {5, 1, 7, 6, 0, 8, 1, -1, 2, 3, 2, 4, 3, (nd_real)1e30, 4};
    const nd_real expected[20] = {5, 30, 40, 7, 6, 10, 20, 8, 1, 0, 0, 2, 3, 0, 0, 4, 3, 0, 0, 4};
    nd_real y[20];
    memcpy(nd_net_parameters(net), table, sizeof table);
    assert_int_equal(nd_net_forward(net, x, 5, y), ND_OK);
    for (size_t i = 0; i < 20; i++) {
        assert_true(y[i] == expected[i]);
    }
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

/* Gradient of the table after a full batch has been there before. */
static void gradient_of(int threads, size_t rows, nd_real *gradient)
{
    static nd_real x[ROWS * 2], y[ROWS * WIDTH];
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    double loss;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        y[i] = (nd_real)((double)(i * 37 % 101) / 50 - 1);
    }
    for (size_t r = 0; r < ROWS; r++) {
        x[2 * r] = (nd_real)(r * r % WORDS);
        x[2 * r + 1] = 1;
    }
    assert_int_equal(nd_ctx_create(&ctx, threads), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 2, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "embedding", "words=7, dims=37"), ND_OK);
    assert_int_equal(nd_net_create(ctx, desc, "mse", ROWS, 1, &net), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, ROWS, &loss), ND_OK);
    assert_int_equal(nd_net_gradient(net, x, y, rows, &loss), ND_OK);
    memcpy(gradient, nd_net_gradients(net), WORDS * DIMS * sizeof *gradient);
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

static void only_rows_of_the_batch_have_a_gradient(void **state)
{
    (void)state;
    nd_real gradient[WORDS * DIMS];
    gradient_of(1, 3, gradient); /* words 0, 1, 4 */
    for (size_t k = 0; k < WORDS; k++) {
        nd_real sum = 0;
        for (size_t j = 0; j < DIMS; j++) {
            nd_real g = gradient[k * DIMS + j];
            sum += g < 0 ? -g : g;
        }
        assert_int_equal(sum > 0, k == 0 || k == 1 || k == 4);
    }
}

static void the_gradient_has_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    nd_real one[WORDS * DIMS], more[WORDS * DIMS];
    gradient_of(1, ROWS, one);
    for (int threads = 2; threads <= 8; threads++) {
        gradient_of(threads, ROWS, more);
        assert_memory_equal(one, more, sizeof one);
    }
}

static void a_column_that_the_input_lacks_is_refused(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 3, &desc), ND_OK);
    assert_int_equal(nd_desc_add(desc, "embedding", "words=2, column=3"), ND_ERR_SHAPE);
    assert_string_equal(nd_ctx_message(ctx), "layer embedding: column 3, but its input has 3");
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_take_the_place_of_their_numbers),
        cmocka_unit_test(only_rows_of_the_batch_have_a_gradient),
        cmocka_unit_test(the_gradient_has_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(a_column_that_the_input_lacks_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
