#include "job/plan_text.h"

#include <string.h>

#include "base/ctx.h"
#include "base/num.h"

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void real(nd_text *text, const char *before, double value)
{
    char number[ND_NUM_TEXT];
    nd_num_print_general(number, value, 3);
    nd_text_printf(text, "%s%s", before, number);
}

static void task_line(nd_text *text, const nd_prep *prep)
{
    nd_text_puts(text, "task      ");
    if (prep->window) {
        const char *series = prep->column[prep->target[0].position].name;
        nd_text_printf(text, "forecast of \"%s\", %zu row%s ahead", series, prep->targets,
                       plural(prep->targets));
        nd_text_printf(text,
                       prep->period > 1 ? "; naive: the value %zu rows before\n"
                                        : "; naive: the last value\n",
                       prep->period);
        return;
    }
    if (prep->task == ND_TASK_REGRESSION || prep->task == ND_TASK_MULTILABEL) {
        nd_text_printf(text, "%s of ", nd_task_name(prep->task));
        for (size_t t = 0; t < prep->targets && t < 8; t++) {
            nd_text_printf(text, "%s\"%s\"", t == 0 ? "" : ", ", prep->target[t].name);
        }
        nd_text_puts(text, prep->targets > 8 ? ", ...\n" : "\n");
        return;
    }
    if (prep->task == ND_TASK_AUTOENCODER) {
        nd_text_printf(text, "autoencoder: gives back its %zu inputs\n", prep->features);
        return;
    }
    size_t classes = nd_dict_count(prep->classes);
    nd_text_printf(text, "%s: %zu classes of \"%s\" (",
                   prep->task == ND_TASK_BINARY ? "binary" : "multiclass", classes,
                   prep->target[0].name);
    for (size_t c = 0; c < classes && c < 12; c++) {
        nd_text_printf(text, "%s%s", c == 0 ? "" : ", ",
                       nd_dict_word(prep->classes, (uint32_t)c, NULL));
    }
    nd_text_puts(text, classes > 12 ? ", ...)\n" : ")\n");
}

static void part(nd_text *text, const char *name, const nd_rows *rows, const char *end)
{
    nd_text_printf(text, "%zu %s%s%s%s", rows->count, name,
                   rows->index == NULL && rows->table != NULL ? " from " : "",
                   rows->index == NULL && rows->table != NULL ? rows->table->path : "", end);
}

static void inputs_line(nd_text *text, const nd_prep *prep)
{
    size_t kinds[ND_PREP_INDEX + 1] = {0};
    for (size_t i = 0; i < prep->columns; i++) {
        kinds[prep->column[i].kind]++;
    }
    if (prep->window) {
        nd_text_printf(text, "inputs    %zu: windows of %zu rows, %zu each, from",
                       nd_prep_inputs(prep), prep->window, prep->features);
    } else {
        nd_text_printf(text, "inputs    %zu from", prep->features);
    }
    static const struct {
        nd_prep_kind kind;
        const char *name;
    } row[] = {{ND_PREP_NUMBER, "number"},
               {ND_PREP_IMAGE, "image"},
               {ND_PREP_ONE_HOT, "category"},
               {ND_PREP_HASHED, "hashed category"},
               {ND_PREP_INDEX, "embedded category"}};
    const char *comma = " ";
    for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) {
        size_t n = kinds[row[k].kind];
        if (n > 0) {
            nd_text_printf(text, "%s%zu %s column%s", comma, n, row[k].name, plural(n));
            comma = ", ";
        }
    }
    if (kinds[ND_PREP_DROPPED] > 0) {
        nd_text_printf(text, "; %zu not used", kinds[ND_PREP_DROPPED]);
    }
    nd_text_puts(text, "\n");
}

/* What was asked for: with a row cache the weights themselves lie beside its rows. */
static void weights_line(nd_text *text, const nd_optset *set)
{
    const char *column = nd_opt_text(set, "weight"), *classes = nd_opt_text(set, "class_weights");
    bool by_class = strcmp(classes, "none") != 0 && classes[0] != '\0', by_row = column[0] != '\0';
    if (by_row) {
        nd_text_printf(text, "weights   column \"%s\"", column);
    }
    if (by_class) {
        nd_text_printf(text, "%s classes %s", by_row ? "," : "weights  ", classes);
    }
    nd_text_puts(text, by_row || by_class ? "\n" : "");
}

