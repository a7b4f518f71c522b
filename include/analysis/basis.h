/* basis: principal components in a file, X.safetensors.zst, to be applied to other rows.
 *
 *     mean, mean.rest (D)                 coordinates = (x - mean) components'
 *     components, components.rest (P,D)   each the sum of two float32: the second is what the first
 *                                         leaves over; of float64, the rest of it is added
 *     variance, share (P)                 of the coordinates; of the total variance
 *     __metadata__                        "rows": how many it was fitted to; "history"
 */
#ifndef BASIS_H
#define BASIS_H

#include "files/history.h"
#include "analysis/pca.h"

struct basis {
    struct pca pca;
    char *history;            /* text, or NULL */
    char digest[DIGEST_SIZE]; /* of these numbers */
};

/* Writes P, fitted to N rows, at PATH with the record H. */
void basis_write(const char *path, const struct pca *p, size_t n, const struct history *h);
/* Reads and checks a basis ("-": standard input); dies where a tensor is missing, of the wrong
 * shape, or not finite. */
void basis_read(struct basis *b, const char *path);
/* The same of a whole file's content in memory; PATH is for messages. */
void basis_parse(struct basis *b, const char *path, const unsigned char *data, size_t len);
void basis_release(struct basis *b);

#endif
