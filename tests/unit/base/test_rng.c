#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"

/* Known answers of Random123 1.14 (kat_vectors, philox4x32 with 10 rounds). */
static void philox_gives_the_published_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        nd_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].want, sizeof out);
    }
}

/* One bit of any input flips: the counter and key must change. */
static void counter_and_key_tell_all_inputs_apart(void **state)
{
    (void)state;
    const nd_rng zero = {0};
    uint32_t base[6], other[6];
    nd_rng_counter(&zero, 0, base, base + 4);
    for (int bit = 0; bit < 64 + 32 + 48 + 48; bit++) {
        nd_rng rng = {0};
        uint64_t block = 0;
        if (bit < 64) {
            rng.seed = UINT64_C(1) << bit;
        } else if (bit < 96) {
            rng.stream = UINT32_C(1) << (bit - 64);
        } else if (bit < 144) {
            rng.step = UINT64_C(1) << (bit - 96);
        } else {
            block = UINT64_C(1) << (bit - 144);
        }
        nd_rng_counter(&rng, block, other, other + 4);
        int flipped = 0;
        for (int i = 0; i < 6; i++) {
            flipped += __builtin_popcount(base[i] ^ other[i]);
        }
        assert_int_equal(flipped, 1);
    }
}

static void bulk_fill_equals_single_words(void **state)
{
    (void)state;
    const nd_rng rng = {.seed = 42, .stream = 7, .step = 9};
    for (uint64_t first = 0; first < 6; first++) {
        for (size_t n = 0; n < 11; n++) {
            uint32_t word[12] = {0};
            nd_rng_fill(&rng, first, word, n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(word[i], nd_rng_bits(&rng, first + i));
            }
            assert_int_equal(word[n], 0);
        }
    }
}

/* Mean and variance within five standard errors of those of the distribution. */
static void uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    const nd_rng rng = {.seed = 1, .stream = ND_STREAM_NOISE};
    double u = 0, uu = 0, z = 0, zz = 0;
    for (uint64_t i = 0; i < N; i++) {
        double uniform = nd_rng_uniform(&rng, i), normal = nd_rng_normal(&rng, i);
        assert_true(uniform >= 0 && uniform < 1);
        u += uniform / N;
        uu += uniform * uniform / N;
        z += normal / N;
        zz += normal * normal / N;
    }
    assert_true(fabs(u - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(uu - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
    assert_true(fabs(z) < 5 / sqrt(N));
    assert_true(fabs(zz - 1) < 5 * sqrt(2.0 / N));
}

static void shuffle_is_a_permutation_that_depends_on_the_step(void **state)
{
    (void)state;
    enum { N = 1000 };
    uint32_t a[N], b[N], seen[N] = {0};
    nd_rng rng = {.seed = 3, .stream = ND_STREAM_SHUFFLE};
    for (uint32_t i = 0; i < N; i++) {
        a[i] = b[i] = i;
    }
    nd_rng_shuffle(&rng, a, N);
    rng.step = 1;
    nd_rng_shuffle(&rng, b, N);
    assert_memory_not_equal(a, b, sizeof a);
    for (int i = 0; i < N; i++) {
        assert_true(a[i] < N);
        seen[a[i]]++;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(seen[i], 1);
    }
}

/* All 24 orders of four come up equally often: chi-square with 23 degrees of
 * freedom stays under 58 but once in ten thousand. */
static void shuffle_favours_no_order(void **state)
{
    (void)state;
    enum { RUNS = 24000 };
    double count[256] = {0}, chi = 0;
    for (uint64_t step = 0; step < RUNS; step++) {
        nd_rng rng = {.seed = 8, .step = step};
        uint32_t x[4] = {0, 1, 2, 3};
        nd_rng_shuffle(&rng, x, 4);
        count[x[0] | x[1] << 2 | x[2] << 4 | x[3] << 6]++;
    }
    for (int i = 0; i < 256; i++) {
        chi += count[i] > 0 ? (count[i] - 1000) * (count[i] - 1000) / 1000 : 0;
    }
    assert_true(chi < 58);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(counter_and_key_tell_all_inputs_apart),
        cmocka_unit_test(bulk_fill_equals_single_words),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(shuffle_is_a_permutation_that_depends_on_the_step),
        cmocka_unit_test(shuffle_favours_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
