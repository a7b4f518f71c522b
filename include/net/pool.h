/* pool: codes as features: averaged to few places, each of length 1, or all together.
 *
 *     y[p,q,c] = mean of code[i,j,c],  floor(p h/P) <= i < ceil((p+1) h/P), and so j in w
 *     y[p,q,:] / |y[p,q,:]|, or y / |y|;  zeros stay zeros
 *
 * The first is PyTorch's AdaptiveAvgPool2d: where P does not divide h, places overlap. Sums are in
 * double precision, in the order of i, j, c; rounded once.
 */
#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
    int64_t places; /* P, along each axis; 0: as the code has them */
    bool normalise_places, normalise;
};

/* Whether features differ from codes. */
bool pool_changes(const struct pool *p);

/* shape (h,w,C) of a code becomes that of its features. False where P is more than h or w. */
bool pool_shape(size_t shape[3], const struct pool *p);
/* y, N features, of N codes of this SHAPE (h,w,C). Works on all threads: call it from one. */
void pool_rows(float *y, const float *codes, size_t n, const size_t shape[3], const struct pool *p);
/* The gradient of codes, dcodes, from that of y, dy, of averages that are not normalised; in
 * float32, in the order of p, q. */
void pool_backward(float *dcodes, const float *dy, size_t n, const size_t shape[3],
                   const struct pool *p);

#endif
