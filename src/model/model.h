/* A model: network, preparation and training record; and its file. An ensemble has
 * several networks of one description, whose predictions are averaged. */
#ifndef ND_MODEL_MODEL_H
#define ND_MODEL_MODEL_H

#include "data/source.h"
#include "net/net.h"

struct nd_model {
    nd_ctx *ctx;
    nd_net *net;   /* owned; binary models have one logit. Of an ensemble the first member */
    nd_net **more; /* [mores] owned: the other members of an ensemble */
    size_t mores, more_room;
    size_t only;      /* predict with this member alone, from 1; 0: with all */
    nd_prep *prep;    /* owned */
    char *record;     /* JSON object: training record (settings, data, epochs, metrics); owned */
    nd_real *x, *p;   /* scratch of one batch for predictions; made on first use */
    char **deviation; /* [deviations] names of predicted deviations; NULL without them */
    size_t deviations;
    double *unit;  /* [3][outputs] nd_prep_units, for numbers; made on first use */
    nd_real *each; /* what each member of an ensemble predicts for it */
    size_t scratch_rows;
};

/* Takes over net, prep and record (also on failure). ND_ERR_SHAPE if the net
 * does not take what prep makes, or does not give what its task needs. */
nd_status nd_model_create(nd_ctx *ctx, nd_net *net, nd_prep *prep, char *record, nd_model **model);

/* Most members of an ensemble. */
enum { ND_MEMBERS_MAX = 1000 };

/* Member k of nd_model_members. */
nd_net *nd_model_member(const nd_model *model, size_t k);

/* Make the model an ensemble of one more: a network of the same description with these
 * blocks, of nd_net_size and nd_net_buffer_size elements, which are copied. */
nd_status nd_model_add_member(nd_model *model, const nd_real *parameters, const nd_real *buffers);

/* The same with a network that is there; takes it over, on failure too. */
nd_status nd_model_take_member(nd_model *model, nd_net *net);

/* Predict rows of a mapped table into y [count][nd_model_outputs]: rows[0..count),
 * or with rows NULL first..first+count. */
nd_status nd_model_predict_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                               size_t first, size_t count, nd_real *y);

/* The same with the sample deviation of each number over the members of an ensemble into
 * spread [count][nd_model_outputs]. ND_ERR_ARGUMENT for a model of one network. */
nd_status nd_model_spread_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, nd_real *y, nd_real *spread);

/* The same for a regression, with the precision that targets have in a table. */
nd_status nd_model_values_map(nd_model *model, const nd_prep_map *map, const uint32_t *rows,
                              size_t first, size_t count, double *y);

/* Predict the prepared rows of a source, and copy their labels into label
 * [rows][label_width].
 *   y      out  [rows][nd_model_outputs] of classes and labels; NULL for a regression
 *   value  out  the same of a regression; NULL for classes */
nd_status nd_model_predict_source(nd_model *model, const nd_source *source, nd_real *y,
                                  double *value, nd_real *label);

/* Load from memory; path is for messages only. verify false leaves the checksums
 * unread, for fuzzing what lies behind them. */
nd_status nd_model_parse(nd_ctx *ctx, const char *path, const char *bytes, size_t size, bool verify,
                         nd_model **model);

#endif
