/* Rules over signals of layers that were written by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/layers.h"

static nd_layer_signal dense(const char *name, double gradient)
{
    return (nd_layer_signal){name, gradient, 1, 0.001, (double)NAN, (double)NAN};
}

static nd_layer_signal act(const char *name, double dead, double saturated)
{
    return (nd_layer_signal){name, (double)NAN, (double)NAN, (double)NAN, dead, saturated};
}

/* part NULL: no layer stands out. */
static void says(const nd_layer_signal *signal, size_t count, const char *part)
{
    nd_text why = {0};
    assert_int_equal(nd_doctor_layers(signal, count, &why), part != NULL);
    if (part) {
        assert_non_null(strstr(why.data, part));
    } else {
        assert_null(why.data);
    }
    nd_text_free(&why);
}

static void a_healthy_network_gets_no_word(void **state)
{
    (void)state;
    const nd_layer_signal signal[] = {dense("dense1", 0.02), act("relu1", 0.5, (double)NAN),
                                      dense("dense2", 1.5)};
    says(signal, 3, NULL);
    says(signal, 0, NULL);
}

static void dead_units_come_before_the_gradient_they_stop(void **state)
{
    (void)state;
    const nd_layer_signal signal[] = {dense("dense1", 1e-9), act("relu1", 0.95, (double)NAN),
                                      dense("dense2", 1.5)};
    says(signal, 3, "95 % of the units of \"relu1\" are dead");
}

/* Of a tanh both shares can be 1: results rounded to an end have no derivative at all. */
static void saturated_units_are_not_called_dead(void **state)
{
    (void)state;
    const nd_layer_signal signal[] = {dense("dense1", 0), act("tanh1", 1, 1), dense("dense2", 1)};
    says(signal, 3, "100 % of the results of \"tanh1\" are saturated");
}

/* 2e-4 of the largest; a layer without any, frozen or below one that stops all, is not it. */
static void a_gradient_that_vanishes_is_told_by_the_lowest_layer_that_has_one(void **state)
{
    (void)state;
    const nd_layer_signal signal[] = {dense("frozen", 0), dense("dense2", 1e-4),
                                      act("sigmoid2", 0, 0), dense("dense3", 0.5),
                                      dense("dense4", 0.1)};
    says(signal, 5, "that of \"dense2\" is 0.0002 of that of \"dense3\"");
}

static void weights_of_zero_are_the_nearest_cause(void **state)
{
    (void)state;
    nd_layer_signal signal[] = {dense("dense1", 0), act("relu1", 1, (double)NAN),
                                dense("dense2", 1)};
    signal[0].weight = 0;
    says(signal, 3, "all weights of \"dense1\" are 0");
    signal[0].weight = 0.02;
    says(signal, 3, "the weights of \"dense1\" are next to nothing (length 0.02)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_network_gets_no_word),
        cmocka_unit_test(dead_units_come_before_the_gradient_they_stop),
        cmocka_unit_test(saturated_units_are_not_called_dead),
        cmocka_unit_test(a_gradient_that_vanishes_is_told_by_the_lowest_layer_that_has_one),
        cmocka_unit_test(weights_of_zero_are_the_nearest_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
