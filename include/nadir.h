/* nadir: train, diagnose and ship feed-forward neural networks.
 *
 * The one installed header; its comments are the API reference.
 *
 * Ownership: what an nd_*_create, nd_*_read, nd_*_load or nd_train call hands
 * out belongs to the caller, who gives it back with the matching
 * nd_*_destroy; arrays passed in are borrowed for the call unless said.
 * Every object keeps a pointer to the context it was made with, and must be
 * destroyed before that context.
 * Threads: a context and what was made with it belong to one thread at a time;
 * two contexts share nothing and can be used at once.
 * Errors: a call returns a status; nd_ctx_message() then says what was wrong,
 * with file, row, column and value where there are any. Any call that allocates
 * can return ND_ERR_MEMORY. A null pointer that is not said to be allowed gives
 * ND_ERR_ARGUMENT; a call without status then answers 0, NULL or NaN.
 * nd_*_destroy takes NULL and does nothing. */
#ifndef NADIR_H
#define NADIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ND_VERSION_MAJOR 0
#define ND_VERSION_MINOR 1
#define ND_VERSION_PATCH 0
#define ND_VERSION "0.1.0"

#if defined(__GNUC__)
#define ND_API __attribute__((visibility("default")))
#else
#define ND_API
#endif

/* Element type of every array of the engine. The library that is installed is
 * built with float; the test build defines ND_REAL_DOUBLE. */
#ifdef ND_REAL_DOUBLE
typedef double nd_real;
#else
typedef float nd_real;
#endif

/* Status codes; append-only. */
typedef enum nd_status {
    ND_OK = 0,              /* done */
    ND_ERR_MEMORY = 1,      /* an allocation failed */
    ND_ERR_ARGUMENT = 2,    /* a null pointer or a number out of range */
    ND_ERR_OPTION = 3,      /* unknown option, or a value it does not take */
    ND_ERR_IO = 4,          /* the system refused to open, read or write */
    ND_ERR_FORMAT = 5,      /* a file does not follow its format */
    ND_ERR_DATA = 6,        /* well-formed data that cannot be used */
    ND_ERR_SHAPE = 7,       /* sizes that do not fit each other */
    ND_ERR_EXISTS = 8,      /* the output file exists and force is off */
    ND_ERR_DIVERGED = 9,    /* training left the finite numbers */
    ND_ERR_INTERRUPTED = 10 /* an observer asked to stop */
} nd_status;

typedef struct nd_ctx nd_ctx;             /* workers, messages, log */
typedef struct nd_config nd_config;       /* settings of one run */
typedef struct nd_table nd_table;         /* columns of raw values */
typedef struct nd_desc nd_desc;           /* description of a network */
typedef struct nd_net nd_net;             /* a planned network with its parameters */
typedef struct nd_optimizer nd_optimizer; /* update rule with its state */
typedef struct nd_model nd_model;         /* network + preparation + training record */
typedef struct nd_metrics nd_metrics;     /* results of an evaluation */
typedef struct nd_augment nd_augment;     /* distortions of images */
typedef struct nd_cv nd_cv;               /* results of a cross-validation */

/* Where text goes. write returns 0 when all bytes were taken, else non-zero,
 * which ends the producing call with ND_ERR_IO; without a write it is ND_ERR_ARGUMENT. */
typedef struct nd_sink {
    int (*write)(void *user, const char *text, size_t bytes);
    void *user;
} nd_sink;

/* ---- Library and context ------------------------------------------------ */

/* Version of the library at run time, "MAJOR.MINOR.PATCH"; a static string. */
ND_API const char *nd_version(void);

/* Short fixed text of a status, "data cannot be used" for ND_ERR_DATA; a
 * static string, "unknown status" for other numbers. */
ND_API const char *nd_status_text(nd_status status);

/* Make a context with its own workers. Files are read through mappings: the first one
 * sets a handler for SIGBUS, which passes on what is not nadir's (docs/reliability.md).
 *   threads  workers including the caller; 0 means every core of the machine
 * ND_ERR_ARGUMENT if threads is outside 0..1024, ND_ERR_MEMORY; *ctx is then
 * NULL. */
ND_API nd_status nd_ctx_create(nd_ctx **ctx, int threads);

/* Stop the workers and free the context; NULL is allowed. */
ND_API void nd_ctx_destroy(nd_ctx *ctx);

/* Text of the latest failure in this context, "" if there was none. Valid until
 * the next call with the context. */
ND_API const char *nd_ctx_message(const nd_ctx *ctx);

/* Number of threads that the context computes with, at least 1. */
ND_API int nd_ctx_threads(const nd_ctx *ctx);

/* Change the number of threads, as in nd_ctx_create; not during another call.
 * ND_ERR_ARGUMENT, ND_ERR_MEMORY; the number is then unchanged. */
ND_API nd_status nd_ctx_set_threads(nd_ctx *ctx, int threads);

/* What receives a line of the log.
 *   level  1 warning, 2 note, 3 detail
 *   text   without newline, valid during the call only */
typedef void (*nd_log_fn)(void *user, int level, const char *text);

/* Receive warnings and notes of the calls with this context, in the thread of the call.
 *   log   NULL silences, which is how a context starts
 *   user  handed to log as it is; must outlive its use */
ND_API void nd_ctx_set_log(nd_ctx *ctx, nd_log_fn log, void *user);

/* ---- Files ---------------------------------------------------------------- */

typedef struct nd_file nd_file;

