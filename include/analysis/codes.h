/* codes: images through the encoder of a net, as rows that can be compared with features.
 */
#ifndef CODES_H
#define CODES_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/rows.h"
#include "net/net.h"
#include "net/pool.h"

/* How `extract` made these FEATURES of codes as those of NET: how many places by the numbers in a
 * row, of length 1 or not by their lengths. False where it made none such. */
bool codes_find_form(struct pool *form, const struct net *net, struct rows *features);
/* Rows (n,D) of float32: the codes, in this form, of the images WHICH (n, ascending; NULL: all) of
 * T, which is read to its end. NET: for ENCODE_BLOCK rows. MEMORY: bytes that may be kept. */
struct rows *codes_read(struct net *net, const struct pool *form, struct tensor_reader *t,
                        const size_t *which, size_t n, size_t memory);
/* The same of images that are rows: BYTES, which count as x/255, or numbers. */
struct rows *codes_of(struct net *net, const struct pool *form, struct rows *images, bool bytes,
                      size_t memory);

#endif
