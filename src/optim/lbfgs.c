/* L-BFGS: a direction from the last steps and changes of the gradient, and along it a
 * search for a point that meets the strong Wolfe conditions. */
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "optim/optim.h"

enum { HISTORY, TRIALS };
enum { MOST_HISTORY = 32 };

static const nd_option options[] = {
    {.name = "history",
     .type = ND_OPT_INT,
     .preset = "10",
     .min = 1,
     .max = MOST_HISTORY,
     .metavar = "N",
     .help = "steps remembered",
     .source = "Nocedal & Wright 2006, section 7.2: 3 to 20"},
    {.name = "trials",
     .type = ND_OPT_INT,
     .preset = "25",
     .min = 1,
     .max = 1000,
     .metavar = "N",
     .help = "most points tried along one direction",
     .source = "Schmidt 2005"},
};

/* Scratch behind the states. */
enum { DIRECTION, START, AT_0, AT_1, AT_2, GRADIENT, SCRATCH };

/* Constants of the conditions, Nocedal & Wright 2006, section 3.1; least useful length. */
static const double c1 = 1e-4, c2 = 0.9, shortest = 1e-9, least_curvature = 1e-10;

static size_t lbfgs_states(const double *setting)
{
    return 2 * (size_t)setting[HISTORY];
}

/* A point on the line: distance, loss, derivative along the direction, gradient. */
typedef struct point {
    double t, f, slope;
    nd_real *grad;
} point;

typedef struct line {
    nd_optim_search *search;
    const nd_real *direction, *start;
    double length; /* largest element of direction */
    point zero;
    int trials; /* left */
} line;

static nd_real *scratch(const nd_optim_search *s, size_t which)
{
    return s->block[s->states + which];
}

static nd_real *step_at(const nd_optim_search *s, size_t i)
{
    return s->block[i];
}

static nd_real *change_at(const nd_optim_search *s, size_t i)
{
    return s->block[s->states / 2 + i];
}

static double dot(const nd_optim_search *s, const nd_real *a, const nd_real *b)
{
    return nd_k_dot(s->pool, s->size, a, b);
}

static void move_to(const line *l, double t)
{
    const nd_optim_search *s = l->search;
    memcpy(s->param, l->start, s->size * sizeof *s->param);
    nd_k_axpy(s->pool, s->size, (nd_real)t, l->direction, s->param);
}

/* The first of the three buffers that neither a nor b holds. */
static nd_real *free_buffer(const line *l, const point *a, const point *b)
{
    size_t i = AT_0;
    while (scratch(l->search, i) == a->grad || scratch(l->search, i) == b->grad) {
        i++;
    }
    return scratch(l->search, i);
}

