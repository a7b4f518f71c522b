/* resize: images to another size. src: sh x sw pixels of 3 bytes, rows SRC_STRIDE bytes apart; dst:
 * dh x dw, dense, must not overlap src. Sizes from 1.
 */
#ifndef RESIZE_H
#define RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* Along each axis, from s to d samples: area averaging where it shrinks, out[i] = mean of in over
 * [i*s/d, (i+1)*s/d); where it grows, bilinear between the samples at either side of (i+0.5)*s/d -
 * 0.5, the first and the last sample continued outside; at the same size a copy. Exact, rounded
 * once at the end, halves up. */
void resize_area(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw,
                 size_t src_stride);

/* The same by rows: `sh` calls of resizer_add, with the rows of the source (sw,3) from the top,
 * fill dst (dh,dw,3), which must outlive them. It holds resizer_memory bytes, whatever the height.
 */
struct resizer;
struct resizer *resizer_new(uint8_t *dst, size_t dh, size_t dw, size_t sh, size_t sw);
void resizer_add(struct resizer *r, const uint8_t *row);
void resizer_free(struct resizer *r);
size_t resizer_memory(size_t dh, size_t dw, size_t sh, size_t sw);

/* OpenCV's resize for bytes with INTER_LINEAR, bit for bit: fixed point with weights of 11 bits.
 * For output i of each axis
 *
 *     f = (float)((i+0.5)*s/d - 0.5), k = floor(f), f -= k
 *     a0 = round_half_even((1-f)*2048), a1 = round_half_even(f*2048)
 *
 * columns: k clamped, and f = 0 at both ends; rows: only the indices k and k+1 clamped. With the
 * weights a of the column, b of the row:
 *
 *     H = in[k]*a0 + in[k+1]*a1,  out = (((b0*(H0>>4))>>16) + ((b1*(H1>>4))>>16) + 2) >> 2 */
void resize_bilinear(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw,
                     size_t src_stride);

#endif
