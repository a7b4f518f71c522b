/* cluster: k-means, and how much two divisions of the same rows tell of each other.
 *
 * Seeds by k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's steps until no row moves, 100 at
 * most; of a few starts the one with the least sum of squares. Sums run in a fixed order: the same
 * bytes for any number of threads.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/rows.h"

/* cluster (n): 0..k-1 for each row. 1 <= k <= n. Random choices from (seed, RNG_CLUSTER, start). */
void cluster_find(size_t *cluster, struct rows *r, size_t k, uint64_t seed);

/* Mutual information of the divisions a (n) into n_a and b (n) into n_b parts, over the mean of
 * their entropies: 0 where they tell nothing of each other, 1 where they are the same. 1 where both
 * have one part. rows (n): which n rows, with repetitions, are looked at; NULL: all in order. */
double cluster_information(const size_t *a, size_t n_a, const size_t *b, size_t n_b,
                           const uint32_t *rows, size_t n);

#endif
