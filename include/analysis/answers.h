/* answers: what an evaluation found, and how it is told: in sentences, in tables to read, and in a
 * table of all figures:
 *
 *     what  measure  rows_of  class  predicted  rows  value  low  high
 *
 * what: features, features-pca, pixels, pixels-pca, random-net; reconstruction. rows_of: all, test,
 * copies. A line with a class is of its rows alone; one of "confusion" says how many rows of the
 * class the probe takes for the one under predicted. low to high: the 95 % interval (interval.h).
 */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/evaluation.h"
#include "analysis/retrieval.h"
#include "files/zio.h"

enum answer {
    ANSWER_FEATURES,
    ANSWER_FEATURES_PCA,
    ANSWER_PIXELS,
    ANSWER_PIXELS_PCA,
    ANSWER_RANDOM,
    N_ANSWERS
};
extern const char *const answer_names[N_ANSWERS];

struct answers {
    const struct labelled *l;
    uint64_t seed;
    size_t components;                    /* of PCA */
    struct evaluation classes[N_ANSWERS]; /* how well classes are told apart; none: not given */
    struct retrieval copies[N_ANSWERS];   /* whether copies are found; none: n is 0 */
    struct zio_writer *table, *summary;   /* summary NULL: on standard error */
};

/* A line to read. */
void answers_tell(const struct answers *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What it means, in sentences; then the figures side by side, and of each class. */
void answers_say(const struct answers *a);
void answers_show(const struct answers *a);
/* All figures into the table; a line of it, where V NULL leaves the values empty. */
void answers_write(const struct answers *a);
void answers_write_line(const struct answers *a, const char *what, const char *measure,
                        const char *rows_of, const char *class_name, const char *predicted,
                        size_t n, const struct interval *v);
void answers_write_head(const struct answers *a);
void answers_release(struct answers *a);

#endif
