/* images: the images of a run as mosaics, and what its net gives back for them.
 *
 *     thumbnails-0, -1, ...        pages of the images
 *     reconstructions-0, -1, ...   pages of what the net gives back
 *     error                        (n) float32: mean of (given back - image)^2, of values 0..1
 *     kernels                      (R,R,C,K) float32: those of the first layer
 */
#ifndef IMAGES_H
#define IMAGES_H

#include "analysis/rows.h"
#include "files/tensor.h"
#include "net/model.h"
#include "report/page.h"

struct images_settings {
    size_t side, page; /* of a small image; of a page, at most; pixels */
    size_t compare;    /* of an image whose pixels are compared, at most */
    size_t memory;     /* for those, bytes */
};

/* Writes the n ROWS, ascending, of T (N,H,W,C), of which nothing was read, C 1 or 3, uint8 or
 * float32 from 0 to 1; with M (NULL: none) what it gives back. Puts what the page must know into
 * FACTS, "compared" being [h,w]. Returns the rows (n,h,w,C) uint8 that are compared: the images by
 * resize_area, their longer side s->compare or what it was. */
struct rows *images_write(struct page *p, json_t *facts, struct tensor_reader *t,
                          const size_t *rows, size_t n, const struct model *m,
                          const struct images_settings *s);
/* Writes the kernels of the first layer of M, where it has it. */
void images_write_kernels(struct page *p, json_t *facts, const struct model *m);
/* Bytes that images_write holds at most. */
size_t images_memory(const struct tensor_reader *t, size_t n, const struct model *m,
                     const struct images_settings *s);

#endif
