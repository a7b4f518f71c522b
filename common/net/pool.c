#include "net/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/vectors.h"

bool pool_changes(const struct pool *p)
{
    return p->places || p->normalise_places || p->normalise;
}

bool pool_shape(size_t shape[3], const struct pool *p)
{
    size_t P = (size_t)p->places;

    if (P == 0)
        return true;
    if (P > shape[0] || P > shape[1])
        return false;
    shape[0] = shape[1] = P;
    return true;
}

/* Rows top to bottom-1 and columns left to right-1 of a code, size of them together. */
struct place {
    size_t top, bottom, left, right;
    double size;
};
static struct place place_of(size_t p, size_t q, size_t h, size_t w, size_t P)
{
    struct place a = {p * h / P, ((p + 1) * h + P - 1) / P, q * w / P, ((q + 1) * w + P - 1) / P,
                      0};

    a.size = (double)((a.bottom - a.top) * (a.right - a.left));
    return a;
}

/* y (P,P,C) of one code; sums (C), scratch. */
static void average(float *y, const float *code, const size_t shape[3], size_t P, double *sums)
{
    const size_t h = shape[0], w = shape[1], C = shape[2];

    for (size_t p = 0; p < P; p++)
        for (size_t q = 0; q < P; q++, y += C) {
            const struct place a = place_of(p, q, h, w, P);

            memset(sums, 0, C * sizeof *sums);
            for (size_t i = a.top; i < a.bottom; i++)
                for (size_t j = a.left; j < a.right; j++)
                    for (size_t c = 0; c < C; c++)
                        sums[c] += (double)code[(i * w + j) * C + c];
            for (size_t c = 0; c < C; c++)
                y[c] = (float)(sums[c] / a.size);
        }
}

static void normalise(float *y, size_t n)
{
    double square = 0;

    for (size_t i = 0; i < n; i++)
        square += (double)y[i] * (double)y[i];
    for (size_t i = 0; i < n && square > 0; i++)
        y[i] = (float)((double)y[i] / sqrt(square));
}

void pool_rows(float *y, const float *codes, size_t n, const size_t shape[3], const struct pool *p)
{
    size_t own[3] = {shape[0], shape[1], shape[2]}, from = shape[0] * shape[1] * shape[2], to;

    pool_shape(own, p);
    to = own[0] * own[1] * own[2];
#pragma omp parallel
    {
        double *sums = xmalloc(shape[2] * sizeof *sums);

#pragma omp for schedule(static)
        for (size_t i = 0; i < n; i++) {
            if (p->places)
                average(y + i * to, codes + i * from, shape, (size_t)p->places, sums);
            else
                memcpy(y + i * to, codes + i * from, to * sizeof *y);
            for (size_t c = 0; c < to && p->normalise_places; c += own[2])
                normalise(y + i * to + c, own[2]);
            if (p->normalise)
                normalise(y + i * to, to);
        }
        free(sums);
    }
}

VECTORS static void add_scaled(float *restrict to, const float *restrict from, size_t n,
                               float scale)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i] * scale;
}

static void average_backward(float *dcode, const float *dy, const size_t shape[3], size_t P)
{
    const size_t h = shape[0], w = shape[1], C = shape[2];

    memset(dcode, 0, h * w * C * sizeof *dcode);
    for (size_t p = 0; p < P; p++)
        for (size_t q = 0; q < P; q++, dy += C) {
            const struct place place = place_of(p, q, h, w, P);

            for (size_t i = place.top; i < place.bottom; i++)
                for (size_t j = place.left; j < place.right; j++)
                    add_scaled(dcode + (i * w + j) * C, dy, C, (float)(1 / place.size));
        }
}

void pool_backward(float *dcodes, const float *dy, size_t n, const size_t shape[3],
                   const struct pool *p)
{
    const size_t P = (size_t)p->places, items = shape[0] * shape[1] * shape[2];

#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < n; i++)
        average_backward(dcodes + i * items, dy + i * P * P * shape[2], shape, P);
}
