/* table: TSV with a header line, as anybody may have written it, and the digest of its content.
 *
 * Fields are separated by tabs, lines end with a newline; the first line names the columns. What
 * editors, spreadsheets and scripts make of that is read as the same: a byte order mark; CR LF or
 * CR at the ends of lines; no newline at the end; blank lines; empty fields beyond the last column;
 * commas or semicolons, where the first line has no tab; and then, or where the first line starts
 * with one, quotes around fields, doubled within. Other fields keep their quotes. The
 * digest is XXH128 of the text, as `xxh128sum` prints it. Time is no content: a column named
 * "seconds" is left out, with the tab before it (of the first column the tab behind it), as
 * `cut -f` would leave it out.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "files/digest.h"
#include "files/zio.h"

/* Digest of the rest of R. Reads by blocks; dies where reading fails. */
void table_digest(struct zio_reader *r, char digest[DIGEST_SIZE]);
/* The same of the file at PATH. */
void table_digest_file(const char *path, char digest[DIGEST_SIZE]);
/* Digest of the LEN bytes of TEXT. */
void table_digest_text(const char *text, size_t len, char digest[DIGEST_SIZE]);

struct table {
    char *path; /* as given, for die_file */
    size_t n_columns;
    const char **columns; /* (n_columns) names */
    const char **fields;  /* (n_columns) of the row that table_next came to, as they stand */
    size_t line;          /* where it starts, from 1 for the header */
    char digest[DIGEST_SIZE];
    char separator;
    bool quoted;
    char *text, *rest; /* what the names and fields point into; the lines to come */
    size_t rest_line;  /* lines before these */
};

/* Reads the table at PATH ("-": standard input) into memory. Dies where it is empty, holds a
 * NUL byte or is UTF-16. The caller calls table_free. */
struct table *table_read(const char *path);
/* The number of the column NAME, or -1. */
ptrdiff_t table_column(const struct table *t, const char *name);
/* Goes to the next row; false at the end. Dies on a row with more or fewer fields than the header.
 */
bool table_next(struct table *t);
void table_free(struct table *t);

#endif
