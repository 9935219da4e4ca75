/* A preparation that takes over another one's columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "data/csv.h"
#include "data/prep.h"

static nd_ctx *ctx;

static const nd_prep_params params = {.clip = 10, .max_one_hot = 64, .buckets = 64, .min_count = 1};

static nd_prep *fit_with(const char *text, const nd_prep_params *p)
{
    nd_table *table;
    nd_prep *prep;
    assert_int_equal(nd_csv_parse(ctx, "t", text, strlen(text), NULL, &table), ND_OK);
    assert_int_equal(nd_prep_begin(ctx, table, p, &prep), ND_OK);
    assert_int_equal(nd_prep_fit(prep, table, NULL, table->rows, p), ND_OK);
    nd_table_destroy(table);
    return prep;
}

static nd_prep *fit(const char *text)
{
    return fit_with(text, &params);
}

static const char first[] = "a,colour,b,y\n1,red,10,u\n2,blue,30,v\n6,red,20,u\n7,green,80,v\n";
static const char second[] = "b,a,colour,y\n5,0,red,s\n9,0.5,black,t\n3,2.5,red,s\n4,1,black,t\n";
static const char third[] = "b,extra,y\n5,1,s\n9,4,t\n3,2,s\n4,9,t\n";

static void columns_take_the_places_and_numbers_they_had(void **state)
{
    (void)state;
    nd_prep *from = fit(first), *prep = fit(second);
    nd_adopted adopted;
    assert_int_equal(nd_prep_adopt(prep, from, &adopted), ND_OK);
    assert_int_equal(adopted.taken, 3);
    assert_int_equal(adopted.own + adopted.missing, 0);
    assert_int_equal(prep->features, from->features);
    for (size_t i = 0; i < 3; i++) {
        const nd_prep_column *own = &prep->column[i], *other = &from->column[i];
        assert_string_equal(own->name, other->name);
        assert_int_equal(own->first, other->first);
        assert_int_equal(own->features, other->features);
        assert_true(own->center == other->center && own->scale == other->scale);
    }
    assert_true(prep->column[0].center == 4);
    assert_int_equal(nd_dict_count(prep->column[1].words), 3);
    assert_true(prep->column[1].words != from->column[1].words);
    assert_string_equal(nd_dict_word(prep->classes, 0, NULL), "s");
    nd_prep_destroy(from);
    nd_prep_destroy(prep);
}

static void a_table_that_lacks_columns_keeps_its_order_and_is_told(void **state)
{
    (void)state;
    nd_prep *from = fit(first), *prep = fit(third);
    nd_adopted adopted;
    assert_int_equal(nd_prep_adopt(prep, from, &adopted), ND_OK);
    assert_int_equal(adopted.taken, 1);
    assert_int_equal(adopted.own, 1);
    assert_int_equal(adopted.missing, 2);
    assert_string_equal(prep->column[0].name, "b");
    assert_true(prep->column[0].center == 35);
    assert_true(prep->column[1].center == 4);
    nd_prep_destroy(from);
    nd_prep_destroy(prep);
}

static void a_column_of_another_kind_stays_as_fitted(void **state)
{
    (void)state;
    nd_prep *from = fit(first);
    nd_prep *prep = fit("a,colour,b,y\nx,1,1,s\nz,5,4,t\nx,2,3,s\nz,9,5,t\n");
    nd_adopted adopted;
    assert_int_equal(nd_prep_adopt(prep, from, &adopted), ND_OK);
    assert_int_equal(adopted.taken, 1);
    assert_int_equal(adopted.own, 2);
    assert_int_equal(adopted.missing, 2);
    assert_int_equal(prep->column[0].kind, ND_PREP_ONE_HOT);
    assert_int_equal(prep->column[1].kind, ND_PREP_NUMBER);
    nd_prep_destroy(from);
    nd_prep_destroy(prep);
}

static void what_the_other_leaves_out_is_left_out_and_what_is_constant_here_is_not(void **state)
{
    (void)state;
    nd_prep *from = fit("a,b,y\n1,3,u\n2,3,v\n4,3,u\n9,3,v\n");
    nd_prep *prep = fit("a,b,y\n5,1,s\n5,2,t\n5,4,s\n5,9,t\n");
    nd_adopted adopted;
    assert_int_equal(prep->column[0].kind, ND_PREP_DROPPED);
    assert_int_equal(nd_prep_adopt(prep, from, &adopted), ND_OK);
    assert_int_equal(prep->column[0].kind, ND_PREP_NUMBER);
    assert_int_equal(prep->column[1].kind, ND_PREP_DROPPED);
    assert_int_equal(adopted.taken, 1);
    assert_int_equal(adopted.missing, 0);
    nd_prep_destroy(from);
    nd_prep_destroy(prep);
}

static void a_column_that_is_ignored_stays_ignored(void **state)
{
    (void)state;
    static const char *const drop[] = {"a"};
    nd_prep_params without = params;
    without.drop = drop;
    without.drop_count = 1;
    nd_prep *from = fit(first), *prep = fit_with(second, &without);
    nd_adopted adopted;
    assert_int_equal(nd_prep_adopt(prep, from, &adopted), ND_OK);
    assert_int_equal(adopted.taken, 2);
    assert_int_equal(adopted.missing, 1);
    nd_prep_destroy(from);
    nd_prep_destroy(prep);
}

static void a_failed_allocation_leaves_a_preparation_that_can_be_freed(void **state)
{
    (void)state;
    nd_prep *from = fit(first);
    nd_status status = ND_ERR_MEMORY;
    for (unsigned long n = 1; status == ND_ERR_MEMORY; n++) {
        nd_prep *prep = fit(second);
        nd_adopted adopted;
        assert_true(n < 100);
        nd_alloc_fail_at(n, false);
        status = nd_prep_adopt(prep, from, &adopted);
        nd_alloc_fail_at(0, false);
        nd_prep_destroy(prep);
    }
    assert_int_equal(status, ND_OK);
    nd_prep_destroy(from);
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
        cmocka_unit_test(columns_take_the_places_and_numbers_they_had),
        cmocka_unit_test(a_table_that_lacks_columns_keeps_its_order_and_is_told),
        cmocka_unit_test(a_column_of_another_kind_stays_as_fitted),
        cmocka_unit_test(what_the_other_leaves_out_is_left_out_and_what_is_constant_here_is_not),
        cmocka_unit_test(a_column_that_is_ignored_stays_ignored),
        cmocka_unit_test(a_failed_allocation_leaves_a_preparation_that_can_be_freed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
