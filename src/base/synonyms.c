#include "base/synonyms.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct synonym {
    const char *theirs, *ours;
} synonym;

/* Sources: the documentation of scikit-learn 1.5, PyTorch 2.3, Keras 3 and XGBoost 2.1. */
static const synonym table[] = {
    {"alpha", "l2"}, /* MLPClassifier */
    {"beta1", "optimizer_options"},
    {"beta2", "optimizer_options"},
    {"beta_1", "optimizer_options"},
    {"beta_2", "optimizer_options"},
    {"betas", "optimizer_options"},
    {"brightness", "augment"},
    {"clip_grad_norm", "clip_norm"},
    {"contrast", "augment"},
    {"cutout", "augment"},
    {"dropout_rate", "dropout"},
    {"early_stopping", "patience"},
    {"early_stopping_rounds", "patience"},
    {"elastic", "augment"},
    {"eps", "optimizer_options"},
    {"epsilon", "optimizer_options"},
    {"eta", "lr"},
    {"flip", "augment"},
    {"hidden_layer_sizes", "hidden"},
    {"hidden_layers", "hidden"},
    {"hidden_size", "hidden"},
    {"horizontal_flip", "augment"},
    {"initializer", "init"},
    {"k_fold", "folds"},
    {"kernel_initializer", "init"},
    {"kfold", "folds"},
    {"lambda", "l2"},
    {"learning_rate", "lr"},
    {"learning_rate_init", "lr"},
    {"lookback", "window"},
    {"lr_scheduler", "schedule"},
    {"max_epochs", "epochs"},
    {"max_grad_norm", "clip_norm"},
    {"max_iter", "epochs"},
    {"n_epochs", "epochs"},
    {"n_iter_no_change", "patience"},
    {"n_jobs", "threads"},
    {"n_repeats", "repeats"},
    {"n_splits", "folds"},
    {"num_epochs", "epochs"},
    {"num_workers", "threads"},
    {"output_dir", "output"},
    {"pretrained", "from"},
    {"random_seed", "seed"},
    {"random_state", "seed"},
    {"reg_alpha", "l1"},
    {"reg_lambda", "l2"},
    {"rho", "optimizer_options"},
    {"rotate", "augment"},
    {"rotation_range", "augment"},
    {"sample_weight", "weight"},
    {"scale_pos_weight", "class_weights"},
    {"scaler", "scaling"},
    {"shear", "augment"},
    {"shift", "augment"},
    {"sequence_length", "window"},
    {"solver", "optimizer"},
    {"swa_start", "swa"},
    {"test_size", "test"},
    {"test_split", "test"},
    {"tol", "min_delta"},
    {"units", "hidden"},
    {"val", "valid"},
    {"validation", "valid"},
    {"validation_fraction", "valid"},
    {"validation_split", "valid"},
    {"warm_start", "from"},
    {"warmup_epochs", "warmup"},
};

static bool same(const char *a, const char *b)
{
    for (; *a && (*a == '-' ? '_' : *a) == *b; a++, b++) {
    }
    return *a == *b;
}

const char *nd_synonym(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (same(name, table[i].theirs)) {
            return table[i].ours;
        }
    }
    return NULL;
}
