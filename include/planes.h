/* planes: an image with its channels apart, as conv_planes takes it, and the way back.
 *
 * With step 2, for results two by two (a pool's, the decoder's adjoint), even and odd rows and columns are apart as well: pixel (i,j) of channel c stands in
 * plane ((i%step)*step + j%step)*C + c at (i/step)*row + j/step. Position (i,j) of a result stands at i*row + j; those behind the end of a row come along
 * and mean nothing. Images in, images out, one at a time; no state.
 */
#ifndef PLANES_H
#define PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

struct planes {
    int step, C, h, w;   /* h x w positions of the result */
    int rows, row;       /* of a plane; positions from one row to the next */
    int n;               /* from the first position to the last, those between rows included */
    int taps, sets, few; /* of SETS kernels of taps x taps x C, each for FEW channels of a result */
    size_t size, z;      /* floats of a plane of the image; of the result */
};
/* MARGIN: rows and columns of planes behind the last position that taps see. */
struct planes planes_for(int h, int w, int margin, int step, int C, int taps, int sets, int few);

/* Scratch, in floats, for the places of each set's taps, the image and what is asked for here: the results, and which of four a pool took. */
size_t planes_scratch(const struct planes *p);
float *planes_result(const struct planes *p, float *scratch, int channel, int set);   /* the sets of a channel follow one another */
uint8_t *planes_argmax(const struct planes *p, float *scratch);

/* The places of a set whose first tap is A rows and B columns of the image from the position; in the order (taps,taps,C). */
void planes_set(const struct planes *p, float *scratch, int set, int a, int b);
/* The image, from what its first tap sees, ROW floats from row to row. */
void planes_from(const struct planes *p, float *scratch, const float *image, size_t row);
/* All channels of a set: w (taps,taps,C,few), b (few). */
void planes_conv(const struct planes *p, const struct kernels *kernels, float *scratch, int set, const float *w, const float *b);
/* A channel of a result to y[i*y_row + j*y_col]; and bytes likewise. */
void planes_to(float *y, size_t y_row, size_t y_col, const float *result, const struct planes *p);
void planes_bytes_to(uint8_t *y, size_t y_row, size_t y_col, const uint8_t *result, const struct planes *p);

#endif
