/* Errors of the activations' kernels against long double, in units of the last place of
 * the result or, where it passes through 0 by cancelling, of 1. */
#include "kern_test.h"

typedef struct bound {
    nd_act act;
    const char *name;
    double slope;        /* alpha of elu */
    double above, below; /* largest error in units of the last place for x above and below 0 */
} bound;

/* Below 0, gelu's error is that of exp(-x^2/2), some x^2/4 units; it is stated to -4. */
static const bound bounds[] = {
    {ND_ACT_HARD_SIGMOID, "hard_sigmoid", 0, 2, 5},
    {ND_ACT_SOFTSIGN, "softsign", 0, 2, 2},
    {ND_ACT_SOFTPLUS, "softplus", 0, 3, 4},
    {ND_ACT_ELU, "elu", 1, 0.5, 2},
    {ND_ACT_SELU, "selu", 0, 2, 3},
    {ND_ACT_GELU, "gelu", 0, 5, 8},
    {ND_ACT_SILU, "silu", 0, 3, 3},
    {ND_ACT_MISH, "mish", 0, 4, 6},
};

static double unit_of(double value)
{
    int exponent;
    frexp(value, &exponent);
#ifdef ND_REAL_DOUBLE
    return ldexp(1, exponent - 53);
#else
    return ldexp(1, exponent < -125 ? -149 : exponent - 24);
#endif
}

/* Largest error over x = sign * (1/256, 2/256, ... 4) times a factor that is no fraction. */
static double worst(const nd_isa *isa, const bound *b, double sign)
{
    enum { N = 1024 };
    nd_real x[N], y[N];
    double most = 0;
    for (size_t i = 0; i < N; i++) {
        x[i] = (nd_real)(sign * 0.9973 * (double)(i + 1) / 256);
    }
    isa->act(b->act, (nd_real)b->slope, N, x, y);
    for (size_t i = 0; i < N; i++) {
        double want = (double)nd_ref_act_value(b->act, (long double)b->slope, (long double)x[i]);
        if (want != 0) {
            most = fmax(most, fabs((double)y[i] - want) / unit_of(want));
        } else {
            assert_true(y[i] == 0);
        }
    }
    return most;
}

static void activations_are_within_their_stated_errors(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t k = 0; k < sizeof bounds / sizeof bounds[0]; k++) {
            const bound *b = &bounds[k];
            double above = worst(nd_isa_at(i), b, 1), below = worst(nd_isa_at(i), b, -1);
            printf("%s %s: %.2f units above zero, %.2f below\n", nd_isa_at(i)->name, b->name, above,
                   below);
            assert_true(above <= b->above && below <= b->below);
        }
    }
}

/* Values of scipy 1.10: x ndtr(x). */
static void gelu_has_its_published_values(void **state)
{
    (void)state;
    const nd_real x[] = {-3, -1, (nd_real)-0.5, 0, (nd_real)0.5, 1, 3};
    const double want[] = {-0.00404969409489028, -0.15865525393145707, -0.15426876936299344, 0,
                           0.34573123063700656,  0.8413447460685429,   2.99595030590511};
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_real y[7];
        nd_isa_at(i)->act(ND_ACT_GELU, 0, 7, x, y);
        for (size_t k = 0; k < 7; k++) {
            assert_true(fabs((double)y[k] - want[k]) <= 8 * ND_TEST_EPS * fabs(want[k]) + 1e-15);
        }
    }
}

static void large_inputs_reach_the_limits(void **state)
{
    (void)state;
    static const nd_act one_sided[] = {ND_ACT_SOFTPLUS, ND_ACT_GELU, ND_ACT_GELU_TANH,
                                       ND_ACT_SILU,     ND_ACT_MISH, ND_ACT_ELU};
    const nd_real x[] = {1000, -1000, (nd_real)NAN};
    for (size_t i = 0; nd_isa_at(i); i++) {
        for (size_t k = 0; k < sizeof one_sided / sizeof one_sided[0]; k++) {
            nd_real y[3], g[3] = {1, 1, 1};
            nd_isa_at(i)->act(one_sided[k], 0, 3, x, y);
            assert_true(y[0] == 1000 && fabs((double)y[1]) < 1e-30 && isnan(y[2]));
            const nd_real *from = nd_act_from_result(one_sided[k]) ? y : x;
            nd_isa_at(i)->act_back(one_sided[k], 0, 2, from, g, g);
            assert_true(fabs((double)g[0] - 1) < 1e-6 && fabs((double)g[1]) < 1e-30);
        }
        const nd_real without_end = (nd_real)INFINITY;
        nd_real same;
        nd_isa_at(i)->act(ND_ACT_GELU, 0, 1, &without_end, &same);
        assert_true(isinf(same) && same > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_are_within_their_stated_errors),
        cmocka_unit_test(gelu_has_its_published_values),
        cmocka_unit_test(large_inputs_reach_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
