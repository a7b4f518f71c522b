/* search: the rows of a tensor that are near to others, and the tables that say so.
 *
 * Rows are numbered as in the tensor. What is chosen can be an answer; a query need not be chosen,
 * and is not its own answer.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/bounds.h"
#include "analysis/contact.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "files/zio.h"

struct search {
    struct tensor_reader *tensor; /* read to its end by each search */
    const struct selection *chosen;
    enum metric metric;
    size_t k;      /* answers; fewer where there are fewer rows, but with search_each */
    size_t memory; /* bytes, of the process */
    struct tensor_reader
        *lists; /* of the nearest rows of all (lists.h), for search_each; or NULL */
};

struct hits {
    size_t n, k;
    size_t *queries;   /* (n), NULL: they are no rows of the tensor */
    size_t *rows;      /* (n,k) nearest first */
    double *distances; /* (n,k) */
};

/* Of each chosen row; rows are positions among the chosen. Dies where these are not more than k. */
struct hits search_each(const struct search *s);
/* Of the N rows QUERIES, ascending, which the answers own. */
struct hits search_rows(const struct search *s, size_t *queries, size_t n);
/* Of each of the rows of QUERIES, read after the tensor from query(context). */
struct hits search_others(const struct search *s, struct rows *query(void *context), void *context);
/* Pairs of chosen rows, each in place of a query and its one answer, nearest first. */
struct hits search_duplicates(const struct search *s, double threshold);
/* From search_each: queries, and rows of the tensor instead of positions. */
void hits_number(struct hits *a, const struct selection *chosen);
void hits_release(struct hits *a);

/* Where each of N_ROWS rows of a tensor stands in ix->rows, SIZE_MAX: nowhere; NULL without IX. */
struct places {
    const struct index *ix;
    size_t *of;
};
struct places places_in(const struct index *ix, size_t n_rows);

/* Lines query, rank, row, class, path, distance. */
void hits_write(struct zio_writer *out, const struct hits *a, const struct places *p);
/* Lines of the four fields of both rows, the second's named NAME_X; rank, where RANKED; distance.
 */
void hits_write_pairs(struct zio_writer *out, const struct hits *a, const struct places *p,
                      const char *name, bool ranked);
/* How many pairs there are, across train and test, and of two classes: messages. */
void hits_tell(const struct hits *a, const struct places *p);
/* The frame of each answer, (n,k), which the caller frees; SPLITS: where the split differs, too. */
unsigned char *hits_mark(const struct hits *a, const struct places *p, bool splits);

#endif
