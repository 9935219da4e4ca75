/* Update rules on published test functions, and what is taught about them: what the rate
 * does, what momentum and looking ahead do in a narrow valley, what a batch does to the
 * course of the cost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "optim/optim.h"

static const bool wide = sizeof(nd_real) == 8;

enum { MOST = 4 };

typedef double (*function)(const nd_real *w, double *grad);

typedef struct problem {
    nd_ctx *ctx;
    nd_real w[MOST], g[MOST];
    size_t size;
    function f;
    nd_optimizer *optimizer;
} problem;

static nd_ctx *ctx;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

/* Rosenbrock 1960: minimum 0 at (1, 1), at the bottom of a curved valley. */
static double rosenbrock(const nd_real *w, double *grad)
{
    double x = (double)w[0], y = (double)w[1], rise = y - x * x;
    grad[0] = -2 * (1 - x) - 400 * x * rise;
    grad[1] = 200 * rise;
    return (1 - x) * (1 - x) + 100 * rise * rise;
}

/* Beale 1958: minimum 0 at (3, 0.5). */
static double beale(const nd_real *w, double *grad)
{
    static const double target[] = {1.5, 2.25, 2.625};
    double x = (double)w[0], y = (double)w[1], sum = 0, power = 1;
    grad[0] = grad[1] = 0;
    for (int i = 0; i < 3; i++) {
        double slope = (i + 1) * power;
        power *= y;
        double away = target[i] - x * (1 - power);
        sum += away * away;
        grad[0] += 2 * away * (power - 1);
        grad[1] += 2 * away * x * slope;
    }
    return sum;
}

/* (x^2 + 100 y^2) / 2: a valley a hundred times steeper across than along. */
static double valley(const nd_real *w, double *grad)
{
    double x = (double)w[0], y = (double)w[1];
    grad[0] = x;
    grad[1] = 100 * y;
    return (x * x + 100 * y * y) / 2;
}

static double hill(const nd_real *w, double *grad)
{
    double f = -valley(w, grad);
    grad[0] = -grad[0];
    grad[1] = -grad[1];
    return f;
}

static double value(problem *p)
{
    double grad[MOST] = {0}, f = p->f(p->w, grad);
    for (size_t i = 0; i < p->size; i++) {
        p->g[i] = (nd_real)grad[i];
    }
    return f;
}

static nd_status evaluate(void *user, double *loss, bool *finite)
{
    problem *p = user;
    *loss = value(p);
    *finite = isfinite((double)p->g[0]) && isfinite((double)p->g[1]);
    return ND_OK;
}

static problem *make(problem *p, function f, const double from[2], const char *rule,
                     const char *attributes)
{
    *p = (problem){.ctx = ctx, .size = 2, .f = f, .w = {(nd_real)from[0], (nd_real)from[1]}};
    assert_int_equal(nd_optimizer_on_block(ctx, rule, attributes, p->size, p->w, p->g, NULL, 0,
                                           &p->optimizer),
                     ND_OK);
    return p;
}

static nd_status step(problem *p)
{
    if (nd_optimizer_searches(p->optimizer)) {
        return nd_optimizer_search(p->optimizer, value(p), evaluate, p);
    }
    assert_int_equal(nd_optimizer_look_ahead(p->optimizer), ND_OK);
    value(p);
    return nd_optimizer_step(p->optimizer);
}

/* Steps until f is at or under goal, most + 1 if it never is. */
static unsigned steps_to(problem *p, double goal, unsigned most)
{
    double grad[MOST];
    for (unsigned i = 0; i <= most; i++) {
        if (p->f(p->w, grad) <= goal) {
            return i;
        }
        if (step(p) != ND_OK) {
            return most + 1;
        }
    }
    return most + 1;
}

typedef struct run {
    const char *rule, *attributes;
    unsigned rosenbrock, beale, valley; /* most steps; 0: the rule is not fit for it */
} run;

/* Rates as one would choose them by hand. The steps of adadelta end no smaller than about
 * lr sqrt(eps): in Rosenbrock's narrow valley, which bends, they must be small. */