static void network_line(nd_text *text, const nd_desc *desc)
{
    size_t parameters = 0;
    nd_text_printf(text, "network   %zu", desc->n_in);
    for (size_t i = 0; i < desc->count; i++) {
        const nd_desc_layer *layer = desc->layer[i];
        for (size_t p = 0; p < layer->shape.params; p++) {
            parameters += layer->shape.param[p].rows * layer->shape.param[p].cols;
        }
        if (strcmp(layer->class->name, "dense") == 0) {
            nd_text_printf(text, " > %zu", layer->shape.out);
        } else if (layer->class->sequence) {
            nd_text_printf(text, " > %s %zu", layer->class->name, layer->shape.out);
        } else {
            nd_text_printf(text, " %s", layer->class->name);
        }
    }
    nd_text_printf(text, "; %zu parameters\n", parameters);
}

/* What was asked for, and is not off. */
static void regular_part(nd_text *text, const nd_setup *plan)
{
    const nd_setup_regular *r = &plan->regular;
    char number[ND_NUM_TEXT];
    const struct {
        const char *name;
        double value;
    } row[] = {
        {", l1 ", r->l1},
        {", l2 ", r->l2},
        {", max_norm ", r->max_norm},
        {", orthogonality ", r->orthogonality},
        {", clip_norm ", plan->clip_norm},
        {", clip_value ", r->clip_value},
        {", clip_layer_norm ", r->clip_layer_norm},
        {", clip_adaptive ", r->clip_adaptive},
        {", stop_gl ", r->gl},
        {", stop_pq ", r->pq},
        {", ema ", r->ema},
        {", swa from epoch ", (double)r->swa},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (row[i].value > 0) {
            nd_num_print(number, row[i].value);
            nd_text_printf(text, "%s%s", row[i].name, number);
        }
    }
}

static void training_line(nd_text *text, const nd_setup *plan)
{
    nd_text_printf(text, "training  %s, %s", plan->loss, plan->optimizer);
    real(text, " lr ", plan->lr);
    nd_text_printf(text, " %s", plan->schedule.class->name);
    if (plan->weight_decay > 0) {
        real(text, ", weight_decay ", plan->weight_decay);
    }
    regular_part(text, plan);
    if (plan->batch_size == 0) {
        nd_text_puts(text, ", all rows in one batch");
    } else {
        nd_text_printf(text, ", batches of %zu", plan->batch_size);
    }
    nd_text_printf(text, ", at most %ld epoch%s", plan->epochs, plural((size_t)plan->epochs));
    if (plan->patience > 0) {
        nd_text_printf(text, ", patience %ld", plan->patience);
    }
    nd_text_printf(text, "%s\n", plan->refit ? ", then refit with the validation rows" : "");
}

static void augment_line(nd_text *text, const nd_optset *set)
{
    const char *images = nd_opt_text(set, "augment");
    double alpha = nd_opt_real(set, "mixup");
    bool distorts = images[0] != '\0' && strcmp(images, "none") != 0;
    if (distorts) {
        nd_text_printf(text, "augment   %s", images);
    }
    if (alpha > 0) {
        real(text, distorts ? "; mixup " : "augment   mixup ", alpha);
    }
    nd_text_puts(text, distorts || alpha > 0 ? "\n" : "");
}

void nd_plan_threads(nd_text *text, int threads, size_t rows, const nd_setup *plan,
                     const nd_desc *desc)
{
    size_t batch = plan->batch_size == 0 || plan->batch_size > rows ? rows : plan->batch_size;
    int used = nd_desc_threads(desc, batch, threads);
    if (used == threads) {
        nd_text_printf(text, "threads   %d\n", used);
        return;
    }
    nd_text_printf(text, "threads   %d of %d: ", used, threads);
    real(text, "a step is ", nd_desc_work(desc, batch));
    nd_text_printf(text, " multiply-adds, too little to hand %s to another thread\n",
                   used > 1 ? "more" : "work");
}

void nd_plan_text(nd_text *text, const nd_config *config, const nd_table *table,
                  const nd_prep *prep, const nd_parts *parts, const nd_setup *plan,
                  const nd_desc *desc)
{
    nd_text_printf(text, "data      %s: %zu row%s, %zu columns\n", table->path, table->rows,
                   plural(table->rows), table->columns);
    task_line(text, prep);
    nd_text_puts(text, "split     ");
    part(text, "training", &parts->train, ", ");
    part(text, "validation", &parts->valid, ", ");
    part(text, prep->window ? "test windows" : "test rows", &parts->test, "");
    if (prep->window) {
        nd_text_puts(text, " (by time)\n");
    } else if (parts->told) {
        nd_text_puts(text, " (the file's own split)\n");
    } else {
        nd_text_printf(text, " (seed %llu)\n", (unsigned long long)plan->seed);
    }
    inputs_line(text, prep);
    weights_line(text, &config->set);
    network_line(text, desc);
    training_line(text, plan);
    augment_line(text, &config->set);
}
