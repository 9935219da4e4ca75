#include "data/folds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* ---- Groups */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static nd_status fail_missing(const nd_table *table, size_t column, size_t row)
{
    return nd_fail(table->ctx, ND_ERR_DATA, "%s: row %zu, column \"%s\": the value is missing",
                   table->path, nd_table_row(table, row), table->column[column].name);
}

/* Words by first appearance: the dictionary can hold words that no row has. */
static nd_status number_words(const nd_table *table, size_t column, uint32_t *number, size_t *count)
{
    const nd_column *c = &table->column[column];
    size_t words = nd_dict_count(c->dict);
    uint32_t *seen = nd_alloc(words, sizeof *seen); /* number + 1; 0: not yet */
    nd_status status = seen != NULL ? ND_OK : nd_fail_memory(table->ctx);
    for (size_t r = 0; status == ND_OK && r < table->rows; r++) {
        uint32_t word = nd_column_word(c, r);
        if (word == ND_DICT_NONE) {
            status = fail_missing(table, column, r);
            break;
        }
        seen[word] = seen[word] > 0 ? seen[word] : (uint32_t)++ * count;
        number[r] = seen[word] - 1;
    }
    nd_free(seen);
    return status;
}

static nd_status number_numbers(const nd_table *table, size_t column, uint32_t *number,
                                size_t *count)
{
    const nd_column *c = &table->column[column];
    double *value = nd_alloc(table->rows, sizeof *value);
    nd_status status = value != NULL ? ND_OK : nd_fail_memory(table->ctx);
    for (size_t r = 0; status == ND_OK && r < table->rows; r++) {
        value[r] = nd_column_number(c, r, 0);
        status = isnan(value[r]) ? fail_missing(table, column, r) : ND_OK;
    }
    if (status == ND_OK) {
        qsort(value, table->rows, sizeof *value, by_value);
        for (size_t r = 0; r < table->rows; r++) {
            if (r == 0 || value[r] > value[*count - 1]) {
                value[(*count)++] = value[r];
            }
        }
        for (size_t r = 0; r < table->rows; r++) {
            double own = nd_column_number(c, r, 0);
            const double *at = bsearch(&own, value, *count, sizeof own, by_value);
            number[r] = (uint32_t)(at - value);
        }
    }
    nd_free(value);
    return status;
}

nd_status nd_folds_number(const nd_table *table, size_t column, uint32_t **number, size_t *count)
{
    const nd_column *c = &table->column[column];
    *number = NULL;
    *count = 0;
    if (c->width != 1) {
        return nd_fail(table->ctx, ND_ERR_DATA, "%s: column \"%s\" holds images", table->path,
                       c->name);
    }
    uint32_t *made = nd_alloc(table->rows, sizeof *made);
    if (made == NULL) {
        return nd_fail_memory(table->ctx);
    }
    nd_status status = c->dtype == ND_DT_WORD ? number_words(table, column, made, count)
                                              : number_numbers(table, column, made, count);
    if (status != ND_OK) {
        nd_free(made);
        return status;
    }
    *number = made;
    return ND_OK;
}

/* ---- Checks */

static nd_status check_classes(nd_ctx *ctx, const nd_folds *f, const size_t *size,
                               const char *const *name)
{
    size_t largest = 0;
    for (size_t k = 0; k < f->classes; k++) {
        largest = size[k] > size[largest] ? k : largest;
    }
    if (size[largest] < f->folds) {
        return nd_fail(ctx, ND_ERR_DATA,
                       "folds: %zu folds, but no class has so many rows (%zu of \"%s\" at most): "
                       "a fold could not hold each class",
                       f->folds, size[largest], name[largest]);
    }
    size_t few = 0, first = 0;
    for (size_t k = f->classes; k-- > 0;) {
        bool rare = size[k] < f->folds;
        few += rare;
        first = rare ? k : first;
    }
    if (few > 0) {
        nd_log(ctx, 1,
               "%zu class%s fewer rows than the %zu folds: some folds go without (\"%s\" has %zu)",
               few, few == 1 ? " has" : "es have", f->folds, name[first], size[first]);
    }
    return ND_OK;
}

