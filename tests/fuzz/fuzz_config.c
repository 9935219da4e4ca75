/* Any bytes as a config file. What is taken must be written as YAML that gives the same
 * settings, and what follows from the settings must cope with them. */
#include <stdlib.h>
#include <string.h>

#include "base/ctx.h"
#include "job/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static void write_config(const nd_config *config, nd_text *text)
{
    nd_sink sink = {append, text};
    if (nd_config_write(config, 0, &sink) != ND_OK) {
        abort();
    }
}

static void round_trip(nd_ctx *ctx, const nd_config *config)
{
    nd_config *back = NULL;
    nd_text once = {0}, twice = {0};
    write_config(config, &once);
    if (nd_config_create(ctx, ND_VERB_TRAIN, &back) != ND_OK ||
        nd_config_parse(back, "back", once.data, once.size) != ND_OK) {
        abort();
    }
    write_config(back, &twice);
    if (strcmp(once.data, twice.data) != 0 || back->layers != config->layers) {
        abort();
    }
    nd_text_free(&once);
    nd_text_free(&twice);
    nd_config_destroy(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static nd_ctx *ctx;
    nd_config *config = NULL;
    nd_settings settings;
    if (!ctx && nd_ctx_create(&ctx, 1) != ND_OK) {
        return 0;
    }
    if (nd_config_create(ctx, ND_VERB_TRAIN, &config) != ND_OK) {
        return 0;
    }
    if (nd_config_parse(config, "fuzz", (const char *)data, size) == ND_OK) {
        round_trip(ctx, config);
        if (nd_settings_from(ctx, config, &settings) == ND_OK) {
            nd_settings_free(&settings);
        }
    }
    nd_config_destroy(config);
    return 0;
}
