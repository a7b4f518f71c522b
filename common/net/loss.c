#include "net/loss.h"

#include <string.h>

#include "base/sizes.h"
#include "net/slices.h"

enum { PART = 256 }; /* of a row, whose y is needed yet when d is known */

/* The squares of a row; y becomes the gradient before the activation. */
static double squares(const struct layer *l, float *y, const float *t, size_t n, float scale)
{
    double sum = 0;
    if (l->activation == NET_LINEAR)
        return l->kernels->mse(y, y, t, n, scale);
    for (size_t q = 0; q < n; q += PART) {
        float d[PART];
        const size_t part = smaller(n - q, PART);
        sum += l->kernels->mse(d, y + q, t + q, part, scale);
        layer_activation_backward(d, y + q, part, l->activation);
        memcpy(y + q, d, part * sizeof *d);
    }
    return sum;
}

void loss_reconstruction(struct layer *l, const struct work *w)
{
    const struct batch *b = w->batch;
    const size_t row = (size_t)l->W * l->C, items = row * l->H;
    const float scale = (float)(b->loss_weight / ((double)b->n * items));
    for (size_t m = 0; m < w->count && b->t != NULL; m++) {
        double sum = 0;
        for (int i = 0; i < l->H; i++) {
            float *y = padded_image(&l->y, w, m) + i * l->y.row;
            const float *t = b->t + (w->first + m) * items + i * row;
            if (b->loss == NET_BCE) {
                sum += l->kernels->bce(b->train ? y : NULL, y, t, row, scale);
                continue;
            }
            if (l->activation == NET_SIGMOID)
                l->kernels->sigmoid(y, y, row);
            sum +=
                b->train ? squares(l, y, t, row, scale) : l->kernels->mse(NULL, y, t, row, scale);
        }
        b->losses[w->first + m] = sum / (double)items;
    }
}

void loss_code(struct layer *l, const struct work *w)
{
    const struct padded *p = l->code;
    for (size_t m = 0; m < w->count && w->batch->penalty->l1 > 0; m++) {
        const float *code = padded_image(p, w, m);
        double sum = 0;
        for (int i = 0; i < p->H; i++)
            for (int q = 0; q < p->W * p->C; q++)
                sum += code[i * p->row + q];
        w->batch->code_sums[w->first + m] = sum;
    }
}

double loss_mean(const struct batch *b)
{
    return slices_add_images(b->losses, b->n) / (double)b->n;
}

double loss_penalty(const struct batch *b)
{
    const double l1 = b->penalty->l1;
    return l1 > 0 ? l1 * slices_add_images(b->code_sums, b->n) / (double)b->n : 0;
}
