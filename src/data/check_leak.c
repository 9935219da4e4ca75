/* Leakage: a column that equals the target, or tells it all but by itself.
 *
 * Each column alone predicts the rows it was not shown: rows are ordered by the column,
 * and each is predicted from its neighbours (its ties, or the nearest rows), itself left
 * out. skill = 1 - errors / errors of the trivial model, for classes; for quantities
 * 1 - squared errors / variance, both of the ranks of the target, so that the scale of
 * either does not matter. A strong feature of a real data set reaches 0.94 (iris, petal
 * width), or 1 where the classes are far apart (two of the three), and comes with others
 * that are strong as well; a leak comes alone, or looks like the target itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "base/num.h"
#include "data/check_parts.h"

enum {
    SAMPLE_MOST = 50000,
    SAMPLE_LEAST = 2000,
    SAMPLE_CELLS = 4000000,
    ROWS_LEAST = 30,
    BIN_LEAST = 5,
    MISTAKES_LEAST = 8,
    CLASSES_MOST = 100
};

/* A skill that, of a column that looks like the target, shows a leak; and one that an
 * honest column reaches in company only: the next best has that much. */
static const double perfect_class = 0.97, alone_class = 0.93;
static const double perfect_value = 0.99, alone_value = 0.97;
static const double company = 0.6;

/* A row as one column and the target see it. */
typedef struct seen {
    double key;    /* value, or number of the word; infinite where missing */
    double target; /* rank of the target, middle of ties */
    uint32_t class;
} seen;

static int by_key(const void *a, const void *b)
{
    const seen *x = a, *y = b;
    int order = (x->key > y->key) - (x->key < y->key);
    return order ? order : (x->target > y->target) - (x->target < y->target);
}

static int by_target(const void *a, const void *b)
{
    const seen *x = a, *y = b;
    return (x->target > y->target) - (x->target < y->target);
}

static size_t tie_end(const seen *row, size_t n, size_t i)
{
    size_t end = i;
    while (end < n && row[end].key == row[i].key) {
        end++;
    }
    return end;
}

/* Rows i..end that are judged together: one tie, or for numbers enough of them. */
static size_t bin_end(const seen *row, size_t n, size_t i, bool number)
{
    size_t end = tie_end(row, n, i);
    while (number && end < n && end - i < BIN_LEAST) {
        size_t next = tie_end(row, n, end);
        if (next - end >= BIN_LEAST) {
            break;
        }
        end = next;
    }
    return end;
}

/* Rows of a bin that the majority of its other rows predicts rightly: those of its
 * commonest class, if that is ahead by two. A row alone gets the commonest class of all. */
static size_t right_in_bin(const seen *row, size_t n, uint32_t common, size_t *count)
{
    size_t most = 0, second = 0;
    if (n == 1) {
        return row->class == common;
    }
    for (size_t i = 0; i < n; i++) {
        count[row[i].class]++;
    }
    for (size_t i = 0; i < n; i++) {
        size_t c = count[row[i].class];
        count[row[i].class] = 0;
        second = c > most ? most : c > second ? c : second;
        most = c > most ? c : most;
    }
    return most > second + 1 ? most : 0;
}

static double class_skill(const seen *row, size_t n, size_t classes, bool number)
{
    size_t *count = nd_alloc(classes, sizeof *count);
    size_t right = 0;
    uint32_t common = 0;
    if (!count) {
        return NAN;
    }
    for (size_t i = 0; i < n; i++) {
        count[row[i].class]++;
    }
    for (uint32_t k = 0; k < classes; k++) {
        common = count[k] > count[common] ? k : common;
    }
    size_t base = n - count[common];
    memset(count, 0, classes * sizeof *count);
    for (size_t i = 0, end; i < n; i = end) {
        end = bin_end(row, n, i, number);
        right += right_in_bin(row + i, end - i, common, count);
    }
    nd_free(count);
    return base < MISTAKES_LEAST ? 0 : 1 - (double)(n - right) / (double)base;
}

