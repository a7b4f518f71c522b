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
 * then an all-gather). The floats of a layer set out as soon as they are complete, a piece, while
 * other layers are at work.
 */
#ifndef SLICES_H
#define SLICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "net/spec.h"

enum { SLICES_PIECES = NET_MAX_LAYERS + 1 };

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
    /* Of several ranks: this one's part of the sums of others, and how much is free; the total. */
    float *others, *others_end, *total;
    struct piece {
        size_t from, to;      /* floats of a block */
        struct slice *slices; /* where their sums are, of all ranks */
    } pieces[SLICES_PIECES];
    int n_pieces, n_summed; /* that set out; whose sums of other ranks are here and added */
    /* For the profile, of all batches: pieces; those that set out while slices were at work;
     * seconds from the first of these until no slice was, and from the start of the batch until
     * then. */
    size_t all, early;
    double began, set_out, overlap, passes;
};

/* For batches of up to MAX_BATCH images. ALL: a block for each slice. */
void slices_lay_out(struct slices *s, struct arena *arena, size_t max_batch, size_t size,
                    int threads, bool all);
/* How many of COUNT slices, the last of them, may all be at work at once beside those of the
 * threads: as many as there are threads, at least 8. */
size_t slices_late(int threads, size_t count);

/* A batch of n images begins. */
void slices_begin(struct slices *s, size_t n);
/* On any thread, in the order of the slices: the gradients of slice i, zeros at first. May wait for
 * slices before it to be done. */
float *slices_take(struct slices *s, size_t i);
void slices_done(struct slices *s, size_t i); /* all its images are added */
/* On one thread, when no slice is at work: in those of this rank the first UNTIL floats are
 * complete, and taken by none any more; they set out to other ranks. */
void slices_share(struct slices *s, size_t until);
/* On the main thread, also while slices are at work: takes in what came, and passes on its sums. */
void slices_progress(struct slices *s);
/* On one thread, when all are done: the sum of all slices of all ranks, `size` floats. */
const float *slices_total(struct slices *s);

/* Tells the profile how much of the passes the exchange overlapped. */
void slices_profile(const struct slices *s);

/* SUMS (slices,width) of a batch of N images, filled for this rank's slices: the total of all ranks
 * to TOTAL (width), zeros to SUMS. */
void slices_add(double *total, double *sums, size_t width, size_t n);
/* The total of NUMBERS, one for each of N images, filled for this rank's; then for all. */
double slices_add_images(double *numbers, size_t n);

#endif
