#include "data/check.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/option.h"
#include "base/text.h"
#include "data/check_parts.h"
#include "data/prep_parts.h"
#include "data/prep_suspect.h"

static const struct {
    const char *name, *help;
} names[] = {
    {"target", "the target column cannot be used as it is"},
    {"target_missing", "rows without a target"},
    {"one_class", "every row has the same class"},
    {"constant_target", "the quantity to predict is the same in every row"},
    {"unseen_class", "a class of test or validation rows that no training row has"},
    {"imbalance", "a class with less than a twentieth of an even share of the rows"},
    {"leak", "a column that equals the target, or all but tells it"},
    {"identifier", "a column that numbers or names the rows"},
    {"many_words", "a category of which most words occur once"},
    {"constant", "a column that is the same in every row"},
    {"mostly_missing", "a column that is missing in more than half of the rows"},
    {"infinite", "a column with infinite values"},
    {"extreme", "a few values that are far from all others of their column"},
    {"unscaled", "columns of very different size, with scaling none"},
    {"duplicates", "rows that are there more than once"},
    {"conflict", "rows with the same inputs and different targets"},
    {"overlap", "test or validation rows that are training rows too"},
};

enum { NAMES = sizeof names / sizeof names[0] };

const char *nd_check_name(size_t i, const char **help)
{
    if (i >= NAMES) {
        return NULL;
    }
    *help = names[i].help;
    return names[i].name;
}

/* True if allow is name, or name:column. */
static bool allows(const char *allow, const char *name, const char *column)
{
    size_t n = strlen(name);
    if (strncmp(allow, name, n) != 0) {
        return false;
    }
    return allow[n] == '\0' || (allow[n] == ':' && column && strcmp(allow + n + 1, column) == 0);
}

static nd_status check_allow(nd_ctx *ctx, const char *allow)
{
    const char *list[NAMES];
    char word[64] = "";
    size_t n = strcspn(allow, ":");
    memcpy(word, allow, n < sizeof word ? n : sizeof word - 1);
    for (size_t i = 0; i < NAMES; i++) {
        list[i] = names[i].name;
        if (strcmp(word, names[i].name) == 0) {
            return ND_OK;
        }
    }
    const char *near = nd_nearest(word, list, NAMES);
    return nd_fail(ctx, ND_ERR_OPTION, "allow: there is no finding '%s'%s%s%s", word,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void write_remedy(nd_text *text, const char *remedy, const char *name, const char *column)
{
    bool phrase = remedy && strchr(remedy, ' ');
    if (phrase) {
        nd_text_printf(text, "%s, or ", remedy);
    } else if (remedy) {
        char *argument = nd_opt_argument(column);
        nd_text_printf(text, "--%s %s, or ", remedy, argument ? argument : column);
        nd_free(argument);
    }
    nd_text_printf(text, "--allow %s", name);
}

static nd_status keep(nd_check *check, nd_finding *finding)
{
    nd_findings *all = check->findings;
    if (!finding->text || !finding->remedy ||
        !nd_grow((void **)&all->item, &all->room, all->count, sizeof *all->item)) {
        nd_free(finding->column);
        nd_free(finding->text);
        nd_free(finding->remedy);
        return nd_fail_memory(check->ctx);
    }
    all->item[all->count++] = *finding;
    all->errors += finding->error;
    return ND_OK;
}

nd_status nd_check_add(nd_check *check, const char *name, bool error, size_t column, size_t count,
                       const char *remedy, const char *format, ...)
{
    const char *label = column == SIZE_MAX ? NULL : check->table->column[column].name;
    for (size_t i = 0; i < check->params->allow_count; i++) {
        if (allows(check->params->allow[i], name, label)) {
            return ND_OK;
        }
    }
    nd_text text = {0}, way = {0};
    va_list values;
    va_start(values, format);
    nd_text_vprintf(&text, format, values);
    va_end(values);
    write_remedy(&way, remedy, name, label);
    nd_finding finding = {.name = name, .error = error, .count = count};
    finding.column = label ? nd_strdup(label) : NULL;
    finding.text = text.failed || (label && !finding.column) ? NULL : nd_strdup(text.data);
    finding.remedy = way.failed ? NULL : nd_strdup(way.data);
    nd_text_free(&text);
    nd_text_free(&way);
    return keep(check, &finding);
}

void nd_findings_free(nd_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        nd_free(findings->item[i].column);
        nd_free(findings->item[i].text);
        nd_free(findings->item[i].remedy);
    }
    nd_free(findings->item);
    *findings = (nd_findings){0};
}

/* Column of target t as nd_prep_begin would take it; SIZE_MAX if there is none. */
static size_t target_column(const nd_check *check, size_t t)
{
    const nd_prep_params *prep = check->params->prep;
    size_t own = check->table->targets ? check->table->targets : 1;
    if (prep->target_count == 0) {
        return t < own && own < check->table->columns ? check->table->columns - own + t : SIZE_MAX;
    }
    int at = t < prep->target_count ? nd_table_find(check->table, prep->target[t]) : -1;
    return at < 0 ? SIZE_MAX : (size_t)at;
}

/* Targets that are missing, or the same in every row; *found says so. */
static nd_status check_target(nd_check *check, size_t column, bool quantity, bool *found)
{
    const nd_column *target = &check->table->column[column];
    nd_stats stats;
    if (!nd_stats_take(target, NULL, check->table->rows, &stats)) {
        return nd_fail_memory(check->ctx);
    }
    bool word = target->dtype == ND_DT_WORD;
    bool constant = word ? stats.words == 1 : stats.present > 0 && stats.min >= stats.max;
    quantity = !word && (quantity || !stats.whole);
    nd_stats_free(&stats);
    *found = stats.missing > 0 || constant;
    if (stats.missing > 0) {
        ND_TRY(nd_check_add(check, "target_missing", true, column, stats.missing,
                            "remove these rows", "the target is missing in %zu of %zu rows",
                            stats.missing, check->table->rows));
    }
    if (!constant) {
        return ND_OK;
    }
    return nd_check_add(check, quantity ? "constant_target" : "one_class", true, column,
                        stats.present, "name another --target",
                        quantity ? "the target is the same in all of %zu rows"
                                 : "the target has one class only, in all of %zu rows",
                        stats.present);
}

static bool all_known(const nd_table *table, const char *const *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (nd_table_find(table, name[i]) < 0) {
            return false;
        }
    }
    return true;
}

