/* reasons: in what a record differs from the one that this run would write, in lines of text.
 *
 *     "revision 1 -> 2"                             of the program's arithmetic
 *     "epochs 100 -> 120"                           a setting, or what is derived
 *     "inputs 4 -> 3"                               their number
 *     "'x.npy.zst' is not what it was made from"    an input
 *     "missing 'pca-2.tsv'"                         a file written beside the output
 *     "'pca-2.tsv' is of another run"               likewise
 *     "'pca-2.tsv' may be of another run"           likewise: the run that wrote it did not end
 *     "'pca-2.tsv' holds X, its history says Y"     a table that was edited
 */
#ifndef REASONS_H
#define REASONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "files/record.h"

struct reasons {
    char *text; /* n lines, of size bytes; NULL where there are none */
    size_t n, size;
    const json_t *old, *own; /* the records compared */
    const struct cli *cli;
    size_t n_inputs; /* seen so far */
    bool unfinished; /* the run that wrote the output and what stands beside it did not end */
};

void reasons_add(struct reasons *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The objects under KIND, "settings" or "derived", of the two records; with ONLY_OWN what only the
 * old one has is no reason. */
void reasons_of_settings(struct reasons *r, const char *kind, bool only_own);
/* All reasons why OLD is not OWN, a record of CLI. An audit (cli->audit) holds the recorded digests
 * of the inputs against those in OWN, each in its place, and all that is derived; otherwise each
 * input must be among the recorded ones by the digest in its own history, or, of a table that may
 * have been edited, by its content; where an input is missing or has no history, nothing is said of
 * it. */
struct reasons reasons_of(const struct cli *cli, const json_t *old, const json_t *own);
/* The reasons for the last of RECORDS; where that is by another tool, for the record by this one
 * with the fewest. */
struct reasons reasons_of_nearest(const struct cli *cli, const json_t *records, const json_t *own);
/* Adds what is wrong with the files that were written beside the output at PATH, whose record is
 * r->old, and with the output where that is a table: it must hold what its history says. In an
 * audit so must the tables beside it. */
void reasons_add_beside(struct reasons *r, const char *path);

#endif
