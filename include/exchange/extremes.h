/* extremes: the least and the largest of a column's values, by which the readers of a table pass
 * over groups of rows. Pure.
 *
 * Texts are in the order of their bytes, numbers in that of their values. A NaN is counted and
 * neither; of a zero the sign says nothing: the least is -0, the largest +0. Source:
 * https://github.com/apache/parquet-format, parquet.thrift, Statistics and ColumnOrder.
 */
#ifndef EXTREMES_H
#define EXTREMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "files/buffer.h"

/* Zero has seen no values. */
struct extremes {
    enum extremes_kind {
        EXTREMES_NONE,
        EXTREMES_TEXT,
        EXTREMES_REAL,
        EXTREMES_INTEGER
    } kind; /* of the values seen, which are of one kind; NONE: none, or each a NaN */
    struct extreme {
        struct buffer text;
        double real;
        int64_t integer;
    } least, largest;
    uint64_t n_nan;
};

/* Look at further values: a text of LEN bytes; N doubles or floats; N bytes or int64. */
void extremes_text(struct extremes *e, const void *text, size_t len);
void extremes_reals(struct extremes *e, const void *values, size_t n, bool is_double);
void extremes_integers(struct extremes *e, const void *values, size_t n, bool is_byte);
/* And at all that OTHER has looked at. */
void extremes_join(struct extremes *e, const struct extremes *other);
void extremes_clear(struct extremes *e); /* as if it had seen none; keeps its memory */
void extremes_release(struct extremes *e);

#endif
