/* evaluation: how well numbers tell classes apart, by several measures, each with its interval.
 *
 *     nearest-1     the nearest other row has the row's class
 *     nearest-5     most of the 5 nearest have it (nearest_elect)
 *     precision-10  share of the 10 nearest that have it
 *     probe         a linear probe trained on other folds predicts it (probe.h)
 *     silhouette    of the classes (silhouette.h)
 *     clusters      information of k-means, with as many clusters as classes, on the classes
 *
 * Distances are Euclidean. All but the last are means of a score for each row. Of the test rows
 * alone: the same scores, but of a probe trained on the training rows.
 */
#ifndef EVALUATION_H
#define EVALUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/interval.h"
#include "analysis/labelled.h"
#include "analysis/rows.h"

enum measure {
    MEASURE_NEAREST_1,
    MEASURE_NEAREST_5,
    MEASURE_PRECISION_10,
    MEASURE_PROBE,
    MEASURE_SILHOUETTE,
    MEASURE_CLUSTERS,
    N_MEASURES
};
extern const char *const measure_names[N_MEASURES];

struct evaluation {
    bool given[N_MEASURES];          /* which measures there are: none before evaluation_fill */
    float *scores[N_MEASURES];       /* (n) each; of clusters 0 */
    size_t *predicted;               /* (n) class by the probe; NULL: none */
    struct interval all[N_MEASURES]; /* of all rows, and of the test rows where there are any */
    struct interval test[N_MEASURES];
};

/* Measures R, the rows of L, at least 3 of 2 classes. The probe is left out where it would not fit
 * (probe_fits). LISTS: of nearest rows (lists.h), or NULL. SEED: of clusters and intervals. */
void evaluation_fill(struct evaluation *e, const struct labelled *l, struct rows *r,
                     struct tensor_reader *lists, uint64_t seed);
/* The interval of a's scores minus b's, row by row. */
struct interval evaluation_difference(const struct evaluation *a, const struct evaluation *b,
                                      enum measure m, const struct labelled *l, uint64_t seed);

#endif
