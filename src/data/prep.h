/* Feature preparation: fitted on the training rows, applied to any rows, saved
 * with the model. Raw columns in, features [rows][features] out. */
#ifndef ND_DATA_PREP_H
#define ND_DATA_PREP_H

#include <float.h>

#include "data/table.h"

typedef enum nd_task {
    ND_TASK_AUTO,
    ND_TASK_BINARY,
    ND_TASK_MULTICLASS,
    ND_TASK_REGRESSION,
    ND_TASK_MULTILABEL, /* several targets of two values each */
    ND_TASK_AUTOENCODER /* no targets: the labels of a row are its features */
} nd_task;

typedef enum nd_scaling {
    ND_SCALING_STANDARD, /* (x - mean) / deviation (of the population, divisor n) */
    ND_SCALING_MINMAX,   /* (x - min) / (max - min) */
    ND_SCALING_QUANTILE, /* normal score of the empirical quantile */
    ND_SCALING_NONE      /* x as it is, never clipped */
} nd_scaling;

typedef enum nd_prep_kind {
    ND_PREP_DROPPED, /* no features; reason says why */
    ND_PREP_NUMBER,  /* 1 feature, + 1 missing indicator if any was missing in training */
    ND_PREP_IMAGE,   /* width features, one center and scale for all */
    ND_PREP_ONE_HOT, /* one feature per word, + other if rare words were seen in training, +
                        missing if seen in training */
    ND_PREP_HASHED,  /* buckets features; word w goes to nd_hash(w) % buckets; + missing if seen */
    ND_PREP_INDEX    /* 1 feature, the number of the word, for an embedding */
} nd_prep_kind;

/* No limit, for low and high; finite so that it can be written as JSON. */
#define ND_PREP_UNBOUNDED DBL_MAX

/* Most knots of a quantile column. */
#define ND_PREP_KNOTS 256

/* The preparation of one raw column.
 *
 * NUMBER:   v = missing ? fill : clip(x, low, high); feature = (v - center) / scale.
 *           fill is the training mean, so that a missing number is 0 under standard
 *           scaling; under quantile scaling it is the median, near score 0.
 * QUANTILE: v is placed between the knots (linear in between; a value that several
 *           knots share gets the middle of their scores), knot i of K having the
 *           normal score of (i + 1/2)/K; below the first and above the last knot the
 *           score stays, which is all the clipping it needs. center 0, scale 1.
 * IMAGE:    (pixel - center) / scale.
 * ONE_HOT:  features are words in order, then other, then missing. A word that
 *           training never saw counts as other; where training had no rare word,
 *           there is no other and all features of the column are 0. Missing at
 *           prediction without a missing feature is treated like an unknown word.
 * HASHED:   unknown words go to their bucket like all words.
 * INDEX:    words are numbered in order, then other, then missing, each where ONE_HOT has a
 *           feature for it; what has none is -1, which an embedding takes for zeros.
 * Features always are finite: beyond +-1e30 they are cut. */
typedef struct nd_prep_column {
    char *name;
    nd_prep_kind kind;
    char *reason;           /* DROPPED only: "constant", "identifier", "by request", ... */
    size_t first, features; /* place in the feature row */
    nd_scaling scaling;     /* NUMBER, IMAGE */
    double center, scale, low, high, fill;
    bool missing_feature; /* the last feature of the column says that it was missing */
    double *knots;        /* QUANTILE: ascending values at evenly spaced quantiles */
    size_t knot_count;
    size_t image_rows, image_cols; /* IMAGE */
    nd_dict *words;                /* ONE_HOT, INDEX: sorted; numbers by value, else by bytes */
    bool other;                    /* INDEX: rare words were seen in training */
    size_t buckets;                /* HASHED */
} nd_prep_column;

/* A target column: its classes, or its scaling. */
typedef struct nd_prep_target {
    char *name;           /* with a window "sales[t+1]", of column "sales" */
    size_t position;      /* column number in the training table, from 0 */
    double center, scale; /* REGRESSION: the net learns (y - center) / scale; mean and deviation,
                             or 0 and the mean for a prep by_mean; 0 and 1 for shares */
    nd_dict *classes;     /* MULTILABEL: its two words, sorted; the second is label 1 */
    bool share;           /* one of several that sum to 1, as it is */
    double mean;          /* of classes and shares: that of the training rows */
} nd_prep_target;

