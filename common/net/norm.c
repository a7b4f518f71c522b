#include "net/norm.h"

#include <math.h>

#include "net/slices.h"

void norm_encode(struct layer *l, const struct work *w)
{
    const struct conv_images g = layer_images(w, &l->in, &l->z, &l->z);
    double *sums = l->sums + w->slice * 2 * l->K;
    l->learn.algorithm->forward(&l->learn, padded_image(&l->z, w, 0), NULL,
                                layer_encoder_input(l, w, 0), l->encode_w, l->encode_b, &g,
                                w->scratch);
    for (size_t m = 0; m < w->count; m++) {
        float *z = padded_image(&l->z, w, m);
        for (int i = 0; i < l->H; i++)
            l->kernels->norm_sums(sums, sums + l->K, z + i * l->z.row, (size_t)l->W, l->K);
    }
}

void norm_statistics(struct layer *l, float *weights, float *gradients, size_t n)
{
    const double count = (double)n * l->H * l->W;
    double total[2 * 4096];
    (void)gradients;
    slices_add(total, l->sums, 2 * (size_t)l->K, n);
    for (int o = 0; o < l->K; o++) {
        const double mean = total[o] / count, square = total[l->K + o] / count - mean * mean,
                     variance = square > 0 ? square : 0;
        const double inverse = 1 / sqrt(variance + NORM_EPSILON),
                     gamma = weights[l->gamma->offset + o];
        float *running = &weights[l->mean->offset + o],
              *running2 = &weights[l->variance->offset + o];
        l->batch_mean[o] = (float)mean;
        l->inverse[o] = (float)inverse;
        l->scale[o] = (float)(gamma * inverse);
        l->shift[o] = (float)(weights[l->beta->offset + o] - mean * gamma * inverse);
        *running = (float)(*running * l->momentum + mean * (1 - l->momentum));
        *running2 = (float)(*running2 * l->momentum + variance * (1 - l->momentum));
    }
}

static struct norm rows(const struct layer *l)
{
    return (struct norm){.cols = l->w,
                         .channels = l->K,
                         .y_col = l->K,
                         .z_row = l->z.row,
                         .scale = l->scale,
                         .shift = l->shift,
                         .mean = l->batch_mean,
                         .inverse = l->inverse,
                         .dz_a = l->dz_a,
                         .dz_b = l->dz_b};
}

void norm_relu_pool(struct layer *l, const struct work *w)
{
    const struct norm n = rows(l);
    for (size_t m = 0; m < w->count; m++)
        for (int i = 0; i < l->h; i++)
            l->kernels->norm_relu_pool(padded_image(l->code, w, m) + i * l->code->row,
                                       layer_argmax(l, w, m) + (size_t)i * l->w * l->K,
                                       padded_image(&l->z, w, m) + 2 * i * l->z.row, &n);
}

void norm_sums(struct layer *l, const struct work *w)
{
    const struct norm n = rows(l);
    double *sums = l->sums + w->slice * 2 * l->K;
    for (size_t m = 0; m < w->count; m++)
        for (int i = 0; i < l->h; i++)
            l->kernels->norm_gradient_sums(sums, sums + l->K,
                                           padded_image(&l->dcode, w, m) + i * l->dcode.row,
                                           layer_argmax(l, w, m) + (size_t)i * l->w * l->K,
                                           padded_image(&l->z, w, m) + 2 * i * l->z.row, &n);
}

void norm_gradients(struct layer *l, float *weights, float *gradients, size_t n)
{
    const double count = (double)n * l->H * l->W;
    double total[2 * 4096];
    (void)weights;
    slices_add(total, l->sums, 2 * (size_t)l->K, n);
    for (int o = 0; o < l->K; o++) {
        gradients[l->beta->offset + o] = (float)total[o];
        gradients[l->gamma->offset + o] = (float)total[l->K + o];
        l->dz_a[o] = (float)(l->scale[o] * total[o] / count);
        l->dz_b[o] = (float)(l->scale[o] * total[l->K + o] / count);
    }
}

/* The bias before batch normalisation changes nothing: its gradient stays 0. */
void norm_encode_backward(struct layer *l, const struct work *w)
{
    const struct norm n = rows(l);
    const struct padded *dx = l->lower == NULL ? NULL : &l->lower->dcode;
    float *du = w->gradients + l->at_encode_dw, *z = padded_image(&l->z, w, 0);
    const struct conv_images g =
        dx == NULL ? layer_images(w, &l->in, &l->z, &l->z) : layer_images(w, &l->z, dx, &l->in);
    for (size_t m = 0; m < w->count; m++)
        for (int i = 0; i < l->h; i++)
            l->kernels->norm_gradient(padded_image(&l->z, w, m) + 2 * i * l->z.row,
                                      padded_image(&l->dcode, w, m) + i * l->dcode.row,
                                      layer_argmax(l, w, m) + (size_t)i * l->w * l->K, &n);
    if (dx == NULL)
        l->dense.algorithm->backward(&l->dense, NULL, du, layer_encoder_input(l, w, 0), z, NULL, &g,
                                     w->scratch);
    else
        l->dense.algorithm->backward(&l->dense, padded_image(dx, w, 0), du,
                                     z - l->P * l->z.row - (size_t)l->P * l->K,
                                     padded_image(&l->in, w, 0), l->encode_dx_w, &g, w->scratch);
}
