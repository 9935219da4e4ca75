/* Rows that are there twice: within a table, with other labels, or in test rows too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "data/cell_hash.h"
#include "data/check_parts.h"
#include "data/prep_parts.h"

/* Fewest repeated rows to speak of: a share of all rows, and a number. */
static const double repeated_share = 0.005, conflict_share = 0.02, overlap_share = 0.002;
enum { REPEATED_LEAST = 3, COMPARED_COLUMNS = 48 };

double nd_check_pairs(const uint64_t *key, size_t n)
{
    double pairs = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && key[end] == key[i]; end++) {
        }
        pairs += 0.5 * (double)(end - i) * (double)(end - i - 1);
    }
    return pairs;
}

/* Rows of the table as hashes: of the inputs, and with the targets. */
typedef struct rows {
    nd_check *check;
    size_t n;
    uint64_t *input;  /* [n] sum of the hashes of the input cells */
    uint64_t *full;   /* [n] the same with the targets */
    uint64_t *sorted; /* [n] full, ascending */
    uint64_t *named;  /* [n] full with the identifiers, ascending; NULL without those */
    size_t inputs;    /* input columns that are no identifiers */
    double pairs;     /* pairs of equal full */
    double *expected; /* [columns + 1] pairs that chance would give */
    bool *ok;         /* [columns + 1] false without memory */
} rows;

static void rows_free(rows *r)
{
    nd_free(r->input);
    nd_free(r->full);
    nd_free(r->sorted);
    nd_free(r->named);
    nd_free(r->expected);
    nd_free(r->ok);
}

/* Columns that tell rows apart by naming them say nothing about repeats. */
static bool counts(const nd_check *check, size_t i)
{
    return check->column[i].suspect == NULL;
}

/* The cells of one column, which are added to sum[n]. */
typedef struct addition {
    const nd_cell_hash *hash;
    uint64_t *sum;
    size_t n;
} addition;

enum { HASHED_RUN = 4096 };

static void add_run(void *user, size_t run)
{
    const addition *a = user;
    size_t end = (run + 1) * HASHED_RUN < a->n ? (run + 1) * HASHED_RUN : a->n;
    for (size_t r = run * HASHED_RUN; r < end; r++) {
        a->sum[r] += nd_cell_hash_at(a->hash, r);
    }
}

static nd_status add_column(nd_ctx *ctx, const nd_column *column, size_t salt, size_t n,
                            uint64_t *sum)
{
    nd_cell_hash h;
    ND_TRY(nd_cell_hash_init(ctx, column, salt, &h));
    addition a = {&h, sum, n};
    nd_pool_run(ctx->pool, (n + HASHED_RUN - 1) / HASHED_RUN, add_run, &a);
    nd_cell_hash_free(&h);
    return ND_OK;
}

static void add_label(uint64_t *sum, size_t row, uint32_t class)
{
    sum[row] += nd_mix(class + 0x9e3779b97f4a7c15u);
}

static nd_status add_targets(const nd_check *check, const nd_table *table, size_t n, uint64_t *full)
{
    const nd_prep *prep = check->prep;
    for (size_t t = 0; t < prep->targets; t++) {
        int at = nd_table_find(table, prep->target[t].name);
        if (at >= 0) {
            ND_TRY(add_column(check->ctx, &table->column[at], check->table->columns + t, n, full));
        }
    }
    return ND_OK;
}

static nd_status sort_rows(const rows *r, const uint64_t *key, uint64_t *sorted)
{
    uint64_t *spare = nd_alloc(r->n, sizeof *spare);
    if (!spare) {
        return nd_fail_memory(r->check->ctx);
    }
    memcpy(sorted, key, r->n * sizeof *key);
    nd_sort_keys(sorted, spare, r->n);
    nd_free(spare);
    return ND_OK;
}

/* Rows by the identifiers as well: what agrees in those too is the same row. */
static nd_status fill_named(rows *r)
{
    nd_check *check = r->check;
    uint64_t *key = nd_alloc(r->n, sizeof *key);
    r->named = nd_alloc(r->n, sizeof *r->named);
    nd_status status = key && r->named ? ND_OK : nd_fail_memory(check->ctx);
    if (status == ND_OK) {
        memcpy(key, r->full, r->n * sizeof *key);
    }
    for (size_t i = 0; status == ND_OK && i < check->columns; i++) {
        size_t at = check->column[i].at;
        if (!counts(check, i)) {
            status = add_column(check->ctx, &check->table->column[at], at, r->n, key);
        }
    }
    if (status == ND_OK) {
        status = sort_rows(r, key, r->named);
    }
    nd_free(key);
    return status;
}

