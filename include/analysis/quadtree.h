/* quadtree: the pull or push of n points of a plane on each of them, far ones together (Barnes and
 * Hut 1986), for the forces of t-SNE.
 *
 *     z[i] = sum over j of 1/(1+d(i,j)^2)
 *     force[i] = sum over j of (y_i - y_j)/(1+d(i,j)^2)^2            j != i
 *
 * Points are sorted by Morton code (the bits of x and y in turn), so that the points of each square
 * are next to one another. The squares stand in one array, each before its quarters, down to single
 * points; each knows where the squares that are not its own begin: a walk through the array needs
 * no stack. A square of side s counts as one point in the middle of its points, at a
 * distance of d, where s <= theta d, for all of the points that walk together: neighbours in the
 * order, whose number is fixed. Each point's sums are added by one thread in the order of the
 * array: the same bytes for any number of threads.
 */
#ifndef QUADTREE_H
#define QUADTREE_H

#include <stddef.h>
#include <stdint.h>

struct quadtree;

/* Room for n < 2^32 points, n > 0. */
struct quadtree *quadtree_new(size_t n);
double quadtree_memory(size_t n); /* bytes that it takes */
/* The tree of the points y (n,2), which are finite. */
void quadtree_build(struct quadtree *t, const double *y);
/* force (n,2), as above; returns the sum of all z. 0 <= theta <= 0.7, else a point might meet
 * itself in a square; 0: exact. */
double quadtree_forces(struct quadtree *t, double *force, double theta);
void quadtree_free(struct quadtree *t);

#endif
