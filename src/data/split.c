#include "data/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

enum { TRAIN, VALID, TEST };

/* One split under construction; a split without labels has one class. */
typedef struct cut {
    nd_ctx *ctx;
    size_t rows, classes;
    const nd_real *labels;
    size_t *size;        /* [classes] rows of each class */
    size_t *take[3];     /* [classes] rows that go to a part; TRAIN is not used */
    unsigned char *part; /* [rows] */
} cut;

/* What largest remainder says about one class. */
typedef struct share {
    size_t class, room;
    double rest;
} share;

static nd_status check(nd_ctx *ctx, size_t rows, double valid, double test)
{
    if (!(valid >= 0) || !(test >= 0) || !(valid + test < 1)) {
        return nd_fail(ctx, ND_ERR_ARGUMENT,
                       "validation and test shares must be 0 or more and together under 1");
    }
    if (rows == 0 || rows >= UINT32_MAX) {
        return nd_fail(ctx, ND_ERR_DATA, "cannot split %zu rows", rows);
    }
    return ND_OK;
}

static nd_status count_labels(cut *c)
{
    for (size_t r = 0; r < c->rows; r++) {
        double label = c->labels ? (double)c->labels[r] : 0;
        if (!(label >= 0 && label < (double)c->classes) || label != floor(label)) {
            return nd_fail(c->ctx, ND_ERR_ARGUMENT, "row %zu: the label is no class index", r + 1);
        }
        c->size[(size_t)label]++;
    }
    return ND_OK;
}

/* Larger remainder first, then the larger room, then the lower class. */
static int by_rest(const void *a, const void *b)
{
    const share *x = a, *y = b;
    if (x->rest != y->rest) {
        return x->rest < y->rest ? 1 : -1;
    }
    if (x->room != y->room) {
        return x->room < y->room ? 1 : -1;
    }
    return x->class < y->class ? -1 : 1;
}

/* Rows of a class that may still leave training: all but one. */
static size_t room_of(const cut *c, size_t k)
{
    size_t gone = c->take[VALID][k] + c->take[TEST][k];
    return c->size[k] > gone + 1 ? c->size[k] - gone - 1 : 0;
}

/* Spread want rows over the classes in proportion to their sizes; returns how many
 * rows the classes could give. */
static size_t apportion(cut *c, int part, double fraction, size_t want, share *shares)
{
    size_t given = 0;
    for (size_t k = 0; k < c->classes; k++) {
        double ideal = fraction * (double)c->size[k];
        size_t room = room_of(c, k), whole = (size_t)ideal;
        whole = whole < room ? whole : room;
        whole = whole < want - given ? whole : want - given;
        shares[k] = (share){.class = k, .room = room - whole, .rest = ideal - (double)whole};
        c->take[part][k] = whole;
        given += whole;
    }
    qsort(shares, c->classes, sizeof *shares, by_rest);
    for (bool moved = true; given < want && moved;) {
        moved = false;
        for (size_t i = 0; i < c->classes && given < want; i++) {
            if (shares[i].room > 0) {
                shares[i].room--;
                c->take[part][shares[i].class]++;
                given++;
                moved = true;
            }
        }
    }
    return given;
}

/* Rows that a share of all rows means: rounded, but one at least if asked for. */
static size_t wanted(size_t rows, double fraction)
{
    size_t want = (size_t)floor(fraction * (double)rows + 0.5);
    return fraction > 0 && want == 0 ? 1 : want;
}

static nd_status fail_empty(const cut *c, const char *part)
{
    return nd_fail(c->ctx, ND_ERR_DATA,
                   "only %zu row%s: too few for a %s part%s; ask for none (0), or give more rows",
                   c->rows, c->rows == 1 ? "" : "s", part,
                   c->classes > 1 ? " that leaves each class a row in training" : "");
}

