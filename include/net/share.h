/* share: which part of a batch each rank (ranks.h) sums. Of the S slices of a batch rank r of R has
 * those from S*r/R to S*(r+1)/R - 1; of more ranks than slices some have none.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stddef.h>

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
