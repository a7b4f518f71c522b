/* embedding: places y (n,2) in a plane in which near rows stay near: t-SNE (van der Maaten and
 * Hinton 2008), by the tree of Barnes and Hut (van der Maaten 2014, "Accelerating t-SNE using
 * tree-based algorithms").
 *
 *     w(i,j) = 1/(1+|y_i-y_j|^2),  Z = sum of w(i,j) over i != j,  q(i,j) = w(i,j)/Z
 *     cost KL = sum of p(i,j) log(p(i,j)/q(i,j))
 *     gradient[i] = 4 (sum of p(i,j) w(i,j) (y_i-y_j)  -  sum of w(i,j)^2 (y_i-y_j) / Z)
 *     gain = gradient against the velocity ? gain + 0.2 : 0.8 gain, at least 0.01
 *     velocity = momentum velocity - rate gain gradient;  y += velocity
 *
 * In the first 250 iterations p is 12 times as large (early exaggeration), the momentum 0.5; in the
 * next 250 p is 4 times as large, falling to once, and from there on the momentum 0.8. Without the
 * fall the cost ends some percent higher, and by chance (measured). The rate is n/48, at least 50
 * (Belkina and others 2019). The bytes are the same for any number of threads.
 */
#ifndef EMBEDDING_H
#define EMBEDDING_H

#include <stddef.h>

#include "analysis/affinity.h"

/* Where to begin: the first two of the P coordinates of the rows, so small that the first has
 * deviation 1e-4 (Kobak and Linderman 2021). Where rows differ in one direction only, a little
 * chance is their second coordinate. All 0 where they do not differ. */
void embedding_start(double *y, struct rows *r);
/* Moves y (n,2) from there, this many times; in the end their mean is 0. Returns KL. THETA as in
 * quadtree.h. */
double embedding_move(double *y, const struct affinity *a, size_t iterations, double theta);
/* gradient (n,2) of KL, which it returns, at y (n,2). */
double embedding_gradient(double *gradient, const double *y, const struct affinity *a,
                          double theta);
double embedding_memory(size_t n); /* bytes that embedding_move takes, y with it */

#endif
