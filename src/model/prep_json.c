#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "data/prep_parts.h"
#include "data/window.h"
#include "model/model_json.h"

/* Memory beside the text itself, roughly. */
enum { COLUMN_COST = 256, TARGET_COST = 64, WORD_COST = 96 };

typedef struct reader {
    nd_json json;
    nd_budget *budget;
    nd_prep *prep;
    size_t class_counts;
} reader;

/* Elements of the array that comes next, without moving past it. */
static size_t count_items(nd_json json)
{
    size_t n = 0;
    nd_json_array(&json);
    while (nd_json_item(&json)) {
        n++;
        nd_json_skip(&json);
    }
    return n;
}

/* A list with room for the array that comes next; fails the reader without memory. */
static void *make_list(reader *r, size_t size, size_t cost, size_t *count)
{
    size_t n = count_items(r->json), bytes;
    *count = 0;
    if (__builtin_mul_overflow(n, cost, &bytes)) {
        bytes = SIZE_MAX;
    }
    if (!nd_budget_take(&r->json, r->budget, bytes)) {
        return NULL;
    }
    void *list = nd_alloc(n, size);
    if (list == NULL) {
        nd_json_fail(&r->json, nd_json_no_memory);
        return NULL;
    }
    *count = n;
    return list;
}

static char *read_text(reader *r)
{
    nd_json_slice slice;
    return nd_json_string(&r->json, &slice) ? nd_json_copy(&r->json, slice, NULL) : NULL;
}

static const char *task_word(int i)
{
    return nd_task_name((nd_task)i);
}

static const char *scaling_word(int i)
{
    return nd_scaling_name((nd_scaling)i);
}

static const char *kind_word(int i)
{
    return nd_prep_kind_name((nd_prep_kind)i);
}

/* Number of the word among 0..last. */
static int read_choice(reader *r, const char *(*word)(int), int last)
{
    nd_json_slice slice;
    if (!nd_json_string(&r->json, &slice)) {
        return 0;
    }
    for (int i = 0; i <= last; i++) {
        if (nd_json_is(slice, word(i))) {
            return i;
        }
    }
    nd_json_fail(&r->json, "a word that this version does not know");
    return 0;
}

static double *read_numbers(reader *r, size_t *count)
{
    double *list = make_list(r, sizeof *list, sizeof *list, count);
    nd_json_array(&r->json);
    for (size_t i = 0; nd_json_item(&r->json) && nd_json_read_number(&r->json, &list[i]); i++) {
    }
    return list;
}

static void read_word(reader *r, nd_dict *dict)
{
    nd_json_slice slice;
    size_t n, count = nd_dict_count(dict);
    if (!nd_budget_take(&r->json, r->budget, WORD_COST) || !nd_json_string(&r->json, &slice)) {
        return;
    }
    char *word = nd_json_copy(&r->json, slice, &n);
    if (word == NULL) {
        return;
    }
    uint32_t added = nd_dict_add(dict, word, n);
    nd_free(word);
    if (added != count) {
        nd_json_fail(&r->json, added == ND_DICT_NONE ? nd_json_no_memory : "a word appears twice");
    }
}

static nd_dict *read_words(reader *r)
{
    nd_dict *dict = nd_dict_create();
    if (dict == NULL) {
        nd_json_fail(&r->json, nd_json_no_memory);
        return NULL;
    }
    nd_json_array(&r->json);
    while (nd_json_item(&r->json)) {
        read_word(r, dict);
    }
    return dict;
}

static void read_image(reader *r, nd_prep_column *column)
{
    size_t *side[] = {&column->image_rows, &column->image_cols}, n = 0;
    nd_json_array(&r->json);
    while (nd_json_item(&r->json)) {
        if (n == 2) {
            nd_json_fail(&r->json, "an image is not rows and columns");
            return;
        }
        nd_json_size(&r->json, side[n++]);
    }
    if (n != 2) {
        nd_json_fail(&r->json, "an image is not rows and columns");
    }
}

enum column_field {
    C_NAME,
    C_KIND,
    C_FIRST,
    C_FEATURES,
    C_REASON,
    C_MISSING,
    C_SCALING,
    C_CENTER,
    C_SCALE,
    C_LOW,
    C_HIGH,
    C_FILL,
    C_KNOTS,
    C_IMAGE,
    C_WORDS,
    C_BUCKETS,
    C_OTHER
};

static const char *const column_names[] = {
    "name", "kind", "first", "features", "reason", "missing_feature", "scaling", "center", "scale",
    "low",  "high", "fill",  "knots",    "image",  "words",           "buckets", "other",  NULL,
};

