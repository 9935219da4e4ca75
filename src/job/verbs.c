/* The table of verbs. */
#include <string.h>

#include "base/ctx.h"
#include "base/text.h"
#include "nadir.h"

static const nd_verb table[] = {
    {ND_VERB_TRAIN, "train", "[OPTION]... FILE",
     "train a network on a table or images, and measure it",
     "nadir train digits.csv --target digit -o digits.safetensors"},
    {ND_VERB_EVAL, "eval", "-m MODEL [OPTION]... FILE",
     "measure a model on rows that hold the target", "nadir eval -m digits.safetensors test.csv"},
    {ND_VERB_PREDICT, "predict", "-m MODEL [OPTION]... FILE",
     "predict rows of any number, written as CSV",
     "nadir predict -m digits.safetensors new.csv > out.csv"},
    {ND_VERB_INSPECT, "inspect", "[OPTION]... FILE", "show what is in a model file or a data file",
     "nadir inspect digits.safetensors"},
    {ND_VERB_CHECK, "check", "[OPTION]... FILE",
     "look for data that lies: leaks, repeated rows, outliers, ...",
     "nadir check train.csv --target price --test test.csv"},
    {ND_VERB_INIT, "init", "[OPTION]...", "write a config file with every setting explained",
     "nadir init > nadir.yaml"},
    {ND_VERB_LR_FIND, "lr-find", "[OPTION]... FILE",
     "look for a learning rate: train while it rises, see where the loss falls",
     "nadir lr-find digits.csv --target digit -o curve.csv"},
    {ND_VERB_AUGMENT, "augment", "[OPTION]... --preview FILE FILE",
     "show how images are distorted while training",
     "nadir augment train-images-idx3-ubyte --augment rotate=10,elastic=6:36 --preview sheet.png"},
    {ND_VERB_CV, "cv", "[OPTION]... FILE",
     "cross-validate: train on all folds but one, measure on that one, in turn",
     "nadir cv digits.csv --target digit --folds 10"},
    {ND_VERB_BENCH, "bench", "[OPTION]...",
     "measure this machine, and the share of it that training gets", "nadir bench --quick"},
};

enum { VERBS = sizeof table / sizeof table[0] };

const nd_verb *nd_verb_table(size_t *count)
{
    *count = VERBS;
    return table;
}

const nd_verb *nd_verb_find(nd_ctx *ctx, const char *name)
{
    const char *names[VERBS];
    for (size_t i = 0; i < VERBS; i++) {
        if (name && strcmp(name, table[i].name) == 0) {
            return &table[i];
        }
        names[i] = table[i].name;
    }
    if (!name) {
        return NULL;
    }
    const char *near = nd_nearest(name, names, VERBS);
    nd_fail(ctx, ND_ERR_ARGUMENT, "unknown verb '%s'%s%s%s", name, near ? "; did you mean '" : "",
            near ? near : "", near ? "'?" : "");
    return NULL;
}
