/* vectors: what every kernels-X.c is written with, GCC's vector extensions at the native width.
 *
 * The Makefile compiles each kernels-X.c once for each instruction set, with -ffp-contract=fast:
 * acc += w*x is then one instruction where there is one. An element of a result is summed in an
 * order that the equations in kernels.h fix and the width of a vector does not change, so that AVX2
 * and AVX-512 give the same bytes.
 */
#ifndef KERNELS_VECTORS_H
#define KERNELS_VECTORS_H

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

/* A tile of conv has up to TILE_COLS columns, one of conv_dw TILE_RUN rows of the window, one of
 * sparse_sum SPARSE_TILE vectors: as many sums as the registers hold. */
#if defined(__AVX512F__)
enum { LANES = 16, TILE_COLS = 10, TILE_RUN = 24, SPARSE_TILE = 25 }; /* 32 registers */
#define KERNELS(subject) kernels_##subject##_avx512
#define ISA "avx512"
#define LANE_NUMBERS                                         \
    {                                                        \
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 \
    }
#elif defined(__AVX2__) && defined(__FMA__)
enum { LANES = 8, TILE_COLS = 6, TILE_RUN = 12, SPARSE_TILE = 12 }; /* 16 registers */
#define KERNELS(subject) kernels_##subject##_avx2
#define ISA "avx2"
#define LANE_NUMBERS           \
    {                          \
        0, 1, 2, 3, 4, 5, 6, 7 \
    }
#else
enum { LANES = 4, TILE_COLS = 6, TILE_RUN = 12, SPARSE_TILE = 12 };
#define KERNELS(subject) kernels_##subject##_base
#define ISA "base"
#define LANE_NUMBERS \
    {                \
        0, 1, 2, 3   \
    }
#endif

/* The functions of the table, by subject; declared by its types: kernels_conv_avx2 and so on. */
#define EACH_CONV(DO) DO(conv) DO(conv_dw) DO(conv_dot)
#define EACH_WINOGRAD(DO) DO(winograd) DO(winograd_pack) DO(winograd_fold)
#define EACH_SPARSE(DO) DO(sparse_list) DO(sparse_sum)
#define EACH_NORM(DO) DO(norm_sums) DO(norm_relu_pool) DO(norm_gradient_sums) DO(norm_gradient)
#define EACH_LOSS(DO) DO(sigmoid) DO(bce) DO(mse) DO(noise)
#define EACH_KERNEL(DO) EACH_CONV(DO) EACH_WINOGRAD(DO) EACH_SPARSE(DO) EACH_NORM(DO) EACH_LOSS(DO)
#define DECLARE(name) extern __typeof__(*((const struct kernels *)0)->name) KERNELS(name);
EACH_KERNEL(DECLARE)
extern const struct kernels KERNELS(table);

typedef float vec __attribute__((vector_size(4 * LANES), may_alias));
typedef float vec_unaligned __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), may_alias));
typedef uint8_t bvec_unaligned __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint16_t half_ivec __attribute__((vector_size(2 * LANES)));
typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
typedef double dvec __attribute__((vector_size(4 * LANES), may_alias)); /* LANES/2 of them */

#define INLINE static inline __attribute__((always_inline))

/* In a switch: one of the sizes that a kernel is compiled for. */
#define CASE(size, call) \
    case size:           \
        call;            \
        break

/* A value used more than once, which the compiler would rather load again each time: most loads
 * here cross cache lines. */
#if defined(__x86_64__)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) (void)(v)
#endif

INLINE vec load(const float *p)
{
    return *(const vec_unaligned *)p;
}
INLINE void store(float *p, vec v)
{
    *(vec_unaligned *)p = v;
}
INLINE vec select(ivec mask, vec a, vec b)
{
    return (vec)((mask & (ivec)a) | (~mask & (ivec)b));
}

/* In two steps, for which there are instructions: gcc splits a single one into elements. */
INLINE ivec widen(const uint8_t *p)
{
    return (ivec) __builtin_convertvector(
        __builtin_convertvector(*(const bvec_unaligned *)p, half_ivec), uvec);
}

