/* How each input column becomes features, decided on the training rows. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/option.h"
#include "data/prep.h"
#include "data/prep_parts.h"
#include "data/prep_suspect.h"

/* Most words that are numbered: all of them go into the model file. */
enum { EMBED_MOST = 1000000 };

/* What the parallel pass finds out about one input column. */
typedef struct facts {
    nd_stats stats;
    const char *suspect; /* why it looks like an identifier, or NULL */
    double *knots;       /* QUANTILE: [knot_count], of the present numbers */
    size_t knot_count;
    double median;
    bool ok; /* false without memory */
} facts;

typedef struct fit {
    nd_prep *prep;
    const nd_table *table;
    const uint32_t *rows;
    size_t count;
    const nd_prep_params *params;
    size_t *at;   /* [columns] index into table */
    facts *facts; /* [columns] */
} fit;

/* Knot i is the quantile at i/(K-1), linear between order statistics (Hyndman & Fan
 * 1996, definition 7). */
static void place_knots(const double *sorted, size_t n, facts *fact)
{
    for (size_t i = 0; i < fact->knot_count; i++) {
        double at = (double)i * (double)(n - 1) / (double)(fact->knot_count - 1);
        size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
        double share = at - (double)low, a = sorted[low], b = sorted[high];
        fact->knots[i] = share > 0 ? a * (1 - share) + b * share : a;
        if (i > 0 && fact->knots[i] < fact->knots[i - 1]) {
            fact->knots[i] = fact->knots[i - 1];
        }
    }
    fact->median = 0.5 * sorted[(n - 1) / 2] + 0.5 * sorted[n / 2];
}

/* False without memory. The sorted copy of the column does not outlive the call. */
static bool find_knots(const fit *f, const nd_column *column, facts *fact)
{
    size_t n;
    double *sorted = nd_stats_sorted(column, f->rows, f->count, &n);
    fact->knot_count = n < 2 ? 2 : n > ND_PREP_KNOTS ? ND_PREP_KNOTS : n;
    fact->knots = sorted ? nd_alloc(fact->knot_count, sizeof *fact->knots) : NULL;
    if (fact->knots && n > 0) {
        place_knots(sorted, n, fact);
    }
    nd_free(sorted);
    return fact->knots;
}

static void find_facts(void *user, size_t i)
{
    const fit *f = user;
    facts *fact = &f->facts[i];
    const nd_column *column = &f->table->column[f->at[i]];
    fact->ok = nd_stats_take(column, f->rows, f->count, &fact->stats);
    if (!fact->ok) {
        return;
    }
    fact->suspect = nd_suspect(f->table, f->at[i], f->rows, f->count, &fact->stats, &fact->ok);
    bool number = column->dtype == ND_DT_F64 || column->dtype == ND_DT_REAL;
    if (number && f->params->scaling == ND_SCALING_QUANTILE) {
        fact->ok = find_knots(f, column, fact) && fact->ok;
    }
}

static nd_status set_reason(const fit *f, nd_prep_column *column, const char *reason)
{
    char *copy = nd_strdup(reason);
    if (!copy) {
        return nd_fail_memory(f->prep->ctx);
    }
    nd_free(column->reason);
    column->reason = copy;
    column->kind = ND_PREP_DROPPED;
    return ND_OK;
}

static void take(nd_prep_column *column, nd_prep_kind kind, size_t features)
{
    nd_free(column->reason);
    column->reason = NULL;
    column->kind = kind;
    column->features = features;
}

static double bounded(double x)
{
    return fmin(fmax(x, -ND_PREP_UNBOUNDED), ND_PREP_UNBOUNDED);
}

/* A deviation that is rounding noise of the mean would blow the noise up. */
double nd_prep_guard(double scale, double center)
{
    return scale > 1e-14 * fabs(center) && scale > 0 ? bounded(scale) : 1;
}

