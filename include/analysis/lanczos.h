/* lanczos: the largest eigenvalues of a large symmetric matrix A (m,m) with no negative ones, of
 * which only products are needed: fast ones, and exact ones to tell how good the others were.
 *
 *     Q_0 random (b,m), its rows orthonormal
 *     W = Q_j A;   T_jj = W Q_j';   R_j Q_{j+1} = W - (W Q') Q       Q: all of Q_0..Q_j
 *     T s = theta s:  theta and s'Q are an eigenvalue and eigenvector of A, but for a residual r of
 *                     |R_j's_j|, and of f |A| |s_i| from blocks i whose product was a fast one
 *
 * Block Lanczos with the new block made orthogonal to the whole basis, twice (Golub and Van Loan,
 * Matrix Computations, 10.3), in rounds (thick restart: Wu and Simon 2000). The first round has
 * fast products alone. Each other starts from the best b vectors so far with their exact product;
 * what the fast ones then add is a small correction, and so are their errors: iterative refinement.
 * Where a round brings too little, all products are exact from then on; where rounds like the last
 * would cost too much, none is begun.
 *
 * The error of vector k is what it has of vectors outside of the wanted ones and, from these, of
 * wanted ones, those of larger values counted by what they weigh in A (Davis and Kahan 1970; to
 * first order, mu the first unwanted eigenvalue):
 *
 *     e_k^2 = (r_k/(theta_k - mu))^2
 *             (1 + sum_{i != k} (r_i/(theta_k - theta_i))^2 max(1, theta_i/theta_k))
 *
 * All ends when each vector has e_k <= tolerance; or a residual below 1e-13 of the largest
 * eigenvalue, which is what LAPACK's own rounding leaves on the full matrix; or an eigenvalue that
 * counts as none. The block has more rows than values are wanted, so that equal eigenvalues are
 * found as well.
 */
#ifndef LANCZOS_H
#define LANCZOS_H

#include <stdbool.h>
#include <stddef.h>

/* w (b,m) = q (b,m) A; FAST: with an error of about 2^-22 |A| |q|, f above. Where the first exact
 * product shows more, f is that. */
typedef void lanczos_product(void *context, double *w, const double *q, size_t b, bool fast);

struct lanczos {
    size_t m, P; /* P values are wanted; lanczos_room(P) numbers of room <= m */
    double cost; /* of the products at most: fast ones; an exact one counts as two */
    double tolerance;
    double none, none_share; /* eigenvalues up to this, or this share of the largest, are none */
    lanczos_product *product;
    void *context;
};

size_t lanczos_block(size_t P); /* b for P values */
size_t lanczos_room(size_t P);  /* vectors of m numbers that are kept */
/* values (P), largest first, and vectors (P,m) of length 1. False where it did not converge. Needs
 * lanczos_room(P) <= m. */
bool lanczos_find(const struct lanczos *a, double *values, double *vectors);

#endif
