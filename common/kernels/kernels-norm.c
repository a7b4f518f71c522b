/* norm: batch normalisation, sums in double. */
#include "kernels-vectors.h"

INLINE void add_part(double *total, const dvec sum[2], int n)
{
    for (int l = 0; l < LANES && l < n; l++)
        total[l] += sum[l / (LANES / 2)][l % (LANES / 2)];
}

void KERNELS(norm_sums)(double *sum, double *square, const float *z, size_t n, int channels)
{
    for (int k = 0; k < channels; k += LANES) {
        dvec s[2] = {0}, s2[2] = {0};
        for (size_t i = 0; i < n; i++) {
            const vec v = load(z + i * channels + k);
            add_double(s, v);
            add_double(s2, v * v);
        }
        add_part(sum + k, s, channels - k);
        add_part(square + k, s2, channels - k);
    }
}

void KERNELS(norm_relu_pool)(float *y, uint8_t *argmax, const float *z, const struct norm *n)
{
    const int K = n->channels;
    for (int j = 0; j < n->cols; j++, z += 2 * K, y += n->y_col)
        for (int k = 0; k < K; k += LANES) {
            const vec scale = load(n->scale + k), shift = load(n->shift + k);
            pool(y + k, argmax == NULL ? NULL : argmax + j * n->y_col + k,
                 load(z + k) * scale + shift, load(z + K + k) * scale + shift,
                 load(z + n->z_row + k) * scale + shift, load(z + n->z_row + K + k) * scale + shift,
                 K - k);
        }
}

void KERNELS(norm_gradient_sums)(double *sum, double *product, const float *g,
                                 const uint8_t *argmax, const float *z, const struct norm *n)
{
    const int K = n->channels;
    for (int k = 0; k < K; k += LANES) {
        const vec mean = load(n->mean + k), inverse = load(n->inverse + k), zero = {0};
        dvec s[2] = {0}, s2[2] = {0};
        for (int j = 0; j < n->cols; j++) {
            const float *from = z + 2 * (size_t)j * K + k;
            const ivec where = taken(argmax + (size_t)j * K + k, K - k);
            const vec upper = select(where == 0, load(from), load(from + K));
            const vec lower = select(where == 2, load(from + n->z_row), load(from + n->z_row + K));
            const vec alive = select(where == KERNELS_DEAD, zero, load(g + (size_t)j * K + k));
            add_double(s, alive);
            add_double(s2, alive * ((select(where < 2, upper, lower) - mean) * inverse));
        }
        add_part(sum + k, s, K - k);
        add_part(product + k, s2, K - k);
    }
}

void KERNELS(norm_gradient)(float *z, const float *g, const uint8_t *argmax, const struct norm *n)
{
    const int K = n->channels;
    for (int j = 0; j < n->cols; j++, z += 2 * K, g += K, argmax += K)
        for (int k = 0; k < K; k += LANES) {
            const ivec where = taken(argmax + k, K - k);
            const vec taking = load(n->scale + k) * load(g + k), zero = {0};
            vec dz[4];
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++) {
                const vec zn = (load(z + (q / 2) * n->z_row + q % 2 * K + k) - load(n->mean + k))
                    * load(n->inverse + k);
                dz[q] =
                    select(where == q, taking, zero) - load(n->dz_a + k) - load(n->dz_b + k) * zn;
            }
#pragma GCC unroll 4
            for (int q = 0; q < 4; q++)
                store_part(z + (q / 2) * n->z_row + q % 2 * K + k, dz[q], K - k);
        }
}
