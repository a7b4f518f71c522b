/* image: a whole picture in memory, height x width x 3 bytes, dense, rows from the top.
 *
 * Source: https://www.w3.org/TR/png-3/, through libpng.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/digest.h"
#include "pictures/picture.h"

enum { IMAGE_ERROR = PICTURE_REASON };

struct image {
    size_t height, width;
    uint8_t *pixels; /* height*width*3, owned */
};

/* Reads the picture at PATH, upright where s->orient. Returns NULL, or the reason why it cannot
 * (picture.h), in ERROR; then im->pixels is NULL. DIGEST, unless NULL, becomes that of the file's
 * bytes, read to the end whether they make sense or not (picture_look). Refuses, before allocating,
 * what takes more memory than 64 MiB and four times the file. Several threads may read at once. */
const char *image_read(struct image *im, const char *path, const struct picture_settings *s,
                       struct digest *digest, char error[IMAGE_ERROR]);
/* The same of an RGB PNG of 8 bits, as gnuplot draws it: a program that reads no others loads no
 * codecs. What is transparent lies over white. */
const char *image_read_png(struct image *im, const char *path, char error[IMAGE_ERROR]);
void image_release(struct image *im);

/* Digest of the pixels: what a history says of an image as an output. */
void image_digest(const struct image *im, char digest[DIGEST_SIZE]);

/* Writes an RGB PNG through zio (whole or absent; NULL or "-": standard output). TEXT: pairs key,
 * value, NULL at the end, kept as iTXt, not compressed; or NULL. Thread-safe for different paths.
 */
void image_write(const char *path, const struct image *im, const char *const *text);

#endif