static nd_status rows_fill(rows *r)
{
    nd_check *check = r->check;
    for (size_t i = 0; i < check->columns; i++) {
        if (counts(check, i)) {
            size_t at = check->column[i].at;
            r->inputs++;
            ND_TRY(add_column(check->ctx, &check->table->column[at], at, r->n, r->input));
        }
    }
    memcpy(r->full, r->input, r->n * sizeof *r->full);
    for (size_t i = 0; check->label && i < r->n; i++) {
        add_label(r->full, i, check->label[i]);
    }
    ND_TRY(check->label ? ND_OK : add_targets(check, check->table, r->n, r->full));
    ND_TRY(sort_rows(r, r->full, r->sorted));
    r->pairs = nd_check_pairs(r->sorted, r->n);
    return r->inputs < check->columns ? fill_named(r) : ND_OK;
}

static nd_status rows_init(nd_check *check, rows *r)
{
    size_t n = check->table->rows;
    *r = (rows){.check = check, .n = n};
    r->input = nd_alloc(n, sizeof *r->input);
    r->full = nd_alloc(n, sizeof *r->full);
    r->sorted = nd_alloc(n, sizeof *r->sorted);
    r->expected = nd_alloc(check->columns + 1, sizeof *r->expected);
    r->ok = nd_alloc(check->columns + 1, sizeof *r->ok);
    nd_status status = r->input && r->full && r->sorted && r->expected && r->ok
                           ? rows_fill(r)
                           : nd_fail_memory(check->ctx);
    if (status != ND_OK) {
        rows_free(r);
    }
    return status;
}

/* Cells of input column i, or of the labels for i = columns. */
static bool cells_of(const rows *r, size_t i, uint64_t *cell)
{
    const nd_check *check = r->check;
    nd_cell_hash h;
    if (i == check->columns) {
        for (size_t row = 0; row < r->n; row++) {
            cell[row] = r->full[row] - r->input[row];
        }
        return true;
    }
    size_t at = check->column[i].at;
    if (nd_cell_hash_init(NULL, &check->table->column[at], at, &h) != ND_OK) {
        return false;
    }
    for (size_t row = 0; row < r->n; row++) {
        cell[row] = nd_cell_hash_at(&h, row);
    }
    nd_cell_hash_free(&h);
    return true;
}

/* If column i were independent of the others given them, a pair of rows that agrees in
 * the others would agree in i with the chance c that two cells of i agree: of the pairs
 * that differ in i alone follow pairs c / (1 - c) that are equal. */
static void expect_pairs(void *user, size_t i)
{
    rows *r = user;
    if (i < r->check->columns && !counts(r->check, i)) {
        r->ok[i] = true;
        return;
    }
    uint64_t *cell = nd_alloc(r->n, sizeof *cell), *spare = nd_alloc(r->n, sizeof *spare);
    r->ok[i] = cell && spare && cells_of(r, i, cell);
    if (r->ok[i]) {
        for (size_t row = 0; row < r->n; row++) {
            spare[row] = r->full[row] - cell[row];
        }
        uint64_t *others = spare, *room = nd_alloc(r->n, sizeof *room);
        r->ok[i] = room != NULL;
        if (room) {
            nd_sort_keys(others, room, r->n);
            double differ = nd_check_pairs(others, r->n) - r->pairs;
            nd_sort_keys(cell, room, r->n);
            double all = 0.5 * (double)r->n * ((double)r->n - 1);
            double c = nd_check_pairs(cell, r->n) / all;
            r->expected[i] = c < 1 ? differ * c / (1 - c) : INFINITY;
        }
        nd_free(room);
    }
    nd_free(cell);
    nd_free(spare);
}

/* True if equal rows are more than such data gives by chance. */
static nd_status surprising(rows *r, bool *yes)
{
    size_t columns = r->check->columns;
    double most = 0;
    *yes = false;
    if (columns <= COMPARED_COLUMNS) {
        nd_pool_run(r->check->ctx->pool, columns + 1, expect_pairs, r);
        for (size_t i = 0; i <= columns; i++) {
            if (!r->ok[i]) {
                return nd_fail_memory(r->check->ctx);
            }
            most = fmax(most, r->expected[i]);
        }
    }
    *yes = r->pairs > 3 * most + 5;
    return ND_OK;
}

static size_t copies(const uint64_t *sorted, size_t n)
{
    size_t count = 0;
    for (size_t i = 1; i < n; i++) {
        count += sorted[i] == sorted[i - 1];
    }
    return count;
}

static nd_status check_duplicates(rows *r)
{
    size_t repeated = copies(r->sorted, r->n);
    bool yes = false;
    if (repeated < REPEATED_LEAST || (double)repeated < repeated_share * (double)r->n) {
        return ND_OK;
    }
    ND_TRY(surprising(r, &yes));
    if (!yes) {
        return ND_OK;
    }
    return nd_check_add(r->check, "duplicates", false, SIZE_MAX, repeated, "remove the copies",
                        "%zu of %zu rows repeat another row; a split can put both into training "
                        "and test",
                        repeated, r->n);
}

