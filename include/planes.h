/* planes: an image with its channels apart, as conv_planes takes it, and the way back.
 *
 * Where a position of the result is more than a pixel away from the next (under a pool, in the decoder's adjoint, by tiles of Winograd's way), the rows and
 * columns between are apart as well: pixel (i,j) of channel c stands in plane ((i%down)*across + j%across)*C + c at (i/down)*row + j/across. Position (i,j) of
 * a result stands at i*row + j; those behind the end of a row come along and mean nothing. Images in, images out, one at a time, and of large ones a band that
 * the second-level cache holds; no state.
 */
#ifndef PLANES_H
#define PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

struct planes {
    int down, across, C; /* rows and columns of the image from one position to the next */
    int h, w;            /* h x w positions of the result at once, a band */
    int rows, row;       /* of a plane that taps see; positions from one row to the next */
    int image_row;       /* of a plane of the image; by Winograd's way maybe longer */
    int n;               /* from the first position to the last, those between rows included */
    int taps, sets, few; /* of SETS kernels of taps x taps x C, each for FEW channels of a result */
    int points, tile;    /* by Winograd's way, of so many points, a position is a tile of so many columns of the result; otherwise 0, and 1 */
    int shifts;          /* columns where tiles may begin: 0, or 1 as well */
    size_t size, z;      /* floats of a plane of the image, and of one at a point; of the result */
};
/* MARGIN: rows and columns of planes behind the last position that taps see; STEP: down and across. */
struct planes planes_for(int h, int w, int margin, int step, int C, int taps, int sets, int few);
/* Under a pool, results two by two: four sets; or by Winograd's way, where G has points, one for even and one for odd rows. */
struct planes planes_for_pool(const struct winograd *g);
/* The phases of an upsampled image, SETS of them: each a result like G's on an image with MARGIN. */
struct planes planes_for_phases(const struct winograd *g, int margin, int sets);

/* Bands begin every p->h rows from 0 on; where the one from I would go beyond the H rows that there are, it begins earlier: its first row. */
int planes_top(const struct planes *p, int i, int h);

/* Scratch, in floats, for the places of each set's taps, the image and what is asked for here: the results, and which of four a pool took. Aligned to 64 bytes. */
size_t planes_scratch(const struct planes *p);
/* Column J of a tile; the sets of a channel follow one another. */
float *planes_result(const struct planes *p, float *scratch, int channel, int set, int j);
uint8_t *planes_argmax(const struct planes *p, float *scratch);

/* The places of a set whose first tap is A rows and B columns of the image from the position; in the order (taps,taps,C), by Winograd's way (taps,C). */
void planes_set(const struct planes *p, float *scratch, int set, int a, int b);
/* The image, from what its first tap sees, ROW floats from row to row. By Winograd's way up to 12 pixels beyond the last row's end are read. */
void planes_from(const struct planes *p, const struct kernels *kernels, float *scratch, const float *image, size_t row);
/* All channels of a set: w (taps,taps,C,few), or as winograd_pack packs it for planes; b (few). */
void planes_conv(const struct planes *p, const struct kernels *kernels, float *scratch, int set, const float *w, const float *b);
/* Pools channel K of all sets: pooled column Q of each position to the plane that comes back; ARGMAX NULL or to planes_argmax. */
const float *planes_pool(const struct planes *p, const struct kernels *kernels, float *scratch, int k, int q, uint8_t *argmax);
/* COLS columns of a result to y[i*y_row + j*y_col]; and bytes likewise. */
void planes_to(float *y, size_t y_row, size_t y_col, const float *result, const struct planes *p, int cols);
void planes_bytes_to(uint8_t *y, size_t y_row, size_t y_col, const uint8_t *result, const struct planes *p, int cols);

#endif
