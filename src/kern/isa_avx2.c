#if defined(__x86_64__)
#define ND_ISA_NAME "avx2"
#define ND_ISA nd_isa_avx2
#define ND_VECTOR_BYTES 32
#define ND_MR 6
#include "kern/simd.h"
#else
typedef int nd_isa_avx2_is_for_x86;
#endif
