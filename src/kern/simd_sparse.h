/* Products with rows that mostly hold one value, the base: elements that are another are listed
 * first, less the base, then each adds its multiple of a row of the other matrix. Lists lie on
 * the stack, in portions. */
#ifndef ND_KERN_SIMD_SPARSE_H
#define ND_KERN_SIMD_SPARSE_H

#include "kern/simd_map.h"
#include "kern/simd_pack.h"
#include "kern/sparse.h"

typedef nd_real sparse_vec
    __attribute__((vector_size(ND_VECTOR_BYTES), aligned(__alignof__(nd_real)), may_alias));

enum {
    SPARSE_VL = ND_VECTOR_BYTES / sizeof(nd_real),
    SPARSE_WIDTH = 8 * SPARSE_VL,     /* columns at a time */
    SPARSE_INPUTS = 512,              /* inputs listed at a time (forward) */
    SPARSE_BATCH = 16,                /* rows listed at a time (forward) */
    SPARSE_LINES = ND_SPARSE_COLUMNS, /* inputs listed at a time (weight gradient) */
    SPARSE_ROWS = 128                 /* rows listed at a time (weight gradient) */
};

/* Elements that are not the base: value less the base, and place in the row or column they come from. */
typedef struct sparse_list {
    size_t count;
    const uint16_t *at;
    const nd_real *value;
} sparse_list;

/* c = start + (sum over the list of value * row `at` of b), nv vectors wide; nv is a
 * constant where this is inlined. start NULL is zero; it may be c. The sum is complete
 * before start is added: the same bits as a sum elsewhere that is added later. */
static inline __attribute__((always_inline)) void sparse_sum(size_t nv, sparse_list list,
                                                             const nd_real *b, size_t ldb,
                                                             const nd_real *start, nd_real *c)
{
    sparse_vec total[8];
#pragma GCC unroll 8
    for (size_t j = 0; j < nv; j++) {
        total[j] = (sparse_vec){0};
    }
    for (size_t i = 0; i < list.count; i++) {
        const nd_real *row = b + list.at[i] * ldb, value = list.value[i];
#pragma GCC unroll 8
        for (size_t j = 0; j < nv; j++) {
            total[j] += value * *(const sparse_vec *)(row + j * SPARSE_VL);
        }
    }
#pragma GCC unroll 8
    for (size_t j = 0; j < nv; j++) {
        total[j] += start ? *(const sparse_vec *)(start + j * SPARSE_VL) : (sparse_vec){0};
        *(sparse_vec *)(c + j * SPARSE_VL) = total[j];
    }
}

/* The same for n < SPARSE_VL columns. */
static void sparse_rest(size_t n, sparse_list list, const nd_real *b, size_t ldb,
                        const nd_real *start, nd_real *c)
{
    nd_real total[SPARSE_VL] = {0};
    for (size_t i = 0; i < list.count; i++) {
        for (size_t j = 0; j < n; j++) {
            total[j] += list.value[i] * b[list.at[i] * ldb + j];
        }
    }
    for (size_t j = 0; j < n; j++) {
        c[j] = total[j] + (start ? start[j] : 0);
    }
}

/* Columns done in one go out of n. */
static size_t sparse_width(size_t n)
{
    size_t width = SPARSE_WIDTH;
    while (width > n && width > SPARSE_VL) {
        width /= 2;
    }
    return n < width ? n : width;
}

static void sparse_columns(size_t n, sparse_list list, const nd_real *b, size_t ldb,
                           const nd_real *start, nd_real *c)
{
    switch (n / SPARSE_VL) {
    case 8:
        sparse_sum(8, list, b, ldb, start, c);
        break;
    case 4:
        sparse_sum(4, list, b, ldb, start, c);
        break;
    case 2:
        sparse_sum(2, list, b, ldb, start, c);
        break;
    case 1:
        sparse_sum(1, list, b, ldb, start, c);
        break;
    default:
        sparse_rest(n, list, b, ldb, start, c);
    }
}

/* Bit i is set where x[i] is not the base, for a whole vector. */
static inline unsigned sparse_mask(const nd_real *x, nd_real base)
{
#if defined(__AVX2__) && ND_VECTOR_BYTES == 32 && !defined(ND_REAL_DOUBLE)
    const __m256 v = _mm256_loadu_ps(x);
    return (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(v, _mm256_set1_ps(base), _CMP_NEQ_UQ));
#else
    unsigned mask = 0;
    for (unsigned i = 0; i < SPARSE_VL; i++) {
        mask |= (unsigned)(x[i] != base) << i;
    }
    return mask;
#endif
}

