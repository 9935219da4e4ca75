/* Descriptions: names, references, attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ctx.h"
#include "net/net.h"

typedef struct fixture {
    nd_ctx *ctx;
    nd_desc *desc;
} fixture;

static int setup(void **state)
{
    static fixture f;
    *state = &f;
    return nd_ctx_create(&f.ctx, 1) != ND_OK || nd_desc_create(f.ctx, 4, &f.desc) != ND_OK;
}

static int teardown(void **state)
{
    fixture *f = *state;
    nd_desc_destroy(f->desc);
    nd_ctx_destroy(f->ctx);
    return 0;
}

/* The layer is refused with a message that holds the words; nothing was added. */
static void refused(fixture *f, const char *type, const char *attributes, nd_status status,
                    const char *words)
{
    size_t count = f->desc->count;
    assert_int_equal(nd_desc_add(f->desc, type, attributes), status);
    assert_int_equal(f->desc->count, count);
    if (!strstr(nd_ctx_message(f->ctx), words)) {
        fail_msg("'%s' does not say '%s'", nd_ctx_message(f->ctx), words);
    }
}

static void layers_read_the_one_before_by_default(void **state)
{
    fixture *f = *state;
    assert_int_equal(nd_desc_add(f->desc, "dense", "units=3"), ND_OK);
    assert_int_equal(nd_desc_add(f->desc, "relu", NULL), ND_OK);
    assert_int_equal(nd_desc_add(f->desc, "dense", " units = 2 , bias = false "), ND_OK);
    assert_int_equal(f->desc->layer[0]->input[0], -1);
    assert_int_equal(f->desc->layer[1]->input[0], 0);
    assert_int_equal(f->desc->layer[2]->input[0], 1);
    assert_int_equal(f->desc->layer[2]->shape.params, 1);
    assert_int_equal(nd_desc_outputs(f->desc), 2);
    assert_string_equal(f->desc->layer[0]->name, "dense1");
    assert_string_equal(f->desc->layer[2]->name, "dense2");
}

static void names_lead_to_earlier_layers_only(void **state)
{
    fixture *f = *state;
    assert_int_equal(nd_desc_add(f->desc, "dense", "units=4, name=a"), ND_OK);
    refused(f, "add", "name=s, from=a|s", ND_ERR_OPTION, "no earlier layer is named 's'");
    refused(f, "add", "from=a|later", ND_ERR_OPTION, "'later'");
    refused(f, "dense", "name=a", ND_ERR_OPTION, "taken");
    refused(f, "dense", "name=input", ND_ERR_OPTION, "taken");
    refused(f, "dense", "name=a b", ND_ERR_OPTION, "must be");
    assert_int_equal(nd_desc_add(f->desc, "add", "from = a | input | a"), ND_OK);
    assert_int_equal(f->desc->layer[1]->inputs, 3);
    assert_int_equal(f->desc->layer[1]->input[1], -1);
}

static void a_default_name_avoids_a_given_one(void **state)
{
    fixture *f = *state;
    assert_int_equal(nd_desc_add(f->desc, "relu", "name=dense1"), ND_OK);
    assert_int_equal(nd_desc_add(f->desc, "dense", ""), ND_OK);
    assert_string_equal(f->desc->layer[1]->name, "dense2");
}

static void slips_are_named(void **state)
{
    fixture *f = *state;
    refused(f, "dens", "", ND_ERR_OPTION, "did you mean 'dense'?");
    refused(f, "dense", "unit=3", ND_ERR_OPTION, "did you mean 'units'?");
    refused(f, "dense", "unit=3", ND_ERR_OPTION, "layer 0 dense");
    refused(f, "dense", "units=0", ND_ERR_OPTION, "units");
    refused(f, "dense", "units=2.5", ND_ERR_OPTION, "units");
    refused(f, "dense", "init=she", ND_ERR_OPTION, "she");
    refused(f, "dropout", "rate=1", ND_ERR_OPTION, "rate");
    refused(f, "relu", "slope=1", ND_ERR_OPTION, "slope");
}

static void widths_and_counts_of_inputs_must_fit(void **state)
{
    fixture *f = *state;
    assert_int_equal(nd_desc_add(f->desc, "dense", "units=3, name=a"), ND_OK);
    refused(f, "add", "from=a|input", ND_ERR_SHAPE, "3 and 4");
    refused(f, "add", "", ND_ERR_SHAPE, "2 to 8");
    refused(f, "add", "from=a|a|a|a|a|a|a|a|a", ND_ERR_SHAPE, "not 9");
    refused(f, "dense", "from=a|input", ND_ERR_SHAPE, "not 2");
}

static void null_pointers_are_refused(void **state)
{
    fixture *f = *state;
    nd_desc *desc = f->desc;
    assert_int_equal(nd_desc_create(NULL, 4, &desc), ND_ERR_ARGUMENT);
    assert_int_equal(nd_desc_create(f->ctx, 0, &desc), ND_ERR_ARGUMENT);
    assert_null(desc);
    assert_int_equal(nd_desc_create(f->ctx, 4, NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_desc_add(NULL, "dense", NULL), ND_ERR_ARGUMENT);
    assert_int_equal(nd_desc_add(f->desc, NULL, NULL), ND_ERR_ARGUMENT);
    nd_desc_destroy(NULL);
}

static void a_copy_stands_on_its_own(void **state)
{
    fixture *f = *state;
    nd_desc *copy;
    assert_int_equal(nd_desc_add(f->desc, "dense", "units=3, name=a, init=he_normal"), ND_OK);
    assert_int_equal(nd_desc_add(f->desc, "add", "from=a|a"), ND_OK);
    assert_int_equal(nd_desc_copy(f->desc, &copy), ND_OK);
    nd_desc_destroy(f->desc);
    f->desc = copy;
    assert_int_equal(copy->count, 2);
    assert_int_equal(nd_opt_int(copy->layer[0]->shape.attr, "units"), 3);
    assert_string_equal(copy->layer[0]->name, "a");
    assert_int_equal(copy->layer[1]->input[1], 0);
    assert_int_equal(nd_desc_add(copy, "dense", "from=a"), ND_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layers_read_the_one_before_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(names_lead_to_earlier_layers_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_default_name_avoids_a_given_one, setup, teardown),
        cmocka_unit_test_setup_teardown(slips_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(widths_and_counts_of_inputs_must_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(null_pointers_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_stands_on_its_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
