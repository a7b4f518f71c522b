/* fit: a picture becomes a square of SIZE x SIZE pixels, without ever being there as a whole.
 *
 * Stretched, or cropped about its middle, or padded with the background; turned upright. As area
 * averaging is exact and the same from left and right, the picture is resized as it is stored and
 * turned when it is small.
 */
#ifndef FIT_H
#define FIT_H

#include "pictures/picture.h"
#include "pictures/resize.h"

enum fit_way { FIT_STRETCH, FIT_CROP, FIT_PAD };

struct fit_settings {
    size_t size;
    enum fit_way way;
    uint8_t background[3];
};

struct fit {
    const struct fit_settings *settings;
    struct picture *picture;
    size_t top, left, height, width; /* what of the decoded rows is taken */
    size_t dh, dw;                   /* and what it becomes, as stored */
    uint64_t memory; /* bytes that fit_row holds at most, the picture's among them */
    struct resizer *resizer;
    size_t y; /* of the next row to come */
};

/* For a picture that was opened; NULL, or the reason of picture_plan. */
const char *fit_plan(struct fit *f, struct picture *p, const struct fit_settings *s);
/* Decodes the picture into row (size,size,3). NULL, or the reason of picture_decode. */
const char *fit_row(struct fit *f, uint8_t *row);

#endif
