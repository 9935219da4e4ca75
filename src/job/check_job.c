/* nadir check, and the part of it that comes before every training. */
#include <string.h>

#include "base/ctx.h"
#include "job/check.h"
#include "job/read.h"
#include "report/findings.h"

/* Warnings of one name that a training shows. */
enum { SHOWN_MOST = 3 };

/* Test and validation tables as parts; room for two. */
static size_t list_parts(const nd_parts *parts, nd_check_part *list)
{
    size_t count = 0;
    if (parts->test_file != NULL) {
        list[count++] = (nd_check_part){"test", parts->test_file};
    }
    if (parts->valid_file != NULL) {
        list[count++] = (nd_check_part){"validation", parts->valid_file};
    }
    return count;
}

static nd_status find(const nd_config *config, const nd_settings *settings, const nd_prep *prep,
                      const nd_table *table, const nd_parts *parts, nd_findings *findings)
{
    nd_strings allow;
    nd_check_part list[2];
    *findings = (nd_findings){0};
    ND_TRY(nd_strings_from(&config->set, "allow", &allow));
    nd_check_params params = {
        .prep = &settings->prep,
        .allow = (const char *const *)allow.item,
        .allow_count = allow.count,
        .brief = prep != NULL,
    };
    nd_status status =
        nd_check_table(table, prep, list, list_parts(parts, list), &params, findings);
    nd_strings_free(&allow);
    return status;
}

static size_t earlier(const nd_findings *findings, size_t i)
{
    size_t n = 0;
    for (size_t j = 0; j < i; j++) {
        n += strcmp(findings->item[j].name, findings->item[i].name) == 0;
    }
    return n;
}

static nd_status tell(const nd_table *table, const nd_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const nd_finding *f = &findings->item[i];
        const char *open = f->column ? "column \"" : "", *close = f->column ? "\": " : "";
        const char *column = f->column ? f->column : "";
        if (f->error) {
            return nd_fail(table->ctx, ND_ERR_DATA, "%s: %s%s%s%s (%s; %s)", table->path, open,
                           column, close, f->text, f->name, f->remedy);
        }
        if (earlier(findings, i) < SHOWN_MOST) {
            nd_log(table->ctx, 1, "%s%s%s%s (%s; %s)", open, column, close, f->text, f->name,
                   f->remedy);
        }
    }
    return ND_OK;
}

static bool from_arrays(const nd_table *table)
{
    return table->columns > 0 && table->column[0].dtype == ND_DT_REAL;
}

nd_status nd_train_check(const nd_config *config, const nd_settings *settings, const nd_prep *prep,
                         const nd_table *table, nd_parts *parts)
{
    nd_findings findings;
    if (from_arrays(table)) {
        return ND_OK;
    }
    ND_TRY(find(config, settings, prep, table, parts, &findings));
    nd_status status = tell(table, &findings);
    nd_findings_free(&findings);
    return status == ND_OK && nd_opt_given(&config->set, "allow") ? nd_parts_known(prep, parts)
                                                                  : status;
}

static nd_status check(const nd_table *table, const nd_config *config, int json,
                       const nd_sink *sink, size_t *count)
{
    nd_settings settings;
    nd_parts parts = {0};
    nd_findings findings = {0};
    ND_TRY(nd_settings_from(table->ctx, config, &settings));
    nd_status status = nd_parts_read(table->ctx, config, table, &parts);
    if (status == ND_OK) {
        status = find(config, &settings, NULL, table, &parts, &findings);
    }
    if (status == ND_OK) {
        *count = findings.count;
        status = nd_report_findings(table, &findings, json, sink);
    }
    nd_findings_free(&findings);
    nd_parts_free(&parts);
    nd_settings_free(&settings);
    return status;
}

nd_status nd_table_check(const nd_table *table, const nd_config *config, int json,
                         const nd_sink *sink, size_t *findings)
{
    if (!table || !sink || !findings) {
        return nd_fail(table ? table->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_table_check: a null pointer was passed");
    }
    nd_config *owned;
    const nd_config *effective;
    *findings = 0;
    ND_TRY(nd_settings_or_default(table->ctx, config, ND_VERB_CHECK, &owned, &effective));
    nd_status status = check(table, effective, json, sink, findings);
    nd_config_destroy(owned);
    return status;
}
