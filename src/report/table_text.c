#include "report/table_text.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "report/table_facts.h"
#include "report/table_json.h"

enum { NAME_MOST = 28, CLASSES_MOST = 20 };

/* Characters of UTF-8 text: bytes that do not continue one. */
static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += (*text & 0xC0) != 0x80;
    }
    return n;
}

static void pad(nd_text *out, size_t done, size_t width)
{
    for (; done < width; done++) {
        nd_text_puts(out, " ");
    }
}

/* At most most characters, control bytes shown as '?'. */
static size_t add_label(nd_text *out, const char *text, size_t most)
{
    size_t n = 0;
    bool cut = characters(text) > most;
    for (; *text; text++) {
        bool start = (*text & 0xC0) != 0x80;
        if (start && cut && n == most - 2) {
            nd_text_puts(out, "..");
            return most;
        }
        n += start;
        bool control = (unsigned char)*text < 32 || *text == 127;
        nd_text_add(out, control ? "?" : text, 1);
    }
    return n;
}

static void add_number(nd_text *out, double x)
{
    char text[ND_NUM_TEXT];
    nd_num_print_general(text, x, 6);
    nd_text_puts(out, text);
}

static void add_words(nd_text *out, const nd_column_facts *c)
{
    for (size_t i = 0; i < c->words; i++) {
        nd_text_puts(out, i ? ", " : "");
        add_label(out, nd_dict_word(c->column->dict, c->word[i], NULL), NAME_MOST);
        nd_text_printf(out, " %u", (unsigned)c->stats.word_count[c->word[i]]);
    }
    nd_text_puts(out, c->distinct > c->words ? ", .." : "");
}

static void add_values(nd_text *out, const nd_column_facts *c)
{
    if (c->column->dtype == ND_DT_WORD) {
        add_words(out, c);
        return;
    }
    if (isnan(c->stats.mean)) {
        nd_text_puts(out, "none");
        return;
    }
    add_number(out, c->stats.min);
    nd_text_puts(out, " .. ");
    add_number(out, c->stats.max);
    nd_text_puts(out, ", mean ");
    add_number(out, c->stats.mean);
    nd_text_puts(out, ", deviation ");
    add_number(out, c->stats.deviation);
    if (c->stats.infinite > 0) {
        nd_text_printf(out, ", %zu infinite", c->stats.infinite);
    }
}

static void add_use(nd_text *out, const nd_column_facts *c)
{
    const nd_prep_column *use = c->use;
    if (!use) {
        nd_text_puts(out, c->target ? "  target" : "  -");
    } else if (use->kind == ND_PREP_DROPPED) {
        nd_text_printf(out, "  not used: %s", use->reason);
    } else if (use->kind == ND_PREP_NUMBER || use->kind == ND_PREP_IMAGE) {
        nd_text_printf(out, "  %zu x %s%s", use->features, nd_scaling_name(use->scaling),
                       use->missing_feature ? " + missing" : "");
    } else {
        nd_text_printf(out, "  %zu x %s", use->features, nd_prep_kind_name(use->kind));
    }
}

static size_t name_width(const nd_table *table)
{
    size_t width = strlen("column");
    for (size_t c = 0; c < table->columns; c++) {
        size_t n = characters(table->column[c].name);
        width = n > width ? n : width;
    }
    return width < NAME_MOST ? width : NAME_MOST;
}

static void add_column(nd_text *out, const nd_column_facts *c, size_t width)
{
    char distinct[ND_NUM_TEXT] = "-";
    if (c->column->dtype != ND_DT_U8) {
        nd_num_print(distinct, (double)c->distinct);
    }
    pad(out, add_label(out, c->column->name, NAME_MOST), width);
    nd_text_printf(out, "  %-6s  %8zu  %9s", nd_column_type_name(c->column), c->stats.missing,
                   distinct);
    size_t at = out->size;
    add_use(out, c);
    size_t used = out->size - at;
    pad(out, used, 26);
    nd_text_puts(out, "  ");
    add_values(out, c);
    nd_text_puts(out, "\n");
}

