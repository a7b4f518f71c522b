/* probe: a linear classifier of rows, by ridge regression on standardised numbers.
 *
 *     z = (x - mean)/deviation;   min_W |Z W + b - Y|^2 + penalty |W|^2,  Y = 1 of the class, else
 * -1 predicted class: the largest of W'z + b
 *
 * Mean, deviation, W and b are of the rows trained on. The penalty is the one of 1, 10, ... 10^6
 * with the least squared error of each of these rows left out in turn, from the hat matrix:
 *
 *     Z'Z = V L V', Q = Z V;   h_i = 1/n + sum_j q_ij^2/(l_j + penalty);   e_i = (y_i - f_i)/(1 -
 * h_i)
 *
 * (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 3.4.1 and 7.10). Fewer
 * rows than numbers: the same from ZZ'. As scikit-learn's StandardScaler and RidgeClassifierCV.
 */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/rows.h"

enum { PROBE_MOST = 4096 }; /* the lesser of rows and numbers in a row may be no more */

/* Whether a probe of N rows of D numbers can be made. */
bool probe_fits(size_t n, size_t D);
/* predicted[i], for each row with fold[i] == f, f = 0..n_folds-1: its class, by a probe trained on
 * all rows of other folds. Rows of fold n_folds and above are trained on and never predicted:
 * SIZE_MAX. class_of (n): 0..n_classes-1. */
void probe_predict(size_t *predicted, struct rows *r, const size_t *class_of, size_t n_classes,
                   const size_t *fold, size_t n_folds);

#endif
