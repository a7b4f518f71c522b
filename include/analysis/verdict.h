/* verdict: what an evaluation found, and how it is told: in sentences, in tables to read, and in a
 * table of all figures:
 *
 *     what  measure  rows_of  class  predicted  rows  value  low  high
 *
 * what: features, features-pca, pixels, pixels-pca, random-net; reconstruction. rows_of: all, test,
 * copies. A line with a class is of its rows alone; one of "confusion" says how many rows of the
 * class the probe takes for the one under predicted. low to high: the 95 % interval (interval.h).
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/evaluation.h"
#include "analysis/retrieval.h"
#include "files/zio.h"

enum verdict_of {
    VERDICT_FEATURES,
    VERDICT_FEATURES_PCA,
    VERDICT_PIXELS,
    VERDICT_PIXELS_PCA,
    VERDICT_RANDOM,
    N_VERDICTS
};
extern const char *const verdict_names[N_VERDICTS];

struct verdict {
    const struct labelled *l;
    uint64_t seed;
    size_t components;                     /* of PCA */
    struct evaluation classes[N_VERDICTS]; /* how well classes are told apart; none: not given */
    struct retrieval copies[N_VERDICTS];   /* whether copies are found; none: n is 0 */
    struct zio_writer *table, *summary;    /* summary NULL: on standard error */
};

/* A line to read. */
void verdict_tell(const struct verdict *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What it means, in sentences; then the figures side by side, and of each class. */
void verdict_say(const struct verdict *a);
void verdict_show(const struct verdict *a);
/* All figures into the table; a line of it, where V NULL leaves the values empty. */
void verdict_write(const struct verdict *a);
void verdict_write_line(const struct verdict *a, const char *what, const char *measure,
                        const char *rows_of, const char *class_name, const char *predicted,
                        size_t n, const struct interval *v);
void verdict_write_head(const struct verdict *a);

#endif
