/* parquet: a table in columns, as Apache Parquet: pages of about 1 MiB, each compressed by zstd; of
 * each column and group of rows the least and the largest value; the history at the end.
 *
 *     "PAR1", groups of rows: the pages of the first column, of the second, ...
 *     footer: schema, where each column of each group stands and its statistics, trailer.h
 *
 * No value is missing. A column of lists has one length for all rows: lists of required elements
 * inside required lists, as LIST<FLOAT>. Source: https://github.com/apache/parquet-format,
 * parquet.thrift, LogicalTypes.md, Encodings.md.
 */
#ifndef PARQUET_H
#define PARQUET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/history.h"
#include "files/npy.h"

enum { PARQUET_GROUP = 65536 }; /* rows in a group; the last has fewer */

struct parquet_column {
    const char *name;
    bool is_text;
    enum npy_dtype dtype; /* of numbers */
    size_t length;        /* of the lists; 0: a number in each row, int64 */
};

struct parquet_writer;

/* COLUMNS must outlive the writer. */
struct parquet_writer *parquet_create(const char *path, const struct parquet_column *columns,
                                      size_t n_columns);
/* A group of N rows: for each column in order parquet_begin_column, then its values, row by row.
 */
void parquet_begin_group(struct parquet_writer *w, size_t n);
void parquet_begin_column(struct parquet_writer *w);
void parquet_text(struct parquet_writer *w, const char *text); /* bytes that are no UTF-8: \xNN */
void parquet_rows(struct parquet_writer *w, const void *rows, size_t n); /* (n,length) */
void parquet_commit(struct parquet_writer *w, const struct history *h);
/* Bytes that a writer of such rows holds. */
size_t parquet_memory(size_t row_bytes);

#endif
