/* mosaic: many small pictures on few large ones, row by row, JPEG files.
 *
 * A picture (H,W,3) is made smaller, never larger, so that its longer side is SIDE at most, and
 * stands in the corner of a cell, whose sides are multiples of 8, as the blocks of JPEG are: so no
 * picture colours the next. A page holds as many as fit PAGE x PAGE, and only the last is not full.
 * Blocks of the report are named NAME-0, NAME-1 and so on.
 */
#ifndef MOSAIC_H
#define MOSAIC_H

#include <stddef.h>
#include <stdint.h>

#include "report/page.h"

struct mosaic {
    const char *name;
    int quality;
    size_t H, W;                    /* of the pictures that come */
    size_t height, width;           /* of the pictures as they stand here */
    size_t cell_height, cell_width; /* multiples of 8 */
    size_t columns, lines;          /* of a page */
    size_t n, n_pages;              /* pictures; pages, the last one begun */
    uint8_t *pixels;                /* (lines*cell_height,columns*cell_width,3), owned */
};

/* A side of n pixels where the longer one, LONGER, is made SIDE at most: rounded, at least 1. */
size_t mosaic_shrink(size_t n, size_t longer, size_t side);
/* For n pictures (H,W,3) in all. */
struct mosaic mosaic_new(const char *name, size_t n, size_t H, size_t W, size_t side, size_t page,
                         int quality);
/* Before the first picture: the room for a page. */
void mosaic_start(struct mosaic *m);
/* Appends a picture rgb (H,W,3); a page that is full goes to P. */
void mosaic_add(struct mosaic *m, struct page *p, const uint8_t *rgb);
/* Gives the last page to P, and frees. */
void mosaic_end(struct mosaic *m, struct page *p);
/* Bytes that it holds at most, with what the encoder holds. */
size_t mosaic_memory(const struct mosaic *m);
/* What the page must know of it. */
json_t *mosaic_facts(const struct mosaic *m);

#endif
