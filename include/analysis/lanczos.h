/* lanczos: the few largest eigenvalues of a large symmetric matrix A (m,m) with no negative ones,
 * of which only products are needed.
 *
 *     Q_0 random (b,m), its rows orthonormal
 *     W = Q_j A;   T gets Q W';   Q_{j+1} R = W - (W Q') Q          Q: all of Q_0..Q_j
 *     T s = theta s:  theta and s'Q are an eigenvalue and eigenvector of A, but for a residual of
 *                     |R's_j|
 *
 * Block Lanczos with the new block made orthogonal to the whole basis, twice, so that T is the
 * projection of A to rounding (Golub and Van Loan, Matrix Computations, 10.3). It ends when every
 * wanted residual is below 1e-13 of the largest eigenvalue, which is what LAPACK's own rounding
 * leaves on the full matrix. The block has more rows than values are wanted, so that equal
 * eigenvalues are found as well.
 */
#ifndef LANCZOS_H
#define LANCZOS_H

#include <stdbool.h>
#include <stddef.h>

enum { LANCZOS_STEPS = 60 }; /* blocks tried at most */

/* w (b,m) = q (b,m) A */
typedef void lanczos_product(void *context, double *w, const double *q, size_t b);

size_t lanczos_block(size_t P); /* b for P values */
/* values (P), largest first, and vectors (P,m) of length 1. False where it did not converge. Needs
 * LANCZOS_STEPS * b <= m. */
bool lanczos_find(size_t m, size_t P, lanczos_product *product, void *context, double *values,
                  double *vectors);

#endif
