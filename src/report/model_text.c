#include "report/model_text.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "model/json.h"
#include "model/model_json.h"

/* Rows and characters that the text form shows before it shortens. */
enum { COLUMNS_SHOWN = 40, WORDS_SHOWN = 6, NAME_WIDTH = 24, VALUE_WIDTH = 60 };

static size_t layer_parameters(const nd_desc_layer *layer)
{
    size_t n = 0;
    for (size_t i = 0; i < layer->shape.params; i++) {
        n += layer->shape.param[i].rows * layer->shape.param[i].cols;
    }
    return n;
}

static size_t all_parameters(const nd_desc *desc)
{
    size_t n = 0;
    for (size_t i = 0; i < desc->count; i++) {
        n += layer_parameters(desc->layer[i]);
    }
    return n;
}

static const char *input_name(const nd_desc *desc, long index)
{
    return index < 0 ? "input" : desc->layer[index]->name;
}

/* ---- Text */

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* text in a cell of width characters and two blanks, cut with "..." if longer. */
static void put_cell(nd_text *out, const char *text, size_t width)
{
    size_t bytes = 0, shown = 0, cut = 0;
    while (text[bytes] != '\0' && (shown < width || continues(text[bytes]))) {
        shown += !continues(text[bytes++]);
        cut = shown <= width - 3 ? bytes : cut;
    }
    bool whole = text[bytes] == '\0';
    nd_text_add(out, text, whole ? bytes : cut);
    nd_text_puts(out, whole ? "" : "...");
    nd_text_printf(out, "%*s", whole ? (int)(width - shown) + 2 : 2, "");
}

static void put_number(nd_text *out, const char *label, double value)
{
    char digits[ND_NUM_TEXT];
    nd_num_print_general(digits, value, 6);
    nd_text_printf(out, "%s%s%s", label, label[0] != '\0' ? " " : "", digits);
}

static void put_from(nd_text *out, const nd_desc *desc, const nd_desc_layer *layer)
{
    nd_text from = {0};
    bool added = strcmp(layer->class->name, "add") == 0;
    for (size_t i = 0; i < layer->inputs; i++) {
        nd_text_puts(&from, i == 0 ? "" : added ? " + " : ", ");
        nd_text_puts(&from, input_name(desc, layer->input[i]));
    }
    out->failed = out->failed || from.failed;
    put_cell(out, from.data != NULL ? from.data : "", NAME_WIDTH);
    nd_text_free(&from);
}

/* A model file states defaults as well; people see what is not as it is by default. */
static void put_attributes(nd_text *out, const nd_desc_layer *layer)
{
    const nd_optset *attr = &layer->attr;
    size_t n = 0;
    for (size_t i = 0; i < attr->count; i++) {
        const char *text = attr->value[i].text;
        if (text != NULL && strcmp(text, attr->row[i].preset) != 0) {
            nd_text_printf(out, "%s%s=%s", n++ > 0 ? ", " : "  ", attr->row[i].name, text);
        }
    }
    if (layer->lr < 1 || layer->lr > 1) {
        nd_text_puts(out, n > 0 ? ", lr=" : "  lr=");
        put_number(out, "", layer->lr);
    }
}

/* Columns that the longest type takes. */
static size_t type_width(const nd_desc *desc)
{
    size_t width = 12;
    for (size_t i = 0; i < desc->count; i++) {
        size_t n = strlen(desc->layer[i]->class->name);
        width = n > width ? n : width;
    }
    return width;
}

static void put_layers(nd_text *out, const nd_model *model)
{
    const nd_net *net = model->net;
    const nd_desc *desc = nd_net_desc(net);
    size_t members = nd_model_members(model);
    if (members > 1) {
        nd_text_printf(out,
                       "ensemble: %zu members of %zu parameters, whose predictions are averaged\n",
                       members, all_parameters(desc));
    }
    size_t width = type_width(desc);
    nd_text_printf(out, "network: %zu inputs, %zu outputs, %zu parameters, loss ", desc->n_in,
                   nd_desc_outputs(desc), all_parameters(desc));
    nd_loss_write(nd_net_loss_in_force(net), out);
    nd_text_puts(out, "\n");
    nd_text_printf(out, "  %5s  ", "layer");
    put_cell(out, "type", width);
    put_cell(out, "name", 12);
    put_cell(out, "from", NAME_WIDTH);
    nd_text_printf(out, "%8s %11s  %s\n", "outputs", "parameters", "attributes");
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        nd_text_printf(out, "  %5zu  ", i);
        put_cell(out, layer->class->name, width);
        put_cell(out, layer->name, 12);
        put_from(out, desc, layer);
        nd_text_printf(out, "%8zu %11zu", layer->shape.out, layer_parameters(layer));
        put_attributes(out, layer);
        nd_text_puts(out, "\n");
    }
}

