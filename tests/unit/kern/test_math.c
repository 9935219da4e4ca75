#include "kern_test.h"

/* Size of one unit in the last place of a float near value. */
static double ulp_of(double value)
{
    int exponent;
    frexp(value, &exponent);
    return ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

typedef void map_fn(const nd_isa *isa, size_t n, const nd_real *x, nd_real *y);
typedef long double exact_fn(long double x);

static void map_exp(const nd_isa *isa, size_t n, const nd_real *x, nd_real *y)
{
    isa->exp(n, x, y);
}

static void map_tanh(const nd_isa *isa, size_t n, const nd_real *x, nd_real *y)
{
    isa->act(ND_ACT_TANH, 0, n, x, y);
}

static void map_sigmoid(const nd_isa *isa, size_t n, const nd_real *x, nd_real *y)
{
    isa->act(ND_ACT_SIGMOID, 0, n, x, y);
}

static long double logistic(long double x)
{
    return 1 / (1 + expl(-x));
}

enum { CHUNK = 4096 };

/* Largest error in ulp over floats from low to high, every step-th by its bits,
 * where the exact value is a normal number. */
static double worst_error(const nd_isa *isa, map_fn *map, exact_fn *exact, float low, float high,
                          uint32_t step)
{
    static nd_real x[CHUNK], y[CHUNK];
    uint32_t first, last;
    memcpy(&first, &low, sizeof first);
    memcpy(&last, &high, sizeof last);
    double worst = 0;
    for (uint64_t bits = first; bits <= last;) {
        size_t n = 0;
        for (; n < CHUNK && bits <= last; bits += step) {
            uint32_t one = (uint32_t)bits;
            float value;
            memcpy(&value, &one, sizeof value);
            x[n++] = (nd_real)value;
        }
        map(isa, n, x, y);
        for (size_t i = 0; i < n; i++) {
            double want = (double)exact((long double)x[i]);
            if (fabs(want) > 1.2e-38 && fabs(want) < 3.4e38) {
                worst = fmax(worst, fabs((double)y[i] - want) / ulp_of(want));
            }
        }
    }
    return worst;
}

static void check(map_fn *map, exact_fn *exact, double bound)
{
    for (size_t i = 0; nd_isa_at(i); i++) {
        double plus = worst_error(nd_isa_at(i), map, exact, 0.0f, 89.0f, 3989);
        double minus = worst_error(nd_isa_at(i), map, exact, -0.0f, -88.0f, 3989);
        printf("%s: %.2f ulp above zero, %.2f below\n", nd_isa_at(i)->name, plus, minus);
        assert_true(plus <= bound && minus <= bound);
    }
}

static void exp_is_within_its_stated_error(void **state)
{
    (void)state;
    check(map_exp, expl, 1.0);
}

static void tanh_is_within_its_stated_error(void **state)
{
    (void)state;
    check(map_tanh, tanhl, 1.3);
}

static void logistic_is_within_its_stated_error(void **state)
{
    (void)state;
    check(map_sigmoid, logistic, 2.0);
}

/* By definition of the functions. */
static void ends_of_the_range_have_their_limits(void **state)
{
    (void)state;
    const nd_real inf = (nd_real)INFINITY, nan = (nd_real)NAN;
    const nd_real x[] = {inf, -inf, nan, 0, 1000, -1000};
    nd_real e[6], t[6], s[6];
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_isa_at(i)->exp(6, x, e);
        nd_isa_at(i)->act(ND_ACT_TANH, 0, 6, x, t);
        nd_isa_at(i)->act(ND_ACT_SIGMOID, 0, 6, x, s);
        assert_true(e[0] == inf && fabs((double)e[1]) < 1e-38 && isnan(e[2]));
        assert_true(e[3] == 1 && e[4] == inf && fabs((double)e[5]) < 1e-38);
        assert_true(t[0] == 1 && t[1] == -1 && isnan(t[2]));
        assert_true(t[3] == 0 && t[4] == 1 && t[5] == -1);
        assert_true(s[0] == 1 && s[1] == 0 && isnan(s[2]));
        assert_true(s[3] == (nd_real)0.5 && s[4] == 1 && s[5] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_its_stated_error),
        cmocka_unit_test(tanh_is_within_its_stated_error),
        cmocka_unit_test(logistic_is_within_its_stated_error),
        cmocka_unit_test(ends_of_the_range_have_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
