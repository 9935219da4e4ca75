#include "job/settings.h"

#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/num.h"

/* Widest embedding of auto. */
enum { EMBED_MOST = 64 };

nd_status nd_strings_from(const nd_optset *set, const char *key, nd_strings *strings)
{
    *strings = (nd_strings){0};
    if (nd_optset_find(set, key) < 0) {
        return ND_OK;
    }
    size_t count = nd_opt_list_count(set, key);
    strings->item = nd_alloc(count, sizeof *strings->item);
    if (strings->item == NULL) {
        return nd_fail_memory(set->ctx);
    }
    for (size_t i = 0; i < count; i++) {
        strings->item[i] = nd_opt_list_text(set, key, i);
        if (strings->item[i] == NULL) {
            nd_strings_free(strings);
            return nd_fail_memory(set->ctx);
        }
        strings->count++;
    }
    return ND_OK;
}

void nd_strings_free(nd_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        nd_free(strings->item[i]);
    }
    nd_free(strings->item);
    *strings = (nd_strings){0};
}

static bool takes(const nd_config *config, const char *key)
{
    return nd_optset_find(&config->set, key) >= 0;
}

/* One character of an option that may also be a word. */
static nd_status one_character(const nd_config *config, const char *key, char *out)
{
    *out = 0;
    if (!takes(config, key) || nd_opt_auto(&config->set, key)) {
        return ND_OK;
    }
    const char *text = nd_opt_text(&config->set, key);
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0) {
        *out = '\t';
    } else if (strcmp(text, "space") == 0) {
        *out = ' ';
    } else if (strcmp(text, "none") == 0 && strcmp(key, "quote") == 0) {
        *out = ND_CSV_NO_QUOTE;
    } else if (strcmp(text, "none") == 0 && strcmp(key, "thousands") == 0) {
        *out = 0;
    } else if (strlen(text) == 1 && text[0] != '\n' && text[0] != '\r') {
        *out = text[0];
    } else {
        return nd_fail(config->ctx, ND_ERR_OPTION, "%s: \"%s\" is not one character", key, text);
    }
    return ND_OK;
}

static nd_status check_thousands(const nd_config *config, const nd_csv_params *csv)
{
    char mark = csv->thousands, decimal = csv->decimal == ',' ? ',' : '.';
    if (mark == decimal) {
        return nd_fail(config->ctx, ND_ERR_OPTION, "thousands: '%c' is the decimal mark%s", mark,
                       mark == '.' ? "; with --decimal , it can be that of thousands" : "");
    }
    if (mark != 0 && !strchr(",.'_ ", mark)) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "thousands: it is a comma, a point, an apostrophe, _ or space, not \"%c\"",
                       mark);
    }
    return ND_OK;
}

static nd_status check_decimal(const nd_config *config, const nd_csv_params *csv)
{
    if (csv->decimal != 0 && csv->decimal != '.' && csv->decimal != ',') {
        return nd_fail(config->ctx, ND_ERR_OPTION, "decimal: it is a point or a comma, not \"%c\"",
                       csv->decimal);
    }
    if (csv->decimal == ',' && csv->delimiter == ',') {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "decimal: a comma cannot separate columns and be the decimal mark as well");
    }
    return ND_OK;
}

static nd_status csv_settings(const nd_config *config, nd_settings *s)
{
    ND_TRY(one_character(config, "delimiter", &s->csv.delimiter));
    ND_TRY(one_character(config, "quote", &s->csv.quote));
    ND_TRY(one_character(config, "decimal", &s->csv.decimal));
    ND_TRY(check_decimal(config, &s->csv));
    ND_TRY(one_character(config, "thousands", &s->csv.thousands));
    ND_TRY(check_thousands(config, &s->csv));
    if (takes(config, "header")) {
        s->csv.header = (nd_header)nd_opt_choice(&config->set, "header");
    }
    if (takes(config, "missing")) {
        s->csv.missing = nd_opt_text(&config->set, "missing");
    }
    ND_TRY(nd_strings_from(&config->set, "number", &s->number));
    ND_TRY(nd_strings_from(&config->set, "category", &s->category));
    s->csv.number = (const char *const *)s->number.item;
    s->csv.number_count = s->number.count;
    s->csv.category = (const char *const *)s->category.item;
    s->csv.category_count = s->category.count;
    return ND_OK;
}

static nd_status prep_lists(const nd_config *config, nd_settings *s)
{
    ND_TRY(nd_strings_from(&config->set, "target", &s->target));
    ND_TRY(nd_strings_from(&config->set, "ignore", &s->drop));
    ND_TRY(nd_strings_from(&config->set, "keep", &s->keep));
    ND_TRY(nd_strings_from(&config->set, "class_weights", &s->class_weight));
    s->prep.class_weight = (const char *const *)s->class_weight.item;
    s->prep.class_weights = s->class_weight.count;
    if (takes(config, "weight") && nd_opt_text(&config->set, "weight")[0] != '\0') {
        s->prep.weight = nd_opt_text(&config->set, "weight");
    }
    s->prep.target = (const char *const *)s->target.item;
    s->prep.target_count = s->target.count;
    s->prep.drop = (const char *const *)s->drop.item;
    s->prep.drop_count = s->drop.count;
    s->prep.keep = (const char *const *)s->keep.item;
    s->prep.keep_count = s->keep.count;
    return ND_OK;
}

