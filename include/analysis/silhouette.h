/* silhouette: how much nearer a row is to its own class than to the next (Rousseeuw 1987).
 *
 *     a_i = mean distance to the other rows of its class
 *     b_i = least mean distance to the rows of another class
 *     s_i = (b_i - a_i) / max(a_i, b_i),  0 where row i is alone in its class; -1..1
 *
 * Distances are Euclidean, over all pairs of rows.
 */
#ifndef SILHOUETTE_H
#define SILHOUETTE_H

#include <stddef.h>

#include "analysis/rows.h"

/* s (n), for the class (n) of each row, 0..n_classes-1. Where fewer than two classes have rows, 0.
 * MEMORY, bytes: where it holds (n,n_classes) float64, half the work. */
void silhouette_find(double *s, struct rows *r, const size_t *class_of, size_t n_classes,
                     size_t memory);

#endif
