/* sums: over all rows, in one order whatever the number of threads and ranks (ranks.h).
 *
 * N rows are cut into 16 slices by N alone: slice s has those from N*s/16 to N*(s+1)/16 - 1. Each
 * may be cut further, into parts that threads add up. The parts of a slice are added in their
 * order, the slices likewise:
 *
 *     sum = ((slice 0 + slice 1) + slice 2) + ...     slice = ((part 0 + part 1) + part 2) + ...
 *
 * Rank r of R has the slices from 16r/R to 16(r+1)/R - 1, and holds their rows alone; beyond 16
 * ranks some have none. What is computed a block of rows at a time is the work of the rank in whose
 * slices the block begins. The sums of slices go to all ranks, for each its share of the numbers,
 * and come back added: a rank sends and receives about 16/R + 1 times a sum.
 *
 * Every rank makes the same calls in the same order, on its main thread.
 */
#ifndef SUMS_H
#define SUMS_H

#include "analysis/rows.h"

enum {
    SUMS_SLICES = 16,
    SUMS_BLOCK = 1024, /* rows of a block, at most: a rank holds so many more, for its last one */
};

/* rows_read of this rank's share. Of several ranks T is a file. */
struct rows *sums_read(struct tensor_reader *t, const size_t *which, size_t n, size_t memory);
/* The first row of rank R's blocks of n rows; of the rank behind the last one: n. BLOCK 1: of its
 * slices. */
size_t sums_start(size_t n, size_t block, int r);
/* The rank whose block begins at row FIRST. */
int sums_owner(size_t n, size_t block, size_t first);

/* part (width) += what rows FIRST to END-1 give. */
typedef void sums_add(void *context, double *part, size_t first, size_t end);
/* sums (width) = what all n rows give, at every rank; slices are cut into so many PARTS. */
void sums_over(double *sums, size_t width, size_t n, size_t parts, sums_add *add, void *context);
/* How many numbers that takes for each number of a sum, besides what ADD takes. */
size_t sums_memory(void);
/* mean (D) of all rows; returns the sum of squares of the rows minus their mean. */
double sums_mean(double *mean, struct rows *r);
/* How many rows a thread looks at at once: they stay in its second-level cache. Depends on D alone.
 */
size_t sums_piece(size_t D);

/* For sums that take too much to be kept for each slice: each rank goes on from what the one before
 * has, and the last one has it all. Both do nothing where there is no such rank. */
void sums_go_on(double *sums, size_t width);
void sums_hand_on(const double *sums, size_t width);
/* What rank FROM has, at every rank. */
void sums_spread(double *sums, size_t width, int from);

#endif
