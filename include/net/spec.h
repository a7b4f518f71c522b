/* spec: what a net is, without its numbers: sizes, layers, loss; and the parameters that follow
 * from them. */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

enum { NET_MAX_LAYERS = 16 };
enum net_activation { NET_LINEAR, NET_RELU, NET_SIGMOID };
/* Mean squared error; binary cross-entropy, which needs a sigmoid at the end. */
enum net_loss { NET_MSE, NET_BCE };

struct net_layer {
    int kernel;                     /* R, odd, 1..15 */
    int filters;                    /* C_k */
    enum net_activation activation; /* of decoder k, on its way to y_{k-1} */
    bool batch_norm;                /* in encoder k */
};

struct net_spec {
    int height, width, channels; /* of x; 2^K divides height and width */
    int n_layers;                /* K */
    struct net_layer layers[NET_MAX_LAYERS];
    enum net_loss loss;
};

/* The names of activations and losses, in the order of their enums, as choices of an option. */
extern const char spec_activations[]; /* "linear|relu|sigmoid" */
extern const char spec_losses[];      /* "mean-squared-error|binary-crossentropy" */

/* A spec in words, all but its layers' number, kernels and filters:
 *
 *     "input"        "80,80,3"             height, width, channels
 *     "activations"  "sigmoid,relu"        of the decoders, in the order of k
 *     "batch_norm"   "no,no"               of the encoders
 *     "loss"         "binary-crossentropy" or "mean-squared-error" */
enum { SPEC_WORDS = 4, SPEC_TEXT = 256 };
extern const char *const spec_words[SPEC_WORDS]; /* "input" and so on */
void spec_format(char words[SPEC_WORDS][SPEC_TEXT], const struct net_spec *spec);
/* Into SPEC, which has its layers' number: NULL, or the reason, in ERROR, why these are no words of
 * a spec. */
const char *spec_parse(struct net_spec *spec, const char *const words[SPEC_WORDS],
                       char error[REASON_SIZE]);

/* What a net is given: numbers, or bytes where numbers is NULL. */
struct net_rows {
    const float *numbers;
    const uint8_t *bytes;
};
/* Bytes as a net takes them: x = b/255, n of them. */
void net_scale(float *x, const uint8_t *bytes, size_t n);

/* What is added to the loss in training and validation. */
struct net_penalty {
    double l2; /* l2 * sum of w^2 over all kernels; gradient 2*l2*w */
    double l1; /* l1 * mean over the batch of the sum of |code_K| */
};

/* The last two are not trained by gradient. */
enum net_role { NET_KERNEL, NET_BIAS, NET_GAMMA, NET_BETA, NET_MEAN, NET_VARIANCE };
struct net_parameter {
    char name[40]; /* "encoder.1.kernel" */
    enum net_role role;
    int rank;
    size_t shape[4];
    size_t offset, count; /* in the flat blocks, floats */
};

/* The parameters that a net of this spec has, encoders 1..K, then decoders 1..K: a new table of *n
 * for free(), and the length of the flat block in floats. SPEC must pass spec_check. */
struct net_parameter *spec_describe(const struct net_spec *spec, size_t *n, size_t *n_weights);

/* NULL, or what is wrong with the spec (constant): "height 81 is not a multiple of 2^4"-like
 * reasons go to the caller's message. */
const char *spec_check(const struct net_spec *spec);

#endif
