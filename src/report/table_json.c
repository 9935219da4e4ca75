#include "report/table_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "report/metrics_json.h"

/* null for what JSON cannot say. */
static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *count(size_t n)
{
    return json_integer((json_int_t)n);
}

/* Text as given, null if it is not UTF-8. */
static json_t *string(const char *text)
{
    return text && nd_utf8_valid(text, strlen(text)) ? json_string(text) : json_null();
}

static json_t *words_json(const nd_column_facts *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->words; i++) {
        json_t *item = json_object();
        nd_json_set(&item, "text", string(nd_dict_word(c->column->dict, c->word[i], NULL)));
        nd_json_set(&item, "rows", count(c->stats.word_count[c->word[i]]));
        nd_json_append(&list, item);
    }
    return list;
}

static json_t *use_json(const nd_column_facts *c)
{
    const nd_prep_column *use = c->use;
    if (!use) {
        return json_null();
    }
    json_t *made = json_object();
    nd_json_set(&made, "kind", string(nd_prep_kind_name(use->kind)));
    nd_json_set(&made, "inputs", count(use->features));
    if (use->kind == ND_PREP_DROPPED) {
        nd_json_set(&made, "reason", string(use->reason));
    } else {
        nd_json_set(&made, "missing_input", json_boolean(use->missing_feature));
    }
    if (use->kind == ND_PREP_NUMBER || use->kind == ND_PREP_IMAGE) {
        nd_json_set(&made, "scaling", string(nd_scaling_name(use->scaling)));
    }
    return made;
}

static json_t *column_json(const nd_column_facts *c)
{
    json_t *made = json_object();
    nd_json_set(&made, "name", string(c->column->name));
    nd_json_set(&made, "type", string(nd_column_type_name(c->column)));
    nd_json_set(&made, "target", json_boolean(c->target));
    nd_json_set(&made, "missing", count(c->stats.missing));
    if (c->column->dtype != ND_DT_U8) {
        nd_json_set(&made, "different", count(c->distinct));
    }
    if (c->column->dtype == ND_DT_WORD) {
        nd_json_set(&made, "most_frequent", words_json(c));
    } else {
        nd_json_set(&made, "min", number(c->stats.min));
        nd_json_set(&made, "max", number(c->stats.max));
        nd_json_set(&made, "mean", number(c->stats.mean));
        nd_json_set(&made, "deviation", number(c->stats.deviation));
    }
    nd_json_set(&made, "preparation", use_json(c));
    return made;
}

static json_t *classes_json(const nd_prep *prep)
{
    json_t *list = json_array();
    for (uint32_t k = 0; k < nd_dict_count(prep->classes); k++) {
        json_t *item = json_object();
        nd_json_set(&item, "name", string(nd_dict_word(prep->classes, k, NULL)));
        nd_json_set(&item, "rows", count((size_t)prep->class_count[k]));
        nd_json_append(&list, item);
    }
    return list;
}

static void add_prep(json_t **made, const nd_table_facts *facts)
{
    const nd_prep *prep = facts->prep;
    json_t *targets = json_array();
    for (size_t t = 0; prep && t < prep->targets; t++) {
        nd_json_append(&targets, string(prep->target[t].name));
    }
    nd_json_set(made, "task", string(prep ? nd_task_name(prep->task) : NULL));
    nd_json_set(made, "targets", targets);
    if (prep && prep->classes) {
        nd_json_set(made, "classes", classes_json(prep));
    }
    nd_json_set(made, "inputs", facts->fitted ? count(prep->features) : json_null());
}

static json_t *table_json(const nd_table_facts *facts)
{
    json_t *made = json_object(), *columns = json_array(), *notes = json_array();
    nd_json_set(&made, "file", string(facts->table->path));
    nd_json_set(&made, "rows", count(facts->table->rows));
    nd_json_set(&made, "header", json_boolean(facts->table->header));
    for (size_t c = 0; c < facts->table->columns; c++) {
        nd_json_append(&columns, column_json(&facts->column[c]));
    }
    nd_json_set(&made, "columns", columns);
    add_prep(&made, facts);
    for (size_t i = 0; i < facts->notes; i++) {
        nd_json_append(&notes, string(facts->note[i]));
    }
    nd_json_set(&made, "warnings", notes);
    nd_json_set(&made, "problem", string(facts->problem));
    return made;
}

void nd_table_facts_json(nd_text *out, const nd_table_facts *facts)
{
    nd_json_dump(out, table_json(facts), JSON_INDENT(2));
    nd_text_puts(out, "\n");
}
