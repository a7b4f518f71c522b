/* kernels: the arithmetic of a layer, for one image at a time, on one core. Pure: no allocation, no
 * I/O, no state.
 *
 * Everything is one correlation with a stride, and its two adjoints. An image is rows of pixels of
 * C channels, with a margin of zeros around it that stands in memory, so that no kernel looks at
 * borders and a row of taps is one run of `run` = taps*C consecutive floats:
 *
 *     conv     y[i,j,k] = b[k] + sum_{r,q} w[r,q,k] * x[i*x_row + j*x_col + r*x_tap + q]
 *     conv_dw  dw[r,q,k] += sum_{i,j} dy[i,j,k] * x[i*x_row + j*x_col + r*x_tap + q]
 *     r < taps, q < run
 *
 * Encoder forward: conv with stride 1. Decoder forward, on a nearest upsampled image: each of the
 * four phases of y is a conv with stride 1 over the small image, with a kernel whose taps are sums
 * of the original's; the large image never exists (kernels_box). The decoder's gradient to its
 * input: one conv with stride 2 over dy. Its kernel's gradient: conv_dw with stride 2, where dy
 * plays x and the small image plays dy.
 *
 * One source file, compiled once per instruction set; float32. The sums are taken in the order of
 * the equations for any width of vector. Packed kernels, biases and scratch start at multiples of
 * 64 bytes; nothing else need be aligned.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

enum { KERNELS_DEAD = 4, KERNELS_MAX_LANES = 16, KERNELS_DOT = 16 };
/* What is worked on at once: half of that cache. */
enum { KERNELS_SECOND_LEVEL = (512 << 10) / sizeof(float) };
/* log((1-e)/e), e = 1e-7: beyond it binary cross-entropy clips and its gradient is 0. */
#define KERNELS_CLIP 16.118095f

struct conv {
    int rows, cols; /* positions of y (before any pooling) */
    int taps, run;  /* rows of taps; floats in a row of taps */
    int channels;   /* of y, K */
    /* Floats in x from one position of y to the next: stride * row, stride * C. */
    size_t x_row, x_col;
    size_t x_tap; /* floats in x from one row of taps to the next */
    /* Floats in y from one position to the next; of conv_relu_pool, from one pooled position. */
    size_t y_row, y_col;
};

/* Winograd's minimal filtering along the rows: M = points+1-R columns of the result from `points`
 * of x by as many multiplications instead of M*R (Lavin and Gray 2015, "Fast algorithms for
 * convolutional neural networks"; Toom and Cook before them): both polynomials are evaluated at the
 * points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity (10 points: 0, +-1/2, +-3/4, +-5/4, +-5/2,
 * infinity, which round least), multiplied there, and interpolated. The sums over rows of taps and
 * channels stay in the points, so that the products are a conv, 1.5 to 2.5 times shorter.
 *
 * More points save more and round more. With M = 2, by up to 8 points, a tile is just what the
 * windows of two columns under a pool see: where these windows are equal the tile is flat, and the
 * results are equal to the last bit. So equal windows tie in the pool, as they do in conv, and
 * equal surroundings give equal codes.
 *
 * Along both axes, MxM results from points x points of x: a kernel is then a number at each pair of
 * points, its rows are no taps any more, and the products are conv with a single tap: points^2
 * multiplications instead of M^2*R^2, 2.25 to 6.25 times fewer. What that saves pays for the way to
 * the points and back where there are many channels; for few, as in an image, one axis with more
 * points is quicker. With M = 2 a tile is what a pool's four windows see, and ties stay exact by
 * rows and by columns. */
struct winograd {
    int points;        /* 4, 6, 8 or 10 */
    bool both;         /* the columns too, by as many points: see below */
    int R, C, K, H, W; /* kernel, R < points; channels in, out; of the result before pooling */
    /* 1, or 2: then x is taken as an image of 2x2 pixels, half as high and wide, of 4*C channels
     * (row, column, C). */
    int stride;
    size_t x_row; /* floats from one row of x to the next; pixels are C floats */
    /* Floats in y from one position, pooled or not, to the next; y_col: the channels that y has, K
     * or more. */
    size_t y_row, y_col;
};
struct winograd_sizes { /* how the work is cut; the results do not depend on it */
    int tiles;          /* of M columns in a row */
    /* Transformed in a row: so many runs of `span` floats, a tile each; where vectors would be
     * mostly empty, one run of all tiles, whose columns are first laid apart by their place in a
     * tile, in `apart` floats; otherwise 0. */
    int steps, span;
    size_t deinterleaved;
    int height; /* rows of the result in a line of tiles: 1, or M along both axes */
    /* Brought to the points at once, a band; multiplied and left at once, so that few products are
     * written to be read again. */
    int tile_rows, group;
    int n_points, taps; /* points, or pairs of them; rows of the kernel that are taps still */
    /* At once, where a band is a whole image: a point's kernels serve all before the next's. */
    size_t images;
    /* Floats from one tile, plane, image to the next: of x at the points, of the products there. */
    size_t v_col, v_point, v_image, m_col, m_point, m_image;
    size_t scratch; /* floats in all */
};
struct winograd_sizes kernels_winograd_sizes(const struct winograd *g, int lanes);