static void read_column_number(reader *r, size_t field, nd_prep_column *column)
{
    double *place[] = {&column->center, &column->scale, &column->low, &column->high, &column->fill};
    nd_json_read_number(&r->json, place[field - C_CENTER]);
}

static void read_column_field(reader *r, size_t field, nd_prep_column *column)
{
    switch (field) {
    case C_NAME:
        column->name = read_text(r);
        break;
    case C_KIND:
        column->kind = (nd_prep_kind)read_choice(r, kind_word, ND_PREP_INDEX);
        break;
    case C_FIRST:
        nd_json_size(&r->json, &column->first);
        break;
    case C_FEATURES:
        nd_json_size(&r->json, &column->features);
        break;
    case C_REASON:
        column->reason = read_text(r);
        break;
    case C_MISSING:
        nd_json_bool(&r->json, &column->missing_feature);
        break;
    case C_SCALING:
        column->scaling = (nd_scaling)read_choice(r, scaling_word, ND_SCALING_NONE);
        break;
    case C_KNOTS:
        column->knots = read_numbers(r, &column->knot_count);
        break;
    case C_IMAGE:
        read_image(r, column);
        break;
    case C_WORDS:
        column->words = read_words(r);
        break;
    case C_BUCKETS:
        nd_json_size(&r->json, &column->buckets);
        break;
    case C_OTHER:
        nd_json_bool(&r->json, &column->other);
        break;
    default:
        read_column_number(r, field, column);
    }
}

/* Bits of the fields that a column of each kind has; knots where there are any. */
static unsigned fields_of(const nd_prep_column *column)
{
    unsigned all = 1u << C_NAME | 1u << C_KIND | 1u << C_FIRST | 1u << C_FEATURES;
    unsigned scaled = all | 1u << C_MISSING | 1u << C_SCALING | 1u << C_CENTER | 1u << C_SCALE |
                      1u << C_LOW | 1u << C_HIGH | 1u << C_FILL |
                      (column->knot_count > 0 ? 1u << C_KNOTS : 0);
    switch (column->kind) {
    case ND_PREP_NUMBER:
        return scaled;
    case ND_PREP_IMAGE:
        return scaled | 1u << C_IMAGE;
    case ND_PREP_ONE_HOT:
        return all | 1u << C_MISSING | 1u << C_WORDS;
    case ND_PREP_INDEX:
        return all | 1u << C_MISSING | 1u << C_WORDS | 1u << C_OTHER;
    case ND_PREP_HASHED:
        return all | 1u << C_MISSING | 1u << C_BUCKETS;
    default:
        return all | 1u << C_REASON;
    }
}

static const char *check_scaling(const nd_prep_column *column)
{
    if (!isfinite(column->center) || !isfinite(column->fill) || !isfinite(column->scale) ||
        column->scale == 0) {
        return "center, scale or fill of a column cannot be used";
    }
    if (!(column->low <= column->high)) {
        return "low and high of a column are not in order";
    }
    if (column->scaling == ND_SCALING_QUANTILE && column->kind == ND_PREP_NUMBER &&
        column->knot_count < 2) {
        return "a quantile column without knots";
    }
    for (size_t i = 0; i < column->knot_count; i++) {
        if (!isfinite(column->knots[i]) || (i > 0 && column->knots[i - 1] > column->knots[i])) {
            return "knots of a column are not in order";
        }
    }
    return NULL;
}

/* True if the number of features is what the kind makes of the column. */
static bool features_fit(const nd_prep_column *column)
{
    size_t pixels, words, missing = column->missing_feature;
    switch (column->kind) {
    case ND_PREP_NUMBER:
        return column->features == 1 + missing;
    case ND_PREP_IMAGE:
        return !__builtin_mul_overflow(column->image_rows, column->image_cols, &pixels) &&
               pixels > 0 && column->features == pixels && !missing;
    case ND_PREP_ONE_HOT:
        words = nd_dict_count(column->words) + missing;
        return column->features > 0 && (column->features == words || column->features == words + 1);
    case ND_PREP_INDEX:
        return column->features == 1 && nd_prep_index_rows(column) > 0;
    case ND_PREP_HASHED:
        return column->buckets > 0 && column->features == column->buckets + missing;
    default:
        return column->features == 0;
    }
}

