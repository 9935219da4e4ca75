#include "job/labelled.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "job/settings.h"

static const char *const finding = "target_missing";

static bool allows(const nd_strings *allow, const char *column)
{
    size_t n = strlen(finding);
    for (size_t i = 0; i < allow->count; i++) {
        const char *item = allow->item[i];
        if (strncmp(item, finding, n) == 0 &&
            (item[n] == '\0' || (item[n] == ':' && strcmp(item + n + 1, column) == 0))) {
            return true;
        }
    }
    return false;
}

static bool missing_at(const nd_column *column, size_t row)
{
    return column->dtype == ND_DT_WORD ? nd_column_word(column, row) == ND_DICT_NONE
                                       : isnan(nd_column_number(column, row, 0));
}

/* keep[count] loses the rows that lack a value of the column. */
static size_t keep_present(const nd_column *column, uint32_t *keep, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!missing_at(column, keep[i])) {
            keep[kept++] = keep[i];
        }
    }
    return kept;
}

/* Rows that have all targets which must be there: how many, in keep. */
static size_t list_labelled(const nd_strings *allow, const nd_prep_params *prep,
                            const nd_table *like, const nd_table *table, uint32_t *keep)
{
    size_t count = table->rows, targets = prep->target_count ? prep->target_count : 1;
    for (size_t r = 0; r < count; r++) {
        keep[r] = (uint32_t)r;
    }
    for (size_t t = 0; t < targets; t++) {
        const char *name =
            prep->target_count ? prep->target[t] : like->column[like->columns - 1].name;
        int at = nd_table_find(table, name);
        if (at >= 0 && table->column[at].missing > 0 && allows(allow, table->column[at].name)) {
            count = keep_present(&table->column[at], keep, count);
        }
    }
    return count;
}

static nd_status keep_rows(const nd_strings *allow, const nd_prep_params *prep,
                           const nd_table *like, nd_table *table)
{
    nd_status status = ND_OK;
    uint32_t *keep = nd_alloc(table->rows, sizeof *keep);
    if (keep == NULL) {
        return nd_fail_memory(table->ctx);
    }
    size_t rows = table->rows, count = list_labelled(allow, prep, like, table, keep);
    if (count == 0) {
        status = nd_fail(table->ctx, ND_ERR_DATA, "%s: the target is missing in all of %zu rows",
                         table->path, rows);
    } else if (count < rows) {
        status = nd_table_keep(table, keep, count);
    }
    if (status == ND_OK && count < rows) {
        nd_log(table->ctx, 1, "%s: %zu of %zu rows are left out: the target is missing",
               table->path, rows - count, rows);
    }
    nd_free(keep);
    return status;
}

nd_status nd_table_keep_labelled(const nd_config *config, const nd_prep_params *prep,
                                 const nd_table *like, nd_table *table)
{
    bool targets = prep->window == 0 && prep->task != ND_TASK_AUTOENCODER;
    if (config == NULL || !targets || table->store != NULL || table->rows == 0 ||
        like->columns == 0) {
        return ND_OK;
    }
    nd_strings allow;
    ND_TRY(nd_strings_from(&config->set, "allow", &allow));
    nd_status status = allow.count == 0 ? ND_OK : keep_rows(&allow, prep, like, table);
    nd_strings_free(&allow);
    return status;
}