static nd_status set_knots(const fit *f, const facts *fact, nd_prep_column *column)
{
    column->knots = nd_alloc(fact->knot_count, sizeof *column->knots);
    if (!column->knots) {
        return nd_fail_memory(f->prep->ctx);
    }
    memcpy(column->knots, fact->knots, fact->knot_count * sizeof *column->knots);
    column->knot_count = fact->knot_count;
    column->fill = fact->median;
    return ND_OK;
}

static void set_scale(const fit *f, const nd_stats *s, nd_prep_column *column)
{
    double clip = f->params->clip;
    column->scaling = f->params->scaling;
    column->center = 0;
    column->scale = 1;
    column->low = -ND_PREP_UNBOUNDED;
    column->high = ND_PREP_UNBOUNDED;
    column->fill = s->mean;
    bool scaled = column->scaling == ND_SCALING_STANDARD || column->scaling == ND_SCALING_MINMAX;
    if (scaled && clip > 0 && s->deviation > 0) {
        column->low = bounded(s->mean - clip * s->deviation);
        column->high = bounded(s->mean + clip * s->deviation);
    }
    if (column->scaling == ND_SCALING_STANDARD) {
        column->center = s->mean;
        column->scale = nd_prep_guard(s->deviation, s->mean);
    } else if (column->scaling == ND_SCALING_MINMAX) {
        column->center = fmax(s->min, column->low);
        column->scale = nd_prep_guard(fmin(s->max, column->high) - column->center, 0);
    }
}

static nd_status fit_number(const fit *f, const facts *fact, nd_prep_column *column)
{
    const nd_stats *s = &fact->stats;
    if (s->min == s->max && s->missing == 0) {
        return set_reason(f, column, "constant");
    }
    set_scale(f, s, column);
    column->missing_feature = s->missing > 0;
    take(column, ND_PREP_NUMBER, 1 + column->missing_feature);
    return column->scaling == ND_SCALING_QUANTILE ? set_knots(f, fact, column) : ND_OK;
}

static nd_status fit_image(const fit *f, const facts *fact, const nd_column *raw,
                           nd_prep_column *column)
{
    const nd_stats *s = &fact->stats;
    if (s->min == s->max) {
        return set_reason(f, column, "constant");
    }
    bool ranks = f->params->scaling == ND_SCALING_QUANTILE;
    column->scaling = ranks ? ND_SCALING_STANDARD : f->params->scaling;
    column->low = 0;
    column->high = 255;
    column->fill = s->mean;
    if (column->scaling == ND_SCALING_STANDARD) {
        column->center = s->mean;
        column->scale = nd_prep_guard(s->deviation, 0);
    } else if (column->scaling == ND_SCALING_MINMAX) {
        column->center = s->min;
        column->scale = s->max - s->min;
    }
    column->image_rows = raw->image_rows;
    column->image_cols = raw->image_cols;
    take(column, ND_PREP_IMAGE, raw->width);
    return ND_OK;
}

static size_t frequent_words(const fit *f, const nd_column *raw, const nd_stats *s, uint32_t *pick)
{
    size_t n = 0, least = f->params->min_count > 1 ? f->params->min_count : 1;
    for (uint32_t w = 0; w < nd_dict_count(raw->dict); w++) {
        if (s->word_count[w] >= least) {
            pick[n++] = w;
        }
    }
    return n;
}

static nd_status fit_one_hot(const fit *f, const nd_column *raw, const nd_stats *s,
                             const uint32_t *pick, size_t words, nd_prep_column *column)
{
    bool other = words < s->words;
    column->words = nd_words_sorted(raw->dict, pick, words);
    if (!column->words) {
        return nd_fail_memory(f->prep->ctx);
    }
    column->missing_feature = s->missing > 0;
    take(column, ND_PREP_ONE_HOT, words + other + column->missing_feature);
    return ND_OK;
}

