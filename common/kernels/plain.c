#include "kernels/plain.h"

void plain_forward(float *y, const float *x, const float *w, const float *b,
                   const struct conv_shape *c, const struct conv_images *g)
{
    for (size_t n = 0; n < g->n; n++)
        for (int i = 0; i < c->H; i++)
            for (int j = 0; j < c->W; j++)
                for (int k = 0; k < c->K; k++) {
                    double sum = b[k];
                    for (int r = 0; r < c->R; r++)
                        for (int s = 0; s < c->R; s++)
                            for (int q = 0; q < c->C; q++)
                                sum += (double)w[((r * c->R + s) * c->C + q) * (size_t)c->K + k]
                                    * x[n * g->x_image + (c->stride * i + r) * g->x_row
                                        + (size_t)(c->stride * j + s) * c->C + q];
                    y[n * g->y_image + i * g->y_row + j * g->y_col + k] = (float)sum;
                }
}

void plain_backward(float *dw, const float *dy, const float *small, const struct conv_shape *c,
                    const struct conv_images *g)
{
    for (int r = 0; r < c->R; r++)
        for (int s = 0; s < c->R; s++)
            for (int q = 0; q < c->C; q++)
                for (int k = 0; k < c->K; k++) {
                    double sum = 0;
                    for (size_t n = 0; n < g->n; n++)
                        for (int i = 0; i < c->H; i++)
                            for (int j = 0; j < c->W; j++)
                                sum += (double)small[n * g->small_image + i * g->small_row
                                                     + j * g->y_col + k]
                                    * dy[n * g->x_image + (c->stride * i + r) * g->x_row
                                         + (size_t)(c->stride * j + s) * c->C + q];
                    dw[((r * c->R + s) * c->C + q) * (size_t)c->K + k] = (float)sum;
                }
}