nd_status nd_folds_check(nd_ctx *ctx, const nd_folds *folds, const char *const *name)
{
    const nd_folds *f = folds;
    size_t least = f->kind == ND_FOLDS_TIME ? f->folds + 1 : f->folds;
    if (f->rows < least) {
        return nd_fail(ctx, ND_ERR_DATA, "folds: %zu rows are too few for %zu folds%s", f->rows,
                       f->folds,
                       f->kind == ND_FOLDS_TIME ? ", the first of which has rows before it" : "");
    }
    if (f->kind == ND_FOLDS_GROUP && f->groups < f->folds) {
        return nd_fail(ctx, ND_ERR_DATA, "folds: %zu group%s cannot be dealt into %zu folds",
                       f->groups, f->groups == 1 ? "" : "s", f->folds);
    }
    if (f->kind == ND_FOLDS_GIVEN && f->groups < 2) {
        return nd_fail(ctx, ND_ERR_DATA, "fold: the column names one fold only");
    }
    if (f->kind != ND_FOLDS_RANDOM || f->labels == NULL) {
        return ND_OK;
    }
    size_t *size = nd_alloc(f->classes, sizeof *size);
    if (size == NULL) {
        return nd_fail_memory(ctx);
    }
    for (size_t r = 0; r < f->rows; r++) {
        size[(size_t)f->labels[r]]++;
    }
    nd_status status = check_classes(ctx, f, size, name);
    nd_free(size);
    return status;
}

/* ---- Dealing */

static size_t class_at(const nd_folds *f, size_t row)
{
    return f->labels != NULL ? (size_t)f->labels[row] : 0;
}

static size_t class_count(const nd_folds *f)
{
    return f->labels != NULL ? f->classes : 1;
}

static nd_status deal_rows(nd_ctx *ctx, const nd_folds *f, uint64_t seed, size_t repeat,
                           uint32_t *fold)
{
    uint32_t *member = nd_alloc(f->rows, sizeof *member);
    if (member == NULL) {
        return nd_fail_memory(ctx);
    }
    for (size_t k = 0, dealt = 0; k < class_count(f); k++) {
        size_t count = 0;
        for (size_t r = 0; r < f->rows; r++) {
            if (class_at(f, r) == k) {
                member[count++] = (uint32_t)r;
            }
        }
        nd_rng rng = {
            .seed = seed, .stream = ND_STREAM_FOLDS, .step = (uint64_t)repeat * class_count(f) + k};
        nd_rng_shuffle(&rng, member, count);
        for (size_t i = 0; i < count; i++) {
            fold[member[i]] = (uint32_t)(dealt++ % f->folds);
        }
    }
    nd_free(member);
    return ND_OK;
}

/* Groups while they are dealt. */
typedef struct groups {
    const nd_folds *f;
    size_t classes;
    double *count;   /* [groups][classes] rows */
    double *size;    /* [groups] */
    double *total;   /* [classes] */
    double *held;    /* [folds][classes] rows dealt so far */
    uint32_t *order; /* [groups] */
    uint32_t *to;    /* [groups] fold */
} groups;

static void groups_free(groups *g)
{
    nd_free(g->count);
    nd_free(g->size);
    nd_free(g->total);
    nd_free(g->held);
    nd_free(g->order);
    nd_free(g->to);
}

static nd_status groups_init(nd_ctx *ctx, const nd_folds *f, groups *g)
{
    *g = (groups){.f = f, .classes = class_count(f)};
    g->count = nd_alloc(f->groups, g->classes * sizeof(double));
    g->size = nd_alloc(f->groups, sizeof(double));
    g->total = nd_alloc(g->classes, sizeof(double));
    g->held = nd_alloc(f->folds, g->classes * sizeof(double));
    g->order = nd_alloc(f->groups, sizeof(uint32_t));
    g->to = nd_alloc(f->groups, sizeof(uint32_t));
    if (!g->count || !g->size || !g->total || !g->held || !g->order || !g->to) {
        groups_free(g);
        return nd_fail_memory(ctx);
    }
    for (size_t r = 0; r < f->rows; r++) {
        g->count[f->group[r] * g->classes + class_at(f, r)]++;
        g->size[f->group[r]]++;
        g->total[class_at(f, r)]++;
    }
    return ND_OK;
}

