/* affinity: how near each two of n rows are, as probabilities that neighbours alone have (van der
 * Maaten and Hinton 2008, "Visualizing data using t-SNE"; of neighbours: van der Maaten 2014).
 *
 *     p(j|i) = exp(-b_i d(i,j)^2) / sum over the k nearest l of exp(-b_i d(i,l)^2)
 *     p(i,j) = (p(j|i) + p(i|j)) / 2n
 *
 * b_i is such that the entropy of p(.|i) is log(perplexity): a smooth number of neighbours. Where
 * so many are equally near that no b_i does it, they share alike.
 */
#ifndef AFFINITY_H
#define AFFINITY_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/rows.h"

/* A symmetric matrix (n,n) of sum 1. */
struct affinity {
    size_t n;
    size_t *start;    /* (n+1): row i has the entries start[i]..start[i+1]-1, */
    uint32_t *column; /* their columns, ascending, */
    float *p;         /* and values */
};

/* The neighbours that an affinity of this perplexity looks at, of n > 1 rows: three times it, at
 * least 1. */
size_t affinity_neighbours(size_t n, double perplexity);
/* Bytes that affinity_find takes at most. */
double affinity_memory(size_t n, double perplexity);
/* Of 2 <= n < 2^32 rows, Euclidean; 1 <= perplexity. LISTS: of the same rows, or NULL. */
void affinity_find(struct affinity *a, struct rows *r, double perplexity,
                   struct tensor_reader *lists);
void affinity_release(struct affinity *a);

#endif
