#include "nadir.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"

static nd_ctx *ctx;
static nd_text out;

static int collect(void *user, const char *text, size_t bytes)
{
    nd_text_add(user, text, bytes);
    return 0;
}

static int refuse(void *user, const char *text, size_t bytes)
{
    (void)user;
    (void)text;
    (void)bytes;
    return 1;
}

static int start(void **state)
{
    (void)state;
    return nd_ctx_create(&ctx, 1) != ND_OK;
}

static int stop(void **state)
{
    (void)state;
    nd_text_free(&out);
    nd_ctx_destroy(ctx);
    return 0;
}

static nd_report *make(nd_report_style style)
{
    nd_report *report = NULL;
    nd_sink sink = {collect, &out};
    assert_int_equal(nd_report_create(ctx, &style, &sink, &report), ND_OK);
    return report;
}

static nd_event epoch_event(long epoch)
{
    return (nd_event){.kind = ND_EVENT_EPOCH,
                      .epoch = epoch,
                      .epochs = 1000,
                      .step = 10,
                      .done = 1,
                      .lr = 0.001,
                      .train_loss = 0.25,
                      .valid_loss = 0.5,
                      .valid_metric = 0.75,
                      .metric = "accuracy",
                      .rows_per_s = 12345,
                      .seconds = 1.5,
                      .seconds_left = 65};
}

static size_t lines(void)
{
    size_t count = 0;
    for (const char *c = out.data; c && *c; c++) {
        count += *c == '\n';
    }
    return count;
}

static void run_epochs(nd_report *report, long epochs, long best)
{
    for (long epoch = 1; epoch <= epochs; epoch++) {
        nd_event event = epoch_event(epoch);
        event.best = epoch <= best;
        nd_report_observe(report, &event);
    }
    nd_event end = epoch_event(epochs);
    end.kind = ND_EVENT_STOP;
    end.text = "no better for 20 epochs";
    nd_report_observe(report, &end);
    nd_report_destroy(report);
}

static void an_epoch_is_one_plain_line_off_a_terminal(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.verbosity = 1});
    nd_event event = epoch_event(1);
    event.best = 1;
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_string_equal(out.data, "epoch 1  loss 0.25  valid 0.5  accuracy 0.75  lr 0.001  "
                                  "12.3k rows/s  *\n");
}

static void numbers_that_do_not_apply_are_left_out(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.verbosity = 1});
    nd_event event = epoch_event(1);
    event.valid_loss = event.valid_metric = event.rows_per_s = NAN;
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_string_equal(out.data, "epoch 1  loss 0.25  lr 0.001\n");
}

static void many_epochs_are_thinned_and_the_best_and_last_are_kept(void **state)
{
    (void)state;
    run_epochs(make((nd_report_style){.verbosity = 1}), 1000, 400);
    assert_in_range(lines(), 20, 32);
    assert_non_null(strstr(out.data, "\nepoch 1000  "));
    assert_non_null(strstr(out.data, "\nbest: epoch 400  "));
    assert_non_null(strstr(out.data, "\nno better for 20 epochs\n"));
    assert_null(strchr(out.data, '\r'));
    assert_null(strchr(out.data, '\x1b'));
}

static void every_epoch_is_shown_when_verbose(void **state)
{
    (void)state;
    run_epochs(make((nd_report_style){.verbosity = 2}), 100, 1);
    assert_int_equal(lines(), 101);
}

static void quiet_shows_nothing(void **state)
{
    (void)state;
    run_epochs(make((nd_report_style){.verbosity = 0, .terminal = 1, .color = 1}), 10, 3);
    assert_null(out.data);
}

static void a_terminal_gets_one_line_redrawn_within_its_width(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.verbosity = 1, .terminal = 1, .width = 60});
    nd_event event = epoch_event(3);
    event.kind = ND_EVENT_STEP;
    event.done = 0.5;
    nd_report_observe(report, &event);
    assert_string_equal(out.data, "\repoch 3/1000 [####---]  loss 0.25  valid 0.5  accuracy 0.75"
                                  "\x1b[K");
    nd_text_clear(&out);
    nd_report_destroy(report);
    assert_string_equal(out.data, "\r\x1b[K");
}

