#include "net/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

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

/* y (P,P,C) of one code; sums (C), scratch. */
static void average(float *y, const float *code, const size_t shape[3], size_t P, double *sums)
{
    const size_t h = shape[0], w = shape[1], C = shape[2];

    for (size_t p = 0; p < P; p++)
        for (size_t q = 0; q < P; q++, y += C) {
            size_t top = p * h / P, bottom = ((p + 1) * h + P - 1) / P;
            size_t left = q * w / P, right = ((q + 1) * w + P - 1) / P;

            memset(sums, 0, C * sizeof *sums);
            for (size_t i = top; i < bottom; i++)
                for (size_t j = left; j < right; j++)
                    for (size_t c = 0; c < C; c++)
                        sums[c] += (double)code[(i * w + j) * C + c];
            for (size_t c = 0; c < C; c++)
                y[c] = (float)(sums[c] / (double)((bottom - top) * (right - left)));
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
            if (p->normalise)
                normalise(y + i * to, to);
        }
        free(sums);
    }
}