struct entry { /* a place, floats from a base, and the value there */
    int32_t at;
    float g;
};
struct pooled { /* a row of pooled positions over the positions of conv */
    int cols, channels;
    /* The place of the first one's upper left position; floats from one pooled position on. */
    int32_t at, step;
    int32_t offset[5]; /* from the upper left position to each of the four; any for KERNELS_DEAD */
};

/* A row of pooled positions over two rows of z, under batch normalisation; see norm.h. The vectors:
 * ceil(channels/L)*L. */
struct norm {
    int cols, channels;
    /* Of a pooled pixel: channels or more; of a row of z, whose pixels are `channels`. */
    size_t y_col, z_row;
    const float *scale, *shift;   /* v = scale*z + shift */
    const float *centre, *spread; /* zn = (z-centre)*spread */
    const float *dz_a, *dz_b;
};

struct kernels {
    const char *name; /* "avx512", "avx2", "base" */
    /* Floats in a vector, L; a packed kernel is (ceil(K/L),taps,run,L), see kernels_pack; a bias
     * has ceil(K/L)*L. */
    int lanes;

    /* y as above; conv_relu_pool: the largest of each 2x2 positions, then max(.,0), and argmax
     * (rows/2,cols/2,y_col): which of the four it was, the first on ties, in row-major order, or
     * KERNELS_DEAD where the result is 0; argmax may be NULL. b may be NULL. Tile: 2 rows x up to
     * 10 columns x one vector of channels in registers; a kernel vector is loaded once for all its
     * positions, an x is a broadcast operand. Channels outermost: that part of the kernel stays in
     * the second-level cache over the image. */
    void (*conv)(float *y, const float *x, const float *w, const float *b, const struct conv *g);
    void (*conv_relu_pool)(float *y, uint8_t *argmax, const float *x, const float *w,
                           const float *b, const struct conv *g);

    /* conv_relu_pool of N images by Winograd's way; u is the packed kernel
     * (planes,taps*C*ceil(K/L)*L), see winograd_pack; x points to the first tap and is read up to 8
     * pixels beyond the last row's end. R is odd. Rounding errors are up to two to three times
     * larger. scratch as kernels_winograd_sizes says, aligned to 64. */
    void (*winograd_relu_pool)(float *y, uint8_t *argmax, const float *x, const float *u,
                               const float *b, const struct winograd *g, size_t n, size_t x_image,
                               size_t y_image, float *scratch);
    /* conv of N images likewise, along the rows alone, R odd or even: y without pool and relu. b is
     * not NULL. */
    void (*winograd_conv)(float *y, const float *x, const float *u, const float *b,
                          const struct winograd *g, size_t n, size_t x_image, size_t y_image,
                          float *scratch);
    /* The gradients of a convolution, both from dy at the points: dsmall = conv of dy with u, and
     * du (points,R,stride^2*C,ceil(K/L)*L) += the kernel's gradient at the points; C channels of
     * dy, K of small. Of a decoder: R = P+1, stride 2. Of an encoder, whose input is small: R odd,
     * stride 1. small has its own rows, columns as dsmall, and may be dsmall. */
    void (*winograd_backward)(float *dsmall, float *du, const float *dy, const float *small,
                              const float *u, const struct winograd *g, size_t n, size_t dy_image,
                              size_t small_row, size_t small_image, size_t dsmall_image,
                              float *scratch);
    /* u from w (R,R,stride^2*C,y_col), times scale (K) unless NULL. */
    void (*winograd_pack)(float *u, const float *w, const float *scale, const struct winograd *g);
    /* dw (R,R,column) from du (points,R,column): the adjoint. column: a multiple of L; R up to 7.
     */
    void (*winograd_fold)(float *dw, const float *du, int points, int R, size_t column);

    /* dw (taps,run,ceil(K/L)*L) += over N images, x_image and dy_image floats apart. dy is read in
     * whole vectors: up to L-1 floats beyond its last channel must be readable; what they hold does
     * not matter. Tile: up to 24 q x one vector of k in registers over all positions. */
    void (*conv_dw)(float *dw, const float *x, const float *dy, const struct conv *g, size_t n,
                    size_t x_image, size_t dy_image);

    /* conv for few channels of y and long runs: the products of a tap row in vectors, w
     * (K,taps,ceil(run/16)*16) with zeros behind each run. x is read up to 15 floats beyond a run.
     * Sums: 16 partial sums, element q of a run to sum q%16, then halves are added. b (K) is not
     * NULL. Tile: 8 columns x 3 channels; padding 3 channels to a vector would do five times the
     * work. */
    void (*conv_dot)(float *y, const float *x, const float *w, const float *b,
                     const struct conv *g);