static nd_status plan_parts(cut *c, double valid, double test, nd_split *split)
{
    share *shares = nd_alloc(c->classes, sizeof *shares);
    if (!shares) {
        return nd_fail_memory(c->ctx);
    }
    split->test = apportion(c, TEST, test, wanted(c->rows, test), shares);
    split->valid = apportion(c, VALID, valid, wanted(c->rows, valid), shares);
    split->train = c->rows - split->valid - split->test;
    nd_free(shares);
    if (test > 0 && split->test == 0) {
        return fail_empty(c, "test");
    }
    return valid > 0 && split->valid == 0 ? fail_empty(c, "validation") : ND_OK;
}

/* Rows grouped by class, ascending within each; start[k] is where class k begins. */
static void group_rows(const cut *c, uint32_t *member, size_t *start)
{
    for (size_t k = 0, at = 0; k < c->classes; k++) {
        start[k] = at;
        at += c->size[k];
    }
    for (size_t r = 0; r < c->rows; r++) {
        member[start[c->labels ? (size_t)c->labels[r] : 0]++] = (uint32_t)r;
    }
    for (size_t k = 0; k < c->classes; k++) {
        start[k] -= c->size[k];
    }
}

/* Shuffle the rows of one class; the first go to test, the next to validation. */
static void deal_class(cut *c, size_t k, uint64_t seed, uint32_t *member)
{
    size_t test = c->take[TEST][k], both = test + c->take[VALID][k];
    nd_rng rng = {.seed = seed, .stream = ND_STREAM_SPLIT, .step = k};
    nd_rng_shuffle(&rng, member, both > 0 ? c->size[k] : 0);
    for (size_t i = 0; i < both; i++) {
        c->part[member[i]] = i < test ? TEST : VALID;
    }
}

static nd_status deal(cut *c, uint64_t seed)
{
    uint32_t *member = nd_alloc(c->rows, sizeof *member);
    size_t *start = nd_alloc(c->classes, sizeof *start);
    if (!member || !start) {
        nd_free(member);
        nd_free(start);
        return nd_fail_memory(c->ctx);
    }
    group_rows(c, member, start);
    for (size_t k = 0; k < c->classes; k++) {
        deal_class(c, k, seed, member + start[k]);
    }
    nd_free(member);
    nd_free(start);
    return ND_OK;
}

/* Each part ascending. */
static void collect(const cut *c, nd_split *split)
{
    size_t at[3] = {0, split->train, split->train + split->valid};
    for (size_t r = 0; r < c->rows; r++) {
        split->index[at[c->part[r]]++] = (uint32_t)r;
    }
}

static nd_status make(cut *c, double valid, double test, uint64_t seed, nd_split *split)
{
    ND_TRY(count_labels(c));
    ND_TRY(plan_parts(c, valid, test, split));
    ND_TRY(deal(c, seed));
    split->index = nd_alloc(c->rows, sizeof *split->index);
    if (!split->index) {
        return nd_fail_memory(c->ctx);
    }
    collect(c, split);
    return ND_OK;
}

nd_status nd_split_make(nd_ctx *ctx, size_t rows, const nd_real *labels, size_t classes,
                        double valid, double test, uint64_t seed, nd_split *split)
{
    *split = (nd_split){0};
    ND_TRY(check(ctx, rows, valid, test));
    cut c = {.ctx = ctx, .rows = rows, .labels = labels, .classes = labels ? classes : 1};
    c.size = nd_alloc(c.classes, sizeof *c.size);
    c.take[VALID] = nd_alloc(c.classes, sizeof *c.size);
    c.take[TEST] = nd_alloc(c.classes, sizeof *c.size);
    c.part = nd_alloc(rows, 1);
    nd_status status = c.size && c.take[VALID] && c.take[TEST] && c.part
                           ? make(&c, valid, test, seed, split)
                           : nd_fail_memory(ctx);
    if (status != ND_OK) {
        nd_split_free(split);
    }
    nd_free(c.part);
    nd_free(c.take[TEST]);
    nd_free(c.take[VALID]);
    nd_free(c.size);
    return status;
}

void nd_split_free(nd_split *split)
{
    nd_free(split->index);
    *split = (nd_split){0};
}