INLINE bvec_unaligned to_bytes(ivec v)
{
#if defined(__AVX512F__) /* which has one */
    return __builtin_convertvector(v, bvec_unaligned);
#else
    return __builtin_convertvector(__builtin_convertvector(v, half_ivec), bvec_unaligned);
#endif
}

/* The first N of LANES elements of SIZE bytes, N < LANES: by halves of a vector, quarters and so
 * on, as N in binary says. */
INLINE void copy_part(void *to, const void *from, int n, size_t size)
{
    char *p = to;
    const char *q = from;
#pragma GCC unroll 4
    for (int part = LANES / 2; part > 0; part /= 2)
        if (n & part) {
            memcpy(p, q, part * size);
            p += part * size, q += part * size;
        }
}

/* The first N lanes only. */
INLINE void store_part(float *p, vec v, int n)
{
    if (n >= LANES)
        store(p, v);
    else
        copy_part(p, &v, n, sizeof *p);
}

/* N lanes, the others 0. */
INLINE vec load_part(const float *p, int n)
{
    vec v = {0};
    if (n >= LANES)
        return load(p);
    copy_part(&v, p, n, sizeof *p);
    return v;
}

/* max(v, 0) of four positions in row-major order and, unless argmax is NULL, which it was: the
 * first on ties. N lanes are real. */
INLINE void pool(float *y, uint8_t *argmax, vec v0, vec v1, vec v2, vec v3, int n)
{
    const vec zero = {0};
    vec best = v0;
    ivec where = {0}, better, live;
    bvec_unaligned bytes;
    if (argmax == NULL) {
        best = select(v1 > best, v1, best);
        best = select(v2 > best, v2, best);
        best = select(v3 > best, v3, best);
        store_part(y, select(best > zero, best, zero), n);
        return;
    }
    better = v1 > best;
    best = select(better, v1, best);
    where = (better & 1) | (~better & where);
    better = v2 > best;
    best = select(better, v2, best);
    where = (better & 2) | (~better & where);
    better = v3 > best;
    best = select(better, v3, best);
    where = (better & 3) | (~better & where);
    live = best > zero;
    where = (live & where) | (~live & KERNELS_DEAD);
    store_part(y, select(live, best, zero), n);
    bytes = to_bytes(where);
    if (n >= LANES)
        *(bvec_unaligned *)argmax = bytes;
    else
        copy_part(argmax, &bytes, n, 1);
}

/* Which of four positions each of LANES channels took, of which N are real: argmax behind them may
 * be another thread's. */
INLINE ivec taken(const uint8_t *argmax, int n)
{
    uint8_t all[LANES];
    if (n >= LANES)
        return widen(argmax);
    memset(all, KERNELS_DEAD, sizeof all);
    memcpy(all, argmax, (size_t)n);
    return widen(all);
}

typedef float half_vec __attribute__((vector_size(2 * LANES)));

INLINE void to_double(dvec wide[2], vec v)
{
    half_vec parts[2];
    memcpy(parts, &v, sizeof parts);
    wide[0] = __builtin_convertvector(parts[0], dvec);
    wide[1] = __builtin_convertvector(parts[1], dvec);
}

/* sum[i] += v[i] in double, LANES of them. */
INLINE void add_double(dvec sum[2], vec v)
{
    dvec wide[2];
    to_double(wide, v);
    sum[0] += wide[0];
    sum[1] += wide[1];
}

INLINE vec absolute(vec a)
{
    return (vec)((ivec)a & 0x7fffffff);
}

/* log(1+u), u in [0, 1]: 2 atanh(s), s = u/(2+u) <= 1/3, by its series. */
INLINE vec log1p_series(vec s)
{
    const vec s2 = s * s;
    vec p = s2 * (1.0f / 15) + 1.0f / 13;
    p = p * s2 + 1.0f / 11;
    p = p * s2 + 1.0f / 9;
    p = p * s2 + 1.0f / 7;
    p = p * s2 + 1.0f / 5;
    p = p * s2 + 1.0f / 3;
    return (p * s2 * s + s) * 2.0f;
}

#endif
