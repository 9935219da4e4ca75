#include "nadir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/options.h"

static nd_ctx *ctx;
static nd_config *config;

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK ||
           nd_config_create(ctx, ND_VERB_TRAIN, &config) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_config_destroy(config);
    nd_ctx_destroy(ctx);
    return 0;
}

static nd_status parse(const char *text)
{
    return nd_config_parse(config, "f.yaml", text, strlen(text));
}

static void refuse(const char *text, nd_status status, const char *message)
{
    assert_int_equal(parse(text), status);
    assert_string_equal(nd_ctx_message(ctx), message);
}

static int collect(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static char *written(const nd_config *from, int commented)
{
    nd_text text = {0};
    nd_sink sink = {collect, &text};
    assert_int_equal(nd_config_write(from, commented, &sink), ND_OK);
    char *copy = strdup(text.data);
    nd_text_free(&text);
    return copy;
}

static void scalars_are_typed_by_the_table(void **state)
{
    (void)state;
    assert_int_equal(parse("epochs: 12\nlr: 1e-2\nheader: no\nbatchnorm: yes\ntarget: 'a b'\n"),
                     ND_OK);
    assert_int_equal(nd_opt_int(&config->set, "epochs"), 12);
    assert_true(nd_opt_real(&config->set, "lr") == 0.01);
    assert_string_equal(nd_config_get(config, "header"), "no");
    assert_true(nd_opt_bool(&config->set, "batchnorm"));
    assert_string_equal(nd_config_get(config, "target"), "a b");
    assert_true(nd_config_given(config, "lr"));
    assert_false(nd_config_given(config, "seed"));
}

static void lists_may_be_sequences_or_text(void **state)
{
    (void)state;
    assert_int_equal(parse("hidden: [128, 64]\nignore:\n  - a b\n  - c\ntarget: x, y\n"), ND_OK);
    assert_string_equal(nd_config_get(config, "hidden"), "128,64");
    assert_string_equal(nd_config_get(config, "ignore"), "a b,c");
    assert_int_equal(nd_opt_list_count(&config->set, "target"), 2);
    assert_int_equal(parse("keep: [a, 'b,c', 'say \"x\"', ' d']\n"), ND_OK);
    assert_string_equal(nd_config_get(config, "keep"), "a,\"b,c\",\"say \"\"x\"\"\",\" d\"");
    static const char *const item[] = {"a", "b,c", "say \"x\"", " d"};
    for (size_t i = 0; i < 4; i++) {
        char *text = nd_opt_list_text(&config->set, "keep", i);
        assert_string_equal(text, item[i]);
        nd_free(text);
    }
    refuse("layers: [add: {from: [a, 'b,c']}]\n", ND_ERR_OPTION,
           "f.yaml:1:26: an item of this list cannot hold ',' or '|'");
}

static void hyphens_in_keys_mean_underscores(void **state)
{
    (void)state;
    assert_int_equal(parse("batch-size: 7\n"), ND_OK);
    assert_string_equal(nd_config_get(config, "batch_size"), "7");
    refuse("batch-size: 7\nbatch_size: 8\n", ND_ERR_FORMAT, "f.yaml:2:1: the key is given twice");
}

static void an_empty_file_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse(""), ND_OK);
    assert_int_equal(parse("# nothing\n"), ND_OK);
    assert_int_equal(parse("---\n"), ND_OK);
    assert_int_equal(parse("---\n...\n"), ND_OK);
}

static void a_call_wins_over_the_file_in_either_order(void **state)
{
    (void)state;
    assert_int_equal(nd_config_set(config, "epochs", "3"), ND_OK);
    assert_int_equal(parse("epochs: 12\nseed: 4\n"), ND_OK);
    assert_int_equal(nd_config_set(config, "seed", "5"), ND_OK);
    assert_string_equal(nd_config_get(config, "epochs"), "3");
    assert_string_equal(nd_config_get(config, "seed"), "5");
}