static nd_status fit_index(const fit *f, const nd_column *raw, const nd_stats *s,
                           const uint32_t *pick, size_t words, nd_prep_column *column)
{
    column->words = nd_words_sorted(raw->dict, pick, words);
    if (!column->words) {
        return nd_fail_memory(f->prep->ctx);
    }
    column->other = words < s->words;
    column->missing_feature = s->missing > 0;
    take(column, ND_PREP_INDEX, 1);
    return ND_OK;
}

static nd_status fit_words(const fit *f, const facts *fact, const nd_column *raw, bool keep,
                           nd_prep_column *column)
{
    const nd_stats *s = &fact->stats;
    if (s->words == 1 && s->missing == 0) {
        return set_reason(f, column, "constant");
    }
    uint32_t *pick = nd_alloc(nd_dict_count(raw->dict), sizeof *pick);
    if (!pick) {
        return nd_fail_memory(f->prep->ctx);
    }
    nd_status status = ND_OK;
    size_t words = frequent_words(f, raw, s, pick);
    size_t groups = words + (words < s->words) + (s->missing > 0);
    if (f->params->embed && words > f->params->max_one_hot && words <= EMBED_MOST) {
        status = fit_index(f, raw, s, pick, words, column);
    } else if (words > f->params->max_one_hot || (keep && groups < 2)) {
        column->buckets = f->params->buckets;
        column->missing_feature = s->missing > 0;
        take(column, ND_PREP_HASHED, column->buckets + column->missing_feature);
    } else if (groups < 2) {
        status = set_reason(f, column, "no text repeats");
    } else {
        status = fit_one_hot(f, raw, s, pick, words, column);
    }
    nd_free(pick);
    return status;
}

/* Why a column is no input whatever it holds, NULL if it may be one. */
static const char *left_out(const fit *f, size_t i)
{
    if (f->params->weight && nd_table_find(f->table, f->params->weight) == (int)f->at[i]) {
        return "weight of the rows";
    }
    bool label = f->at[i] + f->table->targets >= f->table->columns;
    if (f->prep->task == ND_TASK_AUTOENCODER && label) {
        return "label";
    }
    bool dropped = nd_prep_listed(f->table, f->at[i], f->params->drop, f->params->drop_count);
    return dropped ? "by request" : NULL;
}

static nd_status fit_column(const fit *f, size_t i, bool keep)
{
    nd_prep_column *column = &f->prep->column[i];
    const facts *fact = &f->facts[i];
    const nd_column *raw = &f->table->column[f->at[i]];
    if (left_out(f, i)) {
        return set_reason(f, column, left_out(f, i));
    }
    if (fact->stats.infinite > 0) {
        return nd_prep_fail_cell(f->table, fact->stats.infinite_row, raw, "the value is infinite");
    }
    if (fact->stats.present == 0) {
        return set_reason(f, column, "no values");
    }
    if (fact->suspect && !keep) {
        return set_reason(f, column, "identifier");
    }
    if (raw->dtype == ND_DT_WORD) {
        return fit_words(f, fact, raw, keep, column);
    }
    return raw->dtype == ND_DT_U8 ? fit_image(f, fact, raw, column) : fit_number(f, fact, column);
}

/* ---- Columns that are the pixels of one image ---- */

static nd_status check_pixel(const fit *f, size_t i)
{
    const nd_stats *s = &f->facts[i].stats;
    const nd_column *raw = &f->table->column[f->at[i]];
    if (raw->dtype == ND_DT_WORD) {
        return nd_fail(
            f->prep->ctx, ND_ERR_DATA,
            "%s: image: column \"%s\" holds text, not a pixel (--ignore %s leaves it out)",
            f->table->path, raw->name, raw->name);
    }
    if (s->missing > 0) {
        return nd_fail(f->prep->ctx, ND_ERR_DATA,
                       "%s: image: %zu values of pixel column \"%s\" are missing", f->table->path,
                       s->missing, raw->name);
    }
    return s->infinite > 0
               ? nd_prep_fail_cell(f->table, s->infinite_row, raw, "the value is infinite")
               : ND_OK;
}

