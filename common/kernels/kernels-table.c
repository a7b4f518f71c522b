/* table: the kernels of one instruction set. */
#include "kernels-vectors.h"

const struct kernels KERNELS(table) = {
    .name = ISA,
    .lanes = LANES,
    .conv = KERNELS(conv),
    .conv_relu_pool = KERNELS(conv_relu_pool),
    .conv_dw = KERNELS(conv_dw),
    .conv_dot = KERNELS(conv_dot),
    .winograd_pack = KERNELS(winograd_pack),
    .winograd_fold = KERNELS(winograd_fold),
    .winograd_forward = KERNELS(winograd_forward),
    .winograd_backward = KERNELS(winograd_backward),
    .sparse_list = KERNELS(sparse_list),
    .sparse_sum = KERNELS(sparse_sum),
    .norm_sums = KERNELS(norm_sums),
    .norm_relu_pool = KERNELS(norm_relu_pool),
    .norm_gradient_sums = KERNELS(norm_gradient_sums),
    .norm_gradient = KERNELS(norm_gradient),
    .sigmoid = KERNELS(sigmoid),
    .bce = KERNELS(bce),
    .mse = KERNELS(mse),
    .noise = KERNELS(noise),
};
