#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "report/metrics_json.h"

static long left; /* allocations that jansson still gets */

static void *scarce(size_t size)
{
    return left-- > 0 ? malloc(size) : NULL;
}

/* {"name": "x", "list": [0, 1, ..., 19]} */
static json_t *make_tree(void)
{
    json_t *tree = json_object(), *list = json_array();
    nd_json_set(&tree, "name", nd_json_text("x"));
    for (int i = 0; i < 20; i++) {
        nd_json_append(&list, json_integer(i));
    }
    nd_json_set(&tree, "list", list);
    return tree;
}

static void a_tree_is_whole_or_none_whichever_allocation_fails(void **state)
{
    (void)state;
    json_malloc_t old_malloc;
    json_free_t old_free;
    json_t *tree = NULL;
    json_get_alloc_funcs(&old_malloc, &old_free);
    json_set_alloc_funcs(scarce, free);
    long refused = 0;
    for (; !tree && refused < 1000; refused++) {
        left = refused;
        tree = make_tree();
    }
    json_set_alloc_funcs(old_malloc, old_free);
    assert_non_null(tree);
    assert_true(refused > 20);
    assert_int_equal(json_object_size(tree), 2);
    assert_int_equal(json_array_size(json_object_get(tree, "list")), 20);
    json_decref(tree);
}

static void a_tree_that_lost_a_part_stays_lost(void **state)
{
    (void)state;
    json_t *tree = json_object();
    nd_json_set(&tree, "kept", json_true());
    nd_json_set(&tree, "lost", NULL);
    assert_null(tree);
    nd_json_set(&tree, "more", json_true());
    assert_null(tree);
}

static void text_that_is_not_utf8_is_shown_with_question_marks(void **state)
{
    (void)state;
    json_t *text = nd_json_text("caf\xe9.csv");
    assert_string_equal(json_string_value(text), "caf?.csv");
    json_decref(text);
    text = nd_json_text("caf\xc3\xa9.csv");
    assert_string_equal(json_string_value(text), "caf\xc3\xa9.csv");
    json_decref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_is_whole_or_none_whichever_allocation_fails),
        cmocka_unit_test(a_tree_that_lost_a_part_stays_lost),
        cmocka_unit_test(text_that_is_not_utf8_is_shown_with_question_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
