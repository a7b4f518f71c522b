/* image: PNG <-> 8-bit RGB. An image is height x width x 3 bytes, dense, rows from the top.
 *
 * Read are all PNG files: grey, grey and alpha, palette, RGB, RGBA, 1 to 16 bits, interlaced or
 * not, with a transparent colour. With c a sample, a its alpha, M the largest sample (255 or 65535)
 * and b the background, a byte of the image is
 *
 *     round((c*a + b/255*M * (M-a)) * 255 / M^2), halves up:
 *
 * one rounding for blending and for the step from 16 to 8 bits. Gamma, colour profiles and all
 * other ancillary chunks but tRNS and eXIf are ignored.
 *
 * Source: https://www.w3.org/TR/png-3/, through libpng; pictures of up to 8 MiB are unpacked before
 * (unpack.h).
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/zio.h"

enum { IMAGE_MAX_PIXELS = 1 << 26, IMAGE_ERROR = 160 };

struct image {
    size_t height, width;
    uint8_t *pixels; /* height*width*3, owned */
    bool is_large;   /* read from a file, over 2^22 pixels: other threads wait with theirs until
                        image_release */
};

struct image_settings {
    uint8_t background[3]; /* lies under what is transparent */
    bool orient;           /* turn and mirror as the eXIf chunk says */
};

/* Reads the PNG file at PATH. Returns NULL, or the reason why it cannot, in ERROR: "not a PNG
 * file", "a JPEG file", "cut short", libpng's words or the system's; then im->pixels is NULL.
 * DIGEST, unless NULL, becomes that of the file's bytes, read to the end whether they make sense or
 * not; 0 where they cannot be read to the end, which is a failure too. Refuses, before allocating,
 * more than IMAGE_MAX_PIXELS, dimensions that a file of this length cannot fill, and pictures that
 * take more memory than 64 MiB and four times the file. Several threads may read at once, but a
 * thread may hold one image at a time, and is the one to release it. */
const char *image_read(struct image *im, const char *path, const struct image_settings *s,
                       struct digest *digest, char error[IMAGE_ERROR]);
/* The same digest without decoding. */
const char *image_file_digest(const char *path, struct digest *digest, char error[IMAGE_ERROR]);
void image_release(struct image *im);

/* Digest of the pixels: what a history says of an image as an output. */
void image_digest(const struct image *im, char digest[DIGEST_SIZE]);

/* Writes an RGB PNG through zio (whole or absent; NULL or "-": standard output). TEXT: pairs key,
 * value, NULL at the end, kept as iTXt, not compressed; or NULL. Thread-safe for different paths.
 */
void image_write(const char *path, const struct image *im, const char *const *text);

#endif