/* Start a file that appears whole or not at all: what is written goes to a
 * temporary file in the same folder, .nadir-*.tmp. Those that killed processes of the
 * same user left there are removed first.
 * ND_ERR_EXISTS if path exists and force is 0, ND_ERR_IO; *file is then NULL. */
ND_API nd_status nd_file_create(nd_ctx *ctx, const char *path, int force, nd_file **file);

/* Sink that writes to the file; valid until commit or abandon. */
ND_API nd_sink nd_file_sink(nd_file *file);

/* Make the file appear, synced to disk; frees file whatever happens.
 * ND_ERR_IO, also for an earlier failed write; path is then as it was, or, where only
 * the sync of the folder failed, the whole new file. */
ND_API nd_status nd_file_commit(nd_file *file);

/* Forget the file; path stays as it was; NULL is allowed. */
ND_API void nd_file_abandon(nd_file *file);

/* ---- Settings ------------------------------------------------------------ */

typedef enum nd_option_type {
    ND_OPT_BOOL,   /* true or false; a flag without value means true */
    ND_OPT_INT,    /* whole number within min..max */
    ND_OPT_REAL,   /* number within min..max */
    ND_OPT_CHOICE, /* one of the words in choices, "a|b|c" */
    ND_OPT_TEXT,   /* any text */
    ND_OPT_LIST    /* texts separated by commas */
} nd_option_type;

/* Verbs that take an option, as bits of nd_option.verbs. */
enum {
    ND_VERB_TRAIN = 1,
    ND_VERB_EVAL = 2,
    ND_VERB_PREDICT = 4,
    ND_VERB_INSPECT = 8,
    ND_VERB_INIT = 16,
    ND_VERB_BENCH = 32,
    ND_VERB_LR_FIND = 64,
    ND_VERB_CHECK = 128,
    ND_VERB_CV = 256,
    ND_VERB_AUGMENT = 512
};

/* One row of the option table: the source of the flag, the config key, the
 * help, the man page, the completion, the checks and the printed settings. */
typedef struct nd_option {
    const char *name; /* config key, "batch_size"; the flag is --batch-size */
    char letter;      /* short flag, or 0 */
    nd_option_type type;
    const char *preset;  /* default as text; "auto" where nadir chooses; "" for none */
    double min, max;     /* bounds of a number, inclusive */
    const char *choices; /* words of a choice, or NULL */
    const char *metavar; /* placeholder in help, "N" */
    const char *group;   /* heading in help */
    const char *help;    /* one sentence without full stop */
    const char *source;  /* paper or reason behind rule and default, or "" */
    unsigned verbs;      /* bits ND_VERB_* */
    int positional;      /* 1 if the verb takes it as its first bare argument */
} nd_option;

/* The option table. *count gets the number of rows; static storage. */
ND_API const nd_option *nd_option_table(size_t *count);

/* A verb of the program: the other half of help, man pages and completion. */
typedef struct nd_verb {
    unsigned bit;        /* ND_VERB_* */
    const char *name;    /* "train" */
    const char *usage;   /* arguments, "[OPTION]... FILE" */
    const char *summary; /* one sentence without full stop */
    const char *example; /* command lines, separated by newlines */
} nd_verb;

/* The table of verbs. *count gets the number of rows; static storage. */
ND_API const nd_verb *nd_verb_table(size_t *count);

/* Verb by name; NULL if there is none, the context's message then names the
 * nearest. */
ND_API const nd_verb *nd_verb_find(nd_ctx *ctx, const char *name);

/* Make settings with every option at its default.
 *   verb  one ND_VERB_ bit; options of other verbs are unknown to this config
 * ND_ERR_ARGUMENT if it is not one of them, ND_ERR_MEMORY; *config is then NULL. */
ND_API nd_status nd_config_create(nd_ctx *ctx, unsigned verb, nd_config **config);

/* Make independent settings with the same values and layers.
 * ND_ERR_MEMORY; *copy is then NULL. */
ND_API nd_status nd_config_copy(const nd_config *config, nd_config **copy);

/* Free settings. */
ND_API void nd_config_destroy(nd_config *config);

/* Set one option from text; '-' and '_' are the same in key. Overrides a value
 * from a file, whichever came first.
 * ND_ERR_OPTION if the key is unknown (the message names the nearest) or the
 * value is not one of its type or bounds; the config is then unchanged. */
ND_API nd_status nd_config_set(nd_config *config, const char *key, const char *value);

/* Read settings and layers from a YAML file ("-" is standard input).
 * ND_ERR_IO, ND_ERR_FORMAT (line and column in the message), ND_ERR_OPTION;
 * settings read before the failing line may have been taken. */
ND_API nd_status nd_config_load(nd_config *config, const char *path);

/* Value in force as text; NULL if there is no such option. Valid until the
 * option is set again. */
ND_API const char *nd_config_get(const nd_config *config, const char *key);

/* 1 if a file or nd_config_set gave the option, 0 if it is at its default. */
ND_API int nd_config_given(const nd_config *config, const char *key);

/* Write the settings as YAML that nd_config_load reads back.
 *   commented  1: each key with its help, bounds and source above it, and those
 *              at their default commented out; 0: every key with its value */
ND_API nd_status nd_config_write(const nd_config *config, int commented, const nd_sink *sink);

/* Write the options of one verb for people (help), for man (roff) or for a
 * shell (completion of all verbs).
 *   verb  one ND_VERB_ bit, or 0 for the program as a whole
 *   kind  "help", "man", "bash", "zsh", "markdown"
 * ND_ERR_ARGUMENT for another verb or kind. */
