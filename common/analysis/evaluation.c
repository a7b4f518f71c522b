#include "analysis/evaluation.h"

#include <stdlib.h>

#include "analysis/cluster.h"
#include "analysis/lists.h"
#include "analysis/nearest.h"
#include "analysis/probe.h"
#include "analysis/silhouette.h"
#include "base/report.h"
#include "base/sizes.h"

enum { NEAREST = 10, VOTES = 5, SUMS = 64 << 20 };

const char *const measure_names[N_MEASURES] = {"nearest-1", "nearest-5",  "precision-10",
                                               "probe",     "silhouette", "clusters"};

static void score_neighbours(const struct labelled *l, struct evaluation *e, struct rows *r,
                             struct tensor_reader *lists)
{
    const size_t k = smaller(NEAREST, l->n - 1), votes = smaller(VOTES, k);
    size_t *neighbours = xcalloc(l->n, k * sizeof *neighbours);
    size_t *ballot = xcalloc(l->n_classes, sizeof *ballot);
    double *distances = xcalloc(l->n, k * sizeof *distances);

    lists_find(neighbours, distances, r, k, lists);
    for (size_t i = 0; i < l->n; i++) {
        const size_t *near = neighbours + i * k, own = l->class_of[i];
        size_t same = 0;

        for (size_t j = 0; j < k; j++)
            same += l->class_of[near[j]] == own;
        e->scores[MEASURE_NEAREST_1][i] = l->class_of[near[0]] == own;
        e->scores[MEASURE_NEAREST_5][i] = nearest_elect(l->class_of, near, votes, ballot) == own;
        e->scores[MEASURE_PRECISION_10][i] = (float)same / (float)k;
    }
    free(neighbours);
    free(distances);
    free(ballot);
}

static void score_silhouette(const struct labelled *l, struct evaluation *e, struct rows *r)
{
    double *s = xmalloc(l->n * sizeof *s);

    silhouette_find(s, r, l->class_of, l->n_classes, SUMS);
    for (size_t i = 0; i < l->n; i++)
        e->scores[MEASURE_SILHOUETTE][i] = (float)s[i];
    free(s);
}

struct division {
    const struct labelled *labelled;
    const size_t *cluster;
};

static double information(void *context, const uint32_t *rows, size_t n)
{
    const struct division *d = context;

    return cluster_information(d->labelled->class_of, d->labelled->n_classes, d->cluster,
                               d->labelled->n_classes, rows, n);
}

static void measure_clusters(const struct labelled *l, struct evaluation *e, struct rows *r,
                             uint64_t seed)
{
    size_t *cluster = xmalloc(l->n * sizeof *cluster);
    struct division d = {l, cluster};

    cluster_find(cluster, r, l->n_classes, seed);
    e->all[MEASURE_CLUSTERS] = interval_find(information, &d, l->all, l->n, seed);
    if (l->n_test > 0)
        e->test[MEASURE_CLUSTERS] = interval_find(information, &d, l->test, l->n_test, seed);
    free(cluster);
}

/* Of all rows by folds; of the test rows by a probe trained on the training rows alone, when there
 * are both. */
static void measure_probe(const struct labelled *l, struct evaluation *e, struct rows *r,
                          uint64_t seed)
{
    size_t *fold = xmalloc(l->n * sizeof *fold), *predicted = xmalloc(l->n * sizeof *predicted);
    float *right = xcalloc(l->n, sizeof *right);

    e->predicted = xmalloc(l->n * sizeof *e->predicted);
    probe_predict(e->predicted, r, l->class_of, l->n_classes, l->fold, LABELLED_FOLDS);
    for (size_t i = 0; i < l->n; i++)
        e->scores[MEASURE_PROBE][i] = e->predicted[i] == l->class_of[i];
    if (l->n_test > 0 && l->n_train > 0) {
        for (size_t i = 0; i < l->n; i++)
            fold[i] = 1;
        for (size_t i = 0; i < l->n_test; i++)
            fold[l->test[i]] = 0;
        probe_predict(predicted, r, l->class_of, l->n_classes, fold, 1);
        for (size_t i = 0; i < l->n; i++)
            right[i] = predicted[i] == l->class_of[i];
        e->test[MEASURE_PROBE] = interval_mean(right, l->test, l->n_test, seed);
    }
    free(fold);
    free(predicted);
    free(right);
}

void evaluation_fill(struct evaluation *e, const struct labelled *l, struct rows *r,
                     struct tensor_reader *lists, uint64_t seed)
{
    for (int m = 0; m < N_MEASURES; m++) {
        e->given[m] = m != MEASURE_PROBE || probe_fits(l->n, rows_width(r));
        e->scores[m] = xcalloc(l->n, sizeof **e->scores);
    }
    score_neighbours(l, e, r, lists);
    score_silhouette(l, e, r);
    measure_clusters(l, e, r, seed);
    if (e->given[MEASURE_PROBE])
        measure_probe(l, e, r, seed);
    for (int m = 0; m < N_MEASURES; m++) {
        if (m == MEASURE_CLUSTERS || !e->given[m])
            continue;
        e->all[m] = interval_mean(e->scores[m], l->all, l->n, seed);
        if (l->n_test > 0 && m != MEASURE_PROBE)
            e->test[m] = interval_mean(e->scores[m], l->test, l->n_test, seed);
    }
}

struct interval evaluation_difference(const struct evaluation *a, const struct evaluation *b,
                                      enum measure m, const struct labelled *l, uint64_t seed)
{
    float *d = xmalloc(l->n * sizeof *d);
    struct interval v;

    for (size_t i = 0; i < l->n; i++)
        d[i] = a->scores[m][i] - b->scores[m][i];
    v = interval_mean(d, l->all, l->n, seed);
    free(d);
    return v;
}
