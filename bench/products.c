/* products QUERIES ROWS WIDTH [RUNS]: seconds of the bare product of queries (QUERIES,WIDTH) and
 * rows (ROWS,WIDTH)' in single precision, the least of RUNS (default 3): blocks of 1,024 rows that
 * stay in memory, a call of BLAS each, on all threads; nothing is read, converted or chosen. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/blas.h"
#include "base/profile.h"
#include "base/report.h"

enum { BLOCK = 1024 };

static float *numbers(size_t n)
{
    float *x = xaligned(n * sizeof *x);

    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 251) / 251 - 0.5F;
    return x;
}

static double seconds_of(size_t Q, size_t N, size_t D, const float *q)
{
    double began = 0;

#pragma omp parallel
    {
        float *x = numbers(BLOCK * D), *t = numbers(Q * BLOCK);
#pragma omp barrier
#pragma omp single
        began = profile_seconds();
#pragma omp for schedule(dynamic)
        for (size_t first = 0; first < N; first += BLOCK)
            blas_sgemm(false, true, Q, N - first < BLOCK ? N - first : BLOCK, D, q, D, x, D, 0, t,
                       BLOCK);
        free(x);
        free(t);
    }
    return profile_seconds() - began;
}

int main(int argc, char **argv)
{
    size_t Q, N, D;
    double least = 1e300;

    report_init("products");
    if (argc < 4)
        die_usage("%d arguments, want QUERIES ROWS WIDTH [RUNS]", argc - 1);
    Q = strtoul(argv[1], NULL, 10);
    N = strtoul(argv[2], NULL, 10);
    D = strtoul(argv[3], NULL, 10);
    blas_open();
    for (int run = 0; run < (argc > 4 ? atoi(argv[4]) : 3); run++) {
        float *q = numbers(Q * D);
        double seconds = seconds_of(Q, N, D, q);

        least = seconds < least ? seconds : least;
        free(q);
    }
    printf("%.3f\n", least);
    return 0;
}
