/* share: how a batch is cut into slices, by its size alone: 8 up to 128 rows, 16 up to 256, 32 for
 * 512; and which of them each rank (ranks.h) sums. Of S slices rank r of R has those from S*r/R to
 * S*(r+1)/R - 1; of more ranks than slices some have none. What slices are for: slices.h.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stddef.h>

#include "base/sizes.h"

enum { NET_SLICE_ROWS = 16 };

/* Slices of a batch of N rows: 8 to 128 rows; beyond, one for each NET_SLICE_ROWS, rounded up to a
 * multiple of 8. Slice s holds rows net_slice_start(n, s) to net_slice_start(n, s+1) - 1, so that
 * an eighth of the slices is an eighth of the rows. Of fewer than 8 rows some slices are empty. */
static inline size_t net_slices(size_t n)
{
    return n <= 8 * NET_SLICE_ROWS ? 8 : divide_up(n, 8 * NET_SLICE_ROWS) * 8;
}
static inline size_t net_slice_start(size_t n, size_t s)
{
    return n * s / net_slices(n);
}
/* Slices are added as a balanced binary tree: the sum of COUNT neighbours is that of the first
 * net_half(COUNT) plus that of the others. */
static inline size_t net_half(size_t count)
{
    return count - count / 2;
}

/* The first slice, and the first image, of rank R in a batch of N images; of the rank behind the
 * last one: their number. */
size_t share_slice(size_t n, int r);
size_t share_image(size_t n, int r);
/* The rank that has slice S. */
int share_owner(size_t n, size_t s);
/* The most images that any rank has of a batch of up to MAX_N. */
size_t share_most(size_t max_n);

/* DATA has an item of SIZE bytes for each slice, or image, of the batch, filled where they are this
 * rank's; then everywhere. */
void share_gather_slices(void *data, size_t size, size_t n);
void share_gather_images(void *data, size_t size, size_t n);

#endif
