/* loss: the sigmoid and the losses, by polynomials. */
#include "kernels-vectors.h"

/* 2^n for integers n in [-126, 127] */
INLINE vec power2(vec n)
{
    return (vec)((__builtin_convertvector(n, ivec) + 127) << 23);
}

/* exp(-a), a in [0, 87] (larger counts as 87): 2^n * exp(r), |r| <= ln2/2; about 1 ulp. */
INLINE vec exp_negative(vec a)
{
    const vec limit = (vec){0} + 87.0f;
    const vec big = (vec){0} + 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    vec n, r, p;
    a = select(a > limit, limit, a);
    n = (a * -1.44269504f + big) - big;
    r = -a - n * 0.693145752f; /* ln 2 in two parts; the first has 15 bits */
    r = r - n * 1.42860677e-6f;
    p = r * 1.98756915e-4f + 1.39819995e-3f;
    p = p * r + 8.33345205e-3f;
    p = p * r + 4.16657962e-2f;
    p = p * r + 1.66666657e-1f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    return (p + 1.0f) * power2(n);
}

INLINE vec sigmoid_of(vec a, vec e) /* e = exp(-|a|) */
{
    const vec up = 1.0f / (e + 1.0f);
    return select(a >= (vec){0}, up, e * up);
}

INLINE vec sigmoid_vec(vec a)
{
    return sigmoid_of(a, exp_negative(absolute(a)));
}

void KERNELS(sigmoid)(float *y, const float *a, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(y + i, sigmoid_vec(load(a + i)));
    store_part(y + i, sigmoid_vec(load_part(a + i, (int)(n - i))), (int)(n - i));
}

enum {
    SUMS = 16,
    SUM_VECTORS = 2 * SUMS / LANES
}; /* partial sums of a loss: element i goes to sum i % SUMS, whatever the width */

/* The first N of them. */
static double fold_sums(double total, const dvec *sum, int n)
{
    for (int i = 0; i < n; i++)
        total += ((const double *)sum)[i];
    return total;
}

/* SUMS elements; d as a store is optional to the caller. */
INLINE void bce_part(float *d, dvec *sum, const float *a, const float *t, float scale)
{
#pragma GCC unroll 4
    for (int l = 0; l < SUMS; l += LANES) {
        const vec va = load(a + l), vt = load(t + l), zero = {0}, limit = zero + KERNELS_CLIP,
                  size = absolute(va);
        const ivec clipped = size > limit;
        const vec e = exp_negative(size), u = select(clipped, zero + 1.0000001e-7f, e);
        const vec both = 1.0f / ((e + 1.0f) * (u + 2.0f)),
                  up = both * (u + 2.0f); /* one division for 1/(1+e) and 1/(2+u) */
        const vec y = select(va >= zero, up, e * up),
                  z = select(clipped, select(va >= zero, limit, -limit), va);
        add_double(sum + 2 * l / LANES,
                   select(z > zero, z, zero) - z * vt + log1p_series(u * (both * (e + 1.0f))));
        store(d + l, select(clipped, zero, (y - vt) * scale));
    }
}

double KERNELS(bce)(float *d, const float *a, const float *t, size_t n, float scale)
{
    dvec sum[SUM_VECTORS] = {0}, rest[SUM_VECTORS] = {0};
    float unused[SUMS], pa[SUMS] = {0}, pt[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        bce_part(d == NULL ? unused : d + i, sum, a + i, t + i, scale);
    memcpy(pa, a + i, (n - i) * sizeof *a);
    memcpy(pt, t + i, (n - i) * sizeof *t);
    bce_part(unused, rest, pa, pt, scale);
    if (d != NULL)
        memcpy(d + i, unused, (n - i) * sizeof *d);
    return fold_sums(fold_sums(0, sum, SUMS), rest, (int)(n - i));
}

/* SUMS elements. */
INLINE void mse_part(float *d, dvec *sum, const float *y, const float *t, float scale)
{
#pragma GCC unroll 4
    for (int l = 0; l < SUMS; l += LANES) {
        const vec e = load(y + l) - load(t + l);
        dvec wide[2];
        to_double(wide, e);
        sum[2 * l / LANES] += wide[0] * wide[0];
        sum[2 * l / LANES + 1] += wide[1] * wide[1];
        store(d + l, e * 2.0f * scale);
    }
}

double KERNELS(mse)(float *d, const float *y, const float *t, size_t n, float scale)
{
    dvec sum[SUM_VECTORS] = {0};
    float unused[SUMS], py[SUMS] = {0}, pt[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        mse_part(d == NULL ? unused : d + i, sum, y + i, t + i, scale);
    memcpy(py, y + i, (n - i) * sizeof *y);
    memcpy(pt, t + i, (n - i) * sizeof *t);
    mse_part(unused, sum, py, pt, scale); /* behind the end 0 - 0 adds nothing */
    if (d != NULL)
        memcpy(d + i, unused, (n - i) * sizeof *d);
    return fold_sums(0, sum, SUMS);
}
