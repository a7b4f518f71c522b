/* coordinates: places of the rows of a tensor, (n,P), as a tensor, as a table, or as both, a block
 * of rows at a time.
 *
 *     row  split  class  path  pc1  pc2  ...     with an index; else the coordinates alone
 */
#ifndef COORDINATES_H
#define COORDINATES_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/selection.h"
#include "cli/options.h"
#include "files/history.h"

struct coordinates_options {
    bool tsv;          /* the output itself is a table */
    const char *table; /* written besides; NULL or empty: none */
};

struct coordinates;

/* Dies (2) where table and output both go to standard output; an empty name becomes NULL. */
void coordinates_check(struct coordinates_options *o, const struct cli *cli);
/* history_start, with what these options decide of the output. */
struct history *coordinates_history(const struct coordinates_options *o, const struct cli *cli,
                                    int revision);
/* Opens what is wanted. Columns are called AXIS and a number from 1. S: the n rows. */
struct coordinates *coordinates_create(const struct coordinates_options *o, const char *output,
                                       const struct selection *s, size_t n, size_t P,
                                       const char *axis);
/* Appends y (n,P), float32. */
void coordinates_write(struct coordinates *c, const float *y, size_t n);
/* Ends all files, with the record H, the output last, and frees. Where there are several: between
 * whole_begin and whole_end. */
void coordinates_commit(struct coordinates *c, const struct history *h);

#endif