static void check_column(reader *r, const nd_prep_column *column, unsigned seen)
{
    if (r->json.error != NULL) {
        return;
    }
    bool scaled = column->kind == ND_PREP_NUMBER || column->kind == ND_PREP_IMAGE;
    const char *error = scaled ? check_scaling(column) : NULL;
    if (seen != fields_of(column)) {
        error = "the fields of a column do not fit its kind";
    } else if (!features_fit(column)) {
        error = "the features of a column do not fit its kind";
    }
    if (error != NULL) {
        nd_json_fail(&r->json, error);
    }
}

static void read_column(reader *r, nd_prep_column *column)
{
    unsigned seen = 0;
    size_t field;
    nd_json_slice key;
    nd_json_object(&r->json);
    while (nd_json_key(&r->json, &key) &&
           nd_json_field(&r->json, key, column_names, &seen, &field)) {
        read_column_field(r, field, column);
    }
    check_column(r, column, seen);
}

static void read_columns(reader *r)
{
    nd_prep *prep = r->prep;
    prep->column = make_list(r, sizeof *prep->column, COLUMN_COST, &prep->columns);
    nd_json_array(&r->json);
    for (size_t i = 0; nd_json_item(&r->json); i++) {
        read_column(r, &prep->column[i]);
    }
}

enum target_field { T_NAME, T_POSITION, T_CENTER, T_SCALE, T_MEAN, T_CLASSES };

static void read_target_field(reader *r, size_t field, nd_prep_target *target)
{
    double *place[] = {&target->center, &target->scale, &target->mean};
    switch (field) {
    case T_NAME:
        target->name = read_text(r);
        break;
    case T_POSITION:
        nd_json_size(&r->json, &target->position);
        break;
    case T_CLASSES:
        target->classes = read_words(r);
        break;
    default:
        nd_json_read_number(&r->json, place[field - T_CENTER]);
    }
}

static void read_target(reader *r, nd_prep_target *target)
{
    static const char *const names[] = {"name", "position", "center", "scale",
                                        "mean", "classes",  NULL};
    unsigned seen = 0, least = (1u << T_MEAN) - 1;
    size_t field;
    nd_json_slice key;
    nd_json_object(&r->json);
    while (nd_json_key(&r->json, &key) && nd_json_field(&r->json, key, names, &seen, &field)) {
        read_target_field(r, field, target);
    }
    target->share = (seen & 1u << T_MEAN) && target->classes == NULL;
    if ((seen & least) != least) {
        nd_json_fail(&r->json, "a target lacks name, position, center or scale");
    } else if ((seen & 1u << T_MEAN) && !isfinite(target->mean)) {
        nd_json_fail(&r->json, "the mean of a target cannot be used");
    } else if (!isfinite(target->center) || !isfinite(target->scale)) {
        nd_json_fail(&r->json, "center or scale of a target cannot be used");
    }
}

static void read_targets(reader *r)
{
    nd_prep *prep = r->prep;
    prep->target = make_list(r, sizeof *prep->target, TARGET_COST, &prep->targets);
    nd_json_array(&r->json);
    for (size_t i = 0; nd_json_item(&r->json); i++) {
        read_target(r, &prep->target[i]);
    }
}

enum prep_field {
    P_TASK,
    P_HEADER,
    P_SCALING,
    P_FEATURES,
    P_COLUMNS,
    P_TARGETS,
    P_CLASSES,
    P_CLASS_COUNT,
    P_WINDOW,
    P_PERIOD,
    P_RELATIVE
};

static const char *const prep_names[] = {"task",    "header",  "scaling",  "features",
                                         "columns", "targets", "classes",  "class_count",
                                         "window",  "period",  "relative", NULL};

static void read_prep_field(reader *r, size_t field)
{
    nd_prep *prep = r->prep;
    switch (field) {
    case P_TASK:
        prep->task = (nd_task)read_choice(r, task_word, ND_TASK_AUTOENCODER);
        break;
    case P_HEADER:
        nd_json_bool(&r->json, &prep->header);
        break;
    case P_SCALING:
        prep->scaling = (nd_scaling)read_choice(r, scaling_word, ND_SCALING_NONE);
        break;
    case P_FEATURES:
        nd_json_size(&r->json, &prep->features);
        break;
    case P_COLUMNS:
        read_columns(r);
        break;
    case P_TARGETS:
        read_targets(r);
        break;
    case P_CLASSES:
        prep->classes = read_words(r);
        break;
    case P_WINDOW:
    case P_PERIOD:
        nd_json_size(&r->json, field == P_WINDOW ? &prep->window : &prep->period);
        break;
    case P_RELATIVE:
        nd_json_bool(&r->json, &prep->relative);
        break;
    default:
        prep->class_count = read_numbers(r, &r->class_counts);
    }
}

