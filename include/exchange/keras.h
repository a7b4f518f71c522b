/* keras: nets that Keras 1 and 2 kept in HDF5, as ours.
 *
 *     /model_weights, or /       layer_names, keras_version, backend
 *     .../LAYER                  weight_names; none where the layer has no weights
 *     .../LAYER/LAYER_W:0        Keras 1: kernel; LAYER_b:0 bias; of batch normalisation
 *                                LAYER_gamma:0, _beta:0, _running_mean:0, _running_std:0, which is
 *                                the variance
 *     .../LAYER/LAYER/kernel:0   Keras 2: kernel; bias:0; gamma:0, beta:0, moving_mean:0,
 *                                moving_variance:0
 *     /                          model_config, training_config: JSON, where the model was kept
 *
 * A net of K layers has 2*K convolutions: encoders 1..K, each before a pool, then decoders K..1,
 * each behind an upsampling. Kernels are (rows, columns, in, out); by Keras 1 in the ordering "th"
 * (out, in, rows, columns). Theano's convolution turns its kernel about both axes, ours does not:
 * its kernels are turned, as Keras does when it reads them with another backend. Theano names its
 * weights without ":0". Source: Keras 1.2.2 and 2.2.4, engine/topology.py, legacy/models.py.
 */
#ifndef KERAS_H
#define KERAS_H

#include "net/spec.h"

enum keras_ordering { KERAS_BY_FILE, KERAS_TF, KERAS_TH };
struct keras_options {
    int height, width;  /* of the input; 0: what model_config says */
    int output, hidden; /* enum net_activation of decoder 1 and of the others; -1: likewise */
    int loss;           /* enum net_loss; -1: likewise */
    enum keras_ordering ordering;
    int first; /* number of the first layer */
};

/* Reads the net in the file at PATH: its spec, and its weights, flat, in a new block in the order
 * of spec_describe. Dies where the file is no such net, and says what was got and wanted. */
float *keras_read(struct net_spec *spec, const char *path, const struct keras_options *o);

#endif
