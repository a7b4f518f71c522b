/* onnx: a net as a model of the Open Neural Network Exchange, operators of version 13.
 *
 *     images (N,H,W,C) uint8       Cast, Div by 255; float32: neither
 *     Transpose                    to (N,C,H,W), as Conv wants it
 *     of each layer                Conv, [BatchNormalization,] Relu, MaxPool: code_k
 *     encoder: Transpose           code (N,h,w,C_K)
 *     autoencoder, of each layer   Resize (nearest, asymmetric, floor: doubled), Conv, activation
 *     Transpose                    reconstruction (N,H,W,C)
 *
 * N is free. Weights have the names of our models and the order (out,in,height,width). Source:
 * https://github.com/onnx/onnx, onnx.proto3, IR.md and Operators.md.
 */
#ifndef ONNX_H
#define ONNX_H

#include <stdbool.h>

#include "files/buffer.h"
#include "net/spec.h"

/* Bytes that onnx_format holds for a net with so many weights, besides these. */
size_t onnx_memory(size_t n_weights);
/* Appends the model to B, up to metadata_props, which trailer.h writes. WEIGHTS: flat, of SPEC
 * (spec_describe); FIRST: number of the first layer. BYTES: the input is uint8. DECODER: the
 * decoders follow. */
void onnx_format(struct buffer *b, const struct net_spec *spec, const float *weights, int first,
                 bool bytes, bool decoder);

#endif