ND_API nd_status nd_option_write(unsigned verb, const char *kind, const nd_sink *sink);

/* ---- Data ---------------------------------------------------------------- */

/* Read a whole file into columns: CSV (also .gz), IDX images with their label
 * file, or patterns in the format of FANN or PROBEN1 (columns x1.. and y1.., or y where
 * the outputs say which class a row is of). Which one is decided by the content.
 *   config  delimiter, header, missing, labels, ... ; NULL means defaults
 *   path    "-" is standard input
 * ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_DATA (file, row, column and value in the
 * message), ND_ERR_MEMORY; *table is then NULL. */
ND_API nd_status nd_table_read(nd_ctx *ctx, const nd_config *config, const char *path,
                               nd_table **table);

/* Make a table that borrows two arrays; they must outlive it.
 *   x        in  [rows][n_in]   features, row-major; NaN means missing
 *   y        in  [rows][n_out]  targets: class indices (n_out 1, whole numbers
 *                from 0), labels 0 and 1 (n_out 2 or more) or values; NULL with n_out 0 for a table to predict
 * Columns are named x0.. and y0.. (y if n_out is 1).
 * ND_ERR_ARGUMENT if rows or n_in is 0, or no memory could hold so many, ND_ERR_MEMORY. */
ND_API nd_status nd_table_from_arrays(nd_ctx *ctx, const nd_real *x, size_t rows, size_t n_in,
                                      const nd_real *y, size_t n_out, nd_table **table);

/* Free a table; borrowed arrays stay with their owner. */
ND_API void nd_table_destroy(nd_table *table);

/* Number of rows, and of columns with the targets. */
ND_API size_t nd_table_rows(const nd_table *table);
ND_API size_t nd_table_columns(const nd_table *table);

/* Name of a column, NULL if there is no such column. */
ND_API const char *nd_table_column_name(const nd_table *table, size_t column);

/* Write what is in a table: type, missing, range, cardinality, class balance.
 *   json  0: text for people, 1: one JSON object
 * ND_ERR_DATA if nd_train could not use the table as it is: the whole description, with
 * the problem in it, has then gone to the sink. ND_ERR_OPTION, ND_ERR_MEMORY, ND_ERR_IO. */
ND_API nd_status nd_table_describe(const nd_table *table, const nd_config *config, int json,
                                   const nd_sink *sink);

/* Look for data that lies: a target that cannot be learned, columns that leak it or name
 * the rows, values far from all others, repeated and contradicting rows, test rows that
 * are training rows (the files that test and valid name are read), ...
 *   config    options of ND_VERB_CHECK; NULL means defaults
 *   json      as in nd_table_describe; each finding has name, level, column, count, text
 *             and what to write to go on
 *   findings  out  how many there are, 0 on failure
 * ND_ERR_OPTION (allow names no finding), ND_ERR_DATA (no such column), ND_ERR_IO,
 * ND_ERR_MEMORY. docs/checking-data.md lists what is looked for. */
ND_API nd_status nd_table_check(const nd_table *table, const nd_config *config, int json,
                                const nd_sink *sink, size_t *findings);

/* nd_table_check on the rows of a file. Those of a CSV file that the option memory does not
 * allow to be held go to columns on the disk beside it, and a sample of them is looked at,
 * rows that repeat each other together; the report says how many. Errors of nd_table_read too. */
ND_API nd_status nd_check_file(nd_ctx *ctx, const nd_config *config, const char *path, int json,
                               const nd_sink *sink, size_t *findings);

/* ---- Training -------------------------------------------------------------- */

typedef enum nd_event_kind {
    ND_EVENT_PLAN,  /* once, before the first step: text holds the plan as lines */
    ND_EVENT_STEP,  /* during an epoch, at most ten times a second */
    ND_EVENT_EPOCH, /* after each epoch */
    ND_EVENT_STOP,  /* once, at the end: text says why; where the refit follows, its steps
                       come after it, with "refit" as text */
    ND_EVENT_TEST,  /* once, after a test split was evaluated: metrics is set */
    ND_EVENT_MEMBER /* after a member of an ensemble, or a fold, was trained: text says how */
} nd_event_kind;

/* How one layer fares, measured once an epoch where the option signals is on: lengths
 * (Euclidean norms) over all of the layer's parameters in the latest step, shares of its
 * units over up to 1024 training rows in evaluation mode. NaN where it does not apply. */
typedef struct nd_layer_signal {
    const char *name; /* of the layer, "dense1" */
    double gradient;  /* length of the gradient, as the update rule got it */
    double weight;    /* length of the parameters after the step */
    double update;    /* length of the step, divided by that of the parameters before it */
    double dead;      /* share of units whose derivative is 0 for every row */
    double saturated; /* sigmoid, tanh and the like: share of results within 2.5 % of their
                          range from one of its ends */
} nd_layer_signal;

/* What happened; pointers are valid during the call only. Numbers that do not
 * apply are NaN. */
typedef struct nd_event {
    nd_event_kind kind;
    long epoch, epochs;  /* from 1; most that may run */
    uint64_t step;       /* optimizer steps so far */
    double done;         /* share of the epoch, 0..1 */
    double lr;           /* learning rate in force */
    double train_loss;   /* mean over the epoch so far */
    double valid_loss;   /* mean over the validation split */
    double valid_metric; /* accuracy, label_accuracy for several labels, R2, or reconstruction */
    const char *metric;  /* name of valid_metric */
    double rows_per_s;   /* training rows per second of this epoch */
    double seconds, seconds_left;
    int best; /* 1 if this epoch's weights are the best so far */
    const char *text;
    const nd_metrics *metrics;     /* of the test split */
    const nd_metrics *baseline;    /* of the trivial model on the test split */
    const nd_layer_signal *layers; /* of an epoch, where signals is on, else NULL */
    size_t layer_count;
    size_t member, members; /* from 1, of how many; 0 where one network is trained. Steps of
                                   several tell of all of them: member is how many are done */
} nd_event;

