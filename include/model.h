/* model: a net in a file, X.safetensors.zst.
 *
 * Tensors encoder.K.kernel, encoder.K.bias, decoder.K.kernel, decoder.K.bias (and encoder.K.gamma, .beta, .mean, .variance with batch
 * normalisation), float32, kernels (height, width, in, out). __metadata__ holds what else the net needs ("input" "80,80,3",
 * "activations" "sigmoid,relu", "batch_norm" "no,no", "loss" "binary-crossentropy") and the "history": a model file is enough to run the net.
 */
#ifndef MODEL_H
#define MODEL_H

#include "history.h"
#include "net.h"
#include "zio.h"

struct model {
    char *path;
    struct net_spec spec;
    float *weights;      /* flat, as net_weights orders them */
    size_t n_weights;
    char *history;       /* text or NULL */
    char digest[ZIO_DIGEST_SIZE];   /* of the description and the weights */
};

/* Reads and checks a model ("-": standard input): every tensor there, of the right shape, finite. Dies otherwise. */
struct model *model_read(const char *path);
/* Writes NET at PATH (NULL or "-": standard output) with the record H. */
void model_write(const char *path, struct net *net, const struct history *h);
/* A net with this model's weights. */
struct net *model_net(const struct model *m, int max_batch, bool train);
void model_add_to_history(const struct model *m, struct history *h);
void model_free(struct model *m);

#endif