/* Prediction for row i of the tie begin..end: the mean of the others in it; for a number
 * alone, of the rows before and behind. */
static double neighbour_mean(const seen *row, size_t n, size_t begin, size_t end, double sum,
                             size_t i, bool number)
{
    if (end - begin > 1) {
        return (sum - row[i].target) / (double)(end - begin - 1);
    }
    if (!number) {
        return 0.5 * (double)n;
    }
    double before = i > 0 ? row[i - 1].target : row[i + 1].target;
    double after = i + 1 < n ? row[i + 1].target : row[i - 1].target;
    return 0.5 * (before + after);
}

static double value_skill(const seen *row, size_t n, bool number)
{
    double squares = 0, variance = 0, middle = 0.5 * (double)(n - 1);
    for (size_t i = 0, end; i < n; i = end) {
        double sum = 0;
        end = tie_end(row, n, i);
        for (size_t j = i; j < end; j++) {
            sum += row[j].target;
        }
        for (size_t j = i; j < end; j++) {
            double error = row[j].target - neighbour_mean(row, n, i, end, sum, j, number);
            squares += error * error;
            variance += (row[j].target - middle) * (row[j].target - middle);
        }
    }
    return variance > 0 ? 1 - squares / variance : 0;
}

/* Replace targets by their ranks, ties sharing the mean. */
static void rank_targets(seen *row, size_t n)
{
    qsort(row, n, sizeof *row, by_target);
    for (size_t i = 0, end; i < n; i = end) {
        double value = row[i].target;
        for (end = i; end < n && row[end].target == value; end++) {
        }
        for (size_t j = i; j < end; j++) {
            row[j].target = 0.5 * (double)(i + end - 1);
        }
    }
}

static const nd_column *target_of(const nd_check *check, size_t t)
{
    return &check->table->column[check->prep->target[t].position];
}

double nd_check_number(const nd_check *check, size_t t, size_t row)
{
    const nd_column *target = target_of(check, t);
    return target->dtype == ND_DT_WORD ? (double)nd_column_word(target, row)
                                       : nd_column_number(target, row, 0);
}

/* How a column is looked at: its values, or only whether there is one. */
typedef enum view { BY_VALUE, BY_PRESENCE } view;

static void take_row(const nd_check *check, const nd_column *column, size_t t, size_t row, view how,
                     seen *out)
{
    if (column->dtype == ND_DT_WORD) {
        uint32_t word = nd_column_word(column, row);
        out->key = word == ND_DICT_NONE ? INFINITY : (double)word;
    } else {
        double x = nd_column_number(column, row, 0);
        out->key = isnan(x) ? INFINITY : x;
    }
    out->key = how == BY_PRESENCE && out->key < INFINITY ? 0 : out->key;
    out->class = check->label ? check->label[row] : 0;
    out->target = check->label ? 0 : nd_check_number(check, t, row);
}

/* Rows to look at: fewer where there are many columns. */
static size_t sample_size(const nd_check *check)
{
    size_t rows = check->table->rows, most = SAMPLE_CELLS / check->columns;
    most = most > SAMPLE_MOST ? SAMPLE_MOST : most < SAMPLE_LEAST ? SAMPLE_LEAST : most;
    return rows < most ? rows : most;
}

/* Row i of n that are looked at: one of each n-th part of all rows, not the first of it, so that
 * what repeats after as many rows is not taken for all there is. */
static size_t looked_at(size_t i, size_t n, size_t rows)
{
    size_t from = (size_t)((double)i * (double)rows / (double)n);
    size_t to = (size_t)((double)(i + 1) * (double)rows / (double)n);
    return to > from + 1 ? from + nd_mix(i + 1) % (to - from) : from;
}

