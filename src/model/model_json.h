/* The JSON texts inside a model file: the network's description and the
 * preparation. docs/model-file.md is the format for its readers. */
#ifndef ND_MODEL_MODEL_JSON_H
#define ND_MODEL_MODEL_JSON_H

#include "model/json.h"
#include "model/model.h"

/* Bytes of memory that reading may still take for parts whose text is much
 * shorter than what they become. Begins near the size of the file (the copy of
 * the text takes as much again); a file that asks for more holds a hostile
 * header, not a model. */
typedef size_t nd_budget;

/* Take cost from the budget, or fail. */
bool nd_budget_take(nd_json *json, nd_budget *budget, size_t cost);

void nd_desc_put_json(const nd_desc *desc, const nd_loss *loss, nd_text *out);

/* ND_ERR_FORMAT, ND_ERR_MEMORY; *desc is then NULL. */
nd_status nd_desc_read_json(nd_ctx *ctx, const char *path, const char *text, nd_budget *budget,
                            nd_desc **desc, nd_loss *loss);

void nd_prep_put_json(const nd_prep *prep, nd_text *out);

/* Everything that nd_prep_features and nd_prep_labels rely on is checked.
 * ND_ERR_FORMAT, ND_ERR_MEMORY; *prep is then NULL. */
nd_status nd_prep_read_json(nd_ctx *ctx, const char *path, const char *text, nd_budget *budget,
                            nd_prep **prep);

#endif