/* Names that the table lacks are a mistake of the caller, not of the data. */
static bool names_known(const nd_check *check)
{
    const nd_prep_params *prep = check->params->prep;
    return target_column(check, 0) != SIZE_MAX &&
           all_known(check->table, prep->target, prep->target_count) &&
           (!prep->weight || nd_table_find(check->table, prep->weight) >= 0) &&
           all_known(check->table, prep->drop, prep->drop_count) &&
           all_known(check->table, prep->keep, prep->keep_count);
}

static nd_status begin(nd_check *check, nd_prep **prep)
{
    const nd_prep_params *params = check->params->prep;
    bool quantity = params->task == ND_TASK_REGRESSION || params->target_count > 1, found = false;
    size_t column = target_column(check, 0);
    nd_status status = nd_prep_begin(check->ctx, check->table, params, prep);
    bool target = params->task != ND_TASK_AUTOENCODER;
    if (status != ND_ERR_DATA || !target || !names_known(check)) {
        return status;
    }
    char reason[ND_MESSAGE_SIZE];
    memcpy(reason, check->ctx->message, sizeof reason);
    for (size_t t = 0; target_column(check, t) != SIZE_MAX; t++) {
        bool one = false;
        ND_TRY(check_target(check, target_column(check, t), quantity, &one));
        found = found || one;
    }
    return found ? ND_OK
                 : nd_check_add(check, "target", true, column, check->table->rows,
                                "name another --target or --task", "%s", reason);
}

