/* A config file, read while every allocation fails in turn, libyaml's own among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "job/options.h"
#include "nadir.h"
#include "starve.h"

/* libyaml calls these by name, and so finds ours. */
void *yaml_malloc(size_t size);
void *yaml_realloc(void *old, size_t size);

__attribute__((visibility("default"))) void *yaml_malloc(size_t size)
{
    return nd_alloc(size > 0 ? size : 1, 1);
}

__attribute__((visibility("default"))) void *yaml_realloc(void *old, size_t size)
{
    return nd_realloc(old, size > 0 ? size : 1, 1);
}

static nd_ctx *ctx;
static const char *text;
static nd_status wanted;

static nd_status read_config(void)
{
    nd_config *config = NULL;
    nd_status status = nd_config_create(ctx, ND_VERB_TRAIN, &config);
    if (status == ND_OK) {
        status = nd_config_parse(config, "f.yaml", text, strlen(text));
    }
    if (status == ND_OK) {
        assert_string_equal(nd_config_get(config, "hidden"), "3,4");
        assert_int_equal(config->layers, 3);
        assert_string_equal(config->layer[1].type, "dense");
        assert_string_equal(config->layer[1].attributes, "units=8, init=zeros");
    }
    nd_config_destroy(config);
    if (status == wanted) {
        return ND_OK;
    }
    return status;
}

static void settings_are_taken_or_not_at_all(void **state)
{
    (void)state;
    text = "hidden: [3, '4']\nseed: 7\nmodel: other verbs'\nlayers:\n  - relu\n"
           "  - dense:\n      units: 8\n      init: [zeros]\n  - type: tanh\n";
    wanted = ND_OK;
    starve(ctx, "settings", read_config, 0.8);
}

/* A mistake is told for what it is, or for a lack of memory. */
static void mistakes_are_told_as_such(void **state)
{
    (void)state;
    wanted = ND_ERR_OPTION;
    text = "layers: [densse]\n";
    starve(ctx, "unknown layer", read_config, 0.8);
    text = "layers: [{dense: {unnits: 3}}]\n";
    starve(ctx, "unknown attribute", read_config, 0.8);
    text = "sead: 3\n";
    starve(ctx, "unknown key", read_config, 0.8);
    wanted = ND_ERR_FORMAT;
    text = "hidden: [3\n";
    starve(ctx, "not YAML", read_config, 0.8);
}

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_ctx_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_taken_or_not_at_all),
        cmocka_unit_test(mistakes_are_told_as_such),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
