/* transforms: Winograd's, between M columns of a result and its products at the points.
 *
 *     y = A' [ (G w) * (B' x) ]        * by elements; ' the transpose
 *
 * input_transform is B', inverse_transform A', adjoint_transform A; G is transform_factor. The
 * points are 0, pairs +-p, and infinity; all that follows from them is exact in float.
 */
#ifndef KERNELS_TRANSFORMS_H
#define KERNELS_TRANSFORMS_H

#include "kernels-vectors.h"

enum { MOST_POINTS = 10, MOST_PAIRS = 4 };

/* The positive point of pair I: 1, 2, 1/2; of 10 points 1/2, 3/4, 5/4, 5/2. */
INLINE float positive_point(int points, int i)
{
    const float ten[] = {0.5f, 0.75f, 1.25f, 2.5f}, fewer[] = {1.0f, 2.0f, 0.5f};
    return points == MOST_POINTS ? ten[i] : fewer[i];
}

/* The product of x^2 - p^2 over the pairs +-p of 10 points, without pair SKIP: its coefficients,
 * from the highest power down. */
INLINE void product_of_pairs(float product[MOST_PAIRS + 1], int skip)
{
    product[0] = 1;
#pragma GCC unroll 4
    for (int j = 1; j <= MOST_PAIRS; j++)
        product[j] = 0;
#pragma GCC unroll 4
    for (int k = 0; k < MOST_PAIRS; k++) {
        const float p = positive_point(MOST_POINTS, k);
        if (k == skip)
            continue;
#pragma GCC unroll 4
        for (int j = MOST_PAIRS; j > 0; j--)
            product[j] -= product[j - 1] * (p * p);
    }
}

/* v = B' d of 10 points. A row of B' has the coefficients of a polynomial that is 0 at the other
 * points: at 0 and at infinity the product of all pairs, at p x(x+p) times that of the others. */
INLINE void input_transform_10(vec v[MOST_POINTS], const vec d[MOST_POINTS])
{
    float all[MOST_PAIRS + 1];
    product_of_pairs(all, -1);
    v[0] = d[8] + d[6] * all[1] + d[4] * all[2] + d[2] * all[3] + d[0] * all[4];
    v[9] = d[9] + d[7] * all[1] + d[5] * all[2] + d[3] * all[3] + d[1] * all[4];
#pragma GCC unroll 4
    for (int i = 0; i < MOST_PAIRS; i++) {
        const float p = positive_point(MOST_POINTS, i);
        float others[MOST_PAIRS + 1];
        vec even, odd;
        product_of_pairs(others, i);
        even = d[8] + d[6] * others[1] + d[4] * others[2] + d[2] * others[3];
        odd = d[7] + d[5] * others[1] + d[3] * others[2] + d[1] * others[3];
        v[2 * i + 1] = even + odd * p;
        v[2 * i + 2] = even - odd * p;
    }
}

/* v = B' d, POINTS (4, 6, 8, 10) of each. Up to 8 points are written in differences: equal columns
 * give exactly 0 but for the point 1, so that the results within a flat tile are equal to the last
 * bit. */
INLINE void input_transform(int points, vec v[MOST_POINTS], const vec d[MOST_POINTS])
{
    if (points == 4) {
        v[0] = d[0] - d[2];
        v[1] = d[2] + d[1];
        v[2] = d[2] - d[1];
        v[3] = d[3] - d[1];
    } else if (points == 6) {
        const vec a = d[4] - d[2], b = d[0] - d[2], p = d[3] - d[1], even = d[4] - d[2] * 4.0f,
                  odd = d[3] - d[1] * 4.0f;
        v[0] = b + a * 0.25f;
        v[1] = even + odd;
        v[2] = even - odd;
        v[3] = a + p * 2.0f;
        v[4] = a - p * 2.0f;
        v[5] = (d[5] - d[3]) - p * 4.0f;
    } else if (points == 8) {
        const vec a = d[2] - d[4], b = d[6] - d[4], p = d[1] - d[3], q = d[5] - d[3];
        const vec even1 = (d[2] + d[6]) - d[4] * 4.25f, odd1 = (d[1] + d[5]) - d[3] * 4.25f;
        const vec even2 = b + a * 0.25f, odd2 = p * 0.5f + q * 2.0f, even3 = b + a * 4.0f,
                  odd3 = p * 2.0f + q * 0.5f;
        v[0] = (d[0] - d[6]) - a * 5.25f;
        v[1] = even1 + odd1;
        v[2] = even1 - odd1;
        v[3] = even2 + odd2;
        v[4] = even2 - odd2;
        v[5] = even3 + odd3;
        v[6] = even3 - odd3;
        v[7] = (d[7] - d[1]) - q * 5.25f;
    } else {
        input_transform_10(v, d);
    }
}

