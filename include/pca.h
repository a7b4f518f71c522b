/* pca: principal components of rows x (n,D), solved exactly.
 *
 *     mean = sum(x)/n;   X = x - mean;   X'X v_k = s_k^2 v_k,  s_1 >= s_2 >= ...,  |v_k| = 1
 *     coordinates y = X v;   variance_k = s_k^2/(n-1);   total variance = trace(X'X)/(n-1)
 *
 * The rows are centred first and all sums are in double precision. LAPACK finds the eigenvectors of X'X (D,D) or, where there are fewer
 * rows than numbers in a row, u_k of XX' (n,n), and v_k = X'u_k/s_k. Rows are read in blocks, so memory holds a block, that matrix and the
 * components. Sums run over fixed tiles in a fixed order: the bytes depend neither on threads nor on memory.
 *
 * A component with nothing but rounding in it (rank-deficient rows) is 0 and has variance 0.
 * Mean and components are rounded to what a basis file holds, so that a basis read back gives the same coordinates.
 */
#ifndef PCA_H
#define PCA_H

#include <stddef.h>

#include "rows.h"

/* The entry of each component that shall be positive: the largest in magnitude of u_k (the first of equals), or of v_k. */
enum pca_sign { PCA_SIGN_U, PCA_SIGN_V };

struct pca {
    size_t D, P;
    float *numbers;         /* (n_numbers), owned: the next six in this order, as a basis file holds them */
    size_t n_numbers;
    float *mean;            /* (D) */
    float *mean_rest;       /* (D): mean + mean_rest has 48 bits */
    float *components;      /* (P,D) */
    float *components_rest; /* (P,D), likewise */
    float *variance;        /* (P), largest first */
    float *share;           /* (P), of the total variance; 0 where that is 0 */
    double *centre;         /* (D) mean + mean_rest, and */
    double *axes;           /* (P,D) components + components_rest, for computing */
};

/* Fits P <= min(n,D) components to n >= 2 rows. MEMORY: bytes it may take; dies where they don't suffice. */
void pca_fit(struct pca *p, struct rows *r, size_t P, enum pca_sign sign, size_t memory);
/* Storage for D, P, all 0; after filling in the numbers pca_widen makes centre and axes from them. */
void pca_init(struct pca *p, size_t D, size_t P);
void pca_widen(struct pca *p);
/* y (n,P) = x axes', x (n,D) centred rows (rows_get with p->centre), a whole block of them or the last. Works on all threads. */
void pca_project(const struct pca *p, double *y, const double *x, size_t n);
void pca_release(struct pca *p);

#endif
