/* nadir bench: what this machine can do, and the engine's share of it. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/ctx.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/bench_work.h"
#include "job/settings.h"
#include "kern/machine.h"
#include "report/metrics_json.h"

enum { LEVELS = 4, ALL = 1, SIDES = 2, LATENCY_ROWS = 1, THROUGHPUT_ROWS = 128 };

/* A figure on one thread, and on all. */
typedef struct both {
    double side[SIDES];
} both;

/* A rate of memory: where the arrays lie, and whether they are changed as well. */
typedef struct level {
    const char *name;
    bool change;
} level;

static const level levels[LEVELS] = {
    {"L2 read", false},
    {"L3 read", false},
    {"memory read", false},
    {"memory read and written", true},
};

typedef struct job {
    nd_ctx *ctx[SIDES]; /* one thread; the caller's. One thread only: the same twice */
    nd_bench_pace pace;
    nd_machine machine;
    both flops, bytes[LEVELS];
    const nd_strings *only; /* names of workloads; none: all */
    const nd_sink *sink;
    nd_text text; /* not json: what the sink gets next */
    bool json;
    json_t *object, *training, *inference; /* of json; NULL once memory ran out */
} job;

static bool one_side(const job *j)
{
    return j->ctx[0] == j->ctx[ALL];
}

static nd_status fail_name(const job *j, const char *name)
{
    size_t count;
    const nd_bench_work *work = nd_bench_table(&count);
    return nd_fail(j->ctx[ALL], ND_ERR_OPTION, "workloads: no workload \"%s\" (%s to %s)", name,
                   work[0].name, work[count - 1].name);
}

static nd_status check_names(const job *j)
{
    size_t count;
    const nd_bench_work *work = nd_bench_table(&count);
    for (size_t i = 0; i < j->only->count; i++) {
        size_t at = 0;
        while (at < count && strcmp(work[at].name, j->only->item[i]) != 0) {
            at++;
        }
        if (at == count) {
            return fail_name(j, j->only->item[i]);
        }
    }
    return ND_OK;
}

static bool wanted(const job *j, const nd_bench_work *work)
{
    for (size_t i = 0; i < j->only->count; i++) {
        if (strcmp(work->name, j->only->item[i]) == 0) {
            return true;
        }
    }
    return j->only->count == 0;
}

/* Bytes per thread that lie in a level: well inside it, well beyond the one before. */
static size_t level_bytes(const nd_machine *m, size_t at, size_t threads)
{
    size_t l2 = m->l2 > 0 ? m->l2 : (size_t)512 << 10;
    size_t l3 = m->l3 > 0 ? m->l3 : (size_t)16 << 20;
    size_t most = (size_t)256 << 20;
    switch (at) {
    case 0:
        return l2 / 2;
    case 1:
        return l3 / 2 / threads > 2 * l2 ? l3 / 2 / threads : 2 * l2;
    default:
        return (4 * l3 < most ? 4 * l3 : most) / threads;
    }
}

static nd_status measure_memory(job *j)
{
    size_t threads = (size_t)nd_ctx_threads(j->ctx[ALL]), most = 0;
    for (size_t i = 0; i < LEVELS; i++) {
        size_t bytes = level_bytes(&j->machine, i, 1), shared;
        shared = level_bytes(&j->machine, i, threads) * threads;
        most = bytes > most ? bytes : most;
        most = shared > most ? shared : most;
    }
    nd_real *x = nd_alloc_aligned(most / sizeof *x, sizeof *x);
    if (!x) {
        return nd_fail_memory(j->ctx[ALL]);
    }
    for (size_t i = 0; i < most / sizeof *x; i++) {
        x[i] = 1;
    }
    for (size_t i = 0; i < LEVELS; i++) {
        for (int side = 0; side < SIDES; side++) {
            nd_pool *pool = side == ALL ? j->ctx[ALL]->pool : NULL;
            size_t n = level_bytes(&j->machine, i, pool ? threads : 1) / sizeof *x;
            j->bytes[i].side[side] = levels[i].change
                                         ? nd_machine_change(pool, x, n, j->pace.seconds)
                                         : nd_machine_read(pool, x, n, j->pace.seconds);
        }
    }
    nd_free(x);
    return ND_OK;
}

static nd_status measure_machine(job *j)
{
    nd_machine_ask(&j->machine);
    j->flops.side[0] = nd_machine_flops(NULL, j->pace.seconds);
    j->flops.side[ALL] = nd_machine_flops(j->ctx[ALL]->pool, j->pace.seconds);
    return measure_memory(j);
}

static nd_status flush(job *j)
{
    return j->json ? ND_OK : nd_text_flush(j->ctx[ALL], &j->text, j->sink);
}

