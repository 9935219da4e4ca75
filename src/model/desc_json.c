#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/model_json.h"

/* Memory of a layer once it is described and planned, roughly. */
enum { LAYER_COST = 1024 };

bool nd_budget_take(nd_json *json, nd_budget *budget, size_t cost)
{
    if (cost > *budget) {
        return nd_json_fail(json, "more parts than a file of this size can describe");
    }
    *budget -= cost;
    return json->error == NULL;
}

/* A rate of the layer's own stands behind the attributes of its class. */
static void put_attributes(const nd_desc_layer *layer, nd_text *out)
{
    const nd_optset *set = &layer->attr;
    nd_text_puts(out, "{");
    for (size_t i = 0; i < set->count; i++) {
        const char *value = set->value[i].text != NULL ? set->value[i].text : set->row[i].preset;
        nd_text_puts(out, i > 0 ? "," : "");
        nd_json_puts(out, set->row[i].name);
        nd_text_puts(out, ":");
        nd_json_puts(out, value);
    }
    if (layer->lr < 1 || layer->lr > 1) {
        char number[ND_NUM_TEXT];
        nd_num_print(number, layer->lr);
        nd_text_printf(out, "%s\"lr\":\"%s\"", set->count > 0 ? "," : "", number);
    }
    nd_text_puts(out, "}");
}

static void put_layer(const nd_desc_layer *layer, nd_text *out)
{
    nd_text_puts(out, "{\"type\":");
    nd_json_puts(out, layer->class->name);
    nd_text_puts(out, ",\"name\":");
    nd_json_puts(out, layer->name);
    nd_text_puts(out, ",\"from\":[");
    for (size_t i = 0; i < layer->inputs; i++) {
        nd_text_printf(out, "%s%ld", i > 0 ? "," : "", layer->input[i]);
    }
    nd_text_puts(out, "],\"attributes\":");
    put_attributes(layer, out);
    nd_text_puts(out, "}");
}

void nd_desc_put_json(const nd_desc *desc, const nd_loss *loss, nd_text *out)
{
    nd_text text = {0};
    nd_loss_write(loss, &text);
    nd_text_printf(out, "{\"n_in\":%zu,\"loss\":", desc->n_in);
    nd_json_puts(out, text.data ? text.data : "");
    out->failed = out->failed || text.failed;
    nd_text_free(&text);
    nd_text_puts(out, ",\"layers\":[");
    for (size_t i = 0; i < desc->count; i++) {
        nd_text_puts(out, i > 0 ? "," : "");
        put_layer(desc->layer[i], out);
    }
    nd_text_puts(out, "]}");
}

typedef struct reader {
    nd_ctx *ctx;
    const char *path;
    nd_json json;
    nd_budget *budget;
    nd_desc *desc;
    nd_loss *loss;
    nd_status status; /* of a call that failed with a message of its own */
} reader;

/* Texts that go into an attribute list must not be able to add to it. */
static bool is_word(nd_json_slice slice)
{
    for (size_t i = 0; i < slice.size; i++) {
        unsigned char byte = (unsigned char)slice.text[i];
        if (byte <= ' ' || byte == ',' || byte == '=' || byte == '\\' || byte == 0x7f) {
            return false;
        }
    }
    return slice.size > 0 && slice.size <= 256;
}

static void read_word(nd_json *json, nd_json_slice *word)
{
    if (nd_json_string(json, word) && !is_word(*word)) {
        nd_json_fail(json, "a name or value is not one word");
    }
}

/* Append "from=a|b" for indexes of earlier layers. */
static void read_from(reader *r, nd_text *list)
{
    long index;
    size_t n = 0;
    nd_json_array(&r->json);
    while (nd_json_item(&r->json) && nd_json_integer(&r->json, &index)) {
        if (index < -1 || index >= (long)r->desc->count) {
            nd_json_fail(&r->json, "a layer takes its input from a layer that does not come "
                                   "before it");
            return;
        }
        if (n++ == ND_LAYER_INPUTS) {
            nd_json_fail(&r->json, "a layer with too many inputs");
            return;
        }
        nd_text_puts(list, n == 1 ? ", from=" : "|");
        nd_text_puts(list, index < 0 ? "input" : r->desc->layer[index]->name);
    }
    if (n == 0) {
        nd_json_fail(&r->json, "a layer without input");
    }
}

static void read_attributes(reader *r, nd_text *list)
{
    nd_json_slice key, value;
    nd_json_object(&r->json);
    while (nd_json_key(&r->json, &key)) {
        if (!is_word(key) || nd_json_is(key, "name") || nd_json_is(key, "from")) {
            nd_json_fail(&r->json, "bad name of an attribute");
        }
        read_word(&r->json, &value);
        if (r->json.error == NULL) {
            nd_text_puts(list, ", ");
            nd_text_add(list, key.text, key.size);
            nd_text_puts(list, "=");
            nd_text_add(list, value.text, value.size);
        }
    }
}

