#include "kern/machine.h"

#include "kern_test.h"

/* The chains of the probe run to 1 from any start, so their sum is their number,
 * and with it the number of operations is known: two per number of a vector. */
static void multiply_add_probe_counts_its_operations(void **state)
{
    (void)state;
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_real chains = 0;
        double one = nd_isa_at(i)->probe_fma(1000, &chains);
        double two = nd_isa_at(i)->probe_fma(2000, &chains);
        assert_true(two == 2 * one);
        assert_true(chains >= 4);
        double numbers = one / 1000 / 2 / (double)chains;
        assert_true(numbers * sizeof(nd_real) == 16 || numbers * sizeof(nd_real) == 32 ||
                    numbers * sizeof(nd_real) == 64);
    }
}

/* One place of each vector is summed, so an array of ones gives its vectors. */
static void read_probe_reads_every_vector(void **state)
{
    (void)state;
    enum { N = 4096 };
    nd_real *x = nd_alloc_aligned(N, sizeof *x);
    assert_non_null(x);
    nd_k_fill(1, N, x);
    for (size_t i = 0; nd_isa_at(i); i++) {
        nd_real chains = 0;
        double numbers = nd_isa_at(i)->probe_fma(1000, &chains) / 1000 / 2;
        assert_true(nd_isa_at(i)->probe_read(N, x) == N / ((nd_real)numbers / chains));
    }
    nd_free(x);
}

static void machine_is_named_with_its_instruction_set(void **state)
{
    (void)state;
    nd_machine machine;
    nd_machine_ask(&machine);
    assert_string_equal(machine.isa, nd_kern_isa());
    assert_null(strchr(machine.name, '\n'));
    assert_true(machine.l2 == 0 || machine.l3 == 0 || machine.l2 <= machine.l3);
}

static void rates_are_positive_on_any_number_of_threads(void **state)
{
    (void)state;
    enum { N = 16384 };
    nd_real *x = random_array((size_t)N * 8, 1, 1);
    nd_real *before = copy_array(x, (size_t)N * 8);
    for (int i = 0; i < THREAD_COUNTS; i++) {
        nd_pool *pool = nd_pool_create(thread_counts[i]);
        assert_non_null(pool);
        assert_true(nd_machine_flops(pool, 0.0001) > 0);
        assert_true(nd_machine_read(pool, x, N, 0.0001) > 0);
        assert_true(nd_machine_change(pool, x, N, 0.0001) > 0);
        nd_pool_destroy(pool);
    }
    for (size_t i = 0; i < (size_t)N * 8; i++) {
        assert_true(x[i] == before[i] || x[i] == -before[i]);
    }
    nd_free(before);
    nd_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiply_add_probe_counts_its_operations),
        cmocka_unit_test(read_probe_reads_every_vector),
        cmocka_unit_test(machine_is_named_with_its_instruction_set),
        cmocka_unit_test(rates_are_positive_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