/* The largest first (Shell's sort); which of equal ones comes first goes by the shuffle. */
static void order_groups(groups *g, uint64_t seed, size_t repeat)
{
    size_t n = g->f->groups;
    for (size_t i = 0; i < n; i++) {
        g->order[i] = (uint32_t)i;
    }
    nd_rng rng = {.seed = seed, .stream = ND_STREAM_FOLDS, .step = repeat};
    nd_rng_shuffle(&rng, g->order, n);
    for (size_t step = n / 2; step > 0; step /= 2) {
        for (size_t i = step; i < n; i++) {
            uint32_t own = g->order[i];
            size_t j = i;
            for (; j >= step && g->size[g->order[j - step]] < g->size[own]; j -= step) {
                g->order[j] = g->order[j - step];
            }
            g->order[j] = own;
        }
    }
}

/* By how much the sum over folds and classes of (share of the class)^2, which even folds
 * make smallest, grows if a group joins a fold. */
static double cost_of(const groups *g, size_t group, size_t fold)
{
    double sum = 0;
    for (size_t c = 0; c < g->classes; c++) {
        double held = g->held[fold * g->classes + c], more = g->count[group * g->classes + c];
        double total = g->total[c] > 0 ? g->total[c] : 1;
        sum += more * (2 * held + more) / (total * total);
    }
    return sum;
}

static nd_status deal_groups(nd_ctx *ctx, const nd_folds *f, uint64_t seed, size_t repeat,
                             uint32_t *fold)
{
    groups g;
    ND_TRY(groups_init(ctx, f, &g));
    order_groups(&g, seed, repeat);
    for (size_t i = 0; i < f->groups; i++) {
        size_t group = g.order[i], best = 0;
        for (size_t k = 1; i >= f->folds && k < f->folds; k++) {
            best = cost_of(&g, group, k) < cost_of(&g, group, best) ? k : best;
        }
        best = i < f->folds ? i : best; /* no fold stays empty */
        g.to[group] = (uint32_t)best;
        for (size_t c = 0; c < g.classes; c++) {
            g.held[best * g.classes + c] += g.count[group * g.classes + c];
        }
    }
    for (size_t r = 0; r < f->rows; r++) {
        fold[r] = g.to[f->group[r]];
    }
    groups_free(&g);
    return ND_OK;
}

/* Row 0 of fold k, of equal folds at the end of the rows; what is left over stays before. */
static size_t time_start(const nd_folds *f, size_t k)
{
    size_t size = f->rows / (f->folds + 1);
    return f->rows - (f->folds - k) * size;
}

nd_status nd_folds_deal(nd_ctx *ctx, const nd_folds *folds, uint64_t seed, size_t repeat,
                        uint32_t *fold)
{
    switch (folds->kind) {
    case ND_FOLDS_RANDOM:
        return deal_rows(ctx, folds, seed, repeat, fold);
    case ND_FOLDS_GROUP:
        return deal_groups(ctx, folds, seed, repeat, fold);
    case ND_FOLDS_GIVEN:
        memcpy(fold, folds->group, folds->rows * sizeof *fold);
        return ND_OK;
    case ND_FOLDS_TIME:
        for (size_t r = 0, k = 0; r < folds->rows; r++) {
            k += k < folds->folds && r >= time_start(folds, k);
            fold[r] = k > 0 ? (uint32_t)(k - 1) : ND_DICT_NONE;
        }
    }
    return ND_OK;
}

/* ---- Splits */

/* Of train[count] rows some leave for validation: marked in out[count]. */
typedef struct inner {
    nd_ctx *ctx;
    const nd_folds *f;
    const uint32_t *train;
    size_t count;
    double valid;
    uint64_t seed;
    unsigned char *out;
} inner;

static nd_status mark_random(const inner *in)
{
    nd_split split;
    nd_real *labels = in->f->labels ? nd_alloc(in->count, sizeof *labels) : NULL;
    if (in->f->labels != NULL && labels == NULL) {
        return nd_fail_memory(in->ctx);
    }
    for (size_t i = 0; labels != NULL && i < in->count; i++) {
        labels[i] = in->f->labels[in->train[i]];
    }
    nd_status status =
        nd_split_make(in->ctx, in->count, labels, in->f->classes, in->valid, 0, in->seed, &split);
    nd_free(labels);
    ND_TRY(status);
    for (size_t i = 0; i < split.valid; i++) {
        in->out[split.index[split.train + i]] = 1;
    }
    nd_split_free(&split);
    return ND_OK;
}