static const run runs[] = {
    {"sgd", "lr=0.001", 40000, 150000, 12000},
    {"momentum", "lr=0.0005, momentum=0.9", 12000, 3000, 3000},
    {"nesterov", "lr=0.0005, momentum=0.9", 12000, 3000, 3000},
    {"nesterov_pytorch", "lr=0.0005, momentum=0.9", 12000, 3000, 3000},
    {"adagrad", "lr=0.5", 40000, 3000, 1000},
    {"rmsprop", "lr=0.0003, alpha=0.9", 20000, 30000, 8000},
    {"rmsprop", "lr=0.0003, momentum=0.5, centered=true", 20000, 30000, 8000},
    {"adadelta", "lr=0.3, rho=0.9, eps=1e-4", 0, 2000, 2000},
    {"adadelta", "lr=0.1, rho=0.9, eps=1e-8", 20000, 0, 0},
    {"adam", "lr=0.02", 8000, 3000, 3000},
    {"adamw", "lr=0.02", 8000, 3000, 3000},
    {"amsgrad", "lr=0.02", 20000, 5000, 3000},
    {"nadam", "lr=0.02", 8000, 3000, 3000},
    {"lion", "lr=0.0003", 20000, 30000, 8000},
    {"rprop", "lr=0.1", 20000, 500, 200},
    {"lbfgs", NULL, 60, 40, 40},
};

static void reaches(const run *r, const char *name, function f, const double from[2], unsigned most)
{
    problem p;
    if (most == 0) {
        return;
    }
    unsigned steps = steps_to(make(&p, f, from, r->rule, r->attributes), 1e-4, most);
    nd_optimizer_destroy(p.optimizer);
    if (steps > most) {
        fail_msg("%s %s does not minimize %s in %u steps: (%g, %g)", r->rule,
                 r->attributes ? r->attributes : "", name, most, (double)p.w[0], (double)p.w[1]);
    }
}

static void every_rule_minimizes_published_functions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        reaches(&runs[i], "rosenbrock", rosenbrock, (const double[]){-1.2, 1}, runs[i].rosenbrock);
        reaches(&runs[i], "beale", beale, (const double[]){1, 1}, runs[i].beale);
        reaches(&runs[i], "valley", valley, (const double[]){1, 1}, runs[i].valley);
    }
}

static void every_rule_is_among_them(void **state)
{
    (void)state;
    size_t count;
    const nd_optim_class *const *table = nd_optim_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) {
            found = found || strcmp(runs[k].rule, table[i]->name) == 0;
        }
        if (!found) {
            fail_msg("%s is on no test function", table[i]->name);
        }
    }
}

static void every_rule_climbs_when_told_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        char attributes[128];
        problem up, down;
        snprintf(attributes, sizeof attributes, "maximize=true%s%s", runs[i].attributes ? ", " : "",
                 runs[i].attributes ? runs[i].attributes : "");
        make(&up, hill, (const double[]){1, 1}, runs[i].rule, attributes);
        make(&down, valley, (const double[]){1, 1}, runs[i].rule, runs[i].attributes);
        for (int k = 0; k < 20; k++) {
            assert_int_equal(step(&up), ND_OK);
            assert_int_equal(step(&down), ND_OK);
            assert_memory_equal(up.w, down.w, sizeof up.w);
        }
        assert_true((double)up.w[1] < 1);
        nd_optimizer_destroy(up.optimizer);
        nd_optimizer_destroy(down.optimizer);
    }
}

/* Step count and states are all that a run goes on from, to the bit. */
static void a_run_goes_on_from_its_states_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        problem whole, first, rest;
        const double from[] = {-1.2, 1};
        make(&whole, rosenbrock, from, runs[i].rule, runs[i].attributes);
        make(&first, rosenbrock, from, runs[i].rule, runs[i].attributes);
        for (int k = 0; k < 24; k++) {
            assert_int_equal(step(&whole), ND_OK);
            assert_int_equal(k < 11 ? step(&first) : ND_OK, ND_OK);
        }
        make(&rest, rosenbrock, from, runs[i].rule, runs[i].attributes);
        memcpy(rest.w, first.w, sizeof rest.w);
        nd_optimizer_set_steps(rest.optimizer, nd_optimizer_steps(first.optimizer));
        for (size_t s = 0; s < nd_optimizer_states(rest.optimizer); s++) {
            memcpy(nd_optimizer_state(rest.optimizer, s), nd_optimizer_state(first.optimizer, s),
                   2 * sizeof(nd_real));
        }
        for (int k = 11; k < 24; k++) {
            assert_int_equal(step(&rest), ND_OK);
        }
        assert_memory_equal(rest.w, whole.w, sizeof rest.w);
        nd_optimizer_destroy(whole.optimizer);
        nd_optimizer_destroy(first.optimizer);
        nd_optimizer_destroy(rest.optimizer);
    }
}

