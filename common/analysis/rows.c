#include "analysis/rows.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/scratch.h"
#include "base/sizes.h"
#include "base/vectors.h"

/* Bytes read at once: of the tensor, of the scratch file. */
enum { PIECE = 4 << 20, CHUNK = 1 << 16 };
enum { COLUMNS = 64 }; /* that a thread adds up */

struct rows {
    char *path;
    enum npy_dtype dtype;
    size_t n, D, row_bytes;
    size_t first, filled; /* the first of those held; how many are there so far */
    unsigned char *kept;  /* (held,row_bytes), or NULL and */
    int scratch;          /* the same bytes on disk */
    double *zeros;        /* (D) */
};

VECTORS static bool is_finite(const unsigned char *row, enum npy_dtype dtype, size_t D)
{
    const float *f32 = (const float *)row;
    const double *f64 = (const double *)row;
    int bad = 0;

    for (size_t i = 0; i < D && dtype == NPY_F32; i++)
        bad |= !(fabsf(f32[i]) <= FLT_MAX);
    for (size_t i = 0; i < D && dtype == NPY_F64; i++)
        bad |= !(fabs(f64[i]) <= DBL_MAX);
    return bad == 0;
}

/* x = row - mean. */
VECTORS static void convert(double *restrict x, const unsigned char *row, enum npy_dtype dtype,
                            size_t D, const double *restrict mean)
{
    const float *f32 = (const float *)row;
    const double *f64 = (const double *)row;
    const int64_t *i64 = (const int64_t *)row;

    switch (dtype) {
    case NPY_U8:
        for (size_t i = 0; i < D; i++)
            x[i] = row[i] - mean[i];
        break;
    case NPY_F32:
        for (size_t i = 0; i < D; i++)
            x[i] = (double)f32[i] - mean[i];
        break;
    case NPY_F64:
        for (size_t i = 0; i < D; i++)
            x[i] = f64[i] - mean[i];
        break;
    case NPY_I64:
        for (size_t i = 0; i < D; i++)
            x[i] = (double)i64[i] - mean[i];
        break;
    }
}

/* Rows FIRST..END-1 of n. */
static struct rows *create(const char *path, enum npy_dtype dtype, size_t n, size_t D, size_t first,
                           size_t end, size_t memory)
{
    struct rows *r = xcalloc(1, sizeof *r);
    size_t bytes;

    *r = (struct rows){
        .path = xstrdup(path), .dtype = dtype, .n = n, .D = D, .first = first, .scratch = -1};
    r->row_bytes = D * npy_item_size(dtype);
    r->zeros = xcalloc(D, sizeof *r->zeros);
    if (!__builtin_mul_overflow(end - first, r->row_bytes, &bytes) && bytes <= memory)
        r->kept = xlarge(bytes);
    else
        r->scratch = scratch_open();
    return r;
}

struct rows *rows_create(const char *path, enum npy_dtype dtype, size_t n, size_t D, size_t memory)
{
    return create(path, dtype, n, D, 0, n, memory);
}

void rows_append(struct rows *r, const void *rows, size_t n)
{
    if (r->kept)
        memcpy(r->kept + r->filled * r->row_bytes, rows, n * r->row_bytes);
    else
        scratch_write(r->scratch, rows, n * r->row_bytes);
    r->filled += n;
}

/* Rows FIRST..END-1 of n, which are among those that are left of T. */
static struct rows *read_rows(struct tensor_reader *t, const size_t *which, size_t n, size_t first,
                              size_t end, size_t memory)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    size_t at_once = t->row_bytes < PIECE ? PIECE / (t->row_bytes + 1) : 1;
    unsigned char *space = xaligned(at_once * t->row_bytes), *piece = space;
    size_t start = t->next_row;
    struct rows *r;

    r = create(tensor_path(t), t->header.dtype, n, t->row_items, first, end, memory);
    for (size_t row = start, got;; row += got) {
        size_t wanted = 0;     /* moved to the front of the piece */
        if (r->kept && !which) /* to where they stay */
            piece = r->kept + (row - start) * r->row_bytes;
        got = tensor_read(t, piece, at_once);
        if (got == 0)
            break;
        for (size_t i = 0; i < got; i++) {
            const unsigned char *from = piece + i * r->row_bytes;
            size_t next = r->filled + wanted;
            if (which && (next == end - first || which[first + next] != row + i))
                continue;
            if (!is_finite(from, r->dtype, r->D))
                die_file(r->path, "row %zu holds a value that is not finite", row + i);
            if (wanted < i)
                memcpy(piece + wanted * r->row_bytes, from, r->row_bytes);
            wanted++;
        }
        if (piece == space)
            rows_append(r, piece, wanted);
        else
            r->filled += wanted;
        progress_show(row - start + got, t->end_row - start, "reading %s: %zu of %zu rows", r->path,
                      row - start + got, t->end_row - start);
    }
    progress_end();
    free(space);
    profile_leave(before);
    return r;
}

static void want_vectors(const struct tensor_reader *t)
{
    if (t->header.rank < 2 || t->row_items == 0)
        die_file(tensor_path(t), "rows of %s, want at least two dimensions",
                 t->row_items == 0 ? "no numbers" : "one number");
}

struct rows *rows_read(struct tensor_reader *t, const size_t *which, size_t n, size_t memory)
{
    want_vectors(t);
    n = which ? n : t->n_rows;
    return read_rows(t, which, n, 0, n, memory);
}

