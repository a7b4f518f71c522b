#include "analysis/retrieval.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/nearest.h"
#include "base/report.h"
#include "base/sizes.h"
#include "net/net.h"

enum { BLOCK = 64 };

const char *const retrieval_names[N_RETRIEVALS] = {"top-1", "top-5", "reciprocal-rank"};

/* --- copies --- */

/* bytes (items) of row ROW of the images; values 0..1 as 255 of them. */
static void read_bytes(uint8_t *bytes, struct tensor_reader *images, size_t row, float *numbers)
{
    if (images->header.dtype == NPY_U8) {
        tensor_read_at(images, bytes, row, 1);
        return;
    }
    tensor_read_at(images, numbers, row, 1);
    for (size_t i = 0; i < images->row_items; i++)
        bytes[i] = (uint8_t)(fminf(fmaxf(numbers[i], 0), 1) * 255 + 0.5f);
}

static void append_bytes(struct rows *to, const uint8_t *bytes, bool as_bytes, float *numbers)
{
    if (!as_bytes)
        net_scale(numbers, bytes, rows_width(to));
    rows_append(to, as_bytes ? (const void *)bytes : numbers, 1);
}

void retrieval_copy(struct rows *copies[COPY_KINDS], struct tensor_reader *images,
                    const size_t *rows, size_t n, size_t memory, uint64_t seed)
{
    const size_t *shape = images->header.shape, items = images->row_items;
    uint8_t *image = xmalloc(BLOCK * items), *copy = xmalloc(BLOCK * COPY_KINDS * items);
    float *numbers = xmalloc(items * sizeof *numbers);

    for (int c = 0; c < COPY_KINDS; c++)
        copies[c] = rows_create("copies", images->header.dtype, n, items, memory / COPY_KINDS);
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t got = smaller(BLOCK, n - first);

        for (size_t i = 0; i < got; i++)
            read_bytes(image + i * items, images, rows[first + i], numbers);
#pragma omp parallel for collapse(2) schedule(dynamic)
        for (int c = 0; c < COPY_KINDS; c++)
            for (size_t i = 0; i < got; i++)
                copy_make(copy + ((size_t)c * BLOCK + i) * items, image + i * items, shape[1],
                          shape[2], (enum copy_kind)c, seed, rows[first + i]);
        for (int c = 0; c < COPY_KINDS; c++)
            for (size_t i = 0; i < got; i++)
                append_bytes(copies[c], copy + ((size_t)c * BLOCK + i) * items,
                             images->header.dtype == NPY_U8, numbers);
    }
    free(image);
    free(copy);
    free(numbers);
}

/* --- ranks --- */

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