/* Statistics of all pixels together: every column has as many. */
static nd_status pool_pixels(const fit *f, nd_stats *all, size_t *pixels)
{
    double mean = 0, squares = 0;
    *all = (nd_stats){.min = INFINITY, .max = -INFINITY};
    *pixels = 0;
    for (size_t i = 0; i < f->prep->columns; i++) {
        if (!left_out(f, i)) {
            const nd_stats *s = &f->facts[i].stats;
            ND_TRY(check_pixel(f, i));
            mean += s->mean;
            squares += s->deviation * s->deviation + s->mean * s->mean;
            all->min = fmin(all->min, s->min);
            all->max = fmax(all->max, s->max);
            ++*pixels;
        }
    }
    all->mean = mean / (double)*pixels;
    all->deviation = sqrt(fmax(squares / (double)*pixels - all->mean * all->mean, 0));
    return ND_OK;
}

static void set_pixel(const fit *f, const nd_stats *all, nd_prep_column *column)
{
    bool ranks = f->params->scaling == ND_SCALING_QUANTILE;
    column->scaling = ranks ? ND_SCALING_STANDARD : f->params->scaling;
    column->center = 0;
    column->scale = 1;
    column->low = -ND_PREP_UNBOUNDED;
    column->high = ND_PREP_UNBOUNDED;
    column->fill = all->mean;
    if (column->scaling == ND_SCALING_STANDARD) {
        column->center = all->mean;
        column->scale = nd_prep_guard(all->deviation, all->mean);
    } else if (column->scaling == ND_SCALING_MINMAX) {
        column->center = all->min;
        column->scale = nd_prep_guard(all->max - all->min, 0);
    }
    take(column, ND_PREP_NUMBER, 1);
}

static nd_status fit_pixels(const fit *f)
{
    nd_stats all;
    size_t pixels;
    nd_prep *prep = f->prep;
    ND_TRY(pool_pixels(f, &all, &pixels));
    if (pixels != f->params->pixels) {
        return nd_fail(prep->ctx, ND_ERR_OPTION,
                       "image: %zu numbers an image, but the rows of %s have %zu input columns "
                       "(--ignore leaves out columns that are no pixels)",
                       f->params->pixels, f->table->path, pixels);
    }
    if (!(all.min < all.max)) {
        return nd_fail(prep->ctx, ND_ERR_DATA, "%s: all pixels of the training rows are the same",
                       f->table->path);
    }
    for (size_t i = 0; i < prep->columns; i++) {
        if (left_out(f, i)) {
            ND_TRY(set_reason(f, &prep->column[i], left_out(f, i)));
        } else {
            set_pixel(f, &all, &prep->column[i]);
        }
    }
    return ND_OK;
}

/* A column that holds whole images says how many pixels they have. */
static nd_status check_whole_images(const fit *f, bool *whole)
{
    *whole = false;
    for (size_t i = 0; i < f->prep->columns; i++) {
        const nd_column *raw = &f->table->column[f->at[i]];
        if (raw->dtype == ND_DT_U8 && !left_out(f, i)) {
            *whole = true;
            if (f->params->pixels != raw->width) {
                return nd_fail(f->prep->ctx, ND_ERR_OPTION,
                               "image: %zu numbers an image, but those of %s have %zu",
                               f->params->pixels, f->table->path, raw->width);
            }
        }
    }
    return ND_OK;
}

/* An identifier-like number that is the only input stays. */
static nd_status rescue_only_input(const fit *f)
{
    size_t candidates = 0, numbers = 0, last = 0;
    for (size_t i = 0; i < f->prep->columns; i++) {
        const nd_prep_column *column = &f->prep->column[i];
        if (column->kind != ND_PREP_DROPPED || strcmp(column->reason, "identifier") == 0) {
            candidates++;
            if (f->table->column[f->at[i]].dtype != ND_DT_WORD) {
                numbers++;
                last = i;
            }
        }
    }
    if (candidates != 1 || numbers != 1 || f->prep->column[last].kind != ND_PREP_DROPPED) {
        return ND_OK;
    }
    nd_log(f->prep->ctx, 1,
           "column \"%s\" looks like an identifier (%s), but is the only input: "
           "it is used",
           f->prep->column[last].name, f->facts[last].suspect);
    return fit_column(f, last, true);
}