static void add_layer(reader *r, nd_json_slice type, const nd_text *list)
{
    char name[64] = "";
    memcpy(name, type.text, type.size < sizeof name - 1 ? type.size : sizeof name - 1);
    if (nd_layer_find(name) == NULL) {
        r->status = nd_fail(r->ctx, ND_ERR_FORMAT,
                            "%s: layer %zu is of type \"%s\", which this version does not know",
                            r->path, r->desc->count, name);
    } else if (list->failed) {
        r->status = nd_fail_memory(r->ctx);
    } else {
        r->status = nd_desc_add(r->desc, name, list->data);
    }
    if (r->status != ND_OK) {
        nd_json_fail(&r->json, "a layer cannot be used");
    }
}

static void read_layer(reader *r)
{
    static const char *const names[] = {"type", "name", "from", "attributes", NULL};
    unsigned seen = 0;
    size_t field;
    nd_json_slice key, type = {"", 0}, name = {"", 0};
    nd_text list = {0}, more = {0};
    nd_budget_take(&r->json, r->budget, LAYER_COST);
    nd_json_object(&r->json);
    while (nd_json_key(&r->json, &key) && nd_json_field(&r->json, key, names, &seen, &field)) {
        if (field < 2) {
            read_word(&r->json, field == 0 ? &type : &name);
        } else if (field == 2) {
            read_from(r, &more);
        } else {
            read_attributes(r, &more);
        }
    }
    if (seen != 15) {
        nd_json_fail(&r->json, "a layer lacks type, name, from or attributes");
    }
    if (r->json.error == NULL) {
        nd_text_puts(&list, "name=");
        nd_text_add(&list, name.text, name.size);
        nd_text_add(&list, more.data, more.size);
        list.failed = list.failed || more.failed;
        add_layer(r, type, &list);
    }
    nd_text_free(&list);
    nd_text_free(&more);
}

static void read_n_in(reader *r)
{
    size_t n_in;
    if (!nd_json_size(&r->json, &n_in)) {
        return;
    }
    if (n_in == 0 || n_in > INT32_MAX) {
        nd_json_fail(&r->json, "number of inputs out of range");
        return;
    }
    r->status = nd_desc_create(r->ctx, n_in, &r->desc);
    if (r->status != ND_OK) {
        nd_json_fail(&r->json, "the inputs cannot be used");
    }
}

static void read_loss(reader *r)
{
    nd_json_slice name;
    char text[128] = "";
    if (!nd_json_string(&r->json, &name)) {
        return;
    }
    memcpy(text, name.text, name.size < sizeof text - 1 ? name.size : sizeof text - 1);
    nd_status status =
        name.size < sizeof text ? nd_loss_read(r->ctx, text, r->loss) : ND_ERR_FORMAT;
    if (status != ND_OK) {
        r->status = status == ND_ERR_MEMORY ? status : r->status;
        nd_json_fail(&r->json, "a loss that this version does not know");
    }
}

static void read_layers(reader *r)
{
    if (r->desc == NULL) {
        nd_json_fail(&r->json, "n_in must come before the layers");
        return;
    }
    nd_json_array(&r->json);
    while (nd_json_item(&r->json)) {
        read_layer(r);
    }
    if (r->desc->count == 0) {
        nd_json_fail(&r->json, "no layers");
    }
}

nd_status nd_desc_read_json(nd_ctx *ctx, const char *path, const char *text, nd_budget *budget,
                            nd_desc **desc, nd_loss *loss)
{
    static const char *const names[] = {"n_in", "loss", "layers", NULL};
    static void (*const read[])(reader *) = {read_n_in, read_loss, read_layers};
    reader r = {.ctx = ctx, .path = path, .budget = budget, .loss = loss, .status = ND_OK};
    unsigned seen = 0;
    size_t field;
    nd_json_slice key;
    *desc = NULL;
    nd_json_begin(&r.json, text, strlen(text));
    nd_json_object(&r.json);
    while (nd_json_key(&r.json, &key) && nd_json_field(&r.json, key, names, &seen, &field)) {
        read[field](&r);
    }
    if (nd_json_end(&r.json) && seen != 7) {
        nd_json_fail(&r.json, "n_in, loss or layers are missing");
    }
    if (r.json.error == NULL) {
        *desc = r.desc;
        return ND_OK;
    }
    nd_desc_destroy(r.desc);
    if (r.status == ND_ERR_MEMORY) {
        return r.status;
    }
    if (r.status != ND_OK) {
        return ND_ERR_FORMAT;
    }
    return nd_fail(ctx, ND_ERR_FORMAT, "%s: description of the network, byte %zu: %s", path,
                   (size_t)(r.json.at - r.json.start), r.json.error);
}
