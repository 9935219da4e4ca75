#include "kern/isa.h"

/* A pure question to the processor, a few loads: nothing is kept. The answers are there
 * before any constructor of the program runs. */
const nd_isa *nd_isa_at(size_t i)
{
#if defined(__x86_64__)
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (avx512 && i-- == 0) {
        return &nd_isa_avx512;
    }
    if (avx2 && i-- == 0) {
        return &nd_isa_avx2;
    }
#endif
    return i == 0 ? &nd_isa_plain : NULL;
}

const char *nd_kern_isa(void)
{
    return nd_isa_at(0)->name;
}
