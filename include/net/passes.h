/* passes: forward and backward through the layers, for all of a batch.
 *
 *     inference     x -> code_1 .. code_K | -> y_{K-1} .. y_0 -> loss
 *     training      x -> code_1 .. code_K | -> y_{K-1} .. y_0 -> loss, dy_0 -> dy_1 .. dcode_K |
 *                   -> dcode_{K-1} .. dcode_0
 *
 * Each arrow is a step: a function of a layer, for a micro-batch. A thread takes a micro-batch
 * through all the steps before the next one, so that what a step leaves is in the caches when the
 * following one reads it, and padded images are few. The bars divide the passes for those that want
 * the code, or give its gradient.
 *
 * With several ranks the threads stop where the gradients of a layer are complete, so that they set
 * out (slices.h): after the decoders' backward pass, and after each encoder's. So all but the last
 * slices go through all steps first, and those return for each stop, in places of their own.
 *
 * A step may have a reduction, which follows when all of the batch is through the step: batch
 * normalisation's. Then, and where code and gradient are exchanged, the threads return to each
 * micro-batch, and the padded images of all of the batch are kept.
 */
#ifndef PASSES_H
#define PASSES_H

#include <stdatomic.h>

#include "net/layer.h"
#include "net/slices.h"

struct step {
    void (*run)(struct layer *l, const struct work *w);
    void (*reduce)(struct layer *l, float *weights, float *gradients, size_t n); /* or NULL */
    struct layer *layer;
};
struct steps {
    struct step list[6 * NET_MAX_LAYERS + 8];
    int n;
    int code;  /* of them until code_K is known */
    int dcode; /* in training: until the decoder's gradient of it is known */
};

struct passes {
    struct layer *layers;
    int n_layers, threads;
    bool train, keeps; /* keeps: the padded images of a batch, in training */
    struct steps inference, training;
    float *weights, *gradients; /* flat, of the net, for reductions */
    struct slices slices;
    size_t kept, kept_place; /* the batch's image from which on images keep their places; its own */
    atomic_bool *begun;      /* of slices: all micro-batches but the last are through the steps */
    float *scratch;          /* (threads, scratch_size) */
    size_t scratch_size;
    struct entry *entries; /* (threads, n_entries) */
    size_t n_entries;
};

/* Of LAYERS, on as many threads as there are now. KEEPS: training stops at the code; it does too
 * where a layer has batch normalisation. */
void passes_init(struct passes *p, struct layer *layers, int n_layers, bool train, bool keeps);
/* Memory of the layers and of the passes, for batches of up to MAX_BATCH images. */
void passes_lay_out(struct passes *p, struct arena *arena, size_t max_batch);

/* This rank's images of B through the first N_STEPS of inference. MEANWHILE, unless NULL: called
 * once, on the calling thread, before it joins the others. */
void passes_infer(struct passes *p, const struct batch *b, int n_steps,
                  void (*meanwhile)(void *context), void *context);
/* This rank's images of B through the training steps FROM to TO. The slices hold the gradients
 * then. */
void passes_train(struct passes *p, const struct batch *b, int from, int to);

#endif
