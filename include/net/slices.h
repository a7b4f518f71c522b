/* slices: the sums of a batch, in an order that its size alone decides.
 *
 * A batch is cut into slices (share.h). The images of a slice add to its sums in their order; the
 * slices' sums are added as a balanced binary tree:
 *
 *     sum(first, count) = sum(first, h) + sum(first + h, count - h)          h = net_half(count)
 *
 * So the bytes do not depend on the number of threads, and halves, quarters and eighths of a batch,
 * whose sums are nodes of that tree, may be summed apart: by several ranks. Each has the sums of
 * its own slices, gets the others', and adds all in the same tree.
 *
 * Gradients are large: `size` floats, a block, for each slice at work. A net that returns to each
 * slice (passes.h) has as many blocks as slices. Otherwise, where there are more slices, there are
 * blocks for about two a thread, at least 16: two neighbours that are done are added to make room.
 * Ranks share the addition of gradients: each adds a part of the floats, for all (a reduce-scatter,
 * then an all-gather).
 */
#ifndef SLICES_H
#define SLICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct slices {
    int threads;
    size_t n;    /* images of the batch */
    size_t size; /* floats of a block */
    struct slice {
        float *gradients; /* NULL: none yet, or added to another's */
        size_t count;     /* slices from this one on whose sum they are; 0: at work */
    } * slices;
    float *blocks; /* (n_blocks,size) */
    size_t n_blocks, used;
    /* Of several ranks: this one's part of the sums of others, (n_others, part); the total. */
    float *others, *total;
    size_t n_others;
};

/* For batches of up to MAX_BATCH images. ALL: a block for each slice. */
void slices_lay_out(struct slices *s, struct arena *arena, size_t max_batch, size_t size,
                    int threads, bool all);
/* How many of COUNT slices, the last of them, may all be at work at once beside those of the
 * threads: as many as there are threads, at least 8. */
size_t slices_late(const struct slices *s, size_t count);

/* A batch of n images begins. */
void slices_begin(struct slices *s, size_t n);
/* On any thread, in the order of the slices: the gradients of slice i, zeros at first. May wait for
 * slices before it to be done. */
float *slices_take(struct slices *s, size_t i);
void slices_done(struct slices *s, size_t i); /* all its images are added */
/* On one thread, when all are done: the sum of all slices of all ranks, `size` floats. */
const float *slices_total(struct slices *s);

/* SUMS (slices,width) of a batch of N images, filled for this rank's slices: the total of all ranks
 * to TOTAL (width), zeros to SUMS. */
void slices_add(double *total, double *sums, size_t width, size_t n);
/* The total of NUMBERS, one for each of N images, filled for this rank's; then for all. */
double slices_add_images(double *numbers, size_t n);

#endif