static void no_rule_allocates_in_a_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        problem p;
        make(&p, beale, (const double[]){1, 1}, runs[i].rule, runs[i].attributes);
        unsigned long before = nd_alloc_calls();
        for (int k = 0; k < 12; k++) {
            assert_int_equal(step(&p), ND_OK);
        }
        assert_true(nd_alloc_calls() == before);
        nd_optimizer_destroy(p.optimizer);
    }
}

/* Descent on f'' = 100 converges for rates under 2/100 (Bottou et al. 2018, section 4):
 * slowly far below, in the fewest steps at 2/(1 + 100), with changing signs above 1/100. */
static unsigned steps_at(double lr, double *across)
{
    char attributes[64];
    problem p;
    snprintf(attributes, sizeof attributes, "lr=%g", lr);
    make(&p, valley, (const double[]){1, 1}, "sgd", attributes);
    assert_int_equal(step(&p), ND_OK);
    *across = (double)p.w[1];
    unsigned steps = 1 + steps_to(&p, 1e-4, 20000);
    nd_optimizer_destroy(p.optimizer);
    return steps;
}

static void a_rate_can_be_too_small_right_too_high_and_diverging(void **state)
{
    (void)state;
    double across;
    unsigned small = steps_at(0.0005, &across);
    assert_true(across > 0);
    unsigned right = steps_at(2.0 / 101, &across);
    unsigned high = steps_at(0.01999, &across);
    assert_true(across < -0.99);
    unsigned diverging = steps_at(0.0201, &across);
    assert_true(across < -1);
    assert_true(right < 400 && small > 20 * right && high > 10 * right);
    assert_true(diverging == 20002);
}

/* Largest rise over the minimum on the far side, across the valley; and steps. */
static unsigned cross(const char *rule, const char *attributes, double *overshoot)
{
    problem p;
    unsigned last = 0;
    make(&p, valley, (const double[]){1, 1}, rule, attributes);
    *overshoot = 0;
    for (unsigned i = 1; i <= 400; i++) {
        assert_int_equal(step(&p), ND_OK);
        double grad[MOST];
        *overshoot = fmax(*overshoot, -(double)p.w[1]);
        last = p.f(p.w, grad) > 1e-4 ? i : last;
    }
    nd_optimizer_destroy(p.optimizer);
    return last + 1;
}

static void looking_ahead_saves_steps_and_overshoots_less(void **state)
{
    (void)state;
    double plain, ahead, form;
    unsigned momentum = cross("momentum", "lr=0.009, momentum=0.9", &plain);
    unsigned nesterov = cross("nesterov", "lr=0.009, momentum=0.9", &ahead);
    unsigned pytorch = cross("nesterov_pytorch", "lr=0.009, momentum=0.9", &form);
    print_message("valley: momentum %u steps, overshoot %.3f; nesterov %u steps, %.3f; "
                  "nesterov_pytorch %u steps, %.3f\n",
                  momentum, plain, nesterov, ahead, pytorch, form);
    assert_true(nesterov < momentum && ahead < plain / 2);
    assert_true(pytorch < momentum && form < plain);
}

/* Least squares of 64 points on a line with noise: the gradient of any of them. */
enum { POINTS = 64 };

typedef struct line {
    double x[POINTS], y[POINTS];
    nd_real w[2], g[2];
} line;

/* With rise=2: gamma is 1/2 in steps 1 and 2, 3/4 in 3 and 4, and then what is asked for.
 * f = x has gradient 1, so that v, the step, is worked by hand. */
static double slope_one(const nd_real *w, double *grad)
{
    grad[0] = 1;
    return (double)w[0];
}

static void momentum_rises_in_stages(void **state)
{
    (void)state;
    static const double v[] = {1, 1.5, 2.125, 2.59375, 3.0750, 3.46};
    static const char *const rule[] = {"momentum", "nesterov"};
    for (size_t k = 0; k < 2; k++) {
        problem p;
        double x = 0;
        make(&p, slope_one, (const double[]){0, 0}, rule[k], "lr=1, momentum=0.8, rise=2");
        for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
            assert_int_equal(step(&p), ND_OK);
            x -= v[i];
            assert_true(fabs((double)p.w[0] - x) < 1e-5);
        }
        nd_optimizer_destroy(p.optimizer);
    }
}

