#include "net/padded.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/sizes.h"
#include "base/vectors.h"

void padded_take(struct padded *p, struct arena *arena, int H, int W, int C, int margin,
                 size_t places, bool of_batch)
{
    /* Keeps the vectors of remainder channels out of the next image, which may be another
     * thread's. */
    const size_t gap = C % KERNELS_MAX_LANES == 0 ? 0 : KERNELS_MAX_LANES,
                 beyond = 12 * (size_t)C + KERNELS_MAX_LANES; /* what kernels read of the last */
    *p = (struct padded){.H = H, .W = W, .C = C, .margin = margin, .of_batch = of_batch};
    p->row = (size_t)(W + 2 * margin) * C;
    p->size = (p->row * (H + 2 * margin) + gap + 15) / 16 * 16;
    p->data = arena_floats(arena, p->size * places + beyond);
    if (p->data != NULL)
        p->data += p->row * margin + (size_t)C * margin;
}

float *padded_image(const struct padded *p, const struct work *w, size_t m)
{
    return p->data + ((p->of_batch ? w->batch_place : w->thread_place) + m) * p->size;
}

/* Row r of all of the micro-batch's; and its place in (n,H,W,C). */
static float *row_of(const struct padded *p, const struct work *w, size_t r)
{
    return padded_image(p, w, r / p->H) + r % p->H * p->row;
}
static size_t dense_place(const struct padded *p, const struct work *w, size_t r)
{
    return (w->first * p->H + r) * p->W * p->C;
}

/* Copies n numbers; returns whether all are finite. */
VECTORS static bool copy(float *restrict to, const float *restrict from, size_t n)
{
    int finite = 1;
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        finite &= fabsf(from[i]) <= FLT_MAX;
    }
    return finite;
}

size_t padded_load(const struct padded *p, const struct work *w, struct net_rows x)
{
    const size_t n = (size_t)p->W * p->C;
    size_t good = w->count;
    for (size_t r = 0; r < w->count * p->H; r++)
        if (x.numbers == NULL)
            net_scale(row_of(p, w, r), x.bytes + dense_place(p, w, r), n);
        else if (!copy(row_of(p, w, r), x.numbers + dense_place(p, w, r), n))
            good = smaller(good, r / p->H);
    return good;
}

void padded_add(const struct padded *p, const struct work *w, const float *x)
{
    for (size_t r = 0; r < w->count * p->H; r++) {
        float *row = row_of(p, w, r);
        const float *from = x + dense_place(p, w, r);
        for (int q = 0; q < p->W * p->C; q++)
            row[q] += from[q];
    }
}

void padded_store(float *x, const struct padded *p, const struct work *w)
{
    for (size_t r = 0; r < w->count * p->H; r++)
        memcpy(x + dense_place(p, w, r), row_of(p, w, r), (size_t)p->W * p->C * sizeof *x);
}