/* Return 0 to go on, non-zero to stop after this step with the best weights so
 * far; nd_train then returns ND_ERR_INTERRUPTED and still hands out the model. */
typedef int (*nd_observe_fn)(void *user, const nd_event *event);

/* The main job: infer column types and task, split, fit the preparation on the
 * training rows, build the network, train with early stopping, and measure on
 * the test split if there is one.
 *   config   options of ND_VERB_TRAIN; NULL means defaults
 *   data     rows to learn from; borrowed
 *   observe  may be NULL
 *   model    out  the trained model, best weights restored
 * With the option checkpoint the state is saved as it goes, and in any case before the
 * call returns because it was interrupted or diverged; with resume the call goes on from
 * there, and ends with the same bits as if nothing had happened.
 * ND_ERR_OPTION (also: a setting that is not that of the checkpoint), ND_ERR_DATA (target
 * missing, one class, ...; other rows than the checkpoint's), ND_ERR_DIVERGED,
 * ND_ERR_INTERRUPTED, ND_ERR_EXISTS, ND_ERR_IO, ND_ERR_FORMAT (of checkpoints),
 * ND_ERR_MEMORY; *model is NULL unless interrupted. */
ND_API nd_status nd_train(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                          nd_observe_fn observe, void *user, nd_model **model);

/* nd_train on the rows of a file, which need not fit the memory: where the options cache
 * and memory say so, its rows are prepared into a row cache, a file that later trainings
 * with the same data and preparation use again, and are read from there block by block.
 *   path  CSV or IDX, "-" is standard input (which has no cache)
 * Without a cache it is nd_table_read and nd_train. Errors of both; ND_ERR_EXISTS if the
 * name of the cache is taken by another kind of file. */
ND_API nd_status nd_train_file(nd_ctx *ctx, const nd_config *config, const char *path,
                               nd_observe_fn observe, void *user, nd_model **model);

/* Cross-validation: deal the rows into folds, train once for each fold on the rows of the
 * others, measure on its own. Every training fits its preparation, and takes its
 * validation rows, on its own training rows. Folds are trained side by side, with the
 * same bits at any number of threads.
 *   config   options of ND_VERB_CV; NULL means defaults: five folds, stratified for classes
 *   data     borrowed
 *   observe  may be NULL; called in the thread of the call
 * ND_ERR_OPTION (settings that contradict each other, such as repeats of an order in
 * time), ND_ERR_DATA (fewer rows, rows of every class, or groups than folds; a group
 * missing), ND_ERR_INTERRUPTED, and those of nd_train; *cv is then NULL. */
ND_API nd_status nd_cross_validate(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                                   nd_observe_fn observe, void *user, nd_cv **cv);

/* Free the results of a cross-validation. */
ND_API void nd_cv_destroy(nd_cv *cv);

/* Trainings that were made: folds times repeats; and the figures of one on its test rows,
 * which belong to cv; NULL if there is no such one. */
ND_API size_t nd_cv_count(const nd_cv *cv);
ND_API const nd_metrics *nd_cv_metrics(const nd_cv *cv, size_t i);

/* Mean and sample deviation (divisor count - 1) of a figure, named as in nd_metrics_get,
 * over the trainings where it applies; NaN if there is none, the deviation also for one. */
ND_API double nd_cv_mean(const nd_cv *cv, const char *name);
ND_API double nd_cv_deviation(const nd_cv *cv, const char *name);

/* Write the figures of each fold, their mean and deviation; json as in nd_table_describe. */
ND_API nd_status nd_cv_write(const nd_cv *cv, int json, const nd_sink *sink);

/* Write what each row was predicted to be while it was held out, as CSV: row, repeat,
 * fold, truth, prediction and, for classes, probabilities. */
ND_API nd_status nd_cv_write_predictions(const nd_cv *cv, const nd_sink *sink);

/* What a learning-rate range test found. */
typedef struct nd_lr_range {
    size_t steps;     /* that were made */
    double suggested; /* a tenth of lowest, where the loss falls and is far from growing */
    double steepest;  /* rate at which the loss fell fastest, per factor on the rate */
    double lowest;    /* rate at which the loss was lowest */
    double diverged;  /* rate at which it had grown beyond use; NaN if it did not */
    double start;     /* mean loss of the first steps, before a rate can have moved it */
    double least;     /* running mean of the loss where it was lowest */
} nd_lr_range;

/* Look for a learning rate: train the network of the settings from its start while the
 * rate rises by one factor per step from lr_min to lr_max, and see when the loss falls
 * and when it grows (Smith 2017, section 3.3). The rows, the preparation, the network
 * and the batches are those that nd_train would take.
 *   config  options of ND_VERB_LR_FIND; NULL means defaults
 *   curve   gets CSV, "lr,loss,smoothed", a line per step; NULL for none
 * ND_ERR_OPTION (an optimizer without rate, bounds the wrong way round), ND_ERR_DATA (as
 * nd_train; the loss never fell; the curve is written first), ND_ERR_IO, ND_ERR_MEMORY. */