static void make_line(line *l)
{
    nd_rng rng = {.seed = 3};
    *l = (line){.w = {0, 0}};
    for (uint64_t i = 0; i < POINTS; i++) {
        l->x[i] = 2 * nd_rng_uniform(&rng, i) - 1;
        l->y[i] = 1 + 2 * l->x[i] + 0.5 * nd_rng_normal(&rng, 1000 + i);
    }
}

static double cost(const line *l)
{
    double sum = 0;
    for (int i = 0; i < POINTS; i++) {
        double away = (double)l->w[0] + (double)l->w[1] * l->x[i] - l->y[i];
        sum += away * away / POINTS;
    }
    return sum;
}

static void line_gradient(line *l, unsigned first, unsigned batch)
{
    double g[2] = {0};
    for (unsigned i = first; i < first + batch; i++) {
        double away = (double)l->w[0] + (double)l->w[1] * l->x[i] - l->y[i];
        g[0] += 2 * away / batch;
        g[1] += 2 * away * l->x[i] / batch;
    }
    l->g[0] = (nd_real)g[0];
    l->g[1] = (nd_real)g[1];
}

/* How much the cost over all points climbs in 640 steps, all rises added. */
static double climbs(unsigned batch)
{
    enum { STEPS = 640 };
    line l;
    nd_optimizer *o;
    double sum = 0;
    make_line(&l);
    assert_int_equal(nd_optimizer_on_block(ctx, "sgd", "lr=0.05", 2, l.w, l.g, NULL, 0, &o), ND_OK);
    double before = cost(&l);
    for (unsigned i = 0; i < STEPS; i++) {
        line_gradient(&l, i * batch % POINTS, batch);
        assert_int_equal(nd_optimizer_step(o), ND_OK);
        double after = cost(&l);
        sum += fmax(after - before, 0);
        before = after;
    }
    nd_optimizer_destroy(o);
    return sum;
}

static void batches_smooth_the_course_of_the_cost(void **state)
{
    (void)state;
    double all = climbs(POINTS), some = climbs(8), one = climbs(1);
    print_message("rises of the cost: batch %.2g, mini-batch %.2g, stochastic %.2g\n", all, some,
                  one);
    assert_true(all < 1e-5 && some > 1000 * all && one > 4 * some);
}

static void looking_ahead_can_be_taken_back_to_the_bit(void **state)
{
    (void)state;
    problem p;
    make(&p, rosenbrock, (const double[]){0.1, 0.7}, "nesterov", "lr=0.001");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(&p), ND_OK);
    }
    nd_real before[MOST];
    memcpy(before, p.w, sizeof before);
    assert_int_equal(nd_optimizer_look_ahead(p.optimizer), ND_OK);
    assert_memory_not_equal(before, p.w, sizeof before);
    p.g[0] = (nd_real)NAN;
    assert_int_equal(nd_optimizer_step(p.optimizer), ND_ERR_DIVERGED);
    assert_memory_equal(before, p.w, sizeof before);
    assert_int_equal(nd_optimizer_step(p.optimizer), ND_ERR_ARGUMENT);
    assert_non_null(strstr(nd_ctx_message(ctx), "nd_optimizer_look_ahead"));
    nd_optimizer_destroy(p.optimizer);
}

/* One span at a tenth of the rate, one that does not learn, one as usual. */
static void layers_learn_at_their_own_rates(void **state)
{
    (void)state;
    static const nd_span spans[] = {
        {.name = "a", .offset = 0, .rows = 1, .cols = 1, .decay = 1, .lr = 0.1},
        {.name = "b", .offset = 1, .rows = 1, .cols = 1, .decay = 1, .lr = 0},
        {.name = "c", .offset = 2, .rows = 1, .cols = 2, .decay = 0, .lr = 1},
    };
    size_t count;
    const nd_optim_class *const *table = nd_optim_table(&count);
    for (size_t i = 0; i < count; i++) {
        nd_real w[4] = {1, 1, 1, 1}, g[4] = {1, 1, 1, 1};
        nd_optimizer *o;
        nd_status status =
            nd_optimizer_on_block(ctx, table[i]->name, "lr=0.01", 4, w, g, spans, 3, &o);
        if (table[i]->search) {
            assert_int_equal(status, ND_ERR_OPTION);
            continue;
        }
        assert_int_equal(status, ND_OK);
        nd_optimizer_look_ahead(o);
        assert_int_equal(nd_optimizer_step(o), ND_OK);
        assert_true(w[1] == 1 && w[2] < 1 && w[3] == w[2]);
        double share = (1 - (double)w[0]) / (1 - (double)w[2]);
        assert_true(fabs(share - 0.1) < (wide ? 1e-9 : 1e-3));
        nd_optimizer_destroy(o);
    }
}

