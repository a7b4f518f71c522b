#include "net/layer.h"

#include <string.h>

#include "base/vectors.h"

/* --- images --- */

int layer_phase_origin(int a, int P)
{
    return -((P - a + 1) / 2);
}

struct conv_images layer_images(const struct work *w, const struct padded *x,
                                const struct padded *y, const struct padded *small)
{
    return (struct conv_images){.n = w->count,
                                .x_row = x->row,
                                .x_image = x->size,
                                .y_row = y->row,
                                .y_col = (size_t)y->C,
                                .y_image = y->size,
                                .small_row = small->row,
                                .small_image = small->size};
}

const float *layer_encoder_input(const struct layer *l, const struct work *w, size_t m)
{
    return padded_image(&l->in, w, m) - l->P * l->in.row - (size_t)l->P * l->C;
}

uint8_t *layer_argmax(const struct layer *l, const struct work *w, size_t m)
{
    return l->argmax + (w->batch_place + m) * l->h * l->w * l->K;
}

/* --- forward --- */

/* Where codes go: to their places, or straight to who asked. */
struct codes {
    float *data;
    size_t row, size;
};

static struct codes code_destination(const struct layer *l, const struct work *w)
{
    const size_t row = (size_t)l->w * l->K;
    if (w->batch->code != NULL && !w->batch->train && l->upper == NULL)
        return (struct codes){w->batch->code + w->first * row * l->h, row, row * l->h};
    return (struct codes){padded_image(l->code, w, 0), l->code->row, l->code->size};
}

void layer_encode(struct layer *l, const struct work *w)
{
    const struct plan *p = w->batch->train ? &l->learn : &l->infer;
    const struct codes to = code_destination(l, w);
    struct conv_images g = layer_images(w, &l->in, l->code, l->code);
    g.y_row = to.row, g.y_image = to.size;
    p->algorithm->forward(p, to.data, w->batch->train ? layer_argmax(l, w, 0) : NULL,
                          layer_encoder_input(l, w, 0), l->encode_w, l->encode_b, &g, w->scratch);
}

/* Each pixel of even row and column to the three beside and below it. */
static void repeat_pixels(float *y, const struct padded *p)
{
    const size_t C = p->C;
    for (int i = 0; i < p->H; i += 2, y += 2 * p->row) {
        for (size_t j = 0; j < p->W * C; j += 2 * C)
            for (size_t c = 0; c < C; c++)
                y[j + C + c] = y[j + c];
        memcpy(y + p->row, y, p->W * C * sizeof *y);
    }
}

VECTORS static void relu(float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] > 0 ? y[i] : 0;
}

void layer_decode(struct layer *l, const struct work *w)
{
    const struct padded *small = l->small;
    struct conv_images g = layer_images(w, small, &l->y, small);
    const int phases = l->R == 1 ? 1 : 2; /* that differ */
    g.y_row *= 2, g.y_col *= 2;
    for (int a = 0; a < phases; a++)
        for (int b = 0; b < phases; b++)
            l->phase.algorithm->forward(
                &l->phase, padded_image(&l->y, w, 0) + a * l->y.row + (size_t)b * l->C, NULL,
                padded_image(small, w, 0) + layer_phase_origin(a, l->P) * (ptrdiff_t)small->row
                    + layer_phase_origin(b, l->P) * (ptrdiff_t)l->K,
                l->decode_w[a][b], l->decode_b, &g, w->scratch);
    for (size_t m = 0; m < w->count; m++) {
        float *y = padded_image(&l->y, w, m);
        if (phases == 1)
            repeat_pixels(y, &l->y);
        for (int i = 0; i < l->H; i++) {
            float *row = y + i * l->y.row;
            if (l->activation == NET_RELU)
                relu(row, (size_t)l->W * l->C);
            else if (l->activation == NET_SIGMOID && l->lower != NULL)
                l->kernels->sigmoid(row, row, (size_t)l->W * l->C);
        }
    }
}

/* --- backward --- */