typedef struct nd_prep {
    nd_ctx *ctx;
    nd_task task; /* never AUTO once fitted */
    size_t columns;
    nd_prep_column *column; /* raw inputs in the order of the training table */
    size_t features;        /* width of a feature row, of one row of the table */
    size_t targets;         /* 1, or more for regression and labels, or 0 for an autoencoder */
    /* 0, or a time series: the inputs of row t are the features of rows t - window + 1 to t,
     * one after the other, and target k is the value of its column in row t + 1 + k. All
     * targets are of one column, which is an input as well. */
    size_t window;
    size_t period; /* of the naive forecast of a series: the value that many rows before */
    bool relative; /* in a window the column of the targets counts from its value in the last
                    * row, and the net learns (y - that - center) / scale */
    nd_prep_target *target;
    nd_dict *classes;    /* class texts, sorted (numbers by value); NULL without classes */
    double *class_count; /* [classes] training rows per class */
    /* Of training; not saved with a model: */
    bool by_mean;         /* targets are 0 or more, in units of their mean */
    bool shares;          /* the targets of a row are shares of 1 */
    char *weight_column;  /* NULL: every row counts 1 */
    double *class_weight; /* [classes]; NULL: every class counts 1 */
    bool header;          /* the training file had column names */
    nd_scaling scaling;
} nd_prep;

typedef struct nd_prep_params {
    size_t window, horizon;    /* of a time series; window 0: rows stand for themselves */
    bool relative;             /* its levels do not matter, but how it moves */
    const char *const *target; /* names or 1-based numbers; 0 given: the table's own targets
                                  (table->targets), else the last column */
    size_t target_count;
    nd_task task;
    nd_scaling scaling;
    double clip;             /* standard and minmax: clip numbers to mean +- clip deviations;
                               0: never */
    size_t max_one_hot;      /* most words of a one-hot column, rare ones not counted */
    size_t buckets;          /* features of a hashed column */
    size_t min_count;        /* words in fewer training rows go to "other" (one-hot only) */
    const char *const *drop; /* columns not to use */
    size_t drop_count;
    const char *const *keep; /* columns to use although they look like identifiers */
    size_t keep_count;
    bool unit;          /* of an autoencoder: features must lie from 0 to 1 */
    bool embed;         /* columns of more words are numbered, not hashed */
    bool by_mean;       /* targets below 0 are an error, others divided by their mean */
    bool shares;        /* targets are 0 or more and sum to 1 in each row, and stay so */
    const char *weight; /* column with the weights of rows; NULL: none */
    size_t pixels;      /* the input columns are the pixels of one image: scaled together, none
                      dropped, clipped or missing; 0: they are not */
    const char *const *class_weight; /* "none", "balanced", or "CLASS=X" ... */
    size_t class_weights;
    const struct nd_prep *like; /* nd_prep_adopt() follows with it: of columns that it uses no
                                   warning says that they are left out; or NULL */
} nd_prep_params;

/* Which columns are targets, the task and the classes: needs the targets of all
 * rows (classes are a property of the data set, not of a split). Fills
 * *prep with targets, task, classes and columns all DROPPED "not fitted".
 * Task when AUTO: several targets, all 0 or 1, or text of two words: multilabel; other
 * several targets: regression. Text: classes. Whole numbers with at
 * most 20 distinct values, each seen twice on average: classes. Else regression.
 * ND_ERR_DATA: target, drop or keep column not found (nearest name given), missing
 * target values (row named; rows without target are an error), one class only,
 * text for a regression, constant regression target. Logs the decision on the task
 * as a note and a class with a single row as a warning. */
nd_status nd_prep_begin(nd_ctx *ctx, const nd_table *table, const nd_prep_params *params,
                        nd_prep **prep);

/* Fit the preparation of the inputs on rows[count] of table (the one given to
 * nd_prep_begin). Logs one warning per dropped column (constant, identifier-like)
 * naming the option that keeps it. A column that looks like an identifier but is the
 * only input is kept.
 * ND_ERR_DATA if no feature is left, or a value is infinite; *prep must then be
 * destroyed. */
nd_status nd_prep_fit(nd_prep *prep, const nd_table *table, const uint32_t *rows, size_t count,
                      const nd_prep_params *params);
void nd_prep_destroy(nd_prep *prep);

/* What nd_prep_adopt did, in columns that are used. */
typedef struct nd_adopted {
    size_t taken;   /* prepared as the other model does */
    size_t own;     /* prepared as fitted: the other model does not know them */
    size_t missing; /* of the other model, not found */
} nd_adopted;

/* Prepare the inputs as another model does, wherever a column of that name and kind is in
 * both. If none of its inputs is missing they come first, in its order: features 0.. then
 * are those of the other model. Targets stay as they are.
 * ND_ERR_DATA if no feature is left; *prep must then be destroyed. */
nd_status nd_prep_adopt(nd_prep *prep, const nd_prep *from, nd_adopted *adopted);

/* Where the raw columns of a prep lie in some table. Made once per table, then
 * used for rows. Matching is by name. Where either side has no header, and not all
 * names are found, it is by position: a table with as many columns as there are
 * inputs has them in order, one with as many as inputs and targets together has
 * them where the training table had them. */