static void keys_of_other_verbs_are_checked_and_left(void **state)
{
    (void)state;
    assert_int_equal(parse("digits: 3\n"), ND_OK);
    assert_null(nd_config_get(config, "digits"));
    refuse("digits: 99\n", ND_ERR_OPTION, "f.yaml:1:9: option digits: 99 is outside 1 to 17");
    assert_int_equal(nd_config_set(config, "digits", "3"), ND_ERR_OPTION);
    assert_string_equal(nd_ctx_message(ctx), "train takes no option 'digits' (predict does)");
}

static void mistakes_are_named_with_line_and_column(void **state)
{
    (void)state;
    refuse("seed: 1\nepoch: 3\n", ND_ERR_OPTION,
           "f.yaml:2:1: unknown key 'epoch'; did you mean 'epochs'?");
    refuse("seed: 1\n\n  \nepochs: many\n", ND_ERR_OPTION,
           "f.yaml:4:9: option epochs: 'many' is not a whole number");
    refuse("epochs: [1]\n", ND_ERR_OPTION, "f.yaml:1:9: this key takes a single value");
    refuse("hidden: {a: 1}\n", ND_ERR_OPTION, "f.yaml:1:9: this key takes a value or a list");
    refuse("hidden: [[1]]\n", ND_ERR_FORMAT,
           "f.yaml:1:10: an item of this list must be a single value");
    refuse("epochs:\n", ND_ERR_FORMAT,
           "f.yaml:1:8: the key has no value (write \"\" for an empty text)");
    refuse("- epochs\n", ND_ERR_FORMAT, "f.yaml:1:1: expected lines of 'key: value'");
    refuse("[a]: 3\n", ND_ERR_FORMAT, "f.yaml:1:1: a key must be a single word");
    refuse("config: other.yaml\n", ND_ERR_OPTION,
           "f.yaml:1:1: this key has a meaning on the command line only");
    refuse("seed: 1\n---\nseed: 2\n", ND_ERR_FORMAT, "f.yaml:2:1: a second document");
    assert_int_equal(parse("seed: 'open\n"), ND_ERR_FORMAT);
    assert_non_null(strstr(nd_ctx_message(ctx), "f.yaml:2:1: "));
    assert_int_equal(parse("target: \xff\n"), ND_ERR_FORMAT);
}

static void anchors_aliases_and_tags_are_refused(void **state)
{
    (void)state;
    const char *message = "f.yaml:1:7: anchors, aliases and tags are not taken";
    refuse("seed: &a 1\n", ND_ERR_FORMAT, message);
    refuse("seed: *a\n", ND_ERR_FORMAT, message);
    refuse("seed: !!int 3\n", ND_ERR_FORMAT, message);
    refuse("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", ND_ERR_OPTION,
           "f.yaml:1:1: unknown key 'a'");
}

static void deep_nesting_is_refused_at_its_first_level(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH + 16);
    strcpy(text, "layers: ");
    memset(text + 8, '[', DEPTH);
    text[DEPTH + 8] = '\0';
    refuse(text, ND_ERR_FORMAT, "f.yaml:1:10: a layer is a word or a mapping");
    free(text);
}

/* Nine lines of aliases would stand for 10^9 words. */
static void an_alias_bomb_is_refused_at_its_first_anchor(void **state)
{
    (void)state;
    char text[1024] = "hidden: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'j'; c++) {
        char line[64];
        snprintf(line, sizeof line, "%c: &%c [*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1,
                 c - 1, c - 1);
        strcat(text, line);
    }
    refuse(text, ND_ERR_FORMAT, "f.yaml:1:9: anchors, aliases and tags are not taken");
}

static void an_empty_list_of_layers_is_a_linear_model(void **state)
{
    (void)state;
    assert_false(config->layers_given);
    assert_int_equal(parse("layers: []\n"), ND_OK);
    assert_true(config->layers_given);
    assert_int_equal(config->layers, 0);
    char *text = written(config, 0);
    assert_non_null(strstr(text, "\nlayers: []\n"));
    free(text);
}