VECTORS void layer_activation_backward(float *g, const float *y, size_t n,
                                       enum net_activation activation)
{
    if (activation == NET_RELU)
        for (size_t i = 0; i < n; i++)
            g[i] = y[i] > 0 ? g[i] : 0;
    else if (activation == NET_SIGMOID)
        for (size_t i = 0; i < n; i++)
            g[i] *= y[i] * (1 - y[i]);
}

/* Sums over the rows; those over the columns are taken once a batch, when the gradients are
 * collected. */
VECTORS static void bias_backward(float *db, const struct padded *dy, const float *image)
{
    for (int i = 0; i < dy->H; i++)
        for (int q = 0; q < dy->W * dy->C; q++)
            db[q] += image[i * dy->row + q];
}

/* to (h,w,C): the sums of each 2x2 pixels. */
static void sum_squares(float *to, const struct padded *p, const float *image)
{
    const size_t C = p->C;
    for (int i = 0; i < p->H; i += 2)
        for (size_t j = 0; j < p->W * C; j += 2 * C, to += C) {
            const float *upper = image + i * p->row + j, *lower = upper + p->row;
            for (size_t c = 0; c < C; c++)
                to[c] = (upper[c] + upper[C + c]) + (lower[c] + lower[C + c]);
        }
}

void layer_decode_backward(struct layer *l, const struct work *w)
{
    const struct padded *small = l->small, *dsmall = l->dsmall;
    const float *dy = padded_image(&l->dy, w, 0) - l->P * l->dy.row - (size_t)l->P * l->C;
    struct conv_images images = layer_images(w, &l->dy, dsmall, small);
    const float l1 = l->upper == NULL ? (float)(w->batch->penalty->l1 / (double)w->batch->n) : 0;
    if (l->R == 1) {
        dy = w->scratch;
        images.x_row = (size_t)l->w * l->C, images.x_image = images.x_row * l->h;
        for (size_t m = 0; m < w->count; m++)
            sum_squares(w->scratch + m * images.x_image, &l->dy, padded_image(&l->dy, w, m));
    }
    l->back.algorithm->backward(&l->back, padded_image(dsmall, w, 0),
                                w->gradients + l->at_decode_dw, dy, padded_image(small, w, 0),
                                l->decode_dx_w, &images, w->scratch);
    for (size_t m = 0; m < w->count; m++) {
        float *g = padded_image(dsmall, w, m);
        bias_backward(w->gradients + l->at_decode_db, &l->dy, padded_image(&l->dy, w, m));
        for (int i = 0; i < l->h; i++)
            layer_activation_backward(g + i * dsmall->row,
                                      padded_image(small, w, m) + i * small->row,
                                      (size_t)l->w * l->K, l->above);
        for (int i = 0; i < l->h && l1 > 0; i++)
            for (int q = 0; q < l->w * l->K; q++)
                g[i * dsmall->row + q] +=
                    l1; /* where the code is 0 nothing passes the relu anyway */
    }
}

void layer_encode_backward(struct layer *l, const struct work *w)
{
    const float *g = padded_image(&l->dcode, w, 0);
    const struct sparse_images images = {.n = w->count,
                                         .x_row = l->in.row,
                                         .x_image = l->in.size,
                                         .g_row = l->dcode.row,
                                         .g_image = l->dcode.size};
    const struct padded *dx = l->lower == NULL ? NULL : &l->lower->dcode;
    sparse_dw(&l->sparse, w->gradients + l->at_encode_dw, w->gradients + l->at_encode_db,
              layer_encoder_input(l, w, 0), g, layer_argmax(l, w, 0), &images, w->entries);
    for (size_t m = 0; dx != NULL && m < w->count; m++) {
        float *corner = padded_image(dx, w, m) - l->P * dx->row - (size_t)l->P * l->C;
        memset(corner, 0, dx->size * sizeof *corner);
        sparse_dx(&l->sparse, corner, dx->row, l->encode_dx_w, g + m * l->dcode.size, l->dcode.row,
                  layer_argmax(l, w, m), w->entries);
    }
}
