/* Orthogonal; lsuv.c then scales it on a batch. */
#include "net/init.h"

const nd_init_class nd_init_lsuv_class = {
    .name = "lsuv",
    .formula = "orthogonal, then scaled until the sums have variance 1 over a batch",
    .source = "Mishkin & Matas 2016, algorithm 1",
    .fill = nd_init_orthonormal,
};