static void layers_are_read_in_their_three_forms(void **state)
{
    (void)state;
    assert_int_equal(parse("layers:\n"
                           "  - dense: {units: 64, name: first}\n"
                           "  - relu\n"
                           "  - type: dense\n"
                           "    units: 32\n"
                           "  - dropout:\n"
                           "      rate: 0.2\n"
                           "  - tanh:\n"
                           "  - add: {from: [first, input]}\n"),
                     ND_OK);
    static const char *const expected[][2] = {
        {"dense", "units=64, name=first"}, {"relu", ""}, {"dense", "units=32"},
        {"dropout", "rate=0.2"},           {"tanh", ""}, {"add", "from=first|input"},
    };
    assert_int_equal(config->layers, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(config->layer[i].type, expected[i][0]);
        assert_string_equal(config->layer[i].attributes, expected[i][1]);
    }
}

static void mistakes_in_layers_are_named(void **state)
{
    (void)state;
    refuse("layers: [dens]\n", ND_ERR_OPTION,
           "f.yaml:1:10: unknown layer 'dens'; did you mean 'dense'?");
    refuse("layers: relu\n", ND_ERR_FORMAT, "f.yaml:1:9: layers must be a list");
    refuse("layers: [relu]\nlayers: [relu]\n", ND_ERR_FORMAT,
           "f.yaml:2:1: the key 'layers' is given twice");
    assert_int_equal(parse("layers: [tanh]\n"), ND_OK);
    assert_int_equal(config->layers, 1);
}

static void mistakes_in_attributes_are_named(void **state)
{
    (void)state;
    refuse("layers:\n  - dense: {unit: 3}\n", ND_ERR_OPTION,
           "f.yaml:2:13: unknown attribute of dense 'unit'; did you mean 'units'?");
}

static void layers_of_another_form_are_refused(void **state)
{
    (void)state;
    refuse("layers:\n  - dense: {units: {a: 1}}\n", ND_ERR_FORMAT,
           "f.yaml:2:20: an attribute takes a value or a list");
    refuse("layers:\n  - dense: {units: }\n", ND_ERR_FORMAT,
           "f.yaml:2:20: an attribute takes a value or a list");
    refuse("layers:\n  - dense: {units: '3,init=zeros'}\n", ND_ERR_OPTION,
           "f.yaml:2:20: an attribute cannot hold ','");
    refuse("layers:\n  - dense: {'units=3, init': zeros}\n", ND_ERR_OPTION,
           "f.yaml:2:13: not the name of an attribute");
    char name[300], text[400];
    memset(name, 'u', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "layers:\n  - dense: {%s: 1}\n", name);
    refuse(text, ND_ERR_OPTION, "f.yaml:2:13: not the name of an attribute");
    refuse("layers:\n  - dense: {[a]: 1}\n", ND_ERR_FORMAT,
           "f.yaml:2:13: a key must be a single word");
    refuse("layers:\n  - {type: [dense]}\n", ND_ERR_FORMAT,
           "f.yaml:2:12: the type of a layer must be a word");
    refuse("layers:\n  - {[a]: 1}\n", ND_ERR_FORMAT, "f.yaml:2:6: a key must be a single word");
    refuse("layers:\n  - dense: 3\n", ND_ERR_FORMAT,
           "f.yaml:2:12: attributes of a layer are written {key: value}, indented under it");
    refuse("layers:\n  - dense: [3]\n", ND_ERR_FORMAT,
           "f.yaml:2:12: attributes of a layer are written {key: value}, indented under it");
    refuse("layers:\n  - add: {from: ['a,b']}\n", ND_ERR_OPTION,
           "f.yaml:2:18: an item of this list cannot hold ',' or '|'");
    refuse("layers:\n  - dense: &a {units: 3}\n", ND_ERR_FORMAT,
           "f.yaml:2:12: anchors, aliases and tags are not taken");
    refuse("layers: !!seq [relu]\n", ND_ERR_FORMAT,
           "f.yaml:1:9: anchors, aliases and tags are not taken");
    refuse("layers:\n  - !!map {type: relu}\n", ND_ERR_FORMAT,
           "f.yaml:2:5: anchors, aliases and tags are not taken");
}