ND_API nd_status nd_lr_find(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                            const nd_sink *curve, nd_lr_range *range);

/* Write a contact sheet of distorted images as PNG: in each line a training image as it is,
 * then as a training with these settings and this seed would see it in epochs 1, 2, ...
 *   config  options of ND_VERB_AUGMENT; NULL means defaults
 * ND_ERR_OPTION (the rows are not images; a distortion that makes no sense for them),
 * ND_ERR_DATA (as nd_train), ND_ERR_IO, ND_ERR_MEMORY. */
ND_API nd_status nd_augment_sheet(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                                  const nd_sink *sink);

/* Train two epochs (or fewer, if the settings say so) on 1, 2, 3, 5 and 8 threads, and
 * once more interrupted and resumed, and write the SHA-256 of each model file.
 *   folder  an existing folder for the files of the runs; they are removed again
 *   same    out  1 if all are the same bytes
 * Errors as nd_train, nd_model_save. */
ND_API nd_status nd_verify_determinism(nd_ctx *ctx, const nd_config *config, const nd_table *data,
                                       const char *folder, int *same, const nd_sink *sink);

/* ---- Models ---------------------------------------------------------------- */

/* Write a model as safetensors: to a temporary file in the same folder, synced,
 * then renamed, so that path holds the old file or the whole new one.
 * ND_ERR_EXISTS if path exists and force is 0, ND_ERR_IO, ND_ERR_DATA (a weight that
 * is not finite). */
ND_API nd_status nd_model_save(const nd_model *model, const char *path, int force);

/* Read and check a model file; nothing in it is trusted.
 * ND_ERR_IO, ND_ERR_FORMAT, ND_ERR_MEMORY; *model is then NULL. */
ND_API nd_status nd_model_load(nd_ctx *ctx, const char *path, nd_model **model);

/* Free a model with its network and preparation. */
ND_API void nd_model_destroy(nd_model *model);

/* Number of raw input columns, and of numbers per prediction: classes for a
 * multi-class model, 2 for a binary one, targets for labels and for regression, with
 * the deviations of loss "gaussian" behind them, the numbers it takes for an autoencoder. */
ND_API size_t nd_model_inputs(const nd_model *model);
ND_API size_t nd_model_outputs(const nd_model *model);

/* Name of output j: the class, or the target column, or NAME_deviation; NULL if j is out
 * of range. */
ND_API const char *nd_model_output_name(const nd_model *model, size_t j);

/* Predict from an array in the column order of training.
 *   x  in   [rows][nd_model_inputs]   raw values, NaN means missing
 *   y  out  [rows][nd_model_outputs]  probabilities, or values in target units
 * ND_ERR_DATA if the model takes category columns (read a table instead). */
ND_API nd_status nd_model_predict(nd_model *model, const nd_real *x, size_t rows, nd_real *y);

/* Networks in the model: 1, or the members of an ensemble, whose mean is predicted. */
ND_API size_t nd_model_members(const nd_model *model);

/* nd_model_predict_table, with how far the members of an ensemble are apart.
 *   y       out  [rows][nd_model_outputs]  mean over the members
 *   spread  out  [rows][nd_model_outputs]  their sample deviation (divisor members - 1)
 * ND_ERR_ARGUMENT for a model of one network; ND_ERR_DATA if a column is missing. */
ND_API nd_status nd_model_predict_spread(nd_model *model, const nd_table *table, nd_real *y,
                                         nd_real *spread);

/* Read a whole file as nd_table_read does, with the column types that the model
 * was trained on: text in a number column is an error, and codes of a category
 * column stay text. Errors as nd_table_read; *table is then NULL. */
ND_API nd_status nd_model_table_read(const nd_model *model, const nd_config *config,
                                     const char *path, nd_table **table);

/* Predict the rows of a table; columns are matched by name.
 *   y  out  [rows][nd_model_outputs]; of a model with windows, the forecasts from the
 *           window that ends with the row, NaN for the first window - 1 rows
 * ND_ERR_DATA if a column is missing. */
ND_API nd_status nd_model_predict_table(nd_model *model, const nd_table *table, nd_real *y);

/* Read a file of any size piece by piece and write predictions as CSV.
 *   config  options of ND_VERB_PREDICT; NULL means defaults
 *   path    CSV or IDX, "-" is standard input (CSV)
 * Memory does not depend on the size of a CSV file; IDX images are held as bytes, and the
 * rows of a model with windows whole.
 * ND_ERR_IO (also from the sink), ND_ERR_FORMAT, ND_ERR_DATA (a column is missing, text
 * where the model takes a number), ND_ERR_OPTION, ND_ERR_MEMORY; what was written before
 * the row at fault has gone to the sink. */
ND_API nd_status nd_model_predict_file(nd_model *model, const nd_config *config, const char *path,
                                       const nd_sink *sink);

/* Write what is in a model: layers, shapes, parameter counts, preparation per
 * column, training record. json as in nd_table_describe. */
ND_API nd_status nd_model_describe(const nd_model *model, int json, const nd_sink *sink);

/* ---- Evaluation ------------------------------------------------------------ */

/* Compare a model's predictions with the target columns of a table; a model with windows
 * forecasts all rows that it can, and the naive forecast stands beside it in what
 * nd_metrics_write writes.
 * ND_ERR_DATA if the target is missing or a class is unknown to the model. */
ND_API nd_status nd_model_evaluate(nd_model *model, const nd_table *table, nd_metrics **metrics);