#if defined(__AVX2__) && ND_VECTOR_BYTES == 32 && !defined(ND_REAL_DOUBLE)

/* Byte k of entry m is the place of the k-th bit that is set in m. */
#define ND_BIT(m, b) \
    ((uint64_t)((m) >> (b)&1) * (b) << 8 * __builtin_popcount((m) & ((1 << (b)) - 1)))
#define ND_BITS_1(m)                                                                           \
    (ND_BIT(m, 1) | ND_BIT(m, 2) | ND_BIT(m, 3) | ND_BIT(m, 4) | ND_BIT(m, 5) | ND_BIT(m, 6) | \
     ND_BIT(m, 7))
#define ND_BITS_4(m) ND_BITS_1(m), ND_BITS_1((m) + 1), ND_BITS_1((m) + 2), ND_BITS_1((m) + 3)
#define ND_BITS_16(m) ND_BITS_4(m), ND_BITS_4((m) + 4), ND_BITS_4((m) + 8), ND_BITS_4((m) + 12)
#define ND_BITS_64(m) \
    ND_BITS_16(m), ND_BITS_16((m) + 16), ND_BITS_16((m) + 32), ND_BITS_16((m) + 48)
static const uint64_t sparse_places[256] = {ND_BITS_64(0), ND_BITS_64(64), ND_BITS_64(128),
                                            ND_BITS_64(192)};

/* The elements of a vector that are not the base, put together; writes whole vectors. */
static inline size_t sparse_compress(size_t place, const nd_real *x, nd_real base, uint16_t *at,
                                     nd_real *value)
{
    unsigned mask = sparse_mask(x, base);
    __m128i bytes = _mm_cvtsi64_si128((long long)sparse_places[mask]);
    __m128i places = _mm_add_epi16(_mm_cvtepu8_epi16(bytes), _mm_set1_epi16((short)place));
    _mm_storeu_si128((__m128i *)(void *)at, places);
    __m256 less = _mm256_sub_ps(_mm256_loadu_ps(x), _mm256_set1_ps(base));
    _mm256_storeu_ps(value, _mm256_permutevar8x32_ps(less, _mm256_cvtepu8_epi32(bytes)));
    return (size_t)__builtin_popcount(mask);
}

#else

static inline size_t sparse_compress(size_t place, const nd_real *x, nd_real base, uint16_t *at,
                                     nd_real *value)
{
    size_t count = 0;
    for (size_t i = 0; i < SPARSE_VL; i++) {
        at[count] = (uint16_t)(place + i);
        value[count] = x[i] - base;
        count += x[i] != base;
    }
    return count;
}

#endif

/* List the elements of x[n]; at and value have room for n and a vector more. */
static size_t sparse_collect(size_t n, const nd_real *x, nd_real base, uint16_t *at, nd_real *value)
{
    size_t count = 0, i = 0;
    for (; i + SPARSE_VL <= n; i += SPARSE_VL) {
        count += sparse_compress(i, x + i, base, at + count, value + count);
    }
    for (; i < n; i++) {
        at[count] = (uint16_t)i;
        value[count] = x[i] - base;
        count += x[i] != base;
    }
    return count;
}

/* c[rows][width] is a copy of columns that would lie apart, and fight for the same
 * places of the cache. */
static void sparse_pack(size_t rows, size_t width, const nd_real *b, size_t ldb, nd_real *c)
{
    for (size_t r = 0; r < rows; r++, b += ldb, c += width) {
        size_t j = 0;
        for (; j + SPARSE_VL <= width; j += SPARSE_VL) {
            *(sparse_vec *)(c + j) = *(const sparse_vec *)(b + j);
            __asm__ volatile("" ::: "memory"); /* no string instruction, which is far slower */
        }
        for (; j < width; j++) {
            c[j] = b[j];
        }
    }
}

/* Lists of the rows of a batch. */
typedef struct sparse_batch {
    size_t count[SPARSE_BATCH];
    uint16_t at[SPARSE_BATCH][SPARSE_INPUTS + SPARSE_VL];
    nd_real value[SPARSE_BATCH][SPARSE_INPUTS + SPARSE_VL];
} sparse_batch;

