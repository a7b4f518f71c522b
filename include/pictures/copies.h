/* copies: an image as it comes back from elsewhere: mirrored, cropped, recompressed.
 *
 *     mirrored      columns from right to left
 *     cropped       0.8 of height and width, at a random place, resized back (resize_bilinear)
 *     recompressed  what JPEG at quality 30 leaves: YCbCr (JFIF), blocks of 8x8, cosine transform,
 *                   each coefficient rounded to a multiple of its step, and back
 *
 * The steps are those of ITU-T T.81, K.1 and K.2, scaled to the quality as the Independent JPEG
 * Group's library does. Chroma keeps its resolution; blocks beyond the edge continue it. Done here,
 * so that no version of a library changes the pixels.
 */
#ifndef COPIES_H
#define COPIES_H

#include <stddef.h>
#include <stdint.h>

enum copy_kind { COPY_MIRRORED, COPY_CROPPED, COPY_RECOMPRESSED, COPY_KINDS };
extern const char *const copy_names[COPY_KINDS];

/* copy (H,W,3) of an image (H,W,3), which it must not overlap. The place of a crop is drawn from
 * (seed, RNG_COPIES, number). */
void copy_make(uint8_t *copy, const uint8_t *image, size_t H, size_t W, enum copy_kind kind,
               uint64_t seed, uint64_t number);

#endif
