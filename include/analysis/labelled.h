/* labelled: rows and their classes, split and folds, as an evaluation wants them.
 */
#ifndef LABELLED_H
#define LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/selection.h"

enum { LABELLED_FOLDS = 5 };

struct labelled {
    size_t n, n_classes;  /* rows; classes that have rows */
    size_t *class_of;     /* (n) 0..n_classes-1 */
    const char **classes; /* (n_classes) names, the index's */
    size_t *class_n;      /* (n_classes) rows of each */
    size_t *fold;         /* (n) 0..LABELLED_FOLDS-1, by a hash of the path: an image stays in its
                             fold, whichever others there are */
    uint32_t *all, *test; /* (n), (n_test) rows */
    size_t n_test, n_train;
};

/* The rows of S, which must outlive it. Without an index all are of one class without a name. */
struct labelled labelled_from(const struct selection *s);

#endif
