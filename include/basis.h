/* basis: principal components in a file, X.safetensors.zst, to be applied to other rows.
 *
 *     mean (D), mean.rest (D)   what is subtracted: their sum (mean alone is good to float32)
 *     components (P,D)          coordinates = (x - mean) components'
 *     variance (P), share (P)   of the coordinates; share of the total
 *     __metadata__              "rows": how many it was fitted to; "history"
 */
#ifndef BASIS_H
#define BASIS_H

#include "history.h"
#include "pca.h"

struct basis {
    struct pca pca;
    char *history;                  /* text, or NULL */
    char digest[ZIO_DIGEST_SIZE];   /* of these numbers */
};

/* Writes P, fitted to N rows, at PATH with the record H. */
void basis_write(const char *path, const struct pca *p, size_t n, const struct history *h);
/* Reads and checks a basis, a regular file; dies where a tensor is missing, of the wrong shape, or not finite. */
void basis_read(struct basis *b, const char *path);
void basis_release(struct basis *b);

#endif
