#include "report/findings.h"

#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "report/metrics_json.h"

enum { SHOWN_MOST = 10, NAME_WIDTH = 15 };

/* Text of a file: control bytes are shown as '?'. */
static void add_clean(nd_text *out, const char *text)
{
    for (; *text; text++) {
        bool control = (unsigned char)*text < 32 || *text == 127;
        nd_text_add(out, control ? "?" : text, 1);
    }
}

/* Findings before i of the same name and level. */
static size_t earlier(const nd_findings *findings, size_t i)
{
    size_t n = 0;
    for (size_t j = 0; j < i; j++) {
        n += findings->item[j].error == findings->item[i].error &&
             strcmp(findings->item[j].name, findings->item[i].name) == 0;
    }
    return n;
}

static void add_finding(nd_text *out, const nd_finding *finding)
{
    nd_text_printf(out, "%-8s %-*s ", finding->error ? "error" : "warning", (int)NAME_WIDTH,
                   finding->name);
    if (finding->column) {
        nd_text_puts(out, "column \"");
        add_clean(out, finding->column);
        nd_text_puts(out, "\": ");
    }
    add_clean(out, finding->text);
    nd_text_printf(out, "\n%-8s %-*s ", "", (int)NAME_WIDTH, "");
    add_clean(out, finding->remedy);
    nd_text_puts(out, "\n");
}

static void add_level(nd_text *out, const nd_findings *findings, bool error)
{
    for (size_t i = 0; i < findings->count; i++) {
        const nd_finding *finding = &findings->item[i];
        size_t before = finding->error == error ? earlier(findings, i) : SHOWN_MOST + 1;
        if (before < SHOWN_MOST) {
            add_finding(out, finding);
        } else if (before == SHOWN_MOST) {
            nd_text_printf(out, "%-8s %-*s .. and more (--json lists all)\n",
                           error ? "error" : "warning", (int)NAME_WIDTH, finding->name);
        }
    }
}

static void add_text(nd_text *out, const nd_table *table, size_t looked,
                     const nd_findings *findings)
{
    size_t warnings = findings->count - findings->errors;
    add_clean(out, table->path);
    nd_text_printf(out, ": %zu row%s, %zu column%s", table->rows, table->rows == 1 ? "" : "s",
                   table->columns, table->columns == 1 ? "" : "s");
    if (looked < table->rows) {
        nd_text_printf(out, ", a sample of %zu rows looked at", looked);
    }
    nd_text_puts(out, ": ");
    if (findings->count == 0) {
        nd_text_puts(out, "nothing found\n");
        return;
    }
    nd_text_printf(out, "%zu error%s, %zu warning%s\n", findings->errors,
                   findings->errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    add_level(out, findings, true);
    add_level(out, findings, false);
}

/* null for what is not UTF-8. */
static json_t *string(const char *text)
{
    return text && nd_utf8_valid(text, strlen(text)) ? json_string(text) : json_null();
}

static json_t *finding_json(const nd_finding *finding)
{
    json_t *made = json_object();
    nd_json_set(&made, "name", string(finding->name));
    nd_json_set(&made, "level", string(finding->error ? "error" : "warning"));
    nd_json_set(&made, "column", string(finding->column));
    nd_json_set(&made, "count", json_integer((json_int_t)finding->count));
    nd_json_set(&made, "text", string(finding->text));
    nd_json_set(&made, "remedy", string(finding->remedy));
    return made;
}

static json_t *findings_json(const nd_table *table, size_t looked, const nd_findings *findings)
{
    json_t *made = json_object(), *list = json_array();
    nd_json_set(&made, "file", string(table->path));
    nd_json_set(&made, "rows", json_integer((json_int_t)table->rows));
    nd_json_set(&made, "rows_checked", json_integer((json_int_t)looked));
    nd_json_set(&made, "columns", json_integer((json_int_t)table->columns));
    nd_json_set(&made, "errors", json_integer((json_int_t)findings->errors));
    nd_json_set(&made, "warnings", json_integer((json_int_t)(findings->count - findings->errors)));
    for (size_t i = 0; i < findings->count; i++) {
        nd_json_append(&list, finding_json(&findings->item[i]));
    }
    nd_json_set(&made, "findings", list);
    return made;
}

nd_status nd_report_findings(const nd_table *table, size_t looked, const nd_findings *findings,
                             int json, const nd_sink *sink)
{
    nd_text out = {0};
    if (json) {
        nd_json_dump(&out, findings_json(table, looked, findings), JSON_INDENT(2));
        nd_text_puts(&out, "\n");
    } else {
        add_text(&out, table, looked, findings);
    }
    nd_status status = nd_text_flush(table->ctx, &out, sink);
    nd_text_free(&out);
    return status;
}