/* Free metrics; those of an event belong to the library. */
ND_API void nd_metrics_destroy(nd_metrics *metrics);

/* One figure by name: rows, loss, accuracy, balanced_accuracy, log_loss, auc, f1,
 * precision, recall, rmse, mae, r2, error_percent (rows of another class than
 * predicted), squared_percent (mean of squared errors over rows and outputs; Prechelt
 * 1994, section 2.3), reconstruction (of an autoencoder: mean over the rows of the squared
 * distance from the prepared row to what came out), nll and coverage (of predicted
 * deviations), subset_accuracy, hamming_loss, micro_f1, macro_f1 (of labels); NaN if it
 * does not apply. */
ND_API double nd_metrics_get(const nd_metrics *metrics, const char *name);

/* Write all figures; json as in nd_table_describe.
 *   baseline  metrics of the trivial model to stand beside, or NULL */
ND_API nd_status nd_metrics_write(const nd_metrics *metrics, const nd_metrics *baseline, int json,
                                  const nd_sink *sink);

/* ---- Networks by hand -------------------------------------------------------- */

/* Start a description of a network with n_in inputs.
 * ND_ERR_ARGUMENT if n_in is 0, ND_ERR_MEMORY; *desc is then NULL. */
ND_API nd_status nd_desc_create(nd_ctx *ctx, size_t n_in, nd_desc **desc);

/* Free a description; networks made from it do not need it. */
ND_API void nd_desc_destroy(nd_desc *desc);

/* Append a layer.
 *   type        "dense", "relu", "tanh", "sigmoid", "gelu", "prelu", "dropout",
 *               "noise", "batchnorm", "layernorm", "rmsnorm", "add", "concat", "rnn", "lstm",
 *               "gru", "embedding", ...
 *   attributes  "units=64, init=he_normal" ; NULL or "" for defaults. Every layer takes
 *               name=WORD, from=NAME|NAME (earlier layers; "input" is the
 *               network's input; the default is the layer before), lr=FACTOR on the
 *               learning rate (0: the layer does not learn), and l1, l2, weight_decay,
 *               max_norm and orthogonality in place of the optimizer's
 * ND_ERR_OPTION, ND_ERR_SHAPE; the description is then unchanged. */
ND_API nd_status nd_desc_add(nd_desc *desc, const char *type, const char *attributes);

/* Freeze a layer: it keeps its parameters, running statistics included, and normalizes by
 * these. No gradient is computed for it, nor for what lies below the lowest layer that is
 * trained.
 *   layer  name of a layer with parameters, "dense1"
 * ND_ERR_OPTION if there is none; the description is then unchanged. */
ND_API nd_status nd_desc_freeze(nd_desc *desc, const char *layer);

/* Plan a network for batches of up to max_rows and initialize its parameters.
 *   loss  "cross_entropy" (y: class index, [rows][1]), "binary_cross_entropy"
 *         (y: 0 or 1, [rows][n_out]), "focal", "brier", "hinge" (y: class index, or 0 or
 *         1 for one output, [rows][1]), "mse", "mae", "huber", "log_cosh", "quantile"
 *         (y: [rows][n_out]), "poisson" (y: 0 or more, [rows][n_out]), "gaussian" (y:
 *         [rows][n_out / 2]; n_out even), "kl_divergence" (y: [rows][n_out], each row
 *         summing to 1); all on logits. Settings follow the name: "huber, delta=2"
 *   seed  same seed, same parameters, same masks
 * ND_ERR_OPTION (no such loss, a layer that the loss makes senseless), ND_ERR_SHAPE,
 * ND_ERR_MEMORY; *net is then NULL.
 * Every allocation happens here; desc may be destroyed afterwards. */
ND_API nd_status nd_net_create(nd_ctx *ctx, const nd_desc *desc, const char *loss, size_t max_rows,
                               uint64_t seed, nd_net **net);

/* Complete the initialization of layers with init=lsuv: scale their weights, layer by
 * layer, so that their results before the activation have variance 1 over a batch
 * (Mishkin & Matas 2016). Other layers stay as they are. Does not allocate.
 *   x  in  [rows][n_in]   some of the training rows, two or more
 * ND_ERR_SHAPE if there are fewer or more than planned for, ND_ERR_DATA if a layer's
 * results do not vary or are not finite. */
ND_API nd_status nd_net_init_on(nd_net *net, const nd_real *x, size_t rows);

/* Free a network; its optimizers must have been destroyed. */
ND_API void nd_net_destroy(nd_net *net);

/* Numbers per row that go in, and that come out. */
ND_API size_t nd_net_inputs(const nd_net *net);
ND_API size_t nd_net_outputs(const nd_net *net);

/* Run one batch forward in evaluation mode.
 *   x  in   [rows][n_in]   row-major, borrowed for the call
 *   y  out  [rows][n_out]  probabilities for a cross-entropy loss (softmax or
 *           sigmoid of the logits) and for "kl_divergence", exp of the logits for
 *           "poisson", means and then deviations for "gaussian", values otherwise;
 *           caller's buffer
 * ND_ERR_SHAPE if rows exceeds the planned batch; y is then untouched.
 * Does not allocate. One net per thread: it writes the net's workspace. */
ND_API nd_status nd_net_forward(nd_net *net, const nd_real *x, size_t rows, nd_real *y);

