#include "report/table_json.h"

#include <jansson.h>
#include <math.h>

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
    json_t *made = text ? json_string(text) : NULL;
    return made ? made : json_null();
}

static json_t *words_json(const nd_column_facts *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->words; i++) {
        json_t *item = json_object();
        json_object_set_new(item, "text", string(nd_dict_word(c->column->dict, c->word[i], NULL)));
        json_object_set_new(item, "rows", count(c->stats.word_count[c->word[i]]));
        json_array_append_new(list, item);
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
    json_object_set_new(made, "kind", string(nd_prep_kind_name(use->kind)));
    json_object_set_new(made, "inputs", count(use->features));
    if (use->kind == ND_PREP_DROPPED) {
        json_object_set_new(made, "reason", string(use->reason));
    } else {
        json_object_set_new(made, "missing_input", json_boolean(use->missing_feature));
    }
    if (use->kind == ND_PREP_NUMBER || use->kind == ND_PREP_IMAGE) {
        json_object_set_new(made, "scaling", string(nd_scaling_name(use->scaling)));
    }
    return made;
}

static json_t *column_json(const nd_column_facts *c)
{
    json_t *made = json_object();
    json_object_set_new(made, "name", string(c->column->name));
    json_object_set_new(made, "type", string(nd_column_type_name(c->column)));
    json_object_set_new(made, "target", json_boolean(c->target));
    json_object_set_new(made, "missing", count(c->stats.missing));
    if (c->column->dtype != ND_DT_U8) {
        json_object_set_new(made, "different", count(c->distinct));
    }
    if (c->column->dtype == ND_DT_WORD) {
        json_object_set_new(made, "most_frequent", words_json(c));
    } else {
        json_object_set_new(made, "min", number(c->stats.min));
        json_object_set_new(made, "max", number(c->stats.max));
        json_object_set_new(made, "mean", number(c->stats.mean));
        json_object_set_new(made, "deviation", number(c->stats.deviation));
    }
    json_object_set_new(made, "preparation", use_json(c));
    return made;
}

static json_t *classes_json(const nd_prep *prep)
{
    json_t *list = json_array();
    for (uint32_t k = 0; k < nd_dict_count(prep->classes); k++) {
        json_t *item = json_object();
        json_object_set_new(item, "name", string(nd_dict_word(prep->classes, k, NULL)));
        json_object_set_new(item, "rows", count((size_t)prep->class_count[k]));
        json_array_append_new(list, item);
    }
    return list;
}

static void add_prep(json_t *made, const nd_table_facts *facts)
{
    const nd_prep *prep = facts->prep;
    json_t *targets = json_array();
    for (size_t t = 0; prep && t < prep->targets; t++) {
        json_array_append_new(targets, string(prep->target[t].name));
    }
    json_object_set_new(made, "task", string(prep ? nd_task_name(prep->task) : NULL));
    json_object_set_new(made, "targets", targets);
    if (prep && prep->classes) {
        json_object_set_new(made, "classes", classes_json(prep));
    }
    json_object_set_new(made, "inputs", facts->fitted ? count(prep->features) : json_null());
}

static json_t *table_json(const nd_table_facts *facts)
{
    json_t *made = json_object(), *columns = json_array(), *notes = json_array();
    json_object_set_new(made, "file", string(facts->table->path));
    json_object_set_new(made, "rows", count(facts->table->rows));
    json_object_set_new(made, "header", json_boolean(facts->table->header));
    for (size_t c = 0; c < facts->table->columns; c++) {
        json_array_append_new(columns, column_json(&facts->column[c]));
    }
    json_object_set_new(made, "columns", columns);
    add_prep(made, facts);
    for (size_t i = 0; i < facts->notes; i++) {
        json_array_append_new(notes, string(facts->note[i]));
    }
    json_object_set_new(made, "warnings", notes);
    json_object_set_new(made, "problem", string(facts->problem));
    return made;
}

static int append(const char *bytes, size_t size, void *out)
{
    nd_text_add(out, bytes, size);
    return 0;
}

void nd_table_facts_json(nd_text *out, const nd_table_facts *facts)
{
    json_t *made = table_json(facts);
    if (json_dump_callback(made, append, out, JSON_INDENT(2)) != 0) {
        out->failed = true;
    }
    nd_text_puts(out, "\n");
    json_decref(made);
}