static void text_rate(job *j, const char *name, const both *rate)
{
    nd_text_printf(&j->text, "%-34s%10.1f", name, rate->side[0] / 1e9);
    if (!one_side(j)) {
        nd_text_printf(&j->text, "%12.1f", rate->side[ALL] / 1e9);
    }
    nd_text_puts(&j->text, "\n");
}

static void text_machine(job *j)
{
    int threads = nd_ctx_threads(j->ctx[ALL]);
    nd_text_printf(&j->text, "nadir %s on %s; instruction set %s", nd_version(),
                   j->machine.name[0] ? j->machine.name : "a processor without a name",
                   j->machine.isa);
    nd_text_printf(&j->text, "; L2 %zu KB, L3 %zu KB\n\n%-34s%10s", j->machine.l2 / 1024,
                   j->machine.l3 / 1024, "machine", "1 thread");
    if (!one_side(j)) {
        nd_text_printf(&j->text, "%4d threads", threads);
    }
    nd_text_puts(&j->text, "\n");
    text_rate(j, "multiply-add, GFLOP/s", &j->flops);
    for (size_t i = 0; i < LEVELS; i++) {
        char name[40];
        snprintf(name, sizeof name, "%s, GB/s", levels[i].name);
        text_rate(j, name, &j->bytes[i]);
    }
    nd_text_printf(&j->text, "\n%-27s%6s %-9s", "training", "batch", "optimizer");
    for (int side = 0; side < (one_side(j) ? 1 : SIDES); side++) {
        nd_text_printf(&j->text, "  %2d: rows/s GFLOP/s peak", side ? threads : 1);
    }
    nd_text_puts(&j->text, "\n");
}

/* Arrays of two hold the figure on one thread and on all. */
static void set_both(json_t **object, const char *name, const both *value, double unit)
{
    json_t *pair = json_array();
    for (int side = 0; side < SIDES; side++) {
        nd_json_append(&pair, nd_json_number(value->side[side] / unit));
    }
    nd_json_set(object, name, pair);
}

static void json_machine(job *j)
{
    json_t **o = &j->object;
    nd_json_set(o, "version", json_string(nd_version()));
    nd_json_set(o, "processor", nd_json_text(j->machine.name));
    nd_json_set(o, "isa", json_string(j->machine.isa));
    nd_json_set(o, "threads", json_pack("[i,i]", 1, nd_ctx_threads(j->ctx[ALL])));
    nd_json_set(o, "l2_bytes", json_integer((json_int_t)j->machine.l2));
    nd_json_set(o, "l3_bytes", json_integer((json_int_t)j->machine.l3));
    set_both(o, "fma_gflops", &j->flops, 1e9);
    set_both(o, "l2_read_gb_per_s", &j->bytes[0], 1e9);
    set_both(o, "l3_read_gb_per_s", &j->bytes[1], 1e9);
    set_both(o, "memory_read_gb_per_s", &j->bytes[2], 1e9);
    set_both(o, "memory_update_gb_per_s", &j->bytes[3], 1e9);
}

static json_t *json_row(const nd_bench_work *work, size_t batch, const both *rate)
{
    json_t *row = json_object();
    nd_json_set(&row, "name", json_string(work->name));
    nd_json_set(&row, "layers", json_string(work->layers));
    nd_json_set(&row, "batch", json_integer((json_int_t)batch));
    set_both(&row, "rows_per_s", rate, 1);
    return row;
}

static void report_training(job *j, const nd_bench_work *work, size_t batch, const char *rule,
                            const both *rate)
{
    both flops, share;
    for (int side = 0; side < SIDES; side++) {
        flops.side[side] = rate->side[side] * nd_bench_flops(work, true);
        share.side[side] = flops.side[side] / j->flops.side[side];
    }
    if (j->json) {
        json_t *row = json_row(work, batch, rate);
        nd_json_set(&row, "optimizer", json_string(rule));
        set_both(&row, "gflops", &flops, 1e9);
        set_both(&row, "share_of_peak", &share, 1);
        nd_json_append(&j->training, row);
        return;
    }
    nd_text_printf(&j->text, "%s %-24s%6zu %-9s", work->name, work->layers, batch, rule);
    for (int side = 0; side < (one_side(j) ? 1 : SIDES); side++) {
        nd_text_printf(&j->text, "%12.0f%8.1f%4.0f%%", rate->side[side], flops.side[side] / 1e9,
                       100 * share.side[side]);
    }
    nd_text_puts(&j->text, "\n");
}

static nd_status bench_training(job *j, const nd_bench_work *work, size_t batch, const char *rule)
{
    both rate;
    for (int side = 0; side < SIDES; side++) {
        if (side == ALL && one_side(j)) {
            rate.side[ALL] = rate.side[0];
            break;
        }
        ND_TRY(nd_bench_train(j->ctx[side], work, batch, rule, j->pace, &rate.side[side]));
    }
    report_training(j, work, batch, rule, &rate);
    return flush(j);
}