/* What inputs first .. first + n - 1 add to the rows of a batch. All rows go through a
 * few columns before the next: the weights of these stay in the second cache. */
static void sparse_add(const nd_small_dense *d, const sparse_batch *lists, size_t rows,
                       size_t first, nd_real *y)
{
    for (size_t j = 0, width; j < d->out; j += width) {
        width = sparse_width(d->out - j);
        const nd_real *bias = d->bias ? d->bias + j : NULL;
        const nd_real *weight = d->weight + first * d->out + j;
        for (size_t r = 0; r < rows; r++) {
            sparse_list list = {lists->count[r], lists->at[r], lists->value[r]};
            nd_real *c = y + r * d->out + j;
            sparse_columns(width, list, weight, d->out, first > 0 ? c : bias, c);
        }
    }
}

static void sparse_forward(const nd_small_dense *d, nd_real base, size_t rows, const nd_real *x,
                           nd_real *y)
{
    sparse_batch lists;
    for (size_t r = 0; r < rows; r += SPARSE_BATCH) {
        size_t count = rows - r < SPARSE_BATCH ? rows - r : SPARSE_BATCH;
        for (size_t first = 0; first < d->in; first += SPARSE_INPUTS) {
            size_t n = d->in - first < SPARSE_INPUTS ? d->in - first : SPARSE_INPUTS;
            for (size_t i = 0; i < count; i++) {
                lists.count[i] = sparse_collect(n, x + (r + i) * d->in + first, base, lists.at[i],
                                                lists.value[i]);
            }
            sparse_add(d, &lists, count, first, y + r * d->out);
        }
    }
    if (d->act != ND_ACT_NONE) {
        act_map(d->act, d->slope, rows * d->out, y, y);
    }
}

/* Lists of the columns of a batch, from its transposed rows. */
typedef struct sparse_lines {
    size_t count[SPARSE_LINES];
    _Alignas(64) nd_real turned[SPARSE_LINES * SPARSE_ROWS];
    uint16_t at[SPARSE_LINES][SPARSE_ROWS + SPARSE_VL];
    nd_real value[SPARSE_LINES][SPARSE_ROWS + SPARSE_VL];
} sparse_lines;

static void sparse_turn(size_t rows, size_t n, const nd_real *x, size_t step, nd_real base,
                        sparse_lines *lines)
{
    turn(n, rows, x, step, lines->turned, SPARSE_ROWS);
    for (size_t i = 0; i < n; i++) {
        lines->count[i] = sparse_collect(rows, lines->turned + i * SPARSE_ROWS, base, lines->at[i],
                                         lines->value[i]);
    }
}

/* Rows first .. first + n - 1 of gw, n <= SPARSE_LINES. */
static void sparse_gw(const nd_small_dense *d, nd_real base, const nd_real *start, size_t first,
                      size_t n, size_t rows, const nd_real *x, const nd_real *gz, nd_real *gw,
                      bool add)
{
    sparse_lines lines;
    _Alignas(64) nd_real block[SPARSE_ROWS * SPARSE_WIDTH];
    for (size_t r = 0; r < rows; r += SPARSE_ROWS) {
        size_t count = rows - r < SPARSE_ROWS ? rows - r : SPARSE_ROWS;
        sparse_turn(count, n, x + r * d->in + first, d->in, base, &lines);
        for (size_t j = 0, width; j < d->out; j += width) {
            width = sparse_width(d->out - j);
            const nd_real *from = start ? start + j : NULL;
            sparse_pack(count, width, gz + r * d->out + j, d->out, block);
            for (size_t i = 0; i < n; i++) {
                sparse_list list = {lines.count[i], lines.at[i], lines.value[i]};
                nd_real *c = gw + (first + i) * d->out + j;
                sparse_columns(width, list, block, width, add || r > 0 ? c : from, c);
            }
        }
    }
}

static size_t count_other(size_t n, nd_real base, const nd_real *x)
{
    size_t count = 0, i = 0;
    for (; i + SPARSE_VL <= n; i += SPARSE_VL) {
        count += (size_t)__builtin_popcount(sparse_mask(x + i, base));
    }
    for (; i < n; i++) {
        count += x[i] != base;
    }
    return count;
}

#endif
