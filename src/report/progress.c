/* Training events as text for people or as JSON Lines. On a terminal a line is
 * redrawn in place and erased when training ends. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "report/metrics_json.h"
#include "report/signals.h"

enum { BAR_CELLS = 20, WIDTH_UNKNOWN = 80 };

struct nd_report {
    nd_ctx *ctx;
    nd_report_style style;
    nd_sink sink;
    nd_text text;       /* what goes to the sink next */
    nd_text last, best; /* lines of the latest and the best epoch while not yet written */
    long next;          /* epoch that gets the next plain line */
    bool drawn;         /* a progress line stands on the terminal */
};

nd_status nd_report_create(nd_ctx *ctx, const nd_report_style *style, const nd_sink *sink,
                           nd_report **report)
{
    if (!ctx || !style || !sink || !report) {
        return nd_fail(ctx, ND_ERR_ARGUMENT, "nd_report_create: a null pointer was passed");
    }
    *report = nd_alloc(1, sizeof **report);
    if (!*report) {
        return nd_fail_memory(ctx);
    }
    (*report)->ctx = ctx;
    (*report)->style = *style;
    (*report)->sink = *sink;
    (*report)->next = 1;
    return ND_OK;
}

static void add_number(nd_text *text, const char *label, double value)
{
    char number[ND_NUM_TEXT];
    if (!isnan(value)) {
        nd_num_print_general(number, value, 4);
        nd_text_printf(text, "  %s %s", label, number);
    }
}

static void add_rate(nd_text *text, double rate)
{
    static const char *const unit[] = {"", "k", "M", "G"};
    size_t i = 0;
    char number[ND_NUM_TEXT];
    if (isnan(rate)) {
        return;
    }
    for (; rate >= 1000 && i < 3; i++) {
        rate /= 1000;
    }
    nd_num_print_general(number, rate, 3);
    nd_text_printf(text, "  %s%s rows/s", number, unit[i]);
}