/* Give rows weights, or no longer.
 *   weighted  1: y of nd_net_gradient, nd_net_loss and nd_net_train is
 *             [rows][width + 1], each label row having its weight w behind it, a finite
 *             number of 0 or more. The mean loss is sum w l / sum w, 0 where all
 *             weights are 0; its gradient goes by the same weights
 *             0: y is [rows][width], as nd_net_create says; a new net is so
 * What a net predicts does not depend on it. ND_ERR_ARGUMENT if net is NULL. */
ND_API nd_status nd_net_set_weighted(nd_net *net, int weighted);

/* Give rows two labels each, or no longer: for mixup (Zhang et al. 2018), whose rows are
 * a mixture of two and whose loss is the same mixture of two losses.
 *   mixed  1: y of nd_net_gradient and nd_net_train is [rows][2 (width + 1)]: a label
 *          and its weight, the other label and its weight, say lambda and 1 - lambda, both
 *          0 or more; times the weights of the rows if they have some. The mean loss is
 *          the sum of w l over both, by the sum of w. y of nd_net_loss stays as it is
 *          0: one label per row; a new net is so
 * ND_ERR_ARGUMENT if net is NULL, ND_ERR_MEMORY; the net is then unchanged. */
ND_API nd_status nd_net_set_mixed(nd_net *net, int mixed);
/* Make training noisy, or quiet again: nd_net_gradient and nd_net_train then go by
 *   weight          deviation of Gaussian noise that weights (not biases) have while the
 *                   gradient is taken; they are as they were afterwards
 *   gradient        eta of Gaussian noise of variance eta / (1 + t)^gradient_decay that is
 *                   added to the gradient, t steps done
 *   gradient_decay  0.55 unless given
 *   label           chance that a class is swapped for another one; for targets that are
 *                   numbers, deviation of Gaussian noise on them, in the units of y
 *   attributes  "weight=0.05, label=0.1"; NULL or "" for none
 * Numbers go by the net's seed, the step and the element. docs/techniques/noise.md has
 * formulas and sources. Allocates here, so that training does not.
 * ND_ERR_OPTION (also: label noise on counts), ND_ERR_ARGUMENT, ND_ERR_MEMORY; the net is
 * then quiet. */
ND_API nd_status nd_net_set_noise(nd_net *net, const char *attributes);

/* Forward and backward over one batch in training mode; fills the gradient
 * block with the gradient of the mean loss over the batch.
 *   loss  out  mean loss over the rows
 * Rows can have weights, nd_net_set_weighted, or two labels, nd_net_set_mixed.
 * ND_ERR_SHAPE, ND_ERR_DATA (a class index out of range, a weight below 0). Does not
 * allocate. */
ND_API nd_status nd_net_gradient(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                                 double *loss);

/* Mean loss over one batch in evaluation mode, without gradient. */
ND_API nd_status nd_net_loss(nd_net *net, const nd_real *x, const nd_real *y, size_t rows,
                             double *loss);

/* What a layer sets itself of the penalties and bounds on weights; NaN: as the optimizer. */
typedef struct nd_regular {
    double l1, l2, weight_decay, max_norm, orthogonality;
} nd_regular;

/* A named piece of the parameter block, "layers.0.weight". */
typedef struct nd_span {
    const char *name;
    size_t offset;         /* of its first element in the block */
    size_t rows, cols;     /* [rows][cols], row-major; a bias is [1][cols] */
    size_t layer;          /* index of the layer in the description */
    int decay;             /* 1 if weight decay applies (weights), 0 (biases, norms) */
    double lr;             /* factor on the learning rate, of the layer's attribute lr */
    const nd_regular *own; /* of the layer; NULL: all as the optimizer */
} nd_span;

/* The parameter block and the gradient block, of nd_net_size elements each, in
 * the same layout; owned by the net, writable. Spans start at multiples of 64
 * bytes; the gaps between them hold zeros. */
ND_API size_t nd_net_size(const nd_net *net);
ND_API nd_real *nd_net_parameters(nd_net *net);
ND_API nd_real *nd_net_gradients(nd_net *net);

/* Spans of the block in order; *count gets their number. */
ND_API const nd_span *nd_net_spans(const nd_net *net, size_t *count);

/* Make an update rule for a network.
 *   rule        "sgd", "momentum", "nesterov", "nesterov_pytorch", "adagrad", "rmsprop",
 *               "adadelta", "adam", "adamw", "amsgrad", "nadam", "lion", "rprop", "lbfgs"
 *   attributes  "lr=0.01, momentum=0.9, weight_decay=1e-4"; NULL for defaults
 *               Every rule takes lr, maximize (ascend); l1, l2, weight_decay,
 *               decoupled_decay, decay_all (biases and normalization as well),
 *               max_norm and orthogonality; one of clip_norm, clip_value,
 *               clip_layer_norm and clip_adaptive; and ema (an average of the
 *               parameters, nd_optimizer_swap_average). The others are in docs/techniques
 * ND_ERR_OPTION, ND_ERR_MEMORY. */
ND_API nd_status nd_optimizer_create(nd_net *net, const char *rule, const char *attributes,
                                     nd_optimizer **optimizer);

/* Free an update rule; the network stays. */
ND_API void nd_optimizer_destroy(nd_optimizer *optimizer);

/* Change the learning rate for the following steps.
 * ND_ERR_ARGUMENT if it is not a finite number above 0. */
ND_API nd_status nd_optimizer_set_lr(nd_optimizer *optimizer, double lr);

/* Move the parameters to where the rule wants its gradient, before nd_net_gradient; all
 * rules but "nesterov" want it where they are. nd_optimizer_step moves on from the
 * true parameters, and nd_net_train does all three. */
