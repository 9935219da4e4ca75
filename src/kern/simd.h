/* All kernels of one instruction set, compiled into the one table ND_ISA. The
 * including file defines ND_ISA, ND_ISA_NAME, ND_VECTOR_BYTES and ND_MR. Loops are
 * written so that the compiler vectorizes them; the matrix product uses vector
 * types itself. */
#ifndef ND_KERN_SIMD_H
#define ND_KERN_SIMD_H

#include "kern/isa.h"
#include "kern/simd_math.h"

#include "kern/simd_chain.h"
#include "kern/simd_columns.h"
#include "kern/simd_gemm.h"
#include "kern/simd_map.h"
#include "kern/simd_noise.h"
#include "kern/simd_norm.h"
#include "kern/simd_probe.h"
#include "kern/simd_reduce.h"
#include "kern/simd_rows.h"
#include "kern/simd_small.h"
#include "kern/simd_sparse.h"
#include "kern/simd_update.h"
#include "kern/simd_warp.h"

const nd_isa ND_ISA = {
    .name = ND_ISA_NAME,
    .depth = DEEP,
    .gemm = gemm,
    .gemm_left = gemm_left,
    .act = act_map,
    .act_back = act_back_map,
    .bias = bias_map,
    .add = add_map,
    .bytes = bytes_map,
    .scale = scale_map,
    .axpy = axpy_map,
    .exp = exp_map,
    .mask = mask_map,
    .noise = noise_map,
    .warp_noise = warp_noise,
    .warp_places = warp_places,
    .warp_blend = warp_blend,
    .norm_rows = norm_rows,
    .norm_rows_sums = norm_rows_sums,
    .norm_rows_back = norm_rows_back,
    .norm_columns = norm_columns,
    .norm_columns_back = norm_columns_back,
    .sum = sum,
    .dot = dot,
    .finite = all_finite,
    .max_abs = max_abs,
    .column_sums = column_sums,
    .column_moments = column_moments,
    .column_squares = column_squares,
    .shrink_columns = shrink_columns,
    .softmax = softmax,
    .softmax_cross_entropy = softmax_cross_entropy,
    .sigmoid_cross_entropy = sigmoid_cross_entropy,
    .squared_error = squared_error,
    .sgd = sgd,
    .momentum = momentum,
    .adam = adam,
    .update = update,
    .follow = follow,
    .look_ahead = look_ahead,
    .small_forward = small_forward,
    .small_turn = small_turn,
    .small_gw = small_gw,
    .small_gx = small_gx,
    .chain_pass = chain_pass,
    .sparse_forward = sparse_forward,
    .sparse_gw = sparse_gw,
    .count_other = count_other,
    .probe_fma = probe_fma,
    .probe_read = probe_read,
};

#endif
