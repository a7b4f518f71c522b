/* planes: convolutions with few channels of the result, for which images lie with their channels
 * apart, as conv_planes takes them.
 *
 * Where a position of the result is more than a pixel away from the next (under a pool, in the
 * decoder's adjoint, by tiles of Winograd's way), the rows and columns between are apart as well:
 * pixel (i,j) of channel c stands in plane ((i%down)*across + j%across)*C + c at (i/down)*row +
 * j/across. Position (i,j) of a result stands at i*row + j; those behind the end of a row come
 * along and mean nothing. One image after another, a large one by bands that the second-level cache
 * holds; no state.
 */
#ifndef PLANES_H
#define PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

struct planes {
    int height, width;   /* of a set's result */
    int down, across, C; /* rows and columns of the image from one position to the next */
    int h, w;            /* h x w positions at once, a band */
    int rows, row;       /* of a plane that taps see; positions from one row to the next */
    int image_row;       /* of a plane of the image; by Winograd's way maybe longer */
    int n;               /* from the first position to the last, those between rows included */
    int taps, few;       /* kernels of taps x taps x C, each for FEW channels of a result */
    int sets, beside;    /* of kernels; so many in a row of them, */
    int apart;           /* whose first taps are so many rows and columns apart: 0 or 1 */
    /* By Winograd's way, of so many points, a position is a tile of so many columns of the result;
     * otherwise 0, and 1. */
    int points, tile;
    size_t size, z; /* floats of a plane of the image, and of one at a point; of the result */
};
/* By Winograd's way where G has points. The encoder's convolution under a pool, G->K channels. */
struct planes planes_for_pool(const struct winograd *g);
/* The phases of an upsampled image, each a result like G's: 4 sets, two by two, or 1. */
struct planes planes_for_phases(const struct winograd *g, int sets);
/* The decoder's adjoint, by kernels of taps x taps x C on an image with h x w positions, STEP rows
 * and columns from one to the next. */
struct planes planes_for_adjoint(int h, int w, int step, int C, int taps, int few);

size_t planes_scratch(const struct planes *p); /* floats, aligned to 64 bytes */

struct planes_images { /* n of them; floats from one row, position and image to the next */
    size_t n, x_row, x_image, y_row, y_col, y_image;
};
/* conv_relu_pool: y is the first channel of few of the pooled positions, argmax (n,h,w,y_col) or
 * NULL likewise. x is what the first tap sees, and is read up to 12 pixels beyond the last row's
 * end. w (taps,taps,C,few), or as winograd_pack packs it for planes; b (few). */
void planes_relu_pool(const struct planes *p, const struct kernels *kernels, float *y,
                      uint8_t *argmax, const float *x, const float *w, const float *b,
                      const struct planes_images *g, float *scratch);
/* conv likewise of each set with its w: y_row and y_col are those of a set; sets that lie two by
 * two are half as far apart. */
void planes_conv(const struct planes *p, const struct kernels *kernels, float *y, const float *x,
                 const float *const *w, const float *b, const struct planes_images *g,
                 float *scratch);

#endif
