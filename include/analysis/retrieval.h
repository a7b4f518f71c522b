/* retrieval: whether an image is found by its copies (copies.h).
 *
 *     rank         place of the image among the rows nearest to a copy of it, Euclidean, from 1
 *     top-1        rank is 1
 *     top-5        rank is 5 or less
 *     reciprocal   1/rank, and 0 where that is below 1/RETRIEVAL_DEPTH
 *
 * Of rows at the same distance the first has the lower rank. Figures are means over the images that
 * were copied.
 */
#ifndef RETRIEVAL_H
#define RETRIEVAL_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/interval.h"
#include "analysis/rows.h"
#include "pictures/copies.h"

enum { RETRIEVAL_DEPTH = 100 };
enum retrieval_measure { RETRIEVAL_TOP_1, RETRIEVAL_TOP_5, RETRIEVAL_RECIPROCAL, N_RETRIEVALS };
extern const char *const retrieval_names[N_RETRIEVALS];

struct retrieval {
    size_t n; /* images copied; 0: none */
    struct interval of[COPY_KINDS][N_RETRIEVALS];
    struct interval together; /* top-1 of all kinds: the mean of an image's copies */
};

/* copies: of each kind those of n rows of IMAGES, RGB, by number: as they are, bytes or numbers
 * from 0 to 1. MEMORY: bytes that all may take. SEED: of what is drawn. */
void retrieval_copy(struct rows *copies[COPY_KINDS], struct tensor_reader *images,
                    const size_t *rows, size_t n, size_t memory, uint64_t seed);
/* Ranks, among the rows of IMAGES, at least 2: image OWN[i] by row i of each of COPIES, n of them.
 * SEED: of intervals. */
void retrieval_fill(struct retrieval *a, struct rows *images, struct rows *const copies[COPY_KINDS],
                    const size_t *own, size_t n, uint64_t seed);

#endif
