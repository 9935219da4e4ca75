/* The workspace: what is in use at the same time does not overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "net/plan.h"

static void pieces_of_different_times_share_memory(void **state)
{
    (void)state;
    nd_ctx *ctx;
    size_t total;
    nd_piece piece[] = {{.size = 100, .first = 0, .last = 1},
                        {.size = 60, .first = 1, .last = 2},
                        {.size = 100, .first = 2, .last = 3},
                        {.size = 0, .first = 0, .last = 9}};
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_layout(ctx, piece, 4, &total), ND_OK);
    assert_int_equal(total, 160);
    assert_int_equal(piece[0].offset, 0);
    assert_int_equal(piece[1].offset, 100);
    assert_int_equal(piece[2].offset, 0);
    nd_ctx_destroy(ctx);
}

static void pieces_in_use_together_never_overlap(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    nd_ctx *ctx;
    nd_piece piece[COUNT];
    size_t total, sum = 0;
    nd_rng rng = {.seed = 3};
    for (size_t i = 0; i < COUNT; i++) {
        size_t first = nd_rng_bits(&rng, 3 * i) % 100;
        size_t last = first + nd_rng_bits(&rng, 3 * i + 1) % 20;
        piece[i] = (nd_piece){1 + nd_rng_bits(&rng, 3 * i + 2) % 50, first, last, 0};
        sum += piece[i].size;
    }
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_layout(ctx, piece, COUNT, &total), ND_OK);
    assert_true(total < sum / 2);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(piece[i].offset + piece[i].size <= total);
        for (size_t j = 0; j < i; j++) {
            bool together = piece[i].first <= piece[j].last && piece[j].first <= piece[i].last;
            bool apart = piece[i].offset + piece[i].size <= piece[j].offset ||
                         piece[j].offset + piece[j].size <= piece[i].offset;
            assert_true(apart || !together);
        }
    }
    nd_ctx_destroy(ctx);
}

static void a_layout_beyond_memory_is_refused(void **state)
{
    (void)state;
    nd_ctx *ctx;
    size_t total;
    nd_piece piece[] = {{.size = SIZE_MAX / 2 + 1, .last = 1}, {.size = SIZE_MAX / 2 + 1}};
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_layout(ctx, piece, 2, &total), ND_ERR_SHAPE);
    nd_ctx_destroy(ctx);
}

/* input -> dense -> relu -> dense -> relu -> dense: the activations are part of
 * their dense layers, so results and gradients take three pieces each, and the
 * gradients of the two hidden results are not in use at the same time. */
static void activations_take_no_memory_of_their_own(void **state)
{
    (void)state;
    nd_ctx *ctx;
    nd_desc *desc;
    nd_net *net;
    assert_int_equal(nd_ctx_create(&ctx, 1), ND_OK);
    assert_int_equal(nd_desc_create(ctx, 16, &desc), ND_OK);
    static const char *const layer[][2] = {{"dense", "units=32"},
                                           {"relu", ""},
                                           {"dense", "units=32"},
                                           {"relu", ""},
                                           {"dense", "units=16"}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(nd_desc_add(desc, layer[i][0], layer[i][1]), ND_OK);
    }
    assert_int_equal(nd_net_create(ctx, desc, "mse", 10, 1, &net), ND_OK);
    assert_true(net->plan.step[1].skip && net->plan.step[3].skip);
    assert_ptr_equal(net->plan.step[0].io.y, net->plan.step[1].io.y);
    assert_ptr_equal(net->plan.step[0].io.gy, net->plan.step[1].io.gy);
    assert_true(net->plan.step[0].io.gx[0] == NULL);
    assert_true(net->plan.size <= 10 * (32 + 32 + 16 + 16 + 32 + 32));
    nd_net_destroy(net);
    nd_desc_destroy(desc);
    nd_ctx_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_different_times_share_memory),
        cmocka_unit_test(pieces_in_use_together_never_overlap),
        cmocka_unit_test(a_layout_beyond_memory_is_refused),
        cmocka_unit_test(activations_take_no_memory_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
