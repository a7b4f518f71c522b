/* head: a small net on the code, which a contrastive objective looks through (Chen, Kornblith,
 * Norouzi, Hinton 2020, "A simple framework for contrastive learning of visual representations").
 *
 *     a_0 = code averaged to pool x pool: cell (i,j) over rows floor(i*h/pool) to
 *           ceil((i+1)*h/pool) - 1, columns likewise, flattened in the order i, j, channel
 *     u_l = a_{l-1} W_l
 *     a_l = relu(gamma * (u_l - mean) / sqrt(var + eps) + beta)                l < L
 *     u_L = a_{L-1} W_L + b
 *     z = u_L / |u_L|
 *
 * mean and var over the rows of the batch, in inference their running averages, eps 1e-3. Trained
 * beside the net, kept in the model's file, no part of the features.
 *
 * Of ranks (share.h) each gives the codes of its share, and gets their gradients; all else is the
 * same on all.
 *
 * Parameters, flat, in this order: head.l.kernel (in,out), then head.l.gamma, .beta, .mean,
 * .variance (out), of the last layer head.L.bias. Sums over the batch run in the order of its rows,
 * so that the bytes do not depend on the number of threads.
 */
#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/spec.h"

enum { HEAD_MAX_LAYERS = 4, HEAD_MAX_WIDTH = 8192, HEAD_MAX_POOL = 64 };

struct head_spec {
    size_t pool;
    size_t code[3]; /* h,w,C of the code */
    int n_layers;   /* 0: there is no head */
    size_t widths[HEAD_MAX_LAYERS];
};

/* As spec_describe. */
struct net_parameter *head_describe(const struct head_spec *spec, size_t *n, size_t *n_weights);
/* Parses "512,512" into SPEC; false where it is no list of 1 to 4 widths of 1 to 8192. */
bool head_parse(struct head_spec *spec, const char *text);
bool head_is_equal(const struct head_spec *a, const struct head_spec *b);

struct head;

/* For up to MAX_ROWS codes. */
struct head *head_new(const struct head_spec *spec, size_t max_rows);
size_t head_memory(const struct head_spec *spec, size_t max_rows); /* bytes it takes */
void head_free(struct head *head);
const struct head_spec *head_get_spec(const struct head *head);
const struct net_parameter *head_parameters(const struct head *head, size_t *n);
float *head_weights(struct head *head, size_t *n); /* flat */
float *head_gradients(struct head *head);          /* flat; of mean and variance 0 */
/* Of the running averages, 0.99 in a new head. */
void head_set_momentum(struct head *head, double momentum);
/* As parameters.h says, Glorot uniform, from the streams (seed, RNG_HEAD, index). */
void head_initialise(struct head *head, uint64_t seed);

/* The z of N codes (n,h,w,C): rows of head_row floats, the head's until it is called again. TRAIN:
 * by the statistics of these rows, which move the running averages. */
const float *head_forward(struct head *head, const float *code, size_t n, bool train);
size_t head_row(const struct head *head);
/* From dz, the gradient of what head_forward gave in training, of the same N rows, to the head's
 * own and to that of the codes. dz is used up. */
void head_backward(struct head *head, float *dcode, float *dz, size_t n);

#endif