static void the_whole_progress_line_is_shown_where_there_is_room(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.verbosity = 1, .terminal = 1, .width = 200});
    nd_event event = epoch_event(3);
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_string_equal(out.data, "\repoch 3/1000 [####################]  loss 0.25  valid 0.5  "
                                  "accuracy 0.75  1:05 left  12.3k rows/s  lr 0.001\x1b[K"
                                  "\r\x1b[K");
}

static void the_bar_shrinks_to_what_room_is_left(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.verbosity = 1, .terminal = 1, .width = 100});
    nd_event event = epoch_event(3);
    event.kind = ND_EVENT_STEP;
    event.done = 0.5;
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_string_equal(out.data, "\repoch 3/1000 [######------]  loss 0.25  valid 0.5  "
                                  "accuracy 0.75  1:05 left  12.3k rows/s  lr 0.001\x1b[K"
                                  "\r\x1b[K");
}

static void colours_come_only_when_asked_for(void **state)
{
    (void)state;
    run_epochs(make((nd_report_style){.verbosity = 1, .terminal = 1, .color = 0}), 3, 3);
    assert_null(strstr(out.data, "\x1b[1m"));
    assert_null(strstr(out.data, "\x1b[32m"));
    nd_text_clear(&out);
    run_epochs(make((nd_report_style){.verbosity = 1, .terminal = 1, .color = 1}), 3, 3);
    assert_non_null(strstr(out.data, "\x1b[1m"));
    assert_non_null(strstr(out.data, "\x1b[32m*"));
}

static void json_lines_parse_and_hold_the_numbers(void **state)
{
    (void)state;
    nd_report *report = make((nd_report_style){.json = 1, .verbosity = 1});
    nd_event event = epoch_event(7);
    event.valid_loss = NAN;
    event.best = 1;
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_int_equal(lines(), 1);
    json_t *line = json_loads(out.data, 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "event")), "epoch");
    assert_int_equal(json_integer_value(json_object_get(line, "epoch")), 7);
    assert_true(json_real_value(json_object_get(line, "lr")) == 0.001);
    assert_true(json_real_value(json_object_get(line, "accuracy")) == 0.75);
    assert_true(json_is_true(json_object_get(line, "best")));
    assert_null(json_object_get(line, "valid_loss"));
    json_decref(line);
}

static void steps_are_json_only_when_verbose(void **state)
{
    (void)state;
    nd_event event = epoch_event(1);
    event.kind = ND_EVENT_STEP;
    nd_report *report = make((nd_report_style){.json = 1, .verbosity = 1});
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_null(out.data);
    report = make((nd_report_style){.json = 1, .verbosity = 2});
    nd_report_observe(report, &event);
    nd_report_destroy(report);
    assert_int_equal(lines(), 1);
}

static void a_display_that_cannot_be_written_does_not_stop_training(void **state)
{
    (void)state;
    nd_report *report = NULL;
    nd_report_style style = {.verbosity = 2};
    nd_sink sink = {refuse, NULL};
    nd_event event = epoch_event(1);
    assert_int_equal(nd_report_create(ctx, &style, &sink, &report), ND_OK);
    assert_int_equal(nd_report_observe(report, &event), 0);
    nd_report_destroy(report);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_epoch_is_one_plain_line_off_a_terminal),
        CASE(numbers_that_do_not_apply_are_left_out),
        CASE(many_epochs_are_thinned_and_the_best_and_last_are_kept),
        CASE(every_epoch_is_shown_when_verbose),
        CASE(quiet_shows_nothing),
        CASE(a_terminal_gets_one_line_redrawn_within_its_width),
        CASE(the_whole_progress_line_is_shown_where_there_is_room),
        CASE(the_bar_shrinks_to_what_room_is_left),
        CASE(colours_come_only_when_asked_for),
        CASE(json_lines_parse_and_hold_the_numbers),
        CASE(steps_are_json_only_when_verbose),
        CASE(a_display_that_cannot_be_written_does_not_stop_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
