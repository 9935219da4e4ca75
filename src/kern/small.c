#include "kern/small.h"

#include "kern/isa.h"

const nd_isa *nd_small_kernels(void)
{
    return nd_isa_at(0);
}

void nd_small_forward(const nd_isa *isa, const nd_small_dense *d, size_t rows, const nd_real *x,
                      nd_real *y)
{
    isa->small_forward(d, rows, x, y);
}

void nd_small_turn(const nd_isa *isa, const nd_small_dense *d)
{
    isa->small_turn(d);
}

void nd_small_gw(const nd_isa *isa, const nd_small_dense *d, size_t rows, const nd_real *x,
                 const nd_real *gz, nd_real *gw, nd_real *gb, bool add)
{
    isa->small_gw(d, rows, x, gz, gw, gb, add);
}

void nd_small_gx(const nd_isa *isa, const nd_small_dense *d, size_t rows, const nd_real *x,
                 const nd_real *gz, nd_real *gx)
{
    isa->small_gx(d, rows, x, gz, gx);
}

double nd_small_chain(const nd_isa *isa, const nd_small_pass *pass)
{
    return isa->chain_pass(pass);
}
