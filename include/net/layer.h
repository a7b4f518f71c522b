/* layer: one encoder layer and its mirror, forward and backward; what a net is made of.
 *
 *     code = maxpool2(relu(conv(in, E)))        y = activation(conv(upsample2(small), D))
 *
 * in is code_{k-1}, small is y_k (code_K in the last layer), y is y_{k-1}. A function that takes a
 * struct work is a step (passes.h): it works on the images of a micro-batch, on one core, and adds
 * to the gradients of their slice. Batch normalisation between conv and relu is in norm.h.
 */
#ifndef LAYER_H
#define LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/algorithm.h"
#include "kernels/sparse.h"
#include "net/padded.h"

/* Of batch normalisation, see norm.h. */
#define NORM_EPSILON 1e-3
#define NORM_MOMENTUM 0.99

struct layer {
    const struct kernels *kernels;
    int R, P, C, K; /* kernel, pad, channels in, filters */
    int H, W, h, w; /* of the input, of the code */
    /* Of the decoder's adjoint: R+1, two by two; but a kernel of 1 only sees the sums of each 2x2
     * of dy: 1. */
    int back_taps;
    bool norm;
    double momentum;                       /* of its running averages */
    enum net_activation activation, above; /* of y_{k-1}; of y_k, unless it is the code */
    const struct net_parameter *kernel, *bias, *gamma, *beta, *mean, *variance, *back_kernel,
        *back_bias;
    struct layer *lower, *upper; /* layers k-1 and k+1, or NULL */

    /* kernels as the convolutions want them, renewed after net_changed */
    float *encode_w, *encode_b, *decode_w[2][2], *decode_b;
    float *encode_dx_w, *decode_dx_w;
    float *box; /* (R+1,R+1,K,C) */
    /* Plain kernels on their way to packed ones, and gradients on their way back. Of encoder and
     * decoder, which are packed and folded at once. */
    float *encode_plain, *decode_plain;

    /* The convolutions: code, in inference and in training; a phase of y; the decoder's gradients;
     * the encoder's, dense under batch normalisation, otherwise sparse. */
    struct plan infer, learn, phase, back, dense;
    struct sparse sparse;

    /* Where the gradients of one slice stand in its block, floats. */
    size_t at_encode_dw, at_encode_db, at_decode_dw, at_decode_db;

    struct padded in; /* code_{k-1} */
    /* y_{k-1}; its gradient. In training y_0 shares dy_0's place: before the activation, then the
     * gradient. */
    struct padded y, dy;
    struct padded z; /* batch normalisation: what the convolution gives; then its gradient */
    /* Of code_k; its margin takes what the next encoder's windows add there. Where that one
     * normalises, the place of its input. */
    struct padded dcode;
    struct padded last; /* code_K, in the last layer */
    /* code_k, where the next layer reads it; y_k or code_K; its gradient. */
    const struct padded *code, *small, *dsmall;
    uint8_t *argmax; /* (places of a batch,h,w,K) */

    double *sums; /* batch normalisation: (slices,2,K) */
    /* (K): y = scale*z + shift; z normalised = (z - batch_mean) * inverse. */
    float *scale, *shift, *batch_mean, *inverse;
    float *dz_a, *dz_b; /* (K): dz = scale*g - dz_a - dz_b * normalised z */
};

/* floor((a-P)/2): the first row of the small image that rows 2i+a of y see, less i; columns alike.
 */
int layer_phase_origin(int a, int P);
/* Of the images of the micro-batch, from x to y; y's channels, and small for gradients. */
struct conv_images layer_images(const struct work *w, const struct padded *x,
                                const struct padded *y, const struct padded *small);

/* Geometry and algorithms of layer k (from 0) of SPEC, which is LAYERS[k]. */
void layer_init(struct layer *layers, int k, const struct net_spec *spec,
                const struct kernels *kernels, bool train);
/* Takes its memory from ARENA, in the order of the layers: places for the images of a batch and
 * those of the threads (padded.h), for so many SLICES. */
void layer_lay_out(struct layer *l, struct arena *arena, size_t batch_places, size_t thread_places,
                   size_t slices, bool train);
/* Then, for training: the place of its gradients in a slice's, behind *SIZE floats. */
void layer_place_decoder(struct layer *l, size_t *size);
void layer_place_encoder(struct layer *l, size_t *size);
size_t layer_scratch(const struct layer *l); /* floats that a thread needs; after layer_init */
size_t layer_entries(const struct layer *l); /* entries that a thread needs; after layer_lay_out */

/* Tells the profile the algorithms of layer K (from 0). */
void layer_profile(const struct layer *l, int k);

/* From the flat WEIGHTS to what the convolutions want. INFERENCE: running statistics go into kernel
 * and bias. */
void layer_pack_encoder(struct layer *l, const float *weights, bool inference);
void layer_pack_decoder(struct layer *l, const float *weights, bool inference);
bool layer_packs_alike(const struct layer *l); /* for training and for inference */

/* Of image m of the micro-batch: the encoder's input, position (0,0) minus the pad; which of each
 * four positions the pool took, (h,w,K). */
const float *layer_encoder_input(const struct layer *l, const struct work *w, size_t m);
uint8_t *layer_argmax(const struct layer *l, const struct work *w, size_t m);

void layer_encode(struct layer *l, const struct work *w);
/* A sigmoid at the end of the net belongs to the loss, and is left out. */
void layer_decode(struct layer *l, const struct work *w);
/* From the gradient of y_{k-1} before its activation, dy: the decoder's own, and that of y_k before
 * its activation, or of code_K. */
void layer_decode_backward(struct layer *l, const struct work *w);
/* From the gradient of code_k, dcode: the encoder's own, and that of code_{k-1}. */
void layer_encode_backward(struct layer *l, const struct work *w);
/* g *= derivative of the activation, n elements, from its result y. */
void layer_activation_backward(float *g, const float *y, size_t n, enum net_activation activation);

/* From the layouts in which the kernels leave the sums, SLICE, to the flat GRADIENTS. */
void layer_fold_encoder(const struct layer *l, float *gradients, const float *slice);
void layer_fold_decoder(const struct layer *l, float *gradients, const float *slice);

#endif
