/* sparse: the gradients of an encoder's convolution from that of its pooled code, of which a pool
 * leaves one position in four and a relu fewer.
 *
 *     dw[r,s,c,k] += sum g[i,j,k] * x[2i+a+r, 2j+b+s, c]      over pooled (i,j) where k is alive,
 *     dx[2i+a+r, 2j+b+s, c] += g[i,j,k] * w[r,s,c,k]          which took position (a,b) of its four
 *     db[k] += sum g[i,j,k]
 *
 * x and dx point to the first tap of position (0,0). g (h,w,K) and argmax as conv's.
 */
#ifndef SPARSE_H
#define SPARSE_H

#include "kernels/kernels.h"

struct sparse {
    const struct kernels *kernels;
    int R, C, K, h, w;
    size_t window; /* floats of a row of taps, R*C rounded up to vectors */
    int band;      /* pooled rows whose gradients are listed at once */
    int images;    /* where these are all of an image: so many images */
    size_t list;   /* room for the entries of a channel */
};
struct sparse_images { /* n of them; floats from one row or image to the next */
    size_t n, x_row, x_image, g_row, g_image;
};

struct sparse sparse_new(const struct kernels *kernels, int R, int C, int K, int h, int w);
/* For up to CHUNK images at once, whose rows of x are x_row floats. */
void sparse_bands(struct sparse *s, size_t x_row, int chunk);
size_t sparse_entries(const struct sparse *s); /* that a thread needs */
size_t sparse_size(const struct sparse *s);    /* floats of the packed kernel, of its gradient */

void sparse_pack(const struct sparse *s, float *packed, const float *w); /* w (R,R,C,K) */
/* du: `sparse_size` floats; db (K). */
void sparse_dw(const struct sparse *s, float *du, float *db, const float *x, const float *g,
               const uint8_t *argmax, const struct sparse_images *images, struct entry *entries);
void sparse_fold(const struct sparse *s, float *dw, const float *du); /* dw (R,R,C,K) = */
/* Of one image; writes up to a vector beyond a row of a window, 0 added. */
void sparse_dx(const struct sparse *s, float *dx, size_t dx_row, const float *packed,
               const float *g, size_t g_row, const uint8_t *argmax, struct entry *entries);

#endif