static nd_status place_features(const fit *f)
{
    nd_prep *prep = f->prep;
    prep->features = 0;
    nd_prep_tell_constant(prep, f->params->like);
    for (size_t i = 0; i < prep->columns; i++) {
        nd_prep_tell_dropped(prep, i, f->facts[i].suspect, f->params->like);
        prep->column[i].first = prep->features;
        prep->features += prep->column[i].features;
    }
    if (prep->features == 0) {
        return nd_fail(prep->ctx, ND_ERR_DATA,
                       "%s: no input is left: column \"%s\"%s not used (%s)", f->table->path,
                       prep->column[0].name, prep->columns > 1 ? " and the others are" : " is",
                       prep->column[0].reason);
    }
    return ND_OK;
}

/* Quantiles sort a copy of the column: with rows beyond the memory, one such copy. */
static bool one_column_at_a_time(const fit *f)
{
    return f->params->scaling == ND_SCALING_QUANTILE && f->table->store != NULL;
}

static nd_status fit_inputs(fit *f)
{
    nd_prep *prep = f->prep;
    nd_pool_run(one_column_at_a_time(f) ? NULL : prep->ctx->pool, prep->columns, find_facts, f);
    for (size_t i = 0; i < prep->columns; i++) {
        if (!f->facts[i].ok) {
            return nd_fail_memory(prep->ctx);
        }
    }
    bool whole = true;
    if (f->params->pixels > 0) {
        ND_TRY(check_whole_images(f, &whole));
    }
    if (!whole) {
        ND_TRY(fit_pixels(f));
        return place_features(f);
    }
    for (size_t i = 0; i < prep->columns; i++) {
        bool keep = nd_prep_listed(f->table, f->at[i], f->params->keep, f->params->keep_count) ||
                    (prep->window && f->at[i] == prep->target[0].position);
        ND_TRY(fit_column(f, i, keep));
    }
    ND_TRY(rescue_only_input(f));
    return place_features(f);
}

/* Inputs follow each other in the table, with the targets between them. */
static void locate_inputs(const nd_prep *prep, size_t *at)
{
    for (size_t i = 0, c = 0; i < prep->columns; c++) {
        if (!nd_prep_is_target(prep, c)) {
            at[i++] = c;
        }
    }
}

nd_status nd_prep_fit(nd_prep *prep, const nd_table *table, const uint32_t *rows, size_t count,
                      const nd_prep_params *params)
{
    if (count == 0 || table->columns != prep->columns + (prep->window ? 0 : prep->targets)) {
        return nd_fail(prep->ctx, ND_ERR_ARGUMENT,
                       "preparation needs rows of the table it began with");
    }
    fit f = {.prep = prep, .table = table, .rows = rows, .count = count, .params = params};
    f.at = nd_alloc(prep->columns, sizeof *f.at);
    f.facts = nd_alloc(prep->columns, sizeof *f.facts);
    nd_status status = f.at && f.facts ? ND_OK : nd_fail_memory(prep->ctx);
    if (status == ND_OK) {
        status = nd_prep_fit_targets(prep, table, rows, count);
    }
    if (status == ND_OK) {
        status = nd_prep_fit_weights(prep, table, rows, count, params);
    }
    if (status == ND_OK) {
        locate_inputs(prep, f.at);
        status = fit_inputs(&f);
    }
    if (status == ND_OK && prep->task == ND_TASK_AUTOENCODER) {
        status = nd_prep_fit_mirror(prep, table, params);
    }
    for (size_t i = 0; f.facts && i < prep->columns; i++) {
        nd_stats_free(&f.facts[i].stats);
        nd_free(f.facts[i].knots);
    }
    nd_free(f.facts);
    nd_free(f.at);
    return status;
}
