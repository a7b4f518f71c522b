/* Apart from writing: a program that writes pictures alone loads no codecs. */
#include "pictures/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/zio.h"
#include "pictures/exif.h"

enum { RGB = 3 };

struct end {
    uint8_t *at; /* where the next row goes */
    size_t row_len;
};

static void keep_row(void *context, const uint8_t *row)
{
    struct end *end = context;

    memcpy(end->at, row, end->row_len);
    end->at += end->row_len;
}

static const char *read_pixels(struct image *im, struct picture *p)
{
    struct end end;
    uint64_t len = (uint64_t)p->height * p->width * RGB, most = ZIO_MOST + 4 * p->source.size;
    const char *bad = picture_plan(p, SIZE_MAX, SIZE_MAX);
    uint8_t *stored;

    if (bad)
        return bad;
    if (p->memory + len * (p->orientation == 1 ? 1 : 2) > most)
        return reason(p->reason, "too large: %zu x %zu pixels in a file of %llu bytes", p->width,
                      p->height, (unsigned long long)p->source.size);
    im->height = p->orientation >= 5 ? p->width : p->height;
    im->width = p->orientation >= 5 ? p->height : p->width;
    im->pixels = end.at = xmalloc(len);
    end.row_len = p->width * RGB;
    bad = picture_decode(p, keep_row, &end);
    if (bad || p->orientation == 1)
        return bad;
    stored = im->pixels;
    im->pixels = xmalloc(len);
    exif_turn(im->pixels, stored, p->orientation, p->height, p->width);
    free(stored);
    return NULL;
}

const char *image_read(struct image *im, const char *path, const struct picture_settings *s,
                       struct digest *digest, char error[IMAGE_ERROR])
{
    struct picture *p = xmalloc(sizeof *p);
    const char *bad = picture_open(p, path, s, digest != NULL);

    *im = (struct image){0};
    if (!bad)
        bad = read_pixels(im, p);
    if (bad) {
        snprintf(error, IMAGE_ERROR, "%s", bad);
        image_release(im);
    }
    picture_close(p, digest);
    free(p);
    return bad ? error : NULL;
}
