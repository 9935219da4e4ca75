/* What every processor of the architecture has: SSE2 on x86-64, NEON on aarch64. */
#if defined(__aarch64__)
#define ND_ISA_NAME "neon"
#define ND_MR 8
#else
#define ND_ISA_NAME "plain"
#define ND_MR 6
#endif
#define ND_ISA nd_isa_plain
#define ND_VECTOR_BYTES 16
#include "kern/simd.h"