static void put_words(nd_text *out, const nd_dict *words)
{
    size_t count = nd_dict_count(words);
    for (size_t i = 0; i < count && i < WORDS_SHOWN; i++) {
        nd_text_printf(out, "%s%s", i > 0 ? ", " : "", nd_dict_word(words, (uint32_t)i, NULL));
    }
    if (count > WORDS_SHOWN) {
        nd_text_printf(out, ", ... (%zu words)", count);
    }
}

static void put_scaling(nd_text *out, const nd_prep_column *column)
{
    nd_text_puts(out, nd_scaling_name(column->scaling));
    if (column->knot_count > 0) {
        nd_text_printf(out, ", %zu knots", column->knot_count);
        put_number(out, " from", column->knots[0]);
        put_number(out, " to", column->knots[column->knot_count - 1]);
    } else if (column->scaling != ND_SCALING_NONE) {
        put_number(out, ": center", column->center);
        put_number(out, ", scale", column->scale);
    }
    if (column->low > -ND_PREP_UNBOUNDED || column->high < ND_PREP_UNBOUNDED) {
        put_number(out, ", clipped to", column->low);
        put_number(out, " ..", column->high);
    }
    put_number(out, ", missing is", column->fill);
}

static void put_details(nd_text *out, const nd_prep_column *column)
{
    switch (column->kind) {
    case ND_PREP_DROPPED:
        nd_text_printf(out, "not used: %s", column->reason != NULL ? column->reason : "");
        return;
    case ND_PREP_ONE_HOT:
        put_words(out, column->words);
        break;
    case ND_PREP_HASHED:
        nd_text_printf(out, "%zu buckets", column->buckets);
        break;
    case ND_PREP_INDEX:
        nd_text_puts(out, "number of the word: ");
        put_words(out, column->words);
        nd_text_puts(out, column->other ? ", and one for others" : "");
        break;
    default:
        if (column->kind == ND_PREP_IMAGE) {
            nd_text_printf(out, "%zu x %zu pixels, ", column->image_rows, column->image_cols);
        }
        put_scaling(out, column);
    }
    nd_text_puts(out, column->missing_feature ? ", and whether it was missing" : "");
}

static void put_columns(nd_text *out, const nd_prep *prep)
{
    nd_text_printf(out, "\npreparation: %zu columns become %zu features%s\n  ", prep->columns,
                   prep->features, prep->window ? " of each row of a window" : "");
    put_cell(out, "column", NAME_WIDTH);
    put_cell(out, "kind", 8);
    nd_text_printf(out, "%8s  %s\n", "features", "how");
    for (size_t i = 0; i < prep->columns && i < COLUMNS_SHOWN; i++) {
        const nd_prep_column *column = &prep->column[i];
        nd_text_puts(out, "  ");
        put_cell(out, column->name, NAME_WIDTH);
        put_cell(out, nd_prep_kind_name(column->kind), 8);
        nd_text_printf(out, "%8zu  ", column->features);
        put_details(out, column);
        nd_text_puts(out, "\n");
    }
    if (prep->columns > COLUMNS_SHOWN) {
        nd_text_printf(out, "  ... and %zu more columns (all of them with --json)\n",
                       prep->columns - COLUMNS_SHOWN);
    }
}

static void put_target(nd_text *out, const nd_prep_target *target)
{
    nd_text_puts(out, "  ");
    put_cell(out, target->name, NAME_WIDTH);
    if (target->classes != NULL) {
        nd_text_printf(out, "%s or %s, ", nd_dict_word(target->classes, 0, NULL),
                       nd_dict_word(target->classes, 1, NULL));
        put_number(out, "", 100 * target->mean);
        nd_text_printf(out, "%% %s\n", nd_dict_word(target->classes, 1, NULL));
    } else if (!target->share) {
        put_number(out, "mean", target->center);
        put_number(out, ", deviation", target->scale);
        nd_text_puts(out, "\n");
    } else {
        put_number(out, "share, mean", target->mean);
        nd_text_puts(out, "\n");
    }
}

static void put_targets(nd_text *out, const nd_prep *prep)
{
    nd_text_printf(out, "\ntask: %s", nd_task_name(prep->task));
    if (prep->window) {
        nd_text_printf(out, ", a forecast from windows of %zu rows, naive period %zu", prep->window,
                       prep->period);
    }
    nd_text_puts(out, "\n");
    if (prep->task == ND_TASK_REGRESSION || prep->task == ND_TASK_MULTILABEL) {
        for (size_t i = 0; i < prep->targets; i++) {
            put_target(out, &prep->target[i]);
        }
        return;
    }
    if (prep->task == ND_TASK_AUTOENCODER) {
        nd_text_printf(out, "  gives back its %zu inputs\n", prep->features);
        return;
    }
    nd_text_printf(out, "  classes of \"%s\", with their training rows\n", prep->target[0].name);
    size_t classes = nd_dict_count(prep->classes);
    for (size_t i = 0; i < classes && i < COLUMNS_SHOWN; i++) {
        nd_text_puts(out, "  ");
        put_cell(out, nd_dict_word(prep->classes, (uint32_t)i, NULL), NAME_WIDTH);
        nd_text_printf(out, "%.0f\n", prep->class_count[i]);
    }
    if (classes > COLUMNS_SHOWN) {
        nd_text_printf(out, "  ... and %zu more classes\n", classes - COLUMNS_SHOWN);
    }
}

