/* nearest: the nearest other rows of each row, Euclidean, exactly.
 *
 *     d(i,j)^2 = |x_i|^2 + |x_j|^2 - 2 x_i.x_j           in blocks, a matrix product: candidates
 *     d(i,j)^2 = sum over c of (x_i[c] - x_j[c])^2       for the candidates: decides
 *
 * The first form is fast but loses digits by an amount that is known; all rows that could be among
 * the nearest by the second form are judged by it. Of rows at the same distance the first comes
 * first.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

#include "analysis/rows.h"

/* neighbours, distances (n,k): the k nearest rows of each of the n > k rows, and how far they are.
 */
void nearest_find(size_t *neighbours, double *distances, struct rows *r, size_t k);
/* The class that most of the k rows at NEIGHBOURS have, nearest first; of classes with as many
 * votes that of the nearest. class_of: of each row. votes: one for each class, all 0 before and
 * after. */
size_t nearest_elect(const size_t *class_of, const size_t *neighbours, size_t k, size_t *votes);

#endif