/* A row's inputs and what it says about the target. */
typedef struct claim {
    uint64_t input;
    double target; /* class, or value */
} claim;

static int by_input(const void *a, const void *b)
{
    const claim *x = a, *y = b;
    int order = (x->input > y->input) - (x->input < y->input);
    return order ? order : (x->target > y->target) - (x->target < y->target);
}

/* Rows of group[n], all of equal inputs and ascending target, that contradict it: those
 * beside the commonest class, or more than near from the median value. */
static size_t contradict(const claim *group, size_t n, bool classes, double near)
{
    size_t most = 0, far = 0;
    double median = group[n / 2].target;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && group[end].target == group[i].target; end++) {
        }
        most = end - i > most ? end - i : most;
        far += fabs(group[i].target - median) > near ? end - i : 0;
    }
    return classes ? n - most : far;
}

static size_t count_conflicts(const claim *row, size_t n, bool classes, double near)
{
    size_t count = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && row[end].input == row[i].input; end++) {
        }
        count += contradict(row + i, end - i, classes, near);
    }
    return count;
}

static bool has_row(const uint64_t *sorted, size_t n, uint64_t key)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && sorted[low] == key;
}

/* Inputs that more than one row has, each once and ascending: *count of them in
 * repeated[n]. */
static nd_status find_repeated(const rows *r, uint64_t *repeated, size_t *count)
{
    ND_TRY(sort_rows(r, r->input, repeated));
    *count = 0;
    for (size_t i = 0, end; i < r->n; i = end) {
        uint64_t key = repeated[i];
        for (end = i; end < r->n && repeated[end] == key; end++) {
        }
        repeated[*count] = key;
        *count += end - i > 1;
    }
    return ND_OK;
}

/* What the rows with such inputs say; returns how many they are. */
static size_t take_claims(const rows *r, const uint64_t *repeated, size_t count, claim *row)
{
    const nd_check *check = r->check;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (has_row(repeated, count, r->input[i])) {
            row[n].input = r->input[i];
            row[n].target = check->label ? (double)check->label[i] : nd_check_number(check, 0, i);
            n++;
        }
    }
    return n;
}

/* How far the target of one row may be from that of another with the same inputs. */
static nd_status tolerance(const rows *r, double *near)
{
    const nd_check *check = r->check;
    const nd_column *target = &check->table->column[check->prep->target[0].position];
    nd_stats stats = {0};
    if (!check->label && !nd_stats_take(target, NULL, r->n, &stats)) {
        return nd_fail_memory(check->ctx);
    }
    *near = 0.5 * stats.deviation;
    nd_stats_free(&stats);
    return ND_OK;
}

static nd_status find_conflicts(const rows *r, uint64_t *repeated, claim *row, size_t *conflicts)
{
    size_t count;
    double near = 0;
    *conflicts = 0;
    ND_TRY(find_repeated(r, repeated, &count));
    if (count == 0) {
        return ND_OK;
    }
    ND_TRY(tolerance(r, &near));
    size_t n = take_claims(r, repeated, count, row);
    qsort(row, n, sizeof *row, by_input);
    *conflicts = count_conflicts(row, n, r->check->label != NULL, near);
    return ND_OK;
}

static nd_status check_conflicts(rows *r)
{
    nd_check *check = r->check;
    size_t count = 0;
    claim *row = nd_alloc(r->n, sizeof *row);
    uint64_t *repeated = nd_alloc(r->n, sizeof *repeated);
    nd_status status =
        row && repeated ? find_conflicts(r, repeated, row, &count) : nd_fail_memory(check->ctx);
    nd_free(row);
    nd_free(repeated);
    ND_TRY(status);
    if (count < REPEATED_LEAST || (double)count < conflict_share * (double)r->n) {
        return ND_OK;
    }
    return nd_check_add(check, "conflict", false, check->prep->target[0].position, count,
                        "correct them if they are wrong",
                        "in %zu of %zu rows the target is another than in rows with the same "
                        "inputs; no model can be right in more than %.4g%% of them",
                        count, r->n, 100 * (1 - (double)count / (double)r->n));
}

/* Labels of a part into full. */
static nd_status part_labels(const nd_check *check, const nd_table *table, uint64_t *full)
{
    if (!check->label) {
        return add_targets(check, table, table->rows, full);
    }
    nd_prep_map map;
    ND_TRY(nd_prep_map_create(check->prep, table, true, &map));
    for (size_t r = 0; r < table->rows; r++) {
        add_label(full, r, nd_prep_class_at(&map, r));
    }
    nd_prep_map_free(&map);
    return ND_OK;
}