/* Skill of a column for target t, NaN without memory. */
static double skill_of(const nd_check *check, const nd_column *column, size_t t, view how)
{
    size_t rows = check->table->rows, n = sample_size(check);
    bool number = how == BY_VALUE && column->dtype != ND_DT_WORD;
    seen *row = nd_alloc(n, sizeof *row);
    if (!row) {
        return NAN;
    }
    for (size_t i = 0; i < n; i++) {
        take_row(check, column, t, looked_at(i, n, rows), how, &row[i]);
    }
    if (!check->label) {
        rank_targets(row, n);
    }
    qsort(row, n, sizeof *row, by_key);
    double skill = check->label ? class_skill(row, n, nd_dict_count(check->prep->classes), number)
                                : value_skill(row, n, number);
    nd_free(row);
    return skill;
}

/* True if a straight line through the ends of the column meets the target in every row. */
static bool is_line(const nd_column *x, const nd_column *y, size_t rows)
{
    size_t low = 0, high = 0;
    for (size_t r = 0; r < rows; r++) {
        double v = nd_column_number(x, r, 0);
        if (!isfinite(v)) {
            return false;
        }
        low = v < nd_column_number(x, low, 0) ? r : low;
        high = v > nd_column_number(x, high, 0) ? r : high;
    }
    double x0 = nd_column_number(x, low, 0), x1 = nd_column_number(x, high, 0);
    double y0 = nd_column_number(y, low, 0), y1 = nd_column_number(y, high, 0);
    double slope = (y1 - y0) / (x1 - x0), most = 1e-9 * fabs(y1 - y0);
    if (!(x1 > x0) || !(most > 0)) {
        return false;
    }
    for (size_t r = 0; r < rows; r++) {
        double error = y0 + slope * (nd_column_number(x, r, 0) - x0) - nd_column_number(y, r, 0);
        if (!(fabs(error) <= most)) {
            return false;
        }
    }
    return true;
}

/* Class that value number slot of a column goes with; false at the second one. */
static bool pair_up(uint32_t *class_of, uint32_t *slot_of, uint32_t slot, uint32_t class)
{
    if (class_of[slot] == ND_DICT_NONE && slot_of[class] == ND_DICT_NONE) {
        class_of[slot] = class;
        slot_of[class] = slot;
    }
    return class_of[slot] == class && slot_of[class] == slot;
}

/* Slot of a value among at most most known ones; most if there is no room. */
static uint32_t slot_of_number(double *known, uint32_t *count, uint32_t most, double x)
{
    uint32_t i = 0;
    while (i < *count && known[i] != x) {
        i++;
    }
    if (i == *count && i < most) {
        known[(*count)++] = x;
    }
    return i;
}

/* True if each value of the column goes with one class, and each class with one value. */
static bool same_classes(const nd_check *check, const nd_column *column, size_t classes,
                         uint32_t *class_of, uint32_t *slot_of, double *known)
{
    uint32_t count = 0;
    for (size_t r = 0; r < check->table->rows; r++) {
        double x = column->dtype == ND_DT_WORD ? (double)nd_column_word(column, r)
                                               : nd_column_number(column, r, 0);
        uint32_t slot = slot_of_number(known, &count, (uint32_t)classes, x);
        if (slot == classes || !pair_up(class_of, slot_of, slot, check->label[r])) {
            return false;
        }
    }
    return true;
}

static bool exact_classes(const nd_check *check, const nd_column *column)
{
    size_t classes = nd_dict_count(check->prep->classes);
    uint32_t class_of[CLASSES_MOST], slot_of[CLASSES_MOST];
    double known[CLASSES_MOST];
    if (classes > CLASSES_MOST || column->missing > 0) {
        return false;
    }
    memset(class_of, 0xff, sizeof class_of);
    memset(slot_of, 0xff, sizeof slot_of);
    return same_classes(check, column, classes, class_of, slot_of, known);
}

