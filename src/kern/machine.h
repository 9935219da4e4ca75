/* What this machine can do at most, asked and measured. */
#ifndef ND_KERN_MACHINE_H
#define ND_KERN_MACHINE_H

#include <stddef.h>

#include "base/pool.h"
#include "nadir.h"

typedef struct nd_machine {
    char name[80]; /* of the processor; "" where the system does not say */
    const char *isa;
    size_t l2, l3; /* bytes; 0 where the system does not say */
} nd_machine;

void nd_machine_ask(nd_machine *machine);

/* Floating-point operations per second of the multiply-add units, all threads of
 * the pool at once (NULL: one): the best of several tries of about seconds each. One
 * thread is timed by its processor time, several by the clock. */
double nd_machine_flops(nd_pool *pool, double seconds);

/* Bytes per second that the threads read from arrays of n elements each, which lie
 * one after the other in x; likewise the best of several tries. */
double nd_machine_read(nd_pool *pool, const nd_real *x, size_t n, double seconds);

/* Bytes per second read and written when the arrays are changed in place. */
double nd_machine_change(nd_pool *pool, nd_real *x, size_t n, double seconds);

#endif
