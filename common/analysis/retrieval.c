#include "analysis/retrieval.h"

#include <stdlib.h>

#include "analysis/nearest.h"
#include "base/report.h"
#include "base/sizes.h"

const char *const retrieval_names[N_RETRIEVALS] = {"top-1", "top-5", "reciprocal-rank"};

/* scores: of the images that the rows of COPY are copies of. */
static void score(float *const scores[N_RETRIEVALS], struct rows *images, struct rows *copy,
                  const size_t *own, size_t n)
{
    const struct row_set among = {images, NULL, rows_n(images)}, queries = {copy, NULL, n};
    const size_t k = smaller(RETRIEVAL_DEPTH, among.n);
    size_t *neighbours = xcalloc(n, k * sizeof *neighbours);
    double *distances = xcalloc(n, k * sizeof *distances);

    nearest_search(neighbours, distances, &among, &queries, k, METRIC_EUCLIDEAN);
    for (size_t i = 0; i < n; i++) {
        size_t rank = 0;

        while (rank < k && neighbours[i * k + rank] != own[i])
            rank++;
        scores[RETRIEVAL_TOP_1][i] = rank < 1;
        scores[RETRIEVAL_TOP_5][i] = rank < smaller(5, k);
        scores[RETRIEVAL_RECIPROCAL][i] = rank < k ? 1.0f / (float)(rank + 1) : 0;
    }
    free(neighbours);
    free(distances);
}

void retrieval_fill(struct retrieval *a, struct rows *images, struct rows *const copies[COPY_KINDS],
                    const size_t *own, size_t n, uint64_t seed)
{
    float *scores[N_RETRIEVALS], *all = xcalloc(n, sizeof *all);
    uint32_t *numbers = xmalloc(n * sizeof *numbers);

    *a = (struct retrieval){.n = n};
    for (size_t i = 0; i < n; i++)
        numbers[i] = (uint32_t)i;
    for (int m = 0; m < N_RETRIEVALS; m++)
        scores[m] = xmalloc(n * sizeof *scores[m]);
    for (int c = 0; c < COPY_KINDS; c++) {
        score(scores, images, copies[c], own, n);
        for (size_t i = 0; i < n; i++)
            all[i] += scores[RETRIEVAL_TOP_1][i] / COPY_KINDS;
        for (int m = 0; m < N_RETRIEVALS; m++)
            a->of[c][m] = interval_mean(scores[m], numbers, n, seed);
    }
    a->together = interval_mean(all, numbers, n, seed);
    for (int m = 0; m < N_RETRIEVALS; m++)
        free(scores[m]);
    free(all);
    free(numbers);
}
