/* blas: matrix products and eigenvectors from OpenBLAS, on the kernels that fit this processor,
 * with the same bytes for any number of threads.
 *
 * The library is loaded by blas_open, not by the linker: a distribution's OpenBLAS may not know a
 * newer processor and then silently falls back to its oldest kernels, ten times slower; it reads
 * OPENBLAS_CORETYPE once, while it is loaded, so that has to be set before. A user's own
 * OPENBLAS_CORETYPE is left alone.
 *
 * OpenBLAS divides a product by its number of threads, and the sums with it. So here it runs on one
 * thread, always, and callers divide their problem into fixed blocks, each computed by one call;
 * these may come from several OpenMP threads at once. Matrices are dense and in row-major order; ld
 * is the distance between rows, in elements.
 */
#ifndef BLAS_H
#define BLAS_H

#include <stdbool.h>
#include <stddef.h>

/* Loads the library where that was not done yet; dies with the loader's reason. Call it before the
 * functions below. */
void blas_open(void);
/* The kernels in use, in the library's words: "SkylakeX", "Haswell", "Zen". */
const char *blas_core(void);

/* c = op(a) op(b) + beta c, where op transposes when ta, tb; op(a) (M,K), op(b) (K,N), c (M,N). */
void blas_dgemm(bool ta, bool tb, size_t M, size_t N, size_t K, const double *a, size_t lda,
                const double *b, size_t ldb, double beta, double *c, size_t ldc);
void blas_sgemm(bool ta, bool tb, size_t M, size_t N, size_t K, const float *a, size_t lda,
                const float *b, size_t ldb, float beta, float *c, size_t ldc);
/* The P largest eigenvalues of the symmetric matrix a (N,N), of which only the part above the
 * diagonal is read, largest first, and their eigenvectors of length 1 as the rows of vectors (P,N).
 * Destroys a; takes 26 N numbers besides. N < 2^31; 1 <= P <= N. */
void blas_eigen(size_t N, double *a, size_t P, double *values, double *vectors);

#endif
