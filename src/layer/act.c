#include "layer/layer.h"

nd_status nd_layer_act_shape(nd_layer_shape *shape, nd_act act, double slope)
{
    shape->out = shape->in[0];
    shape->act = act;
    shape->slope = slope;
    shape->back_needs_y = nd_act_from_result(act);
    shape->back_needs_x = !shape->back_needs_y;
    return ND_OK;
}

void nd_layer_act_forward(const nd_layer_io *io)
{
    const nd_layer_shape *shape = io->shape;
    nd_k_act(io->pool, shape->act, (nd_real)shape->slope, io->rows * shape->out, io->x[0], io->y);
}

void nd_layer_act_backward(const nd_layer_io *io)
{
    const nd_layer_shape *shape = io->shape;
    const nd_real *from = shape->back_needs_y ? io->y : io->x[0];
    if (io->gx[0]) {
        nd_k_act_back(io->pool, shape->act, (nd_real)shape->slope, io->rows * shape->out, from,
                      io->gy, io->gx[0]);
    }
}
