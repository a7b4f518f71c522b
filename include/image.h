/* image: PNG <-> 8-bit RGB rows, resizing, sheets. An image is H x W x 3 bytes, dense, rows from the top.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zio.h"

struct image { size_t height, width; uint8_t *pixels; };  /* pixels: height*width*3, owned; image_release frees it */

/* Reads any PNG: grey, palette, RGB, alpha over BACKGROUND, 1 to 16 bits (16 scaled to 8 with rounding), interlaced; gamma
 * is ignored; eXIf orientation is applied when ORIENT. NULL, or the reason in ERROR (size bytes; libpng's words or ours:
 * "not a PNG file", "a JPEG file", "cut short"). Thread-safe. Refuses images over 2^28 pixels before allocating. */
const char *image_read(struct image *im, const char *path, const uint8_t background[3], bool orient, char *error, size_t size);
void image_release(struct image *im);

/* Writes an RGB PNG through zio (whole or absent; NULL or "-": standard output). TEXT: pairs key, value, NULL at the end, kept as iTXt. */
void image_write(const char *path, const struct image *im, const char *const *text);

/* The reference's bilinear resize, fixed point with 11-bit weights, bit for bit OpenCV's INTER_LINEAR for uint8.
 * dst (dh,dw,3) dense; src (sh,sw,3), rows SRC_STRIDE bytes apart. Sizes from 1. */
void image_resize_bilinear(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw, size_t src_stride);
/* Area averaging for an axis that shrinks, bilinear for one that grows, exact copy at the same size. Same arguments. */
void image_resize(uint8_t *dst, size_t dh, size_t dw, const uint8_t *src, size_t sh, size_t sw, size_t src_stride);

#endif