static void report_inference(job *j, const nd_bench_work *work, const both *one, const both *many)
{
    double latency = 1e6 / one->side[0];
    if (j->json) {
        json_t *row = json_row(work, THROUGHPUT_ROWS, many);
        nd_json_set(&row, "one_row_microseconds", nd_json_number(latency));
        nd_json_append(&j->inference, row);
        return;
    }
    nd_text_printf(&j->text, "%s %-24s%16.2f%14.0f", work->name, work->layers, latency,
                   many->side[0]);
    if (!one_side(j)) {
        nd_text_printf(&j->text, "%14.0f", many->side[ALL]);
    }
    nd_text_puts(&j->text, "\n");
}

static nd_status bench_inference(job *j, const nd_bench_work *work)
{
    both one = {{0}}, many = {{0}};
    for (int side = 0; side < SIDES; side++) {
        nd_ctx *ctx = j->ctx[side];
        ND_TRY(nd_bench_forward(ctx, work, LATENCY_ROWS, j->pace, &one.side[side]));
        ND_TRY(nd_bench_forward(ctx, work, THROUGHPUT_ROWS, j->pace, &many.side[side]));
    }
    report_inference(j, work, &one, &many);
    return flush(j);
}

static nd_status bench_all_training(job *j)
{
    static const char *const rules[] = {"momentum", "adam"};
    size_t count;
    const nd_bench_work *work = nd_bench_table(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; wanted(j, &work[i]) && b < ND_BENCH_BATCHES; b++) {
            for (size_t r = 0; work[i].batch[b] > 0 && r < 2; r++) {
                ND_TRY(bench_training(j, &work[i], work[i].batch[b], rules[r]));
            }
        }
    }
    return ND_OK;
}

static nd_status bench_all_inference(job *j)
{
    size_t count;
    const nd_bench_work *work = nd_bench_table(&count);
    nd_text_printf(&j->text, "\n%-27s%16s%14s", "inference", "1 row, microsec.", "128: rows/s");
    if (!one_side(j)) {
        nd_text_printf(&j->text, "%8d: rows/s", nd_ctx_threads(j->ctx[ALL]));
    }
    nd_text_puts(&j->text, "\n");
    for (size_t i = 0; i < count; i++) {
        if (wanted(j, &work[i])) {
            ND_TRY(bench_inference(j, &work[i]));
        }
    }
    return ND_OK;
}

static nd_status write_json(job *j)
{
    json_t *whole = j->object;
    nd_json_set(&whole, "training", j->training);
    nd_json_set(&whole, "inference", j->inference);
    j->object = j->training = j->inference = NULL;
    nd_text_clear(&j->text);
    ND_TRY(nd_json_add(j->ctx[ALL], whole, 1, &j->text));
    return nd_text_flush(j->ctx[ALL], &j->text, j->sink);
}

static nd_status job_run(job *j)
{
    ND_TRY(check_names(j));
    ND_TRY(measure_machine(j));
    if (j->json) {
        json_machine(j);
    } else {
        text_machine(j);
        ND_TRY(flush(j));
    }
    ND_TRY(bench_all_training(j));
    ND_TRY(bench_all_inference(j));
    return j->json ? write_json(j) : ND_OK;
}

static nd_status run_on_contexts(nd_ctx *ctx, job *j)
{
    j->ctx[0] = j->ctx[ALL] = ctx;
    if (nd_ctx_threads(ctx) == 1) {
        return job_run(j);
    }
    nd_ctx *one;
    nd_status status = nd_ctx_create(&one, 1);
    if (status != ND_OK) {
        return nd_fail_memory(ctx);
    }
    j->ctx[0] = one;
    status = job_run(j);
    if (status != ND_OK && nd_ctx_message(one)[0]) {
        nd_fail(ctx, status, "%s", nd_ctx_message(one));
    }
    nd_ctx_destroy(one);
    return status;
}

nd_status nd_bench(nd_ctx *ctx, const nd_config *config, int json, const nd_sink *sink)
{
    nd_config *own;
    nd_strings only;
    ND_TRY(nd_settings_or_default(ctx, config, ND_VERB_BENCH, &own, &config));
    nd_status status = nd_strings_from(&config->set, "workloads", &only);
    if (status == ND_OK) {
        bool quick = nd_opt_bool(&config->set, "quick");
        job j = {
            .pace = quick ? (nd_bench_pace){0.01, 3} : (nd_bench_pace){0.1, 7},
            .only = &only,
            .sink = sink,
            .json = json,
            .object = json ? json_object() : NULL,
            .training = json ? json_array() : NULL,
            .inference = json ? json_array() : NULL,
        };
        status = run_on_contexts(ctx, &j);
        nd_text_free(&j.text);
        json_decref(j.object);
        json_decref(j.training);
        json_decref(j.inference);
        nd_strings_free(&only);
    }
    nd_config_destroy(own);
    return status;
}