/* 1 - 0.5 * 0.2 * 1 on all four, whatever the spans say. */
static void decay_can_act_on_everything(void **state)
{
    (void)state;
    static const nd_span span = {.name = "b", .rows = 1, .cols = 4, .decay = 0, .lr = 1};
    nd_real w[4] = {1, 1, 1, 1}, g[4] = {0};
    nd_optimizer *o;
    assert_int_equal(nd_optimizer_on_block(ctx, "sgd", "lr=0.5, weight_decay=0.2, decay_all=true",
                                           4, w, g, &span, 1, &o),
                     ND_OK);
    assert_int_equal(nd_optimizer_step(o), ND_OK);
    for (int i = 0; i < 4; i++) {
        assert_true(fabs((double)w[i] - 0.9) < 1e-6);
    }
    nd_optimizer_destroy(o);
}

/* Coupled decay is divided by the root as the gradient is; beside the step it is not:
 * with no gradient, w = 1 - 0.1 * 0.5. */
static void decoupled_decay_does_not_pass_the_divisor(void **state)
{
    (void)state;
    static const char *const rules[] = {"adamw", "lion"};
    for (int i = 0; i < 2; i++) {
        static const nd_span span = {.name = "w", .rows = 1, .cols = 1, .decay = 1, .lr = 1};
        nd_real w = 1, g = 0;
        nd_optimizer *o;
        assert_int_equal(nd_optimizer_on_block(ctx, rules[i], "lr=0.1, weight_decay=0.5", 1, &w, &g,
                                               &span, 1, &o),
                         ND_OK);
        assert_int_equal(nd_optimizer_step(o), ND_OK);
        assert_true(fabs((double)w - 0.95) < 1e-6);
        nd_optimizer_destroy(o);
    }
}

/* f is infinite beyond x = 2, where the first step would lead. */
static double cliff(const nd_real *w, double *grad)
{
    double x = (double)w[0];
    grad[0] = x > 2 ? NAN : -1 / (2.5 - x) + 1;
    grad[1] = 0;
    return x > 2 ? INFINITY : log(2.5 - x) + x;
}

static void a_line_search_comes_back_from_the_infinite(void **state)
{
    (void)state;
    problem p;
    make(&p, cliff, (const double[]){1.9, 0}, "lbfgs", "lr=1");
    double grad[MOST], before = p.f(p.w, grad);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(step(&p), ND_OK);
        double after = p.f(p.w, grad);
        assert_true(isfinite(after) && after <= before);
        before = after;
    }
    nd_optimizer_destroy(p.optimizer);
}

static void a_search_without_losses_is_refused(void **state)
{
    (void)state;
    problem p;
    nd_optimizer *o;
    make(&p, valley, (const double[]){1, 1}, "lbfgs", NULL);
    assert_int_equal(nd_optimizer_step(p.optimizer), ND_ERR_ARGUMENT);
    assert_non_null(strstr(nd_ctx_message(ctx), "nd_net_train"));
    assert_int_equal(nd_optimizer_on_block(ctx, "lbfgs", "clip_norm=1", 2, p.w, p.g, NULL, 0, &o),
                     ND_ERR_OPTION);
    assert_non_null(strstr(nd_ctx_message(ctx), "clip_norm"));
    nd_optimizer_destroy(p.optimizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_minimizes_published_functions),
        cmocka_unit_test(every_rule_is_among_them),
        cmocka_unit_test(every_rule_climbs_when_told_to),
        cmocka_unit_test(a_run_goes_on_from_its_states_alone),
        cmocka_unit_test(no_rule_allocates_in_a_step),
        cmocka_unit_test(a_rate_can_be_too_small_right_too_high_and_diverging),
        cmocka_unit_test(looking_ahead_saves_steps_and_overshoots_less),
        cmocka_unit_test(momentum_rises_in_stages),
        cmocka_unit_test(batches_smooth_the_course_of_the_cost),
        cmocka_unit_test(looking_ahead_can_be_taken_back_to_the_bit),
        cmocka_unit_test(layers_learn_at_their_own_rates),
        cmocka_unit_test(decay_can_act_on_everything),
        cmocka_unit_test(decoupled_decay_does_not_pass_the_divisor),
        cmocka_unit_test(a_line_search_comes_back_from_the_infinite),
        cmocka_unit_test(a_search_without_losses_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