ND_API nd_status nd_optimizer_look_ahead(nd_optimizer *optimizer);

/* Apply the gradient block to the parameter block, once. Does not allocate.
 * ND_ERR_DIVERGED if the gradient is not finite; parameters are then untouched.
 * ND_ERR_ARGUMENT for "lbfgs", which needs losses at other points (nd_net_train), and
 * for "nesterov" without nd_optimizer_look_ahead before. */
ND_API nd_status nd_optimizer_step(nd_optimizer *optimizer);

/* Exchange the parameters with their running average, of an optimizer with the attribute
 * ema: to evaluate or save it. A second call exchanges them back, which must happen
 * before the next step. Running tensors of layers (batch normalization) are left to
 * nd_net_collect. ND_ERR_ARGUMENT if no average is kept, or no step was made. */
ND_API nd_status nd_optimizer_swap_average(nd_optimizer *optimizer);

/* Find the statistics of batch normalization anew, for parameters that were not trained
 * but averaged: one forward pass in training mode over each batch of the training rows.
 *   x      in  [rows][n_in]
 *   batch  from 1: the running statistics become the mean over batches 1 .. batch, the
 *          first of which forgets what was there
 * ND_ERR_SHAPE if rows exceeds the planned batch, ND_ERR_ARGUMENT if batch is 0. Does
 * not allocate. */
ND_API nd_status nd_net_collect(nd_net *net, const nd_real *x, size_t rows, uint64_t batch);

/* nd_net_gradient and nd_optimizer_step in one call, which is faster: the gradient
 * is checked while it is in the caches, and a small network takes a direct path.
 *   optimizer  made for net; the number of its steps keys the random masks
 *   loss       out  mean loss over the rows, before the update ("nesterov": at the
 *              point ahead)
 * ND_ERR_SHAPE, ND_ERR_DATA, ND_ERR_DIVERGED (loss or gradient not finite);
 * parameters are then untouched. Does not allocate. */
ND_API nd_status nd_net_train(nd_net *net, nd_optimizer *optimizer, const nd_real *x,
                              const nd_real *y, size_t rows, double *loss);

/* ---- Images distorted while training ------------------------------------------- */

/* How the numbers of a row make an image. */
typedef struct nd_image {
    size_t rows, cols; /* pixels */
    size_t channels;   /* 1: gray */
    int planar;        /* 0: the channels of a pixel side by side; 1: one channel after
                          the other */
} nd_image;

/* Make distortions of images of one shape.
 *   attributes  "shift=2, rotate=10, scale=0.1, shear=0.1, elastic=6:36,
 *               flip=horizontal, brightness=0.2, contrast=0.2, cutout=8", each of which
 *               may be left out; docs/techniques/augmentation.md says what they do
 *   background  value of pixels from outside of the image: of raw 0 after scaling
 * ND_ERR_OPTION (unknown, out of bounds, or senseless for this shape), ND_ERR_ARGUMENT
 * (a size of 0), ND_ERR_MEMORY; *augment is then NULL. All that is allocated is allocated
 * here. */
ND_API nd_status nd_augment_create(nd_ctx *ctx, const nd_image *image, const char *attributes,
                                   double background, nd_augment **augment);

/* Free distortions; NULL is allowed. */
ND_API void nd_augment_destroy(nd_augment *augment);

/* Distort a batch: what becomes of row r is a function of x, seed, step and r alone.
 *   x  in   [rows][rows cols channels of the image]
 *   y  out  likewise; not x
 * Spread over the threads of the context; does not allocate. */
ND_API nd_status nd_augment_rows(nd_augment *augment, uint64_t seed, uint64_t step,
                                 const nd_real *x, size_t rows, nd_real *y);

/* ---- Measuring ---------------------------------------------------------------- */

/* Measure this machine (peak of the multiply-add units, bandwidth of caches and
 * memory) and the engine's share of it: training and inference of five networks,
 * on one thread and on those of the context.
 *   config  options of ND_VERB_BENCH; NULL means defaults
 *   json    0: text for people, line by line as it is measured; 1: one JSON object,
 *           an array of two being the figures on one thread and on all
 * One thread is timed by its processor time, several by the clock. Takes half a
 * minute; with quick, some seconds.
 * ND_ERR_OPTION (no such workload), ND_ERR_MEMORY, ND_ERR_IO. */
ND_API nd_status nd_bench(nd_ctx *ctx, const nd_config *config, int json, const nd_sink *sink);

/* ---- Progress --------------------------------------------------------------- */

typedef struct nd_report nd_report;

/* How training events are shown. */
typedef struct nd_report_style {
    int terminal;  /* 1: the sink is a terminal, redraw a progress line */
    int color;     /* 1: ANSI colours */
    int width;     /* columns of the terminal, 0 if unknown */
    int verbosity; /* 0 quiet, 1 normal, 2 more */
    int json;      /* 1: JSON Lines, one object per event, instead of text */
} nd_report_style;

/* Make an observer that writes events as text or JSON Lines. Pass
 * nd_report_observe and the report to nd_train. */
ND_API nd_status nd_report_create(nd_ctx *ctx, const nd_report_style *style, const nd_sink *sink,
                                  nd_report **report);

/* Free a report; what it wrote stays. */
ND_API void nd_report_destroy(nd_report *report);

/* Write one event; an nd_observe_fn whose user is the report. Returns 0: a sink that
 * refuses does not stop a training. */
ND_API int nd_report_observe(void *report, const nd_event *event);

#ifdef __cplusplus
}
#endif
#endif
