/* rows: some rows of one tensor as double precision numbers, read again and again within a budget.
 *
 * A row of any shape and type is a vector of D numbers. Opening reads the tensor to its end, from a
 * file or a pipe, and keeps the wanted rows as they are: in memory where they fit the budget,
 * otherwise in a scratch file (scratch.h). Both give the same numbers. NaN and infinities are
 * refused, with their row.
 */
#ifndef ROWS_H
#define ROWS_H

#include <stddef.h>

#include "files/tensor.h"

struct rows;

/* Reads all that is left of T, which stays open. WHICH: n row numbers, ascending, to keep; NULL:
 * all. MEMORY: bytes that may be kept. */
struct rows *rows_read(struct tensor_reader *t, const size_t *which, size_t n, size_t memory);
/* The same of rows FIRST..END-1 of these n alone, of a file: no others are read, and no others may
 * be asked for. */
struct rows *rows_read_part(struct tensor_reader *t, const size_t *which, size_t n, size_t first,
                            size_t end, size_t memory);
/* Rows that are made here: n of D numbers of this type, to be appended in order; PATH is for
 * messages. */
struct rows *rows_create(const char *path, enum npy_dtype dtype, size_t n, size_t D, size_t memory);
void rows_append(struct rows *r, const void *rows, size_t n);
size_t rows_n(const struct rows *r);
size_t rows_width(const struct rows *r); /* D */
const char *rows_path(const struct rows *r);
/* x (n,D) = rows FIRST..FIRST+n-1 of those kept, minus mean (D) unless that is NULL. Works on all
 * threads: call it from one. */
void rows_get(struct rows *r, double *x, size_t first, size_t n, const double *mean);
/* The same in single precision: x (n,D) = rows * factor - middle (D), rounded once; factor not 0.
 */
void rows_get_floats(struct rows *r, float *x, size_t first, size_t n, double factor,
                     const double *middle);
/* One of the rows kept, by any thread: x (D) = row * factor - middle (D), rounded to single
 * precision; returns |x|^2. */
double rows_get_float(struct rows *r, float *x, size_t row, double factor, const double *middle);
/* |row|^2 of a row kept, and the largest magnitude in it; by any thread. */
double rows_square(struct rows *r, size_t row, double *largest);
/* Adds each row x (n,D) to the sum at sums + to[i] * D, SIZE_MAX: to none. A column is added in the
 * order of the rows, for any number of threads. */
void rows_add(double *sums, const size_t *to, const double *x, size_t n, size_t D);
/* How many rows make a block: about 16 MiB of doubles, at most 1024 rows. It depends on D alone, so
 * that sums over blocks are the same everywhere. */
size_t rows_block(size_t D);
void rows_free(struct rows *r);

#endif