static void add_columns(nd_text *out, const nd_table_facts *facts)
{
    size_t width = name_width(facts->table);
    nd_text_puts(out, "\ncolumn");
    pad(out, strlen("column"), width);
    nd_text_printf(out, "  %-6s  %8s  %9s  %-24s  %s\n", "type", "missing", "different", "inputs",
                   "values");
    for (size_t c = 0; c < facts->table->columns; c++) {
        add_column(out, &facts->column[c], width);
    }
}

static size_t class_width(const nd_prep *prep)
{
    size_t width = 0;
    for (uint32_t k = 0; k < nd_dict_count(prep->classes) && k < CLASSES_MOST; k++) {
        size_t n = characters(nd_dict_word(prep->classes, k, NULL));
        width = n > width ? n : width;
    }
    return width < NAME_MOST ? width : NAME_MOST;
}

static void add_classes(nd_text *out, const nd_table_facts *facts)
{
    const nd_prep *prep = facts->prep;
    size_t classes = nd_dict_count(prep->classes), width = class_width(prep);
    for (uint32_t k = 0; k < classes && k < CLASSES_MOST; k++) {
        char share[ND_NUM_TEXT];
        nd_num_print_fixed(share, 100 * prep->class_count[k] / (double)facts->table->rows, 1);
        nd_text_puts(out, "  ");
        pad(out, add_label(out, nd_dict_word(prep->classes, k, NULL), NAME_MOST), width);
        nd_text_printf(out, "  %8zu rows  %5s%%\n", (size_t)prep->class_count[k], share);
    }
    if (classes > CLASSES_MOST) {
        nd_text_printf(out, "  .. and %zu more\n", classes - CLASSES_MOST);
    }
}

static void add_task(nd_text *out, const nd_table_facts *facts)
{
    const nd_prep *prep = facts->prep;
    if (!prep) {
        return;
    }
    nd_text_printf(out, "\ntask: %s%s", nd_task_name(prep->task),
                   prep->targets > 0 ? ", target" : "");
    for (size_t t = 0; t < prep->targets; t++) {
        nd_text_puts(out, t ? ", " : " ");
        add_label(out, prep->target[t].name, NAME_MOST);
    }
    if (prep->classes) {
        nd_text_printf(out, ", %zu classes", nd_dict_count(prep->classes));
    }
    nd_text_puts(out, "\n");
    if (prep->classes) {
        add_classes(out, facts);
    }
    if (facts->fitted) {
        nd_text_printf(out, "inputs of the network: %zu\n", prep->features);
    }
}

static void add_text(nd_text *out, const nd_table_facts *facts)
{
    const nd_table *table = facts->table;
    add_label(out, table->path, SIZE_MAX);
    nd_text_printf(out, ": %zu row%s, %zu column%s%s\n", table->rows, table->rows == 1 ? "" : "s",
                   table->columns, table->columns == 1 ? "" : "s",
                   table->header ? "" : ", no header");
    add_columns(out, facts);
    add_task(out, facts);
    for (size_t i = 0; i < facts->notes; i++) {
        nd_text_puts(out, "warning: ");
        add_label(out, facts->note[i], SIZE_MAX);
        nd_text_puts(out, "\n");
    }
    if (facts->problem) {
        nd_text_puts(out, "problem: ");
        add_label(out, facts->problem, SIZE_MAX);
        nd_text_puts(out, "\n");
    }
}

nd_status nd_report_table(const nd_table *table, const nd_prep_params *params, int json,
                          const nd_sink *sink)
{
    nd_table_facts facts;
    nd_text out = {0};
    ND_TRY(nd_table_facts_gather(table, params, &facts));
    if (json) {
        nd_table_facts_json(&out, &facts);
    } else {
        add_text(&out, &facts);
    }
    nd_status status = nd_text_flush(table->ctx, &out, sink);
    nd_text_free(&out);
    if (status == ND_OK && facts.problem) {
        status = nd_fail(table->ctx, ND_ERR_DATA, "%s", facts.problem);
    }
    nd_table_facts_free(&facts);
    return status;
}