static bool few_values(const nd_check *check, const nd_check_column *column)
{
    const nd_column *raw = &check->table->column[column->at];
    double known[2 * CLASSES_MOST];
    uint32_t count = 0, most = 2 * (uint32_t)nd_dict_count(check->prep->classes);
    if (raw->dtype == ND_DT_WORD || most > 2 * CLASSES_MOST) {
        return column->stats.words <= most;
    }
    for (size_t r = 0; r < check->table->rows; r++) {
        double x = nd_column_number(raw, r, 0);
        if (!isnan(x) && slot_of_number(known, &count, most, x) == most) {
            return false;
        }
    }
    return true;
}

static void tell_classes(const nd_check *check, const nd_column *raw, nd_check_column *column)
{
    column->skill = skill_of(check, raw, 0, BY_VALUE);
    column->exact = exact_classes(check, raw);
    if (!(column->skill >= alone_class)) {
        return;
    }
    double gaps = column->stats.missing > 0 ? skill_of(check, raw, 0, BY_PRESENCE) : 0;
    column->class_like = gaps >= perfect_class || few_values(check, column);
    column->skill += isnan(gaps) ? NAN : 0;
}

static void tell_values(const nd_check *check, const nd_column *raw, nd_check_column *column)
{
    for (size_t t = 0; t < check->prep->targets; t++) {
        double skill = skill_of(check, raw, t, BY_VALUE);
        column->skill = isnan(skill) || skill > column->skill ? skill : column->skill;
        const nd_column *target = target_of(check, t);
        bool numbers = raw->dtype != ND_DT_WORD && target->dtype != ND_DT_WORD;
        column->exact = column->exact || (numbers && is_line(raw, target, check->table->rows));
    }
}

void nd_check_tell(void *user, size_t i)
{
    nd_check *check = user;
    nd_check_column *column = &check->column[i];
    const nd_column *raw = &check->table->column[column->at];
    if (!column->ok || check->columns < 2 || check->table->rows < ROWS_LEAST || column->suspect ||
        raw->dtype == ND_DT_U8) {
        return;
    }
    if (check->label) {
        tell_classes(check, raw, column);
    } else {
        tell_values(check, raw, column);
    }
    column->ok = !isnan(column->skill);
}

/* Skill of the best column beside i that is no leak by itself. */
static double next_best(const nd_check *check, size_t i, double perfect)
{
    double best = 0;
    for (size_t j = 0; j < check->columns; j++) {
        double skill = check->column[j].skill;
        best = j != i && skill < perfect ? fmax(best, skill) : best;
    }
    return best;
}

static bool is_leak(const nd_check *check, size_t i)
{
    const nd_check_column *column = &check->column[i];
    double perfect = check->label ? perfect_class : perfect_value;
    if (column->skill >= perfect && (!check->label || column->class_like)) {
        return true;
    }
    return column->skill >= (check->label ? alone_class : alone_value) &&
           next_best(check, i, perfect) < company;
}

static nd_status report_leak(nd_check *check, size_t i)
{
    const nd_check_column *column = &check->column[i];
    size_t rows = check->table->rows;
    if (column->exact) {
        return nd_check_add(check, "leak", true, column->at, rows, "ignore",
                            check->label ? "it says the class in all of %zu rows"
                                         : "it is the target, or the target times a number plus "
                                           "another, in all of %zu rows",
                            rows);
    }
    if (!is_leak(check, i)) {
        return ND_OK;
    }
    char share[ND_NUM_TEXT];
    nd_num_print_fixed(share, 100 * column->skill, 1);
    return nd_check_add(check, "leak", false, column->at, rows, "ignore",
                        "by itself it explains %s%% of the target: is it known before the "
                        "target is?",
                        share);
}

nd_status nd_check_leaks(nd_check *check)
{
    for (size_t i = 0; i < check->columns; i++) {
        ND_TRY(report_leak(check, i));
    }
    return ND_OK;
}
