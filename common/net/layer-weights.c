/* The flat weights to packed kernels, and their gradients back. */
#include "net/layer.h"

#include <math.h>
#include <string.h>

void layer_pack_encoder(struct layer *l, const float *weights, bool inference)
{
    const float *kernel = weights + l->kernel->offset, *bias = weights + l->bias->offset;
    const ptrdiff_t K = l->K, CK = (ptrdiff_t)l->C * K;
    const struct plan *p = inference ? &l->infer : &l->learn;
    float *scale = NULL;

    if (l->norm && inference) { /* the running statistics go into kernel and bias */
        scale = l->encode_b;
        for (int o = 0; o < l->K; o++)
            scale[o] = (float)(weights[l->gamma->offset + o]
                               / sqrt(weights[l->variance->offset + o] + NORM_EPSILON));
    }
    p->algorithm->pack(p, l->encode_w, kernel, scale);
    for (int o = 0; o < l->K; o++)
        l->encode_b[o] = scale == NULL
            ? bias[o]
            : (bias[o] - weights[l->mean->offset + o]) * scale[o] + weights[l->beta->offset + o];
    if (inference || l->encode_dx_w == NULL)
        return;
    if (l->norm) { /* turned about */
        kernels_pack(l->encode_plain, kernel + (l->R * l->R - 1) * CK, NULL,
                     &(struct packing){l->R, l->R, l->K, l->C, 1, -l->R * CK, -CK, 1, K}, l->C);
        l->dense.algorithm->pack(&l->dense, l->encode_dx_w, l->encode_plain, NULL);
    } else {
        sparse_pack(&l->sparse, l->encode_dx_w, kernel);
    }
}

bool layer_packs_alike(const struct layer *l)
{
    const struct plan *a = &l->learn, *b = &l->infer;
    return !l->norm && a->algorithm == b->algorithm && a->winograd.points == b->winograd.points
        && a->winograd.both == b->winograd.both;
}

void layer_pack_decoder(struct layer *l, const float *weights, bool inference)
{
    const int R = l->R, P = l->P, taps = l->back_taps;
    const ptrdiff_t C = l->C, KC = (ptrdiff_t)l->K * C, row = (R + 1) * KC;
    const struct plan *phase = &l->phase, *back = &l->back;
    kernels_box(l->box, weights + l->back_kernel->offset, R, l->K, l->C);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const float *first = l->box + (a + P - 2 * layer_phase_origin(a, P)) * row
                + (b + P - 2 * layer_phase_origin(b, P)) * KC;
            kernels_pack(l->decode_plain, first, NULL,
                         &(struct packing){P + 1, P + 1, l->K, l->C, 1, -2 * row, -2 * KC, C, 1},
                         l->C);
            phase->algorithm->pack(phase, l->decode_w[a][b], l->decode_plain, NULL);
        }
    memcpy(l->decode_b, weights + l->back_bias->offset, C * sizeof *l->decode_b);
    if (inference || l->decode_dx_w == NULL)
        return;
    kernels_pack(l->decode_plain, l->box, NULL,
                 &(struct packing){taps, taps, l->C, l->K, 1, row, KC, 1, C}, l->K);
    back->algorithm->pack(back, l->decode_dx_w, l->decode_plain, NULL);
}

void layer_fold_encoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *dw = slice + l->at_encode_dw, *plain = l->encode_plain;
    float *to = gradients + l->kernel->offset, *db = gradients + l->bias->offset;
    const size_t K = l->K, C = l->C, taps = (size_t)l->R * l->R,
                 row = kernels_round_up(l->dense.of.K, l->kernels->lanes);
    memcpy(db, slice + l->at_encode_db, K * sizeof *db);
    if (!l->norm) {
        sparse_fold(&l->sparse, to, dw);
        return;
    }
    l->dense.algorithm->fold(&l->dense, l->encode_plain, dw);
    if (l->lower == NULL)
        for (size_t q = 0; q < taps * C; q++)
            memcpy(to + q * K, plain + q * row, K * sizeof *to);
    else /* turned about */
        for (size_t t = 0; t < taps; t++)
            for (size_t c = 0; c < C; c++)
                for (size_t o = 0; o < K; o++)
                    to[((taps - 1 - t) * C + c) * K + o] = plain[(t * K + o) * row + c];
}

void layer_fold_decoder(const struct layer *l, float *gradients, const float *slice)
{
    const float *columns = slice + l->at_decode_db;
    float *db = gradients + l->back_bias->offset;
    const size_t filters = kernels_round_up(l->K, l->kernels->lanes);
    float *dw = gradients + l->back_kernel->offset;

    l->back.algorithm->fold(&l->back, l->decode_plain, slice + l->at_decode_dw);
    memset(db, 0, l->C * sizeof *db);
    for (int j = 0; j < l->W; j++)
        for (int c = 0; c < l->C; c++)
            db[c] += columns[(size_t)j * l->C + c];
    if (l->R == 1) {
        kernels_pack(dw, l->decode_plain, NULL,
                     &(struct packing){1, 1, l->C, l->K, 1, 0, 0, filters, 1}, 1);
        return;
    }
    kernels_box_fold(dw, l->decode_plain, l->R, l->C, l->K, filters);
}
