/* nearest: the nearest rows of each query, exactly.
 *
 * Candidates are found by bounds.h; all rows that could be among the nearest are judged by
 * metric_square, of which the first comes first where two are equal. So the answer hangs neither on
 * threads nor on the library that multiplies.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

#include "analysis/bounds.h"
#include "analysis/rows.h"

/* neighbours, distances (n,k): the k nearest of ROWS for each of the n QUERIES, as positions in
 * rows->rows, and how far they are. A query among the same `rows` is not its own neighbour; k
 * others must be there. Where all rows are queries each pair is looked at once, if the candidates
 * of all fit NEAREST_ROOM bytes. */
enum { NEAREST_ROOM = 64 << 20 };
void nearest_search(size_t *neighbours, double *distances, const struct row_set *rows,
                    const struct row_set *queries, size_t k, enum metric metric);
/* neighbours, distances (n,k): the k nearest rows of each of the n > k rows, Euclidean. */
void nearest_find(size_t *neighbours, double *distances, struct rows *r, size_t k);
/* The class that most of the k rows at NEIGHBOURS have, nearest first; of classes with as many
 * votes that of the nearest. class_of: of each row. votes: one for each class, all 0 before and
 * after. */
size_t nearest_elect(const size_t *class_of, const size_t *neighbours, size_t k, size_t *votes);

#endif
