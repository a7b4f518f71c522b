/* fidelity: how near images that a net gives back are to the originals.
 *
 * For values from 0 to 1, x the original, y what came back, over all pixels and channels:
 *
 *     mse  = mean (y - x)^2                psnr = -10 log10(mse), dB
 *     bce  = mean -(x log y + (1-x) log(1-y)), y held to 1e-7..1-1e-7
 *     ssim = mean (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))
 *
 * with means, variances and covariance under a Gaussian window of 11x11, deviation 1.5, wherever it
 * fits, C1 = 0.01^2, C2 = 0.03^2, each channel alone (Wang, Bovik, Sheikh, Simoncelli 2004).
 */
#ifndef FIDELITY_H
#define FIDELITY_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/interval.h"
#include "files/tensor.h"
#include "net/net.h"

enum fidelity_measure { FIDELITY_BCE, FIDELITY_MSE, FIDELITY_PSNR, FIDELITY_SSIM, N_FIDELITIES };
extern const char *const fidelity_names[N_FIDELITIES];

/* f: of one image x and y (H,W,C). SSIM is NAN for images less than 11 pixels high or wide. */
void fidelity_of(double f[N_FIDELITIES], const float *x, const float *y, size_t H, size_t W,
                 size_t C);
/* Means of what NET, for ENCODE_BLOCK rows, gives back of n rows of IMAGES, by number, ascending.
 * SEED: of intervals. */
void fidelity_find(struct interval found[N_FIDELITIES], struct net *net,
                   struct tensor_reader *images, const size_t *rows, size_t n, uint64_t seed);

#endif