static nd_status try_point(line *l, double t, nd_real *grad, point *p)
{
    *p = (point){.t = t, .grad = grad};
    move_to(l, t);
    ND_TRY(l->search->evaluate(l->search, &p->f, grad));
    p->slope = isfinite(p->f) ? dot(l->search, grad, l->direction) : NAN;
    return ND_OK;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Minimum of the cubic through two points and their slopes, Nocedal & Wright 2006,
 * eq. 3.59; the middle where there is none. */
static double cubic_minimum(const point *a, const point *b, double low, double high)
{
    const point *p = a->t <= b->t ? a : b, *q = a->t <= b->t ? b : a;
    double d1 = p->slope + q->slope - 3 * (p->f - q->f) / (p->t - q->t);
    double square = d1 * d1 - p->slope * q->slope;
    if (!(square >= 0) || isinf(square)) {
        return (low + high) / 2;
    }
    double d2 = sqrt(square);
    double t = q->t - (q->t - p->t) * ((q->slope + d2 - d1) / (q->slope - p->slope + 2 * d2));
    return isfinite(t) ? clamp(t, low, high) : (low + high) / 2;
}

static bool falls_enough(const line *l, const point *p)
{
    return p->f <= l->zero.f + c1 * p->t * l->zero.slope;
}

static bool flat_enough(const line *l, const point *p)
{
    return fabs(p->slope) <= -c2 * l->zero.slope;
}

/* Lengthen the step until a good point lies between *a and *b, or *b is one, which is
 * answered by *found (Nocedal & Wright 2006, algorithm 3.5). */
static nd_status bracket(line *l, double t, point *a, point *b, bool *found)
{
    *a = l->zero;
    *found = false;
    ND_TRY(try_point(l, t, scratch(l->search, AT_0), b));
    for (bool first = true;; first = false) {
        if (!falls_enough(l, b) || (!first && b->f >= a->f)) {
            return ND_OK;
        }
        *found = flat_enough(l, b);
        if (*found || b->slope >= 0 || l->trials-- <= 0) {
            return ND_OK;
        }
        double next = cubic_minimum(a, b, b->t + 0.01 * (b->t - a->t), 10 * b->t);
        nd_real *grad = free_buffer(l, a, b);
        *a = *b;
        ND_TRY(try_point(l, next, grad, b));
    }
}

/* Where to try between a and b: not within a tenth of an end twice running, as the
 * interval would hardly shrink (Schmidt 2005). */
static double next_trial(const point *a, const point *b, bool *stuck)
{
    double low = fmin(a->t, b->t), high = fmax(a->t, b->t);
    double margin = 0.1 * (high - low);
    double t = cubic_minimum(a, b, low, high);
    if (fmin(high - t, t - low) >= margin) {
        *stuck = false;
    } else if (*stuck || t >= high || t <= low) {
        t = fabs(t - high) < fabs(t - low) ? high - margin : low + margin;
        *stuck = false;
    } else {
        *stuck = true;
    }
    return t;
}

static void order(point *low, point *high)
{
    if (!(low->f <= high->f)) {
        point other = *low;
        *low = *high;
        *high = other;
    }
}

/* Shrink the interval around a good point; *low is the best when it ends (Nocedal &
 * Wright 2006, algorithm 3.6). */
static nd_status zoom(line *l, point *low, point *high)
{
    bool stuck = false;
    order(low, high);
    for (; l->trials > 0; l->trials--) {
        if (fabs(high->t - low->t) * l->length < shortest) {
            return ND_OK;
        }
        point p;
        double t = next_trial(low, high, &stuck);
        ND_TRY(try_point(l, t, free_buffer(l, low, high), &p));
        if (!falls_enough(l, &p) || p.f >= low->f) {
            *high = p;
            order(low, high);
            continue;
        }
        bool found = flat_enough(l, &p);
        if (p.slope * (high->t - low->t) >= 0) {
            *high = *low;
        }
        *low = p;
        if (found) {
            return ND_OK;
        }
    }
    return ND_OK;
}

/* Number of steps remembered: the blocks of others are 0. */
static size_t remembered(const nd_optim_search *s, double *rho)
{
    size_t n = 0;
    while (n < s->states / 2) {
        double curvature = dot(s, step_at(s, n), change_at(s, n));
        if (!(curvature > 0)) {
            break;
        }
        rho[n++] = 1 / curvature;
    }
    return n;
}

/* d = -H g, by the two loops of Nocedal & Wright 2006, algorithm 7.4; the newest pair
 * is the first, and scales H (eq. 7.20). */
static size_t find_direction(const nd_optim_search *s, nd_real *d)
{
    double rho[MOST_HISTORY], alpha[MOST_HISTORY] = {0};
    size_t n = remembered(s, rho);
    memcpy(d, s->grad, s->size * sizeof *d);
    nd_k_scale(s->pool, s->size, -1, d);
    for (size_t i = 0; i < n; i++) {
        alpha[i] = rho[i] * dot(s, step_at(s, i), d);
        nd_k_axpy(s->pool, s->size, (nd_real)-alpha[i], change_at(s, i), d);
    }
    if (n > 0) {
        double scale = 1 / (rho[0] * dot(s, change_at(s, 0), change_at(s, 0)));
        nd_k_scale(s->pool, s->size, (nd_real)scale, d);
    }
    for (size_t i = n; i-- > 0;) {
        double beta = rho[i] * dot(s, change_at(s, i), d);
        nd_k_axpy(s->pool, s->size, (nd_real)(alpha[i] - beta), step_at(s, i), d);
    }
    return n;
}

static void make_newest(nd_real **block, size_t n)
{
    nd_real *last = block[n - 1];
    memmove(block + 1, block, (n - 1) * sizeof *block);
    block[0] = last;
}

/* Keep step and change of gradient in place of the oldest pair, if the line curves
 * upwards between its ends. */
static void remember(nd_optim_search *s, double t, const nd_real *grad)
{
    nd_real *d = scratch(s, DIRECTION), *change = scratch(s, START);
    memcpy(change, grad, s->size * sizeof *change);
    nd_k_axpy(s->pool, s->size, -1, s->grad, change);
    nd_k_scale(s->pool, s->size, (nd_real)t, d);
    if (!(dot(s, d, change) > least_curvature)) {
        return;
    }
    size_t half = s->states / 2;
    make_newest(s->block, half);
    make_newest(s->block + half, half);
    memcpy(step_at(s, 0), d, s->size * sizeof *d);
    memcpy(change_at(s, 0), change, s->size * sizeof *d);
}

static void forget(nd_optim_search *s)
{
    for (size_t i = 0; i < s->states; i++) {
        memset(s->block[i], 0, s->size * sizeof(nd_real));
    }
}

static double first_length(const nd_optim_search *s, size_t known)
{
    double total = 0;
    for (size_t i = 0; known == 0 && i < s->size; i++) {
        total += fabs((double)s->grad[i]);
    }
    return total > 1 ? s->lr / total : s->lr;
}

static nd_status search_line(nd_optim_search *s, line *l, double t)
{
    point a, b;
    bool found;
    ND_TRY(bracket(l, t, &a, &b, &found));
    if (!found) {
        ND_TRY(zoom(l, &a, &b));
        b = a;
    }
    move_to(l, b.t);
    if (b.t > 0) {
        remember(s, b.t, b.grad);
    } else {
        forget(s);
    }
    return ND_OK;
}

static nd_status lbfgs_search(nd_optim_search *s)
{
    nd_real *d = scratch(s, DIRECTION), *start = scratch(s, START);
    size_t known = find_direction(s, d);
    line l = {.search = s,
              .direction = d,
              .start = start,
              .length = (double)nd_k_max_abs(s->pool, s->size, d),
              .zero = {.f = s->loss, .slope = dot(s, s->grad, d), .grad = s->grad},
              .trials = (int)s->setting[TRIALS]};
    if (!(l.zero.slope < -shortest)) {
        if (known > 0) {
            forget(s);
        }
        return ND_OK;
    }
    memcpy(start, s->param, s->size * sizeof *start);
    nd_status status = search_line(s, &l, first_length(s, known));
    if (status != ND_OK) {
        memcpy(s->param, start, s->size * sizeof *start);
    }
    return status;
}

const nd_optim_class nd_optim_lbfgs = {
    .name = "lbfgs",
    .help = "quasi-Newton steps on all rows at once, with a line search",
    .formula = "d = -H g, H from the last steps s and changes y of g;  w = w + t d, with "
               "f(t) <= f(0) + 1e-4 t g d  and  |g(t) d| <= 0.9 |g d|",
    .source = "Nocedal & Wright 2006, algorithms 7.5, 3.5 and 3.6; Schmidt 2005 (bounds)",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .lr = 1,
    .scratch = SCRATCH,
    .own_rate = true,
    .full_batch = "its line search compares losses, which must be of the same rows",
    .state_count = lbfgs_states,
    .search = lbfgs_search,
};