/* The J-th power of the positive point of pair I. */
INLINE float point_power(int points, int i, int j)
{
    float power = 1;
#pragma GCC unroll 7
    for (; j > 0; j--)
        power *= positive_point(points, i);
    return power;
}

/* y = A' m, M columns of a result; m_point floats from one point to the next. */
INLINE void inverse_transform(int points, int M, vec y[8], const float *m, size_t m_point)
{
    vec p[MOST_POINTS], sum[MOST_PAIRS], difference[MOST_PAIRS];
    const int pairs = points / 2 - 1; /* 1 and -1, 2 and -2, ... */
#pragma GCC unroll 10
    for (int i = 0; i < points; i++)
        p[i] = *(const vec *)(m + i * m_point);
#pragma GCC unroll 4
    for (int i = 0; i < pairs; i++)
        sum[i] = p[2 * i + 1] + p[2 * i + 2], difference[i] = p[2 * i + 1] - p[2 * i + 2];
    y[0] = p[0] + sum[0];
#pragma GCC unroll 3
    for (int i = 1; i < pairs; i++)
        y[0] += sum[i];
#pragma GCC unroll 7
    for (int j = 1; j < M; j++) {
        y[j] = (j % 2 == 0 ? sum : difference)[0] * point_power(points, 0, j);
#pragma GCC unroll 3
        for (int i = 1; i < pairs; i++)
            y[j] += (j % 2 == 0 ? sum : difference)[i] * point_power(points, i, j);
    }
    y[M - 1] += p[points - 1];
}

/* Its adjoint, m = A y. */
INLINE void adjoint_transform(int points, int M, float *m, size_t m_point, const vec y[8])
{
    const int pairs = points / 2 - 1;
    vec even[MOST_PAIRS], odd[MOST_PAIRS];
#pragma GCC unroll 3
    for (int i = 0; i < pairs; i++) {
        even[i] = y[0];
        odd[i] = y[1] * point_power(points, i, 1);
#pragma GCC unroll 5
        for (int j = 2; j < M; j++)
            if (j % 2 == 0)
                even[i] += y[j] * point_power(points, i, j);
            else
                odd[i] += y[j] * point_power(points, i, j);
    }
    *(vec *)m = y[0];
#pragma GCC unroll 3
    for (int i = 0; i < pairs; i++) {
        *(vec *)(m + (2 * i + 1) * m_point) = even[i] + odd[i];
        *(vec *)(m + (2 * i + 2) * m_point) = even[i] - odd[i];
    }
    *(vec *)(m + (points - 1) * m_point) = y[M - 1];
}

/* G[i,s], of column s of a kernel at point i: a power of the point, over the product of its
 * distances from the other points. */
static inline double transform_factor(int points, int i, int s, int R)
{
    double point, factor = 1, distances;
    if (i == points - 1) /* infinity */
        return s == R - 1;
    point = i == 0   ? 0
        : i % 2 == 1 ? positive_point(points, i / 2)
                     : -positive_point(points, i / 2 - 1);
    distances = i == 0 ? 1 : 2 * point * point;
    for (int k = 0; k < points / 2 - 1; k++) {
        const double other = positive_point(points, k);
        if (i == 0 && points == MOST_POINTS) /* with fewer, input_transform has divided by it */
            distances *= other * other;
        else if (i > 0 && k != (i - 1) / 2)
            distances *= point * point - other * other;
    }
    for (; s > 0; s--)
        factor *= point;
    return factor / distances;
}

#endif
