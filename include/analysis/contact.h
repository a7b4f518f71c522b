/* contact: a contact sheet of pictures and those near them.
 *
 *     [query]  [1] [2] [3] ...      [query]  [1] [2] [3] ...
 *
 * Blocks stand beside one another as far as they fit the width. Small images are enlarged by a
 * whole number.
 */
#ifndef CONTACT_H
#define CONTACT_H

#include <stddef.h>
#include <stdint.h>

#include "files/tensor.h"
#include "pictures/image.h"

/* The frame of an answer. */
enum contact_mark { CONTACT_PLAIN, CONTACT_OTHER_CLASS, CONTACT_OTHER_SPLIT };

struct contact {
    struct tensor_reader *images; /* (N,H,W,3) uint8, or float32 from 0 to 1; seekable */
    size_t n, k;                  /* queries, answers of each */
    const size_t *queries;        /* (n) rows of images; NULL: */
    const uint8_t *picture;       /* (H,W,3) of the one query; NULL: queries have no pictures */
    const size_t *answers;        /* (n,k) rows of images */
    const unsigned char *marks;   /* (n,k) */
};

/* Dies where MEMORY, bytes, does not hold it. */
struct image contact_draw(const struct contact *c, size_t memory);

#endif
