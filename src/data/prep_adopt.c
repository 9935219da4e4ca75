/* Features that mean what they meant to another model: its preparation, where the columns
 * are the same. */
#include <string.h>

#include "base/mem.h"
#include "data/prep.h"

static nd_dict *copy_words(const nd_dict *from)
{
    nd_dict *copy = nd_dict_create();
    for (size_t i = 0; copy && i < nd_dict_count(from); i++) {
        size_t size;
        const char *word = nd_dict_word(from, (uint32_t)i, &size);
        if (nd_dict_add(copy, word, size) == ND_DICT_NONE) {
            nd_dict_destroy(copy);
            return NULL;
        }
    }
    return copy;
}

static double *copy_knots(const double *from, size_t count)
{
    double *copy = nd_alloc(count, sizeof *copy);
    if (copy) {
        memcpy(copy, from, count * sizeof *copy);
    }
    return copy;
}

static void free_parts(nd_prep_column *column)
{
    nd_free(column->name);
    nd_free(column->reason);
    nd_free(column->knots);
    nd_dict_destroy(column->words);
}

/* Put a copy of one column in the place of another. */
static nd_status replace(nd_ctx *ctx, const nd_prep_column *from, nd_prep_column *column)
{
    nd_prep_column copy = *from;
    copy.name = nd_strdup(from->name);
    copy.reason = from->reason ? nd_strdup(from->reason) : NULL;
    copy.knots = from->knots ? copy_knots(from->knots, from->knot_count) : NULL;
    copy.words = from->words ? copy_words(from->words) : NULL;
    bool whole = copy.name && (copy.reason || !from->reason) && (copy.knots || !from->knots) &&
                 (copy.words || !from->words);
    if (!whole) {
        free_parts(&copy);
        return nd_fail_memory(ctx);
    }
    free_parts(column);
    *column = copy;
    return ND_OK;
}

static bool is_category(const nd_prep_column *column)
{
    return column->kind == ND_PREP_ONE_HOT || column->kind == ND_PREP_HASHED;
}

/* Whether both read the same kind of raw column. One that was left out for its values
 * (constant, like an identifier) may be read by the other's preparation; one that was left
 * out by request may not. */
static bool agree(const nd_prep_column *own, const nd_prep_column *from)
{
    if (own->kind == ND_PREP_DROPPED) {
        const char *why = own->reason ? own->reason : "";
        return from->kind == ND_PREP_DROPPED ||
               (strcmp(why, "by request") != 0 && strcmp(why, "weight of the rows") != 0);
    }
    if (from->kind == ND_PREP_DROPPED) {
        return true;
    }
    if (own->kind == ND_PREP_IMAGE) {
        return from->kind == ND_PREP_IMAGE && own->image_rows == from->image_rows &&
               own->image_cols == from->image_cols;
    }
    return own->kind == from->kind || (is_category(own) && is_category(from));
}

static nd_prep_column *find(const nd_prep *prep, const char *name)
{
    for (size_t i = 0; i < prep->columns; i++) {
        if (strcmp(prep->column[i].name, name) == 0) {
            return &prep->column[i];
        }
    }
    return NULL;
}

static void place_features(nd_prep *prep)
{
    prep->features = 0;
    for (size_t i = 0; i < prep->columns; i++) {
        prep->column[i].first = prep->features;
        prep->features += prep->column[i].features;
    }
}

/* Columns of from first, in its order; what it does not know behind them. */
static nd_status order_as(nd_prep *prep, const nd_prep *from)
{
    nd_prep_column *sorted = nd_alloc(prep->columns, sizeof *sorted);
    size_t count = 0;
    if (!sorted) {
        return nd_fail_memory(prep->ctx);
    }
    for (size_t i = 0; i < from->columns; i++) {
        nd_prep_column *column = find(prep, from->column[i].name);
        if (column) {
            sorted[count++] = *column;
        }
    }
    for (size_t i = 0; i < prep->columns; i++) {
        if (!find(from, prep->column[i].name)) {
            sorted[count++] = prep->column[i];
        }
    }
    memcpy(prep->column, sorted, count * sizeof *sorted);
    nd_free(sorted);
    return ND_OK;
}

static size_t missing_columns(const nd_prep *prep, const nd_prep *from)
{
    size_t missing = 0;
    for (size_t i = 0; i < from->columns; i++) {
        const nd_prep_column *column = find(prep, from->column[i].name);
        bool used = from->column[i].kind != ND_PREP_DROPPED;
        missing += used && (!column || !agree(column, &from->column[i]));
    }
    return missing;
}

nd_status nd_prep_adopt(nd_prep *prep, const nd_prep *from, nd_adopted *adopted)
{
    *adopted = (nd_adopted){.missing = missing_columns(prep, from)};
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *other = find(from, prep->column[i].name);
        bool same = other && agree(&prep->column[i], other);
        if (same) {
            ND_TRY(replace(prep->ctx, other, &prep->column[i]));
        }
        bool used = prep->column[i].kind != ND_PREP_DROPPED;
        adopted->taken += same && used;
        adopted->own += !same && used;
    }
    if (adopted->missing == 0) {
        ND_TRY(order_as(prep, from));
    }
    place_features(prep);
    return prep->features > 0 ? ND_OK
                              : nd_fail(prep->ctx, ND_ERR_DATA,
                                        "no input of the other model is among the columns");
}
