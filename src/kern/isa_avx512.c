#if defined(__x86_64__)
#define ND_ISA_NAME "avx512"
#define ND_ISA nd_isa_avx512
#define ND_VECTOR_BYTES 64
#define ND_MR 12
#include "kern/simd.h"
#else
typedef int nd_isa_avx512_is_for_x86;
#endif
