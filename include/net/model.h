/* model: a net in a file, X.safetensors.zst.
 *
 * Tensors encoder.K.kernel, encoder.K.bias, decoder.K.kernel, decoder.K.bias (and encoder.K.gamma,
 * .beta, .mean, .variance with batch normalisation), float32, kernels (height, width, in, out). K
 * counts from `first`: the model of stage 3 holds layer 3 alone. __metadata__ holds what else the
 * net needs, and a model file is enough to run it:
 *
 *     "input", "activations", "batch_norm", "loss"   as spec.h has them in words
 *     "history"                                      JSON text, see history.h
 *
 * A model trained through a head keeps it too, head.L.kernel and so on (head.h); its sizes are
 * those of its tensors. What takes codes from the net does not look at it.
 *
 * A trained model also keeps where its training stands (checkpoint.h), so that more epochs go on
 * from there.
 *
 * digest: XXH128 over "input;activations;batch_norm;loss;first\n" (the values), then the weights as
 * float32 little-endian in the order of net_parameters, then the head's: the same for the same net,
 * in whatever order a file keeps its tensors.
 */
#ifndef MODEL_H
#define MODEL_H

#include "base/report.h"
#include "net/checkpoint.h"
#include "files/history.h"
#include "net/head.h"
#include "net/net.h"
#include "files/zio.h"

struct model {
    char *path;
    struct net_spec spec;
    int first;      /* number of the first layer, from 1 */
    float *weights; /* flat, n_weights, as net_weights orders them; owned */
    size_t n_weights;
    struct head_spec head; /* n_layers 0: none */
    float *head_weights;   /* flat, n_head, as head_weights orders them; owned, or NULL */
    size_t n_head;
    bool rounded;  /* weights of float64 were, which was said */
    char *history; /* text, or NULL; owned */
    char digest[DIGEST_SIZE];
    struct checkpoint *training; /* NULL: none; owned */
};

/* Reads and checks a model ("-": standard input): every tensor there, of the right shape, finite.
 * Dies otherwise. */
struct model *model_read(const char *path);
/* The same of a whole file's content in memory; PATH is for messages. */
struct model *model_parse(const char *path, const unsigned char *data, size_t len);
/* model_read without dying: NULL, or the reason, which may stand in ERROR; *m is then NULL. */
const char *model_try_read(struct model **m, const char *path, char error[REASON_SIZE]);
/* Writes NET, whose first layer has the number FIRST, to PATH (NULL or "-": standard output) with
 * the record H and, unless NULL, its HEAD and where its TRAINING stands. */
void model_write(const char *path, struct net *net, int first, struct head *head,
                 const struct history *h, const struct checkpoint *training);
/* A net with this model's weights; MAX_BATCH and USE as in net_new. */
struct net *model_net(const struct model *m, int max_batch, enum net_use use);
/* Copies the weights of FROM into NET; dies, naming both, unless all shapes agree. */
void model_load(struct net *net, const struct model *from);
void model_add_to_history(const struct model *m, struct history *h);
/* Bytes that it takes, with where its training stands. */
size_t model_memory(const struct model *m);
void model_free(struct model *m);

/* Dies, with both shapes, unless rows of shape (H,W,C) are what the model takes. PATH names the
 * rows. */
void model_want(const struct model *m, const char *path, const size_t shape[3]);

#endif