static nd_status list_columns(nd_check *check)
{
    const nd_table *table = check->table;
    const nd_prep_params *params = check->params->prep;
    check->column = nd_alloc(table->columns, sizeof *check->column);
    if (!check->column) {
        return nd_fail_memory(check->ctx);
    }
    for (size_t c = 0; c < table->columns; c++) {
        bool target = false;
        for (size_t t = 0; t < check->prep->targets; t++) {
            target = target || check->prep->target[t].position == c;
        }
        bool weight = params->weight && nd_table_find(table, params->weight) == (int)c;
        if (!target && !weight && !nd_prep_listed(table, c, params->drop, params->drop_count)) {
            check->column[check->columns++].at = c;
        }
    }
    return ND_OK;
}

static nd_status take_labels(nd_check *check)
{
    if (!nd_task_has_classes(check->prep->task)) {
        return ND_OK;
    }
    check->label = nd_alloc(check->table->rows, sizeof *check->label);
    if (!check->label) {
        return nd_fail_memory(check->ctx);
    }
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(check->prep, check->table, true, &map));
    for (size_t r = 0; r < check->table->rows; r++) {
        check->label[r] = nd_prep_class_at(&map, r);
    }
    nd_prep_map_free(&map);
    return ND_OK;
}

static nd_status check_balance(nd_check *check)
{
    size_t classes = check->label ? nd_dict_count(check->prep->classes) : 0, few = 0, least = 0;
    const double *rows = check->prep->class_count;
    double all = 0; /* rows that prep saw, of which the table may be a sample */
    for (size_t k = 0; k < classes; k++) {
        all += rows[k];
    }
    double share = classes ? 0.05 * all / (double)classes : 0;
    for (size_t k = 0; k < classes; k++) {
        few += rows[k] < share;
        least = rows[k] < rows[least] ? k : least;
    }
    if (few == 0) {
        return ND_OK;
    }
    return nd_check_add(check, "imbalance", false, check->prep->target[0].position,
                        (size_t)rows[least], "train with --class-weights balanced",
                        "%zu of %zu classes ha%s less than a twentieth of an even share of the "
                        "rows; \"%.80s\" has %zu of %zu",
                        few, classes, few == 1 ? "s" : "ve",
                        nd_dict_word(check->prep->classes, (uint32_t)least, NULL),
                        (size_t)rows[least], (size_t)all);
}

static nd_status run(nd_check *check, const nd_check_part *parts, size_t count)
{
    ND_TRY(list_columns(check));
    ND_TRY(take_labels(check));
    ND_TRY(check_balance(check));
    nd_pool_run(check->ctx->pool, check->columns, nd_check_look, check);
    nd_pool_run(check->ctx->pool, check->columns, nd_check_tell, check);
    for (size_t i = 0; i < check->columns; i++) {
        if (!check->column[i].ok) {
            return nd_fail_memory(check->ctx);
        }
    }
    ND_TRY(check->prep->targets > 0 ? nd_check_leaks(check) : ND_OK);
    ND_TRY(nd_check_columns(check));
    return nd_check_rows(check, parts, count);
}

static nd_status begin_and_run(nd_check *check, const nd_check_part *parts, size_t count)
{
    nd_prep *own = NULL;
    for (size_t i = 0; i < check->params->allow_count; i++) {
        ND_TRY(check_allow(check->ctx, check->params->allow[i]));
    }
    if (!check->prep) {
        ND_TRY(begin(check, &own));
        check->prep = own;
    }
    nd_status status = check->prep ? run(check, parts, count) : ND_OK;
    for (size_t i = 0; i < check->columns; i++) {
        nd_stats_free(&check->column[i].stats);
    }
    nd_free(check->column);
    nd_free(check->label);
    nd_prep_destroy(own);
    return status;
}

nd_status nd_check_table(const nd_table *table, const nd_prep *prep, const nd_check_part *parts,
                         size_t count, const nd_check_params *params, nd_findings *findings)
{
    nd_ctx *ctx = table->ctx;
    nd_check check = {
        .ctx = ctx, .table = table, .prep = prep, .params = params, .findings = findings};
    *findings = (nd_findings){0};
    nd_log_fn log = ctx->log;
    ctx->log = NULL;
    nd_status status = begin_and_run(&check, parts, count);
    ctx->log = log;
    if (status != ND_OK) {
        nd_findings_free(findings);
    }
    return status;
}
