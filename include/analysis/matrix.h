/* matrix: eigenvalues s_k^2 and eigenvectors v_k of X'X for rows X (n,D) minus their mean, by
 * LAPACK in double precision, from X'X (D,D) or, where there are fewer rows than numbers in a row,
 * from u_k of XX' (n,n), and v_k = X'u_k, of any length.
 *
 * The matrix is made of tiles, each the sum over blocks of rows in their order. Ranks go on from
 * one another's sums (sums.h): while one adds its rows to some rows of tiles, the one before it
 * adds to the next ones. XX' takes pairs of rows: each block of rows goes to the ranks behind,
 * which multiply it with theirs. The last rank has the whole matrix and solves it, on one thread.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include "analysis/rows.h"

/* values (P), largest first, v (P,D); P <= min(n,D). */
void matrix_find(double *values, double *v, size_t P, struct rows *r, const double *mean);
/* How many numbers it keeps besides these. */
double matrix_memory(size_t n, size_t D, size_t P);
/* What it costs, in multiplications, of which LAPACK does few a second. */
double matrix_cost(size_t n, size_t D);

#endif