    /* Appends, for each channel k, the places and values g (cols,K) of the row's positions that
     * argmax (cols,K) says are alive to entries (K,room), of which n[k] are used; sums[k] gains the
     * values. Writes one entry beyond the last: n[k] < room must hold before each position. */
    void (*sparse_list)(struct entry *entries, size_t room, uint32_t *n, float *sums,
                        const float *g, const uint8_t *argmax, const struct pooled *p);

    /* y[r*y_row + q] += sum_e e.g * x[e.at + r*x_row + q], r < taps, q < run, entries in order:
     * what is left of a correlation where max-pool leaves one gradient in four and relu fewer. With
     * x the input and e the gradients of one channel: that channel's kernel gradient. With x the
     * kernel, a row per channel, and e the channels alive at a position: the gradient to the input
     * around it. y and x are touched in whole vectors: up to L-1 floats beyond each run, of which
     * those of y gain what stands in x. Tile: up to 25 vectors of the window in registers over all
     * entries. */
    void (*sparse_sum)(float *y, size_t y_row, const float *x, size_t x_row, int taps, int run,
                       const struct entry *e, size_t n);

    /* Batch normalisation. z is read up to L-1 floats beyond its end; argmax as conv_relu_pool
     * leaves it; sums in double, a channel's in the order of positions. sums: sum[k] += z,
     * square[k] += z^2, over n pixels (n,channels). relu_pool: from z to y (cols,y_col) and argmax,
     * or NULL. gradient_sums: sum[k] += g, product[k] += g*zn at the positions that took g
     * (cols,channels). gradient: dz = scale*g there, 0 elsewhere, - dz_a - dz_b*zn everywhere, in
     * z's place. */
    void (*norm_sums)(double *sum, double *square, const float *z, size_t n, int channels);
    void (*norm_relu_pool)(float *y, uint8_t *argmax, const float *z, const struct norm *n);
    void (*norm_gradient_sums)(double *sum, double *product, const float *g, const uint8_t *argmax,
                               const float *z, const struct norm *n);
    void (*norm_gradient)(float *z, const float *g, const uint8_t *argmax, const struct norm *n);

    /* y = 1/(1+exp(-a)), n elements; y may be a. About 2 ulp. */
    void (*sigmoid)(float *y, const float *a, size_t n);
    /* Losses of n elements, summed in double, not averaged; d, unless NULL, becomes scale * the
     * derivative of the sum (d may be the first input). bce: z = clip(a, -+KERNELS_CLIP): max(z,0)
     * - z*t + log1p(exp(-|z|)); derivative by a: sigmoid(a) - t, 0 where clipped. mse: (y-t)^2. */
    double (*bce)(float *d, const float *a, const float *t, size_t n, float scale);
    double (*mse)(float *d, const float *y, const float *t, size_t n, float scale);

    /* y = x + sigma*z, kept within low..high, n elements; y may be x. z: normal numbers (Box and
     * Muller) of the words of STREAM from its first, 64 of each 16 blocks: of block 16*g+b, words 0
     * and 1 give z[64*g+b] and z[64*g+16+b], words 2 and 3 z[64*g+32+b] and z[64*g+48+b], each pair
     * sqrt(-2 log u) * cos(2 pi v) and * sin(2 pi v), u = (w/256 + 1)/2^24, v = (w'/256)/2^24,
     * w/256 without its fraction. Correct to 1e-6. */
    void (*noise)(float *y, const float *x, size_t n, float sigma, float low, float high,
                  const struct rng *stream);
};

/* p (ceil(K/lanes),taps,run,lanes), run = taps_x*C rounded up to a multiple of `pad`:
 * p[.,r,s*C+c,.] of channel k = scale[k] * w[r*row + s*col + c*in + k*out], 0 for k >= K and behind
 * the run. Strides may be negative: that is how kernels are flipped and transposed. scale may be
 * NULL: 1. lanes and pad are L and 1 for conv, 1 and KERNELS_DOT for conv_dot, 1 and L for
 * sparse_sum. */
struct packing {
    int taps, taps_x, C, K, pad;
    ptrdiff_t row, col, in, out;
};
void kernels_pack(float *p, const float *w, const float *scale, const struct packing *g, int lanes);

/* The kernel of the transposed convolution with stride 2 that equals nearest upsampling and then w
 * (R,R,C,K):
 *     box[t,u,c,k] = sum_{e,f in {0,1}} w[R-1-t+e, R-1-u+f, c, k]        0 outside
 * box (R+1,R+1,C,K). Pixel (i,j) of the small image reaches pixels (2i+t-P, 2j+u-P) of y, P =
 * (R-1)/2. Phase a of y, rows 2i+a, reads the small rows i+o..i+o+P with o = floor((a-P)/2) through
 * t = a+P-2o, a+P-2o-2, ... */
void kernels_box(float *box, const float *w, int R, int C, int K);
/* Its adjoint, for the first K filters of dw (R,R,filters,C): dw[r,s,k,c] = sum_{e,f} dbox(R-1-r+e,
 * R-1-s+f, c, k), where dbox(t,u,c,k) stands at t*row + u*col + c*in + k*out; R = taps. */
void kernels_box_fold(float *dw, int filters, const float *dbox, const struct packing *g);

#endif