/* What says nothing without a window. */
static nd_status check_series(const nd_config *config)
{
    static const char *const key[] = {"horizon", "stride", "relative", "period"};
    bool window = nd_opt_int(&config->set, "window") > 0;
    for (size_t i = 0; !window && i < sizeof key / sizeof key[0]; i++) {
        if (nd_opt_origin(&config->set, key[i]) == ND_FROM_CALL) {
            return nd_fail(config->ctx, ND_ERR_OPTION,
                           "%s: there is no window; --window says how many rows a forecast is "
                           "made from",
                           key[i]);
        }
    }
    return ND_OK;
}

nd_status nd_embedding_dims(const nd_config *config, size_t rows, size_t *dims)
{
    const char *text = takes(config, "embedding") ? nd_opt_text(&config->set, "embedding") : "off";
    int64_t asked;
    *dims = 0;
    if (strcmp(text, "off") == 0) {
        return ND_OK;
    }
    if (strcmp(text, "auto") == 0) {
        double width = round(4 * pow((double)rows, 0.25));
        *dims = width < EMBED_MOST ? (size_t)width : EMBED_MOST;
        return ND_OK;
    }
    if (!nd_num_parse_int(text, strlen(text), &asked) || asked < 1 || asked > 1024) {
        return nd_fail(config->ctx, ND_ERR_OPTION,
                       "embedding: \"%s\" is not off, auto or a width of 1 to 1024", text);
    }
    *dims = (size_t)asked;
    return ND_OK;
}

static nd_status prep_settings(const nd_config *config, nd_settings *s)
{
    ND_TRY(prep_lists(config, s));
    if (takes(config, "window")) {
        ND_TRY(check_series(config));
        s->prep.window = (size_t)nd_opt_int(&config->set, "window");
        s->prep.horizon = (size_t)nd_opt_int(&config->set, "horizon");
        s->prep.relative = nd_opt_bool(&config->set, "relative");
    }
    if (takes(config, "task")) {
        s->prep.task = (nd_task)nd_opt_choice(&config->set, "task");
    }
    if (takes(config, "scaling")) {
        s->prep.scaling = (nd_scaling)nd_opt_choice(&config->set, "scaling");
    }
    if (takes(config, "image") && nd_opt_text(&config->set, "image")[0] != '\0') {
        ND_TRY(nd_image_parse(config->ctx, nd_opt_text(&config->set, "image"), &s->image));
        s->prep.pixels = s->image.rows * s->image.cols * s->image.channels;
    }
    const char *loss = takes(config, "loss") ? nd_opt_text(&config->set, "loss") : "auto";
    s->prep.unit = s->prep.task == ND_TASK_AUTOENCODER && strcmp(loss, "binary_cross_entropy") == 0;
    s->prep.by_mean = strcmp(loss, "poisson") == 0;
    s->prep.shares = strcmp(loss, "kl_divergence") == 0;
    if (!takes(config, "clip")) {
        return ND_OK;
    }
    s->prep.clip = nd_opt_real(&config->set, "clip");
    s->prep.max_one_hot = (size_t)nd_opt_int(&config->set, "max_one_hot");
    s->prep.buckets = (size_t)nd_opt_int(&config->set, "buckets");
    s->prep.min_count = (size_t)nd_opt_int(&config->set, "min_count");
    size_t dims;
    ND_TRY(nd_embedding_dims(config, 2, &dims));
    s->prep.embed = dims > 0;
    return ND_OK;
}

nd_status nd_settings_from(nd_ctx *ctx, const nd_config *config, nd_settings *settings)
{
    /* What a verb without these options uses is what the table gives to train. */
    *settings = (nd_settings){
        .prep = {.clip = 10, .max_one_hot = 64, .buckets = 64, .min_count = 2},
    };
    if (config == NULL) {
        return ND_OK;
    }
    nd_status status = csv_settings(config, settings);
    if (status == ND_OK) {
        status = prep_settings(config, settings);
    }
    if (status != ND_OK) {
        nd_settings_free(settings);
    }
    (void)ctx;
    return status;
}

nd_status nd_settings_drop(nd_ctx *ctx, nd_settings *settings, const char *column)
{
    nd_strings *drop = &settings->drop;
    char **item = nd_realloc(drop->item, drop->count + 1, sizeof *item);
    char *name = nd_strdup(column);
    drop->item = item != NULL ? item : drop->item;
    if (item == NULL || name == NULL) {
        nd_free(name);
        return nd_fail_memory(ctx);
    }
    item[drop->count++] = name;
    settings->prep.drop = (const char *const *)item;
    settings->prep.drop_count = drop->count;
    return ND_OK;
}

void nd_settings_free(nd_settings *settings)
{
    nd_strings_free(&settings->number);
    nd_strings_free(&settings->category);
    nd_strings_free(&settings->target);
    nd_strings_free(&settings->drop);
    nd_strings_free(&settings->class_weight);
    nd_strings_free(&settings->keep);
}

nd_status nd_settings_or_default(nd_ctx *ctx, const nd_config *config, unsigned verb,
                                 nd_config **owned, const nd_config **effective)
{
    *owned = NULL;
    *effective = config;
    if (config != NULL) {
        return config->verb == verb
                   ? ND_OK
                   : nd_fail(ctx, ND_ERR_ARGUMENT, "the settings are those of another verb");
    }
    ND_TRY(nd_config_create(ctx, verb, owned));
    *effective = *owned;
    return ND_OK;
}