/* Whole groups at random, until the share is reached; one at least stays. */
static nd_status mark_groups(const inner *in)
{
    const nd_folds *f = in->f;
    uint32_t *order = nd_alloc(f->groups, sizeof *order);
    size_t *size = nd_alloc(f->groups, sizeof *size);
    size_t there = 0, rows = 0, taken = 0;
    if (order == NULL || size == NULL) {
        nd_free(order);
        nd_free(size);
        return nd_fail_memory(in->ctx);
    }
    for (size_t i = 0; i < in->count; i++) {
        uint32_t group = f->group[in->train[i]];
        if (size[group]++ == 0) {
            order[there++] = group;
        }
    }
    nd_rng rng = {.seed = in->seed, .stream = ND_STREAM_SPLIT};
    nd_rng_shuffle(&rng, order, there);
    while (taken + 1 < there && (double)rows < in->valid * (double)in->count) {
        rows += size[order[taken]];
        size[order[taken++]] = 0;
    }
    for (size_t i = 0; i < in->count; i++) {
        in->out[i] = size[f->group[in->train[i]]] == 0;
    }
    if (taken == 0) {
        nd_log(in->ctx, 1, "one group is left to train on: there are no validation rows");
    }
    nd_free(order);
    nd_free(size);
    return ND_OK;
}

static void mark_latest(const inner *in)
{
    size_t want = (size_t)floor(in->valid * (double)in->count + 0.5);
    want = want < 1 ? 1 : want;
    want = want < in->count ? want : in->count - 1;
    memset(in->out + in->count - want, 1, want);
}

static nd_status mark_valid(const inner *in)
{
    if (!(in->valid > 0)) {
        return ND_OK;
    }
    if (in->f->kind == ND_FOLDS_GROUP) {
        return mark_groups(in);
    }
    if (in->f->kind == ND_FOLDS_TIME) {
        mark_latest(in);
        return ND_OK;
    }
    return mark_random(in);
}

/* Rows to train on first, then those to test, each ascending; *count gets the former. */
static void part_rows(const nd_folds *f, const uint32_t *fold, size_t k, nd_split *split,
                      size_t *count)
{
    size_t end = f->kind == ND_FOLDS_TIME ? time_start(f, k) : f->rows, n = 0;
    for (size_t r = 0; r < end; r++) {
        if (fold[r] != k) {
            split->index[n++] = (uint32_t)r;
        }
    }
    *count = n;
    for (size_t r = 0; r < f->rows; r++) {
        if (fold[r] == k) {
            split->index[n++] = (uint32_t)r;
        }
    }
    split->test = n - *count;
}

/* The marked ones of index[count] behind the others. */
static void move_marked(uint32_t *index, size_t count, const unsigned char *out, uint32_t *room)
{
    size_t kept = 0, moved = 0;
    for (size_t i = 0; i < count; i++) {
        if (out[i]) {
            room[moved++] = index[i];
        } else {
            index[kept++] = index[i];
        }
    }
    memcpy(index + kept, room, moved * sizeof *index);
}

nd_status nd_folds_split(nd_ctx *ctx, const nd_folds *folds, const uint32_t *fold, size_t k,
                         double valid, uint64_t seed, nd_split *split)
{
    size_t count = 0;
    *split = (nd_split){.index = nd_alloc(folds->rows, sizeof *split->index)};
    unsigned char *out = nd_alloc(folds->rows, 1);
    uint32_t *room = nd_alloc(folds->rows, sizeof *room);
    nd_status status = split->index && out && room ? ND_OK : nd_fail_memory(ctx);
    if (status == ND_OK) {
        part_rows(folds, fold, k, split, &count);
        inner in = {ctx, folds, split->index, count, valid, seed, out};
        status = mark_valid(&in);
    }
    if (status == ND_OK) {
        move_marked(split->index, count, out, room);
        for (size_t i = 0; i < count; i++) {
            split->valid += out[i];
        }
        split->train = count - split->valid;
    } else {
        nd_split_free(split);
    }
    nd_free(out);
    nd_free(room);
    return status;
}