static char next_byte(nd_json *json)
{
    while (json->at < json->end && memchr(" \t\r\n", *json->at, 4) != NULL) {
        json->at++;
    }
    return json->at < json->end ? *json->at : '\0';
}

static void put_array(nd_text *out, nd_json json, nd_json_slice text)
{
    size_t n = 0;
    if (text.size <= VALUE_WIDTH) {
        nd_text_add(out, text.text, text.size);
        return;
    }
    nd_json_array(&json);
    while (nd_json_item(&json)) {
        nd_json_skip(&json);
        n++;
    }
    nd_text_printf(out, "(%zu values; see --json)", n);
}

/* A value of the record that is no object, in six digits or shortened. */
static void put_value(nd_text *out, nd_json *json, const char *path)
{
    nd_json_slice text = {json->at, 0};
    nd_json start = *json;
    double number;
    if (!nd_json_skip(json)) {
        return;
    }
    text.size = (size_t)(json->at - text.text);
    nd_text_puts(out, "  ");
    put_cell(out, path, 32);
    if (*text.text == '[') {
        put_array(out, start, text);
    } else if (*text.text == '"') {
        nd_text_add(out, text.text + 1, text.size - 2);
    } else if (nd_num_parse(text.text, text.size, &number) == ND_NUM_OK &&
               number != floor(number)) {
        put_number(out, "", number);
    } else {
        nd_text_add(out, text.text, text.size);
    }
    nd_text_puts(out, "\n");
}

/* Members of an object as "outer.inner  value" lines; depth is bounded by the reader. */
static void put_members(nd_text *out, nd_json *json, nd_text *path)
{
    nd_json_slice key;
    size_t size = path->size;
    nd_json_object(json);
    while (nd_json_key(json, &key)) {
        nd_text_puts(path, size > 0 ? "." : "");
        nd_text_add(path, key.text, key.size);
        if (next_byte(json) == '{') {
            put_members(out, json, path);
        } else {
            put_value(out, json, path->data != NULL ? path->data : "");
        }
        if (!path->failed) {
            path->size = size;
            path->data[size] = '\0';
        }
    }
}

static void put_record(nd_text *out, const char *record)
{
    nd_json json;
    nd_text path = {0};
    nd_json_begin(&json, record, strlen(record));
    nd_text_puts(out, "\ntraining record\n");
    put_members(out, &json, &path);
    out->failed = out->failed || path.failed;
    nd_text_free(&path);
}

/* ---- JSON */

static void put_json(nd_text *out, const nd_model *model)
{
    const nd_desc *desc = nd_net_desc(model->net);
    nd_text_printf(out, "{\"inputs\":%zu,\"outputs\":%zu,\"parameters\":%zu,",
                   nd_model_inputs(model), nd_model_outputs(model), all_parameters(desc));
    if (nd_model_members(model) > 1) {
        nd_text_printf(out, "\"members\":%zu,", nd_model_members(model));
    }
    nd_text_puts(out, "\"layers\":[");
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        nd_text_printf(out,
                       "%s{\"type\":\"%s\",\"name\":\"%s\",\"outputs\":%zu,\"parameters\":%zu}",
                       i > 0 ? "," : "", layer->class->name, layer->name, layer->shape.out,
                       layer_parameters(layer));
    }
    nd_text_puts(out, "],\"description\":");
    nd_desc_put_json(desc, nd_net_loss_in_force(model->net), out);
    nd_text_puts(out, ",\"preparation\":");
    nd_prep_put_json(model->prep, out);
    nd_text_puts(out, ",\"record\":");
    nd_text_puts(out, model->record);
    nd_text_puts(out, "}\n");
}

nd_status nd_report_model(const nd_model *model, int json, const nd_sink *sink)
{
    nd_text out = {0};
    if (json) {
        put_json(&out, model);
    } else {
        put_layers(&out, model);
        put_targets(&out, model->prep);
        put_columns(&out, model->prep);
        put_record(&out, model->record);
    }
    nd_status status = nd_text_flush(model->ctx, &out, sink);
    nd_text_free(&out);
    return status;
}

nd_status nd_model_describe(const nd_model *model, int json, const nd_sink *sink)
{
    if (model == NULL || sink == NULL) {
        return nd_fail(model != NULL ? model->ctx : NULL, ND_ERR_ARGUMENT,
                       "nd_model_describe: a null pointer was passed");
    }
    return nd_report_model(model, json, sink);
}
