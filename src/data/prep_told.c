/* What is said of input columns that are not used. */
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/option.h"
#include "data/prep_parts.h"

/* Constant columns that have a warning each; more have one together. */
enum { NAMED_MOST = 4 };

static bool used_by(const nd_prep *like, const char *name)
{
    for (size_t i = 0; like && i < like->columns; i++) {
        if (strcmp(like->column[i].name, name) == 0) {
            return like->column[i].kind != ND_PREP_DROPPED;
        }
    }
    return false;
}

static bool dropped_as(const nd_prep *prep, size_t i, const char *reason, const nd_prep *like)
{
    const nd_prep_column *column = &prep->column[i];
    return column->kind == ND_PREP_DROPPED && strcmp(column->reason, reason) == 0 &&
           !used_by(like, column->name);
}

static void tell_one(const nd_prep *prep, size_t i)
{
    nd_log(prep->ctx, 1, "column \"%s\" is not used: %s in the training rows", prep->column[i].name,
           prep->column[i].reason);
}

/* first[NAMED_MOST] gets the places of the first constant columns, *last that of the last. */
static size_t find_constant(const nd_prep *prep, const nd_prep *like, size_t *first, size_t *last)
{
    size_t count = 0;
    for (size_t i = 0; i < prep->columns; i++) {
        if (dropped_as(prep, i, "constant", like)) {
            if (count < NAMED_MOST) {
                first[count] = i;
            }
            count++;
            *last = i;
        }
    }
    return count;
}

void nd_prep_tell_constant(const nd_prep *prep, const nd_prep *like)
{
    size_t first[NAMED_MOST] = {0}, last = 0;
    size_t count = find_constant(prep, like, first, &last);
    if (count > NAMED_MOST) {
        nd_log(prep->ctx, 1,
               "%zu columns are not used: constant in the training rows (%s, %s, %s, ... %s)",
               count, prep->column[first[0]].name, prep->column[first[1]].name,
               prep->column[first[2]].name, prep->column[last].name);
        return;
    }
    for (size_t k = 0; k < count; k++) {
        tell_one(prep, first[k]);
    }
}

/* What is said of a column that --keep would use. */
static void tell_kept(const nd_prep *prep, size_t i, const char *suspect)
{
    const char *column = prep->column[i].name;
    char *argument = nd_opt_argument(column);
    const char *name = argument ? argument : column;
    if (strcmp(prep->column[i].reason, "identifier") == 0) {
        nd_log(prep->ctx, 1,
               "column \"%s\" looks like an identifier (%s) and is not used; --keep %s uses it",
               column, suspect, name);
    } else {
        nd_log(prep->ctx, 1,
               "column \"%s\" is not used: no text in it repeats in the training rows; --keep %s "
               "hashes it",
               column, name);
    }
    nd_free(argument);
}

void nd_prep_tell_dropped(const nd_prep *prep, size_t i, const char *suspect, const nd_prep *like)
{
    if (dropped_as(prep, i, "identifier", like) || dropped_as(prep, i, "no text repeats", like)) {
        tell_kept(prep, i, suspect);
    } else if (dropped_as(prep, i, "no values", like)) {
        tell_one(prep, i);
    }
}
