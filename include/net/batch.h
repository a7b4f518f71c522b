/* batch: what a net works on at once, and the part of it that a thread works on.
 *
 *     batch         n images, of all ranks
 *     slice         some of them, which add to the same gradients in their order (slices.h)
 *     micro-batch   up to MICRO_BATCH of a slice's, which a thread takes through the steps together
 */
#ifndef BATCH_H
#define BATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "net/spec.h"

/* Few, for the caches; more than one, so that a packed kernel serves several. */
enum { MICRO_BATCH = 4 };

/* Arrays are dense and of all n images. NULL where nothing is given or wanted. */
struct batch {
    size_t n;
    struct net_rows x;  /* (n,H,W,C) */
    const float *t;     /* (n,H,W,C), the target of y_0 */
    float *code, *y;    /* (n,h,w,K), (n,H,W,C): where code_K and y_0 are wanted */
    const float *dcode; /* (n,h,w,K): gradient of code_K from another loss than that of y_0 */
    bool train;         /* gradients are wanted */
    enum net_loss loss; /* of y_0 */
    double loss_weight; /* of that loss in the gradients; 0: no gradient comes from it */
    const struct net_penalty *penalty;
    double *losses, *code_sums; /* (n): loss of y_0; sum of |code_K| */
    atomic_size_t *not_finite;  /* the first image whose x is not, n where all are */
};

/* A micro-batch on a thread. */
struct work {
    const struct batch *batch;
    size_t first, count; /* its images in the batch */
    size_t slice;        /* in training */
    /* Where the first of them stands in padded images: those of a batch; those of the threads. */
    size_t batch_place, thread_place;
    float *gradients;      /* of the slice; in training */
    float *scratch;        /* of the thread, see layer_scratch */
    struct entry *entries; /* of the thread, see layer_entries */
};

#endif
