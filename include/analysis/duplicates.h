/* duplicates: all pairs of rows that are no further apart than a threshold.
 */
#ifndef DUPLICATES_H
#define DUPLICATES_H

#include <stddef.h>

#include "analysis/bounds.h"
#include "analysis/rows.h"

struct duplicate {
    size_t row, other; /* row < other */
    double distance;
};

/* The pairs, nearest first, then by row and other; *n of them, which the caller frees. Dies where
 * they are more than MEMORY, bytes, holds. */
struct duplicate *duplicates_find(struct rows *r, double threshold, enum metric metric,
                                  size_t memory, size_t *n);

#endif