struct rows *rows_read_part(struct tensor_reader *t, const size_t *which, size_t n, size_t first,
                            size_t end, size_t memory)
{
    size_t start = which && first < end ? which[first] : first,
           stop = which && first < end ? which[end - 1] + 1 : end;

    want_vectors(t);
    tensor_range(t, start, stop - start);
    return read_rows(t, which, n, first, end, memory);
}

size_t rows_n(const struct rows *r)
{
    return r->n;
}
size_t rows_width(const struct rows *r)
{
    return r->D;
}
const char *rows_path(const struct rows *r)
{
    return r->path;
}

size_t rows_block(size_t D)
{
    size_t n = ((size_t)2 << 20) / D;

    return larger(1, smaller(n, 1024));
}

/* LANES sums side by side, added up at the end. */
enum { LANES = 16 };

#define LOOP(TYPE)                                                           \
    for (size_t i = 0; i < D; i++) {                                         \
        x[i] = (float)((double)((const TYPE *)row)[i] * factor - middle[i]); \
    }

VECTORS static void convert_float(float *restrict x, const unsigned char *row, enum npy_dtype dtype,
                                  size_t D, double factor, const double *restrict middle)
{
    switch (dtype) {
    case NPY_U8:
        LOOP(uint8_t)
        break;
    case NPY_F32:
        LOOP(float)
        break;
    case NPY_F64:
        LOOP(double)
        break;
    case NPY_I64:
        LOOP(int64_t)
        break;
    }
}

VECTORS static double square_float(const float *x, size_t D)
{
    double sums[LANES] = {0}, total = 0;
    size_t whole = D / LANES * LANES;

    for (size_t i = 0; i < whole; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += (double)x[i + k] * (double)x[i + k];
    for (size_t i = whole; i < D; i++)
        sums[i - whole] += (double)x[i] * (double)x[i];
    for (size_t k = 0; k < LANES; k++)
        total += sums[k];
    return total;
}

/* Rows as doubles minus MIDDLE or, where FACTOR is not 0, as floats. */
static void get(struct rows *r, void *x, size_t first, size_t n, double factor,
                const double *middle)
{
    size_t at_once = r->row_bytes < CHUNK ? CHUNK / r->row_bytes : 1, D = r->D;

    assert(first >= r->first && first + n <= r->first + r->filled);
    first -= r->first;
#pragma omp parallel
    {
        unsigned char *chunk = r->kept ? NULL : xaligned(at_once * r->row_bytes);
#pragma omp for schedule(static)
        for (size_t i = 0; i < n; i += at_once) {
            size_t got = smaller(at_once, n - i);
            const unsigned char *from = r->kept ? r->kept + (first + i) * r->row_bytes : chunk;
            if (!r->kept)
                scratch_read(r->scratch, chunk, got * r->row_bytes, (first + i) * r->row_bytes);
            for (size_t j = 0; j < got; j++, from += r->row_bytes)
                if (factor != 0)
                    convert_float((float *)x + (i + j) * D, from, r->dtype, D, factor, middle);
                else
                    convert((double *)x + (i + j) * D, from, r->dtype, D, middle);
        }
        free(chunk);
    }
}

void rows_get(struct rows *r, double *x, size_t first, size_t n, const double *mean)
{
    get(r, x, first, n, 0, mean ? mean : r->zeros);
}

void rows_get_floats(struct rows *r, float *x, size_t first, size_t n, double factor,
                     const double *middle)
{
    get(r, x, first, n, factor, middle);
}

/* A row where it is kept in memory, or read into *OWN, which the caller frees. */
static const unsigned char *get_row(struct rows *r, size_t row, unsigned char **own)
{
    *own = r->kept ? NULL : xaligned(r->row_bytes);
    if (*own)
        scratch_read(r->scratch, *own, r->row_bytes, (row - r->first) * r->row_bytes);
    return *own ? *own : r->kept + (row - r->first) * r->row_bytes;
}

double rows_get_float(struct rows *r, float *x, size_t row, double factor, const double *middle)
{
    unsigned char *own;
    const unsigned char *from = get_row(r, row, &own);

    convert_float(x, from, r->dtype, r->D, factor, middle);
    free(own);
    return square_float(x, r->D);
}

double rows_square(struct rows *r, size_t row, double *largest)
{
    double *x = xaligned(r->D * sizeof *x), square = 0;
    unsigned char *own;
    const unsigned char *from = get_row(r, row, &own);

    convert(x, from, r->dtype, r->D, r->zeros);
    *largest = 0;
    for (size_t i = 0; i < r->D; i++) {
        square += x[i] * x[i];
        *largest = fabs(x[i]) > *largest ? fabs(x[i]) : *largest;
    }
    free(own);
    free(x);
    return square;
}

void rows_add(double *sums, const size_t *to, const double *x, size_t n, size_t D)
{
#pragma omp parallel for schedule(static)
    for (size_t from = 0; from < D; from += COLUMNS)
        for (size_t i = 0; i < n; i++)
            for (size_t j = from; to[i] != SIZE_MAX && j < smaller(from + COLUMNS, D); j++)
                sums[to[i] * D + j] += x[i * D + j];
}

void rows_free(struct rows *r)
{
    if (r->scratch >= 0)
        close(r->scratch);
    free(r->kept);
    free(r->zeros);
    free(r->path);
    free(r);
}
