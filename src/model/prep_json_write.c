#include <stdint.h>

#include "model/model_json.h"

static void put_field(nd_text *out, const char *key, double value)
{
    nd_text_printf(out, ",\"%s\":", key);
    nd_json_put_number(out, value);
}

static void put_words(nd_text *out, const char *key, const nd_dict *dict)
{
    nd_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; dict != NULL && i < nd_dict_count(dict); i++) {
        size_t n;
        const char *word = nd_dict_word(dict, (uint32_t)i, &n);
        nd_text_puts(out, i > 0 ? "," : "");
        nd_json_put(out, word, n);
    }
    nd_text_puts(out, "]");
}

static void put_numbers(nd_text *out, const char *key, const double *value, size_t count)
{
    nd_text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        nd_text_puts(out, i > 0 ? "," : "");
        nd_json_put_number(out, value[i]);
    }
    nd_text_puts(out, "]");
}

static void put_scaling(nd_text *out, const nd_prep_column *column)
{
    nd_text_printf(out, ",\"scaling\":\"%s\"", nd_scaling_name(column->scaling));
    put_field(out, "center", column->center);
    put_field(out, "scale", column->scale);
    put_field(out, "low", column->low);
    put_field(out, "high", column->high);
    put_field(out, "fill", column->fill);
    if (column->knot_count > 0) {
        put_numbers(out, "knots", column->knots, column->knot_count);
    }
}

static void put_column(nd_text *out, const nd_prep_column *column)
{
    nd_text_puts(out, "{\"name\":");
    nd_json_puts(out, column->name);
    nd_text_printf(out, ",\"kind\":\"%s\",\"first\":%zu,\"features\":%zu",
                   nd_prep_kind_name(column->kind), column->first, column->features);
    if (column->kind == ND_PREP_DROPPED) {
        nd_text_puts(out, ",\"reason\":");
        nd_json_puts(out, column->reason != NULL ? column->reason : "");
        nd_text_puts(out, "}");
        return;
    }
    nd_text_printf(out, ",\"missing_feature\":%s", column->missing_feature ? "true" : "false");
    if (column->kind == ND_PREP_NUMBER || column->kind == ND_PREP_IMAGE) {
        put_scaling(out, column);
    }
    if (column->kind == ND_PREP_IMAGE) {
        nd_text_printf(out, ",\"image\":[%zu,%zu]", column->image_rows, column->image_cols);
    } else if (column->kind == ND_PREP_ONE_HOT || column->kind == ND_PREP_INDEX) {
        put_words(out, "words", column->words);
        if (column->kind == ND_PREP_INDEX) {
            nd_text_printf(out, ",\"other\":%s", column->other ? "true" : "false");
        }
    } else if (column->kind == ND_PREP_HASHED) {
        nd_text_printf(out, ",\"buckets\":%zu", column->buckets);
    }
    nd_text_puts(out, "}");
}

static void put_target(nd_text *out, const nd_prep_target *target)
{
    nd_text_puts(out, "{\"name\":");
    nd_json_puts(out, target->name);
    nd_text_printf(out, ",\"position\":%zu", target->position);
    put_field(out, "center", target->center);
    put_field(out, "scale", target->scale);
    if (target->share || target->classes != NULL) {
        put_field(out, "mean", target->mean);
    }
    if (target->classes != NULL) {
        put_words(out, "classes", target->classes);
    }
    nd_text_puts(out, "}");
}

void nd_prep_put_json(const nd_prep *prep, nd_text *out)
{
    nd_text_printf(out, "{\"task\":\"%s\",\"header\":%s,\"scaling\":\"%s\",\"features\":%zu",
                   nd_task_name(prep->task), prep->header ? "true" : "false",
                   nd_scaling_name(prep->scaling), prep->features);
    if (prep->window) {
        nd_text_printf(out, ",\"window\":%zu,\"period\":%zu,\"relative\":%s", prep->window,
                       prep->period, prep->relative ? "true" : "false");
    }
    nd_text_puts(out, ",\"columns\":[");
    for (size_t i = 0; i < prep->columns; i++) {
        nd_text_puts(out, i > 0 ? "," : "");
        put_column(out, &prep->column[i]);
    }
    nd_text_puts(out, "],\"targets\":[");
    for (size_t i = 0; i < prep->targets; i++) {
        nd_text_puts(out, i > 0 ? "," : "");
        put_target(out, &prep->target[i]);
    }
    nd_text_puts(out, "]");
    if (prep->classes != NULL) {
        put_words(out, "classes", prep->classes);
        put_numbers(out, "class_count", prep->class_count, nd_dict_count(prep->classes));
    }
    nd_text_puts(out, "}");
}