/* Cut inside every construct: the message of the YAML reader, at its place. */
static void files_cut_anywhere_are_refused_or_whole(void **state)
{
    (void)state;
    static const char text[] = "seed: \"5\"\nhidden: [1, '2']\nlayers: [{type: dense, units: 8}, "
                               "{dense: {units: 3, init: [zeros]}}, \"relu\"]\n";
    size_t refused = 0;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        nd_config *fresh = NULL;
        assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &fresh), ND_OK);
        nd_status status = nd_config_parse(fresh, "f.yaml", text, n);
        if (status != ND_OK) {
            assert_true(status == ND_ERR_FORMAT || status == ND_ERR_OPTION);
            assert_memory_equal(nd_ctx_message(ctx), "f.yaml:", 7);
            refused++;
        }
        nd_config_destroy(fresh);
    }
    assert_true(refused > sizeof text / 2);
}

static void a_nul_byte_in_a_value_is_refused(void **state)
{
    (void)state;
    static const char *const text[] = {
        "target: \"a\\0b\"\n",
        "\"se\\0ed\": 1\n",
        "hidden: [\"1\\0\"]\n",
        "layers: [\"relu\\0\"]\n",
        "layers: [{dense: {units: \"3\\0\"}}]\n",
        "layers: [{dense: {\"units\\0\": 3}}]\n",
    };
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        assert_int_equal(parse(text[i]), ND_ERR_FORMAT);
        assert_non_null(strstr(nd_ctx_message(ctx), ": a NUL byte in a value"));
    }
}

static void an_attribute_twice_is_refused(void **state)
{
    (void)state;
    refuse("layers:\n  - dense: {units: 3, units: 4}\n", ND_ERR_FORMAT,
           "f.yaml:2:23: the attribute is given twice");
}

static void two_layers_in_one_item_are_refused(void **state)
{
    (void)state;
    refuse("layers:\n  - dense: {units: 3}\n    relu:\n", ND_ERR_FORMAT,
           "f.yaml:3:5: one layer per item ('type: NAME' first to write attributes beside it)");
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    assert_int_equal(
        parse(
            "hidden: [128, 64]\nkeep: ['a,b', 'c|d', '\"']\nmissing: ['?', 'null', 'x y', '#', '']\n"
            "target: \"a: 'b' \\\"c\\\" # d\\ttab\"\nbatchnorm: true\nlr: 0.5\n"
            "delimiter: ','\nquote: \"'\"\ndata: '- x'\n"
            "layers: [{dense: {units: 8, init: zeros}}, relu]\n"),
        ND_OK);
    for (int commented = 0; commented <= 1; commented++) {
        nd_config *back = NULL;
        char *text = written(config, commented);
        assert_int_equal(nd_config_create(ctx, ND_VERB_TRAIN, &back), ND_OK);
        assert_int_equal(nd_config_parse(back, "back", text, strlen(text)), ND_OK);
        assert_int_equal(back->set.count, config->set.count);
        for (size_t i = 0; i < config->set.count; i++) {
            const char *name = config->row[i].name;
            if (strcmp(name, "missing") != 0) {
                assert_string_equal(nd_config_get(back, name), nd_config_get(config, name));
            }
            if (commented) {
                assert_int_equal(nd_config_given(back, name), nd_config_given(config, name));
            }
        }
        assert_string_equal(nd_config_get(back, "missing"), "?,null,x y,#,");
        assert_int_equal(back->layers, 2);
        assert_string_equal(back->layer[0].attributes, "units=8, init=zeros");
        char *again = written(back, commented);
        assert_string_equal(again, text);
        free(again);
        free(text);
        nd_config_destroy(back);
    }
}