static void add_time(nd_text *text, double seconds)
{
    if (!(seconds >= 0 && seconds < 1e8)) {
        return;
    }
    long s = (long)(seconds + 0.5);
    if (s >= 3600) {
        nd_text_printf(text, "  %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
    } else {
        nd_text_printf(text, "  %ld:%02ld left", s / 60, s % 60);
    }
}

static void add_losses(nd_text *text, const nd_event *event)
{
    add_number(text, "loss", event->train_loss);
    add_number(text, "valid", event->valid_loss);
    if (event->metric) {
        add_number(text, event->metric, event->valid_metric);
    }
}

/* "epoch 3  loss 0.5  valid 0.6  accuracy 0.9  lr 0.001  12k rows/s *" */
static void add_epoch(nd_text *text, const nd_event *event, bool color)
{
    nd_text_printf(text, "epoch %ld", event->epoch);
    add_losses(text, event);
    add_number(text, "lr", event->lr);
    add_rate(text, event->rows_per_s);
    if (event->best) {
        nd_text_puts(text, color ? "  \x1b[32m*\x1b[0m" : "  *");
    }
    nd_text_puts(text, "\n");
    nd_signals_text(text, event->layers, event->layer_count);
}

/* A bar in what room is left, of BAR_CELLS cells at most; none in too little. */
static void add_bar(nd_text *text, double done, size_t room)
{
    int cells = room > BAR_CELLS + 3 ? BAR_CELLS : (int)room - 3;
    if (cells < BAR_CELLS / 4) {
        return;
    }
    int full = done > 0 ? (int)(done * cells + 0.5) : 0;
    nd_text_puts(text, " [");
    for (int i = 0; i < cells; i++) {
        nd_text_puts(text, i < full ? "#" : "-");
    }
    nd_text_puts(text, "]");
}

static void send(nd_report *report)
{
    /* A display that cannot be written to is no reason to stop a training; the
     * owner of the sink knows. */
    (void)nd_text_flush(NULL, &report->text, &report->sink);
    nd_text_clear(&report->text);
}

static void erase(nd_report *report)
{
    if (report->drawn) {
        nd_text_puts(&report->text, "\r\x1b[K");
        report->drawn = false;
    }
}

static void cut(nd_text *text, size_t size)
{
    if (!text->failed && text->data && text->size > size) {
        text->size = size;
        text->data[size] = '\0';
    }
}

/* The numbers of a progress line: losses, then what fits into room. */
static void add_numbers(nd_text *text, const nd_event *event, size_t room)
{
    add_losses(text, event);
    size_t kept = text->size;
    add_time(text, event->seconds_left);
    kept = text->size <= room ? text->size : kept;
    cut(text, kept);
    add_rate(text, event->rows_per_s);
    kept = text->size <= room ? text->size : kept;
    cut(text, kept);
    add_number(text, "lr", event->lr);
    cut(text, text->size <= room ? text->size : kept);
}

/* The line that is redrawn in place, cut to the width of the terminal. */
static void draw(nd_report *report, const nd_event *event)
{
    nd_text line = {0}, tail = {0};
    size_t room = (size_t)(report->style.width > 1 ? report->style.width : WIDTH_UNKNOWN) - 1;
    if (event->members > 0) {
        nd_text_printf(&line, "%zu of %zu trained", event->member, event->members);
    } else {
        nd_text_printf(&line, "%s%sepoch %ld/%ld", event->text ? event->text : "",
                       event->text ? " " : "", event->epoch, event->epochs);
    }
    size_t head = line.size < room ? line.size : room;
    size_t bar = BAR_CELLS / 2 + 3;
    add_numbers(&tail, event, room > head + bar ? room - head - bar : 0);
    size_t used = line.size + tail.size;
    add_bar(&line, event->kind == ND_EVENT_EPOCH ? 1 : event->done, used < room ? room - used : 0);
    nd_text_add(&line, tail.data ? tail.data : "", tail.size);
    if (!line.failed && !tail.failed) {
        size_t n = line.size < room ? line.size : room;
        nd_text_puts(&report->text, report->style.color ? "\r\x1b[1m" : "\r");
        nd_text_add(&report->text, line.data, head);
        nd_text_puts(&report->text, report->style.color ? "\x1b[0m" : "");
        nd_text_add(&report->text, line.data + head, n - head);
        nd_text_puts(&report->text, "\x1b[K");
        report->drawn = true;
    }
    nd_text_free(&line);
    nd_text_free(&tail);
    send(report);
}

/* Off a terminal, epochs 1, 2, 3, ... then each a quarter later than the one
 * before: about 30 lines for a thousand epochs. */
static bool is_due(nd_report *report, long epoch)
{
    if (report->style.verbosity >= 2) {
        return true;
    }
    if (epoch < report->next) {
        return false;
    }
    report->next = epoch + 1 + epoch / 4;
    return true;
}

static void write_epoch(nd_report *report, const nd_event *event)
{
    bool redraw = report->style.terminal && report->style.verbosity < 2;
    nd_text_clear(&report->last);
    if (event->best) {
        nd_text_clear(&report->best);
    }
    if (redraw || !is_due(report, event->epoch)) {
        add_epoch(event->best ? &report->best : &report->last, event, report->style.color);
    } else {
        erase(report);
        add_epoch(&report->text, event, report->style.color);
        send(report);
    }
    if (redraw) {
        draw(report, event);
    }
}

/* Lines of the last and the best epoch that were thinned out, then why. */
static void write_stop(nd_report *report, const nd_event *event)
{
    erase(report);
    if (report->last.size > 0) {
        nd_text_add(&report->text, report->last.data, report->last.size);
    }
    if (report->best.size > 0) {
        nd_text_printf(&report->text, "best: %s", report->best.data);
    }
    if (event->text && event->text[0]) {
        nd_text_printf(&report->text, "%s\n", event->text);
    }
    send(report);
}

static void write_text(nd_report *report, const nd_event *event)
{
    if (report->style.verbosity <= 0) {
        return;
    }
    switch (event->kind) {
    case ND_EVENT_PLAN:
        if (event->text) {
            size_t n = strlen(event->text);
            nd_text_printf(&report->text, "%s%s", event->text,
                           n && event->text[n - 1] == '\n' ? "" : "\n");
            send(report);
        }
        break;
    case ND_EVENT_STEP:
        if (report->style.terminal) {
            draw(report, event);
        }
        break;
    case ND_EVENT_EPOCH:
        write_epoch(report, event);
        break;
    case ND_EVENT_STOP:
        write_stop(report, event);
        break;
    case ND_EVENT_TEST:
        erase(report);
        send(report);
        break;
    case ND_EVENT_MEMBER:
        erase(report);
        nd_text_printf(&report->text, "%s\n", event->text ? event->text : "");
        send(report);
        break;
    }
}

static const char *kind_name(nd_event_kind kind)
{
    switch (kind) {
    case ND_EVENT_PLAN:
        return "plan";
    case ND_EVENT_STEP:
        return "step";
    case ND_EVENT_EPOCH:
        return "epoch";
    case ND_EVENT_STOP:
        return "stop";
    case ND_EVENT_TEST:
        return "test";
    case ND_EVENT_MEMBER:
        return "member";
    }
    return "unknown";
}

static void set_number(json_t **object, const char *key, double value)
{
    if (isfinite(value)) {
        nd_json_set(object, key, json_real(value));
    }
}

static void set_progress(json_t **object, const nd_event *event)
{
    nd_json_set(object, "epoch", json_integer(event->epoch));
    nd_json_set(object, "step", json_integer((json_int_t)event->step));
    set_number(object, "done", event->done);
    set_number(object, "lr", event->lr);
    set_number(object, "train_loss", event->train_loss);
    set_number(object, "valid_loss", event->valid_loss);
    if (event->metric) {
        set_number(object, event->metric, event->valid_metric);
    }
    set_number(object, "rows_per_s", event->rows_per_s);
    set_number(object, "seconds", event->seconds);
    if (event->kind == ND_EVENT_EPOCH) {
        nd_json_set(object, "best", json_boolean(event->best));
    }
    if (event->layer_count > 0) {
        nd_json_set(object, "layers", nd_signals_json(event->layers, event->layer_count));
    }
}

static void write_json(nd_report *report, const nd_event *event)
{
    if (event->kind == ND_EVENT_STEP && report->style.verbosity < 2) {
        return;
    }
    json_t *object = json_object();
    nd_json_set(&object, "event", json_string(kind_name(event->kind)));
    if (event->kind == ND_EVENT_PLAN) {
        nd_json_set(&object, "epochs", json_integer(event->epochs));
    } else if (event->kind != ND_EVENT_TEST) {
        set_progress(&object, event);
    }
    if (event->members > 0) {
        nd_json_set(&object, "member", json_integer((json_int_t)event->member));
        nd_json_set(&object, "members", json_integer((json_int_t)event->members));
    }
    if (event->text) {
        nd_json_set(&object, "text", nd_json_text(event->text));
    }
    if (event->metrics) {
        nd_json_set(&object, "metrics", nd_metrics_json(event->metrics));
    }
    if (event->baseline) {
        nd_json_set(&object, "baseline", nd_metrics_json(event->baseline));
    }
    /* A line that is not whole is not sent. */
    (void)nd_json_add(report->ctx, object, 0, &report->text);
    send(report);
}

void nd_report_destroy(nd_report *report)
{
    if (!report) {
        return;
    }
    erase(report);
    send(report);
    nd_text_free(&report->text);
    nd_text_free(&report->last);
    nd_text_free(&report->best);
    nd_free(report);
}

int nd_report_observe(void *report, const nd_event *event)
{
    nd_report *r = report;
    if (!r || !event) {
        return 0;
    }
    if (r->style.json) {
        write_json(r, event);
    } else {
        write_text(r, event);
    }
    return 0;
}