static const char *check_classes(const nd_prep *prep, size_t class_counts)
{
    size_t classes = nd_dict_count(prep->classes);
    if (prep->targets != 1 || classes < 2 || (prep->task == ND_TASK_BINARY && classes != 2)) {
        return "the number of classes or targets does not fit the task";
    }
    if (class_counts != classes) {
        return "class_count has not one number per class";
    }
    for (size_t i = 0; i < classes; i++) {
        if (!isfinite(prep->class_count[i]) || prep->class_count[i] < 0) {
            return "class_count holds what is no count";
        }
    }
    return NULL;
}

/* A label has two words and a share of rows; other targets have no words. */
static const char *check_label(const nd_prep *prep, const nd_prep_target *target)
{
    if (prep->task != ND_TASK_MULTILABEL) {
        return target->classes == NULL ? NULL : "words of a target do not fit the task";
    }
    bool words = target->classes != NULL && nd_dict_count(target->classes) == 2;
    return words && target->mean >= 0 && target->mean <= 1
               ? NULL
               : "a label lacks its two words or its mean";
}

static const char *check_targets(const nd_prep *prep)
{
    for (size_t i = 0; i < prep->targets; i++) {
        if (!(prep->target[i].scale > 0)) {
            return "scale of a target is not above 0";
        }
        if (prep->target[i].position >= prep->columns + prep->targets) {
            return "position of a target is outside the table";
        }
        const char *error = check_label(prep, &prep->target[i]);
        if (error != NULL) {
            return error;
        }
    }
    bool needed = prep->task != ND_TASK_AUTOENCODER;
    if ((prep->targets > 0) != needed) {
        return needed ? "no target" : "a target, which the task has none of";
    }
    return needed ? nd_windows_check(prep) : NULL;
}

/* Columns fill the feature row one after the other, without holes. */
static const char *check_prep(const nd_prep *prep, unsigned seen, size_t class_counts)
{
    unsigned common = (1u << P_CLASSES) - 1, classes = 1u << P_CLASSES | 1u << P_CLASS_COUNT;
    bool values = nd_prep_values(prep), has_classes = nd_task_has_classes(prep->task);
    size_t next = 0;
    unsigned series = values && seen >> P_WINDOW ? 7u << P_WINDOW : 0;
    if (seen != (common | (has_classes ? classes : series)) || prep->task == ND_TASK_AUTO) {
        return "a key is missing or does not fit the task";
    }
    for (size_t i = 0; i < prep->columns; i++) {
        const nd_prep_column *column = &prep->column[i];
        if (column->kind == ND_PREP_DROPPED) {
            continue;
        }
        if (column->first != next || __builtin_add_overflow(next, column->features, &next)) {
            return "columns do not follow each other in the feature row";
        }
    }
    if (next != prep->features || next == 0) {
        return "the number of features is not the sum of the columns";
    }
    const char *error = check_targets(prep);
    if (error != NULL) {
        return error;
    }
    const char *column;
    if (prep->task == ND_TASK_AUTOENCODER) {
        return nd_prep_mirror_error(prep, &column);
    }
    return has_classes ? check_classes(prep, class_counts) : NULL;
}

nd_status nd_prep_read_json(nd_ctx *ctx, const char *path, const char *text, nd_budget *budget,
                            nd_prep **prep)
{
    reader r = {.budget = budget};
    unsigned seen = 0;
    size_t field;
    nd_json_slice key;
    *prep = NULL;
    r.prep = nd_alloc(1, sizeof *r.prep);
    if (r.prep == NULL) {
        return nd_fail_memory(ctx);
    }
    r.prep->ctx = ctx;
    nd_json_begin(&r.json, text, strlen(text));
    nd_json_object(&r.json);
    while (nd_json_key(&r.json, &key) && nd_json_field(&r.json, key, prep_names, &seen, &field)) {
        read_prep_field(&r, field);
    }
    const char *error =
        nd_json_end(&r.json) ? check_prep(r.prep, seen, r.class_counts) : r.json.error;
    if (error == NULL) {
        *prep = r.prep;
        return ND_OK;
    }
    nd_prep_destroy(r.prep);
    if (error == nd_json_no_memory) {
        return nd_fail_memory(ctx);
    }
    return nd_fail(ctx, ND_ERR_FORMAT, "%s: preparation, byte %zu: %s", path,
                   (size_t)(r.json.at - r.json.start), error);
}