/* Rows whose class the table lacks. */
static nd_status count_unknown(const nd_check *check, const nd_table *table, size_t *unknown)
{
    nd_prep_map map;
    *unknown = 0;
    if (!check->label) {
        return ND_OK;
    }
    ND_TRY(nd_prep_map_create(check->prep, table, true, &map));
    for (size_t r = 0; r < table->rows; r++) {
        *unknown += nd_prep_class_at(&map, r) == ND_DICT_NONE;
    }
    *unknown -= table->column[map.target[0]].missing;
    nd_prep_map_free(&map);
    return ND_OK;
}

static nd_status report_unknown(nd_check *check, const nd_check_part *part)
{
    size_t column = check->prep->target[0].position, unknown;
    const nd_table *table = part->whole ? part->whole : part->table;
    ND_TRY(count_unknown(check, table, &unknown));
    if (unknown == 0) {
        return ND_OK;
    }
    return nd_check_add(check, "unseen_class", true, column, unknown, "remove these rows",
                        "%zu of %zu %s rows have a class that no training row has", unknown,
                        table->rows, part->what);
}

/* Hashes of the rows of a part, of the inputs and targets, and with the identifiers;
 * whole says whether the part has all those columns. */
typedef struct part_keys {
    uint64_t *full, *named;
    bool full_whole, named_whole;
} part_keys;

static nd_status add_part_column(const nd_check *check, const nd_table *table, size_t i,
                                 part_keys *keys)
{
    size_t at = check->column[i].at;
    int other = nd_table_find(table, check->table->column[at].name);
    bool named = !counts(check, i);
    if (other < 0) {
        keys->full_whole = keys->full_whole && named;
        keys->named_whole = false;
        return ND_OK;
    }
    return add_column(check->ctx, &table->column[other], at, table->rows,
                      named ? keys->named : keys->full);
}

static nd_status part_rows(rows *r, const nd_check_part *part, part_keys *keys)
{
    const nd_table *table = part->table;
    keys->full_whole = keys->named_whole = true;
    for (size_t i = 0; i < r->check->columns; i++) {
        ND_TRY(add_part_column(r->check, table, i, keys));
    }
    ND_TRY(part_labels(r->check, table, keys->full));
    for (size_t i = 0; i < table->rows; i++) {
        keys->named[i] += keys->full[i];
    }
    return report_unknown(r->check, part);
}

/* As many test rows are found in training as training rows are found in the rest of
 * training, if both come from the same draw. */
static bool too_many(const rows *r, size_t found, size_t rows_of_part)
{
    size_t twins = 0;
    for (size_t i = 0; i < r->n; i++) {
        bool before = i > 0 && r->sorted[i - 1] == r->sorted[i];
        bool after = i + 1 < r->n && r->sorted[i + 1] == r->sorted[i];
        twins += before || after;
    }
    double n = (double)rows_of_part, expected = (double)twins / (double)r->n * n;
    return (double)found > expected + 4 * sqrt(expected) + overlap_share * n;
}

static size_t count_found(const uint64_t *sorted, size_t n, const uint64_t *key, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += has_row(sorted, n, key[i]);
    }
    return found;
}

static nd_status report_overlap(rows *r, const nd_check_part *part, const part_keys *keys)
{
    size_t n = part->table->rows, found = 0, named = 0;
    if (keys->full_whole && r->inputs > 0) {
        found = count_found(r->sorted, r->n, keys->full, n);
        found = found > 0 && too_many(r, found, n) ? found : 0;
    }
    if (r->named && keys->named_whole) {
        named = count_found(r->named, r->n, keys->named, n);
        found = named > found ? named : found;
    }
    if (found == 0) {
        return ND_OK;
    }
    return nd_check_add(r->check, "overlap", false, SIZE_MAX, found, "remove them from one file",
                        "%zu of %zu %s rows are training rows too: figures on them are too good",
                        found, n, part->what);
}

static nd_status check_part(rows *r, const nd_check_part *part)
{
    size_t n = part->table->rows;
    part_keys keys = {.full = nd_alloc(n, sizeof *keys.full),
                      .named = nd_alloc(n, sizeof *keys.named)};
    nd_status status =
        keys.full && keys.named ? part_rows(r, part, &keys) : nd_fail_memory(r->check->ctx);
    if (status == ND_OK) {
        status = report_overlap(r, part, &keys);
    }
    nd_free(keys.full);
    nd_free(keys.named);
    return status;
}

nd_status nd_check_rows(nd_check *check, const nd_check_part *parts, size_t count)
{
    rows r;
    ND_TRY(rows_init(check, &r));
    nd_status status = r.inputs > 0 ? check_duplicates(&r) : ND_OK;
    if (status == ND_OK && r.inputs > 0 && check->prep->targets > 0) {
        status = check_conflicts(&r);
    }
    for (size_t i = 0; status == ND_OK && i < count; i++) {
        status = check_part(&r, &parts[i]);
    }
    rows_free(&r);
    return status;
}