/* Labels of one target column, MULTILABEL. */
typedef struct nd_prep_label {
    uint32_t *of;    /* table word -> 0 or 1 (ND_DICT_NONE: neither); NULL for numbers */
    double value[2]; /* the two words as numbers; NaN if they are none */
} nd_prep_label;

typedef struct nd_prep_map {
    const nd_prep *prep;
    const nd_table *table;
    int *column;          /* [prep->columns] index into table, -1 for DROPPED */
    int *target;          /* [prep->targets] index into table, -1 if absent */
    uint32_t **word;      /* [prep->columns] table word -> feature (ND_DICT_NONE: none);
                            NULL unless a category read from a word column */
    double **number;      /* [prep->columns] table word -> number; NULL unless a number read
                            from a word column */
    double **score;       /* [prep->columns] normal score per knot; QUANTILE, else NULL */
    uint32_t *class_of;   /* table word -> class of the target (ND_DICT_NONE: unknown), or NULL */
    double *class_value;  /* [classes] the class texts as numbers, or NULL if some are not */
    nd_prep_label *label; /* [targets]; MULTILABEL, else NULL */
} nd_prep_map;

/* ND_ERR_DATA names every needed column that the table lacks, or has with
 * another type (row and value of the first text in a number column); *map is then
 * empty. A category column that the table holds as numbers is matched by its
 * shortest text ("3"). A label that is a class with a full stop behind it counts as
 * that class, with a warning. */
nd_status nd_prep_map_create(const nd_prep *prep, const nd_table *table, bool need_target,
                             nd_prep_map *map);
void nd_prep_map_free(nd_prep_map *map);

/* Features of rows[count] (NULL: rows first, first+1, ...) into x [count][features], whether
 * there is a window or not. Uses the pool of the context: not from inside a task. */
void nd_prep_row_features(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                          nd_real *x);

/* The same of windows that end with these rows, none below window - 1, into x
 * [count][nd_prep_inputs]; without a window they are the rows. */
void nd_prep_features(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                      nd_real *x);

/* Pixels of an image column to features: the arithmetic of nd_prep_features, for
 * those who keep the bytes. */
void nd_prep_pixels(const nd_prep_column *column, const uint8_t *pixel, size_t count, nd_real *x);

/* Make the values of a series in a window x [window][features] count from the last. */
void nd_prep_relate(nd_real *x, size_t window, size_t features, size_t series);

/* What predictions for the window that ends with row count from, in target units; 0 if they
 * stand for themselves. */
double nd_prep_level(const nd_prep_map *map, size_t row);

/* Targets likewise into y: class index [count][1], or scaled values or labels 0 and 1
 * [count][targets]. ND_ERR_DATA (row, value) for a missing target, a class the prep does not
 * know, or shares that do not sum to 1. */
nd_status nd_prep_labels(const nd_prep_map *map, const uint32_t *rows, size_t first, size_t count,
                         nd_real *y);

/* True if rows have weights; and the width of a label row with its weight. */
bool nd_prep_weighted(const nd_prep *prep);
size_t nd_prep_row_width(const nd_prep *prep);

/* Labels as nd_prep_labels, each row with its weight behind it if rows have weights: that
 * of its column times that of its class. y [count][nd_prep_row_width].
 * ND_ERR_DATA as well if the table lacks the column, or a weight is missing, below 0 or
 * not finite (row, column, value). */
nd_status nd_prep_label_rows(const nd_prep_map *map, const uint32_t *rows, size_t first,
                             size_t count, nd_real *y);

/* Short names: "binary", "standard", "number", ... */
const char *nd_task_name(nd_task task);

/* Whether the one target of a task is a class. */
bool nd_task_has_classes(nd_task task);

const char *nd_scaling_name(nd_scaling scaling);
const char *nd_prep_kind_name(nd_prep_kind kind);

/* Numbers that the network takes: the features of a row, or of a window of rows. */
size_t nd_prep_inputs(const nd_prep *prep);

/* True if numbers are predicted, not classes. */
bool nd_prep_values(const nd_prep *prep);

/* Units of what is predicted, for numbers: value = prediction * scale + center; and its
 * mean in training. [nd_prep_outputs] each. */
void nd_prep_units(const nd_prep *prep, double *center, double *scale, double *mean);

/* Class, target or input column that output j < nd_prep_outputs stands for; *pixel gets
 * the number of a pixel in its image, from 1, else 0. */
const char *nd_prep_output_name(const nd_prep *prep, size_t j, size_t *pixel);

/* Rows of the embedding that a column of numbered words feeds. */
size_t nd_prep_index_rows(const nd_prep_column *column);

/* Width of a label row: 1 for classes, else targets, or the features of an autoencoder. */
size_t nd_prep_label_width(const nd_prep *prep);

/* Number of predictions per row as users see them: classes (2 for binary), targets or
 * features. */
size_t nd_prep_outputs(const nd_prep *prep);

#endif
