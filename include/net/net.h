/* net: a stacked convolutional autoencoder, K encoder layers and their K mirrors; forward and
 * backward.
 *
 *     code_0 = x (N,H,W,C)
 *     code_k = maxpool2(relu(norm(conv(code_{k-1}, E_k))))         k = 1..K
 *     y_K = code_K
 *     y_{k-1} = activation_k(conv(upsample2(y_k), D_k))            k = K..1
 *
 * encoder k: kernel (R_k,R_k,C_{k-1},C_k); decoder k mirrors it: (R_k,R_k,C_k,C_{k-1}). "Same"
 * padding, stride 1, bias. A stage of the stack is such a net with K = 1 on codes; the deep net has
 * K = all. norm is batch normalisation over (N,H,W) where the spec asks for it (Ioffe and Szegedy
 * 2015; eps 1e-3, running averages with momentum 0.99, as Keras), otherwise nothing.
 *
 * All parameters lie in one flat block, all gradients in another of the same layout, all scratch in
 * one arena sized when the net is made. Layout NHWC, kernels HWIO, float32.
 *
 * A batch becomes gradients so: passes.h takes it through the steps of the layers (layer.h, norm.h,
 * loss.h), slices.h adds what each slice of it has summed. Its bytes do not depend on the number of
 * threads. A slice is one thread's work at a time: more threads than slices bring nothing in
 * training.
 *
 * Ranks. Where several processes train together (ranks.h), each computes its share of the slices
 * (share.h): of x, t, code and dcode, which always have room for the whole batch, it reads and
 * writes the images of its share alone. Losses, gradients and weights have the same bytes on every
 * rank, for any number of ranks.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/parameters.h"

/* The revision of all programs that compute with nets, in the history of what they make. Raise it
 * with any change after which the same input, settings and instruction set give other bytes. A
 * program with arithmetic of its own counts from NET_REVISION: NET_REVISION + its own. */
enum { NET_REVISION = 12 };

struct net;

/* INFER: forward only, less scratch. IN_HALVES: net_train_encode and net_train_back too, with room
 * for the codes of a whole batch. */
enum net_use { NET_INFER, NET_TRAIN, NET_IN_HALVES };
/* MAX_BATCH: the largest n passed below. SPEC is copied; it must pass spec_check. */
struct net *net_new(const struct net_spec *spec, int max_batch, enum net_use use);
/* Bytes that such a net takes. */
size_t net_memory(const struct net_spec *spec, int max_batch, enum net_use use);
void net_free(struct net *net);
const struct net_spec *net_get_spec(const struct net *net);
/* Tells the profile the instruction set and the size of the arena, in which all scratch is; where
 * it trains, the slices of its largest batch, and how many of them a thread has where all take
 * alike; and each layer's algorithms. */
void net_profile(const struct net *net);
/* After training by several ranks: how far they exchanged gradients while computing others. */
void net_profile_exchange(const struct net *net);

/* As spec_describe; the net's own. */
const struct net_parameter *net_parameters(const struct net *net, size_t *n);
float *net_weights(struct net *net, size_t *n); /* flat; after changing them call net_changed */
float *net_gradients(struct net *net);          /* flat, same layout; of untrained parameters 0 */
void net_changed(struct net *net);

/* All parameters, see parameters.h: from the streams (seed, RNG_WEIGHTS, index). */
void net_initialise(struct net *net, enum net_initialiser how, uint64_t seed);

/* The shapes of code_K and of x. */
void net_code_shape(const struct net *net, size_t shape[3]);
size_t net_input_items(const struct net *net); /* H*W*C */
size_t net_code_items(const struct net *net);

/* One batch: x and target t (n,H,W,C), usually the same pointer. Leaves d(loss)/d(parameters) in
 * the gradients, returns the loss of this batch, penalties included. n from 1 to max_batch. Uses
 * the batch's own statistics in batch normalisation and updates the running ones. */
double net_train(struct net *net, const float *x, const float *t, size_t n,
                 const struct net_penalty *penalty);
/* The same in two halves, for a loss of the codes of all of a batch: from x to code (n,h,w,C_K),
 * and back from that loss's gradient dcode to the gradients of all parameters. WEIGHT > 0: the
 * decoder reconstructs t from the code besides, and its loss, which is returned, counts so much;
 * otherwise it stays as it is, and 0 is returned. Of the penalty l2 counts in the gradients; see
 * net_penalty for the loss. */
void net_train_encode(struct net *net, float *code, const float *x, size_t n);
double net_train_back(struct net *net, const float *dcode, const float *t, size_t n, double weight,
                      const struct net_penalty *penalty);
/* What l2 adds to the loss; DECODER: of the decoder too. */
double net_penalty(const struct net *net, const struct net_penalty *penalty, bool decoder);
/* Of the running averages of batch normalisation, 0.99 in a new net. */
void net_set_momentum(struct net *net, double momentum);
/* The loss alone, with running statistics. */
double net_evaluate(struct net *net, const float *x, const float *t, size_t n,
                    const struct net_penalty *penalty);
void net_encode(struct net *net, float *code, const float *x, size_t n); /* code (n,h,w,C_K) */
/* The same of numbers or bytes; and meanwhile(context), unless NULL, once, on the calling thread,
 * before it joins the others: it may not touch what net_encode_while was given. Returns how many
 * images there are before the first of numbers that are not all finite. */
size_t net_encode_while(struct net *net, float *code, struct net_rows x, size_t n,
                        void (*meanwhile)(void *context), void *context);
void net_reconstruct(struct net *net, float *y, const float *x, size_t n); /* y (n,H,W,C) */

#endif