static void a_commented_file_of_defaults_sets_nothing(void **state)
{
    (void)state;
    char *text = written(config, 1);
    assert_int_equal(parse(text), ND_OK);
    for (size_t i = 0; i < config->set.count; i++) {
        assert_false(nd_config_given(config, config->row[i].name));
    }
    free(text);
}

/* Take the "# " from every line that holds a setting: what a user does. */
static void every_commented_line_can_be_put_in_force(void **state)
{
    (void)state;
    char *text = written(config, 1), *line = text;
    size_t taken = 0;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        for (size_t i = 0; i < config->set.count; i++) {
            size_t n = strlen(config->row[i].name);
            if (strncmp(line, "# ", 2) == 0 && strncmp(line + 2, config->row[i].name, n) == 0 &&
                strncmp(line + 2 + n, ": ", 2) == 0) {
                assert_int_equal(parse(line + 2), ND_OK);
                assert_string_equal(nd_config_get(config, config->row[i].name),
                                    config->row[i].preset);
                taken++;
            }
        }
    }
    assert_int_equal(taken, config->set.count - 3); /* all but those of a single call */
    free(text);
}

static void a_copy_is_independent(void **state)
{
    (void)state;
    nd_config *copy = NULL;
    assert_int_equal(parse("seed: 5\nlayers: [relu]\n"), ND_OK);
    assert_int_equal(nd_config_copy(config, &copy), ND_OK);
    assert_int_equal(nd_config_set(config, "seed", "6"), ND_OK);
    assert_string_equal(nd_config_get(copy, "seed"), "5");
    assert_int_equal(copy->layers, 1);
    assert_string_equal(copy->layer[0].type, "relu");
    nd_config_destroy(copy);
}

static void running_out_of_memory_is_reported(void **state)
{
    (void)state;
    nd_config *copy = NULL;
    assert_int_equal(parse("seed: 5\nhidden: [1, 2]\nlayers: [{dense: {units: 8}}, relu]\n"),
                     ND_OK);
    nd_status status = ND_ERR_MEMORY;
    unsigned long n = 1;
    for (; status != ND_OK && n < 100; n++) {
        nd_alloc_fail_at(n, false);
        status = nd_config_copy(config, &copy);
        nd_alloc_fail_at(0, false);
        assert_true(status == ND_OK || (status == ND_ERR_MEMORY && copy == NULL));
    }
    assert_in_range(n, 5, 99);
    nd_config_destroy(copy);
}

static void a_missing_file_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(nd_config_load(config, "/no/such/file.yaml"), ND_ERR_IO);
    assert_non_null(strstr(nd_ctx_message(ctx), "/no/such/file.yaml"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(scalars_are_typed_by_the_table),
        CASE(lists_may_be_sequences_or_text),
        CASE(hyphens_in_keys_mean_underscores),
        CASE(an_empty_file_changes_nothing),
        CASE(a_call_wins_over_the_file_in_either_order),
        CASE(keys_of_other_verbs_are_checked_and_left),
        CASE(mistakes_are_named_with_line_and_column),
        CASE(anchors_aliases_and_tags_are_refused),
        CASE(deep_nesting_is_refused_at_its_first_level),
        CASE(an_alias_bomb_is_refused_at_its_first_anchor),
        CASE(an_empty_list_of_layers_is_a_linear_model),
        CASE(layers_are_read_in_their_three_forms),
        CASE(mistakes_in_layers_are_named),
        CASE(mistakes_in_attributes_are_named),
        CASE(layers_of_another_form_are_refused),
        CASE(files_cut_anywhere_are_refused_or_whole),
        CASE(a_nul_byte_in_a_value_is_refused),
        CASE(an_attribute_twice_is_refused),
        CASE(two_layers_in_one_item_are_refused),
        CASE(what_is_written_reads_back_the_same),
        CASE(a_commented_file_of_defaults_sets_nothing),
        CASE(every_commented_line_can_be_put_in_force),
        CASE(a_copy_is_independent),
        CASE(running_out_of_memory_is_reported),
        CASE(a_missing_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
