#include "report/table_facts.h"

#include <string.h>

#include "base/mem.h"

const char *nd_column_type_name(const nd_column *column)
{
    return column->dtype == ND_DT_WORD ? "text" : column->dtype == ND_DT_U8 ? "image" : "number";
}

/* Keeps the most frequent words, the earlier in the file first among equals. */
static void find_frequent(nd_column_facts *c)
{
    for (uint32_t w = 0; w < nd_dict_count(c->column->dict); w++) {
        uint32_t count = c->stats.word_count[w];
        size_t at = c->words;
        while (at > 0 && c->stats.word_count[c->word[at - 1]] < count) {
            at--;
        }
        if (count == 0 || at == ND_REPORT_WORDS) {
            continue;
        }
        c->words += c->words < ND_REPORT_WORDS;
        memmove(&c->word[at + 1], &c->word[at], (c->words - 1 - at) * sizeof *c->word);
        c->word[at] = w;
    }
}

static bool gather_column(const nd_table *table, nd_column_facts *c)
{
    if (!nd_stats_take(c->column, NULL, table->rows, &c->stats)) {
        return false;
    }
    if (c->column->dtype == ND_DT_WORD) {
        c->distinct = c->stats.words;
        find_frequent(c);
    } else if (c->column->dtype != ND_DT_U8) {
        size_t n;
        double *sorted = nd_stats_sorted(c->column, NULL, table->rows, &n);
        if (!sorted) {
            return false;
        }
        c->distinct = nd_stats_distinct(sorted, n);
        nd_free(sorted);
    }
    return true;
}

static void keep_note(void *user, int level, const char *text)
{
    nd_table_facts *facts = user;
    char *copy = level == 1 ? nd_strdup(text) : NULL;
    if (copy && nd_grow((void **)&facts->note, &facts->notes_room, facts->notes, sizeof copy)) {
        facts->note[facts->notes++] = copy;
    } else {
        nd_free(copy);
    }
}

static nd_status try_prep(const nd_table *table, const nd_prep_params *params,
                          nd_table_facts *facts)
{
    nd_status status = nd_prep_begin(table->ctx, table, params, &facts->prep);
    if (status == ND_OK) {
        status = nd_prep_fit(facts->prep, table, NULL, table->rows, params);
        facts->fitted = status == ND_OK;
    }
    if (status != ND_ERR_DATA) {
        return status;
    }
    facts->problem = nd_strdup(nd_ctx_message(table->ctx));
    return facts->problem ? ND_OK : nd_fail_memory(table->ctx);
}

static void link_uses(nd_table_facts *facts)
{
    size_t input = 0;
    for (size_t c = 0; facts->prep && c < facts->table->columns; c++) {
        for (size_t t = 0; t < facts->prep->targets; t++) {
            facts->column[c].target |= facts->prep->target[t].position == c;
        }
        if (!facts->column[c].target) {
            facts->column[c].use = &facts->prep->column[input++];
        }
    }
}

static nd_status gather(const nd_table *table, const nd_prep_params *params, nd_table_facts *facts)
{
    nd_ctx *ctx = table->ctx;
    facts->column = nd_alloc(table->columns, sizeof *facts->column);
    if (!facts->column) {
        return nd_fail_memory(ctx);
    }
    for (size_t c = 0; c < table->columns; c++) {
        facts->column[c].column = &table->column[c];
        if (!gather_column(table, &facts->column[c])) {
            return nd_fail_memory(ctx);
        }
    }
    nd_log_fn log = ctx->log;
    void *user = ctx->log_user;
    ctx->log = keep_note;
    ctx->log_user = facts;
    nd_status status = try_prep(table, params, facts);
    ctx->log = log;
    ctx->log_user = user;
    link_uses(facts);
    return status;
}

nd_status nd_table_facts_gather(const nd_table *table, const nd_prep_params *params,
                                nd_table_facts *facts)
{
    *facts = (nd_table_facts){.table = table};
    nd_status status = gather(table, params, facts);
    if (status != ND_OK) {
        nd_table_facts_free(facts);
    }
    return status;
}

void nd_table_facts_free(nd_table_facts *facts)
{
    for (size_t c = 0; facts->column && c < facts->table->columns; c++) {
        nd_stats_free(&facts->column[c].stats);
    }
    for (size_t i = 0; i < facts->notes; i++) {
        nd_free(facts->note[i]);
    }
    nd_free(facts->column);
    nd_free(facts->note);
    nd_free(facts->problem);
    nd_prep_destroy(facts->prep);
    *facts = (nd_table_facts){0};
}
