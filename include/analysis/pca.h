/* pca: principal components of rows x (n,D), solved exactly.
 *
 *     mean = sum(x)/n;   X = x - mean;   X'X v_k = s_k^2 v_k,  s_1 >= s_2 >= ...,  |v_k| = 1
 *     coordinates y = X v;   variance_k = s_k^2/(n-1);   total variance = trace(X'X)/(n-1)
 *
 * The rows are centred first. Where few components of much data are wanted, block Lanczos finds
 * them by passes over the rows, never forming a matrix (krylov.h): passes in single precision, then
 * one or more in double with corrections, until residuals tell that each coordinate is within 1e-4
 * of the largest of its component, and mostly far below; otherwise LAPACK does, from X'X or XX'
 * (matrix.h). Which way is taken depends on n, D, P and the numbers, never on threads, ranks or
 * memory; sums run over fixed slices and tiles in a fixed order (sums.h). Components of equal
 * variance are any that span the same space.
 *
 * A component with nothing but rounding in it is 0 and has variance 0: from the n-th on, for n
 * centred rows have rank n-1 at most, and where its singular value is below 1.2e-7 of the largest
 * (the square below 64 + min(n,D) epsilon), which is all that sums of squares can tell apart. Mean
 * and components are rounded to what a basis file holds, so that a basis read back gives the same
 * coordinates.
 *
 * Of several ranks (ranks.h) each has its share of the rows (sums_read). All find the same basis;
 * rank 0 projects its own blocks of rows and receives those of the others.
 */
#ifndef PCA_H
#define PCA_H

#include <stddef.h>

#include "analysis/rows.h"
#include "analysis/sums.h"

/* The entry of each component that shall be positive: the largest in magnitude of u_k (the first of
 * equals), or of v_k. */
enum pca_sign { PCA_SIGN_U, PCA_SIGN_V };

struct pca {
    size_t D, P;
    float *numbers; /* (n_numbers), owned: the next six in this order, as a basis file holds them */
    size_t n_numbers;
    float *mean;            /* (D) */
    float *mean_rest;       /* (D): mean + mean_rest has 48 bits */
    float *components;      /* (P,D) */
    float *components_rest; /* (P,D), likewise */
    float *variance;        /* (P), largest first */
    float *share;           /* (P), of the total variance; 0 where that is 0 */
    double *centre;         /* (D) mean + mean_rest, and */
    double *axes;           /* (P,D) components + components_rest, for computing */
    double *coordinates; /* (end-first,P) of this rank's blocks of the rows it was fitted to, where
                            they are few and known; or NULL */
    size_t first, end;
};

/* Fits P <= D components to n >= 2 rows. MEMORY: bytes it may take; dies where they don't
 * suffice. */
void pca_fit(struct pca *p, struct rows *r, size_t P, enum pca_sign sign, size_t memory);
/* Storage for D, P, all 0; after filling in the numbers pca_widen makes centre and axes from them.
 */
void pca_init(struct pca *p, size_t D, size_t P);
void pca_widen(struct pca *p);
/* y (n,P) = the coordinates of rows FIRST..FIRST+n-1 of R; where P was fitted in this process, R
 * must be the rows it was fitted to. FIRST a multiple of PCA_BLOCK, n that or less at the end.
 * Works on all threads. Rank 0 waits for those of another rank, in their order. */
enum { PCA_BLOCK = SUMS_BLOCK };
void pca_project(const struct pca *p, double *y, struct rows *r, size_t first, size_t n);
void pca_release(struct pca *p);
/* The coordinates of the rows that were fitted are forgotten: any others may be projected. */
void pca_forget(struct pca *p);
/* The coordinates of this rank's blocks, which is not rank 0, to rank 0. MEMORY: bytes that may be
 * kept. */
void pca_hand_over(const struct pca *p, struct rows *r, size_t memory);
/* Rows (n,P) of float64: the coordinates of R, of this rank's blocks. MEMORY: bytes that may be
 * kept. */
struct rows *pca_rows(const struct pca *p, struct rows *r, size_t memory);
/* The same in P components fitted to R. MEMORY: bytes that the
 * fit may take; they are kept in half of them. */
struct rows *pca_reduce(struct rows *r, size_t P, size_t memory);

#endif
