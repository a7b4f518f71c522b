/* kernels: the arithmetic of a layer, on one core. Pure: no allocation, no I/O, no state.
 *
 * Everything is one correlation with a stride, and its two adjoints. Images stand in margins of
 * zeros, so that no kernel looks at borders and a row of taps is one run of taps*C floats:
 *
 *     conv     y[i,j,k] = b[k] + sum_{r,q} w[r,q,k] * x[i*x_row + j*x_col + r*x_tap + q]
 *     conv_dw  dw[r,q,k] += sum_{i,j} dy[i,j,k] * x[i*x_row + j*x_col + r*x_tap + q]
 *     r < taps, q < run
 *
 *     step of a layer                    convolution
 *     encoder                            stride 1, then relu and pool
 *     decoder, on an upsampled image     stride 1 for each of four phases of y, see kernels_box
 *     decoder's gradient to its input    stride 2 over dy
 *     decoder's kernel's gradient        stride 2, dy as x, its input as dy
 *
 * Words:
 *     kernel             w (R,R,C,K); plain: in that order; packed: as an algorithm reads it
 *     tap, run           a row or column of the kernel; the floats of a row of taps, R*C
 *     position           of y, before any pooling; window, receptive field: what it sees of x
 *     padding            P = (R-1)/2 rows and columns of zeros; margin: where they stand
 *     channel block      L channels, a vector; remainder channels: those beyond the last full one
 *     register tile      positions times a channel block whose sums are in registers
 *     phase              of an upsampled image: its rows 2i+a and columns 2j+b, a and b 0 or 1
 *     points             where minimal filtering evaluates polynomials; tile: the M columns (or
 *                        MxM positions) of y that it gives at once
 *     input transform    a tile's x to the points, v; inverse transform: the products m to y
 *     band               rows (of tiles, of pooled positions) worked on at once, for the caches
 *     alive              a pooled position whose relu let something pass: its gradient does too
 *     entry              such a gradient and the place of its window, in a sparse list
 *
 * float32. The sums are taken in the order of the equations for any width of vector. Packed
 * kernels, biases and scratch start at multiples of 64 bytes; nothing else need be aligned.
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
    int rows, cols; /* positions */
    int taps, run;  /* rows of taps; floats in a row of taps */
    int channels;   /* of y, K */
    bool pooled;    /* y is max(.,0) of the largest of each 2x2 positions; rows, cols even */
    /* Floats in x from one position to the next (stride * row, stride * C), and from one row of
     * taps to the next. */
    size_t x_row, x_col, x_tap;
    size_t y_row, y_col; /* floats in y from one position, or pooled position, to the next */
};

/* Minimal filtering (Winograd; Lavin and Gray 2015, "Fast algorithms for convolutional neural
 * networks"): along the rows, M = points+1-R columns of y from `points` of x by as many
 * multiplications instead of M*R. Sums over rows of taps and channels stay at the points, so that
 * the products are a conv.
 *
 *     points   at
 *     4        0, +-1, infinity
 *     6, 8     besides +-2; and +-1/2
 *     10       0, +-1/2, +-3/4, +-5/4, +-5/2, infinity, which round least
 *
 * Along both axes: MxM positions by points^2 multiplications instead of M^2*R^2; a kernel is a
 * number at each pair of points, the products are a conv of one tap.
 *
 * M = 2, up to 8 points: a tile is what the windows of two columns under a pool see. Where these
 * are equal the tile is flat and the results are equal to the last bit: equal windows tie, as in
 * conv. */
struct winograd {
    int points;
    bool both;         /* both axes; up to 8 points */
    bool pooled;       /* as in struct conv */
    int R, C, K, H, W; /* kernel, R < points; channels in, out; positions */
    /* 1, or 2: then x is an image of 2x2 pixels, half as high and wide, of 4*C channels (row,
     * column, C), and the kernel (2R,2R,C,K). */
    int stride;

    /* How the work is cut, and what scratch memory has where; the results do not depend on it.
     *
     *     for each `images` images, or each band of one:
     *         v = input transform of the rows of x that the band sees
     *         m = v times the kernel, at each point
     *         y = inverse transform of m
     *
     *     scratch          v of the images | m of the images | columns of a row, deinterleaved
     *     v of an image    (point, row of tiles, tile, stride^2*C); behind a band's rows of
     *                      tiles those that the last rows of taps see
     *     m of an image    (point, row of tiles, tile, K), the channels in full channel blocks
     */
    int tiles;          /* in a row of tiles */
    int height;         /* rows of y in a row of tiles: 1, or M */
    int n_points, taps; /* points, or pairs of them; rows of taps that the products have */
    int band;           /* rows of tiles */
    size_t images;      /* at once, where a band is an image */
    /* The input transform of a row takes `steps` of `span` floats of each column of the tiles: one
     * tile's, or, where these would leave vectors mostly empty, those of all tiles. They lie
     * together in a deinterleaved copy of the row then, of so many floats. */
    int steps, span;
    size_t deinterleaved; /* or 0 */
    /* Floats from one tile, point, image to the next: of v, of m. */
    size_t v_col, v_point, v_image, m_col, m_point, m_image;
};

/* n images. Floats from one row or image to the next; of y also from one pixel: y_col, K or more.
 * Pixels of x are C floats. */
struct conv_images {
    size_t n, x_row, x_image, y_row, y_col, y_image;
    size_t small_row, small_image; /* of backward; its pixels are y_col floats */
};

struct entry { /* a place, floats from a base, and the value there */
    int32_t at;
    float g;
};
struct sparse_window {
    int taps, run; /* rows of taps, floats in each */
    size_t x_row, y_row, y_list;
};
struct pooled { /* a row of pooled positions over the positions of conv */
    int cols, channels;
    /* The place of the first one's upper left position; floats from one pooled position on. */
    int32_t at, step;
    int32_t offset[5]; /* from the upper left position to each of the four; any for KERNELS_DEAD */
};

/* A row of pooled positions over two rows of z, under batch normalisation; see norm.h. The vectors
 * have full channel blocks. */
struct norm {
    int cols, channels;
    /* Of a pooled pixel: channels or more; of a row of z, whose pixels are `channels`. */
    size_t y_col, z_row;
    const float *scale, *shift;  /* v = scale*z + shift */
    const float *mean, *inverse; /* zn = (z-mean)*inverse, one over the deviation */
    const float *dz_a, *dz_b;
};

struct kernels {
    const char *name; /* "avx512", "avx2", "base" */
    int lanes;        /* L: floats in a vector */

    /* y as above. w (ceil(K/L),taps,run,L), see kernels_pack; b (ceil(K/L)*L) or NULL. argmax
     * (rows/2,cols/2,y_col) or NULL, only where pooled: which of the 2x2 in row-major order, the
     * first on ties, or KERNELS_DEAD where the result is 0. Register tile: 2 rows x up to 10
     * columns. */
    void (*conv)(float *y, uint8_t *argmax, const float *x, const float *w, const float *b,
                 const struct conv *g);

    /* conv of images by minimal filtering; R odd where pooled. u (points,ceil(K/L),taps,C,L), see
     * winograd_pack; b as of conv, argmax (n,H/2,W/2,y_col) or NULL. x points to the first tap and
     * is read up to 8 pixels beyond the last row's end. Rounds two to three times more.
     * Unless du is NULL both gradients, from the input transform of x = dy: y = dsmall; du
     * (points,ceil(K/L),R,stride^2*C,L) += the kernel's gradient at the points. small may be
     * dsmall; b and argmax are NULL. Decoder: R = P+1, stride 2. Encoder, whose input is small: R
     * odd, stride 1. */
    void (*winograd)(float *y, uint8_t *argmax, float *du, const float *x, const float *small,
                     const float *u, const float *b, const struct winograd *g,
                     const struct conv_images *images, float *scratch);
    /* u from w (R,R,C,K) of the convolution, times scale (K) unless NULL. fold, its adjoint: dw
     * (R,R,C,ceil(K/L)*L) from du, R up to 7; not for both axes. */
    void (*winograd_pack)(float *u, const float *w, const float *scale, const struct winograd *g);
    void (*winograd_fold)(float *dw, const float *du, const struct winograd *g);

    /* dw (ceil(K/L),taps,run,L), as w of conv, over N images. dy is read up to L-1 floats beyond
     * its last channel. Register tile: up to 24 q x a channel block, over all positions. */
    void (*conv_dw)(float *dw, const float *x, const float *dy, const struct conv *g, size_t n,
                    size_t x_image, size_t dy_image);

    /* conv, vectors along the taps: for 1 to 4 channels. w (K,taps,ceil(run/16)*16), zeros behind
     * each run; b (K) is not NULL. x is read up to 15 floats beyond a run. Element q of a run goes
     * to sum q%16 of 16, whose halves are added then. Register tile: 8 columns x 3 channels. */
    void (*conv_dot)(float *y, const float *x, const float *w, const float *b,
                     const struct conv *g);

    /* entries[k] (room) gains the values g (cols,K) where argmax (cols,K) is alive, n[k] their
     * number, sums[k] their sum. Writes one entry beyond the last: n[k] < room before each
     * position. */
    void (*sparse_list)(struct entry *entries, size_t room, uint32_t *n, float *sums,
                        const float *g, const uint8_t *argmax, const struct pooled *p);

    /* For each list l: y[l*y_list + r*y_row + q] += sum_e e.g * x[e.at + r*x_row + q], r < taps,
     * q < run, over entries[l*room] and on, n[l] of them, in order. x is read, and y written, up
     * to L-1 floats beyond each run: these gain what stands in x. See sparse.h. Register tile: up
     * to 25 vectors of the window, over the entries of a list. */
    void (*sparse_sum)(float *y, const float *x, const struct sparse_window *g,
                       const struct entry *entries, size_t room, const uint32_t *n, int lists);

    /* Batch normalisation. z is read up to L-1 floats beyond its end; argmax as conv
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

/* So many channels, or floats of a run, with those behind them that fill the last vector. */
size_t kernels_round_up(int n, int lanes);

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

/* dw (n,row), K columns of it, from p (ceil(K/lanes),n,lanes): a gradient as conv_dw leaves it. */
void kernels_unpack(float *dw, const float *p, size_t n, size_t K, size_t row, size_t lanes);

/* The kernel of the transposed convolution with stride 2 that equals nearest upsampling and then w
 * (R,R,C,K):
 *     box[t,u,c,k] = sum_{e,f in {0,1}} w[R-1-t+e, R-1-u+f, c, k]        0 outside
 * box (R+1,R+1,C,K). Pixel (i,j) of the small image reaches pixels (2i+t-P, 2j+u-P) of y, P =
 * (R-1)/2. Phase a of y, rows 2i+a, reads the small rows i+o..i+o+P with o = floor((a-P)/2) through
 * t = a+P-2o, a+P-2o-2, ... */
void kernels_box(float *box, const float *w, int R, int C, int K);
/* Its adjoint, of a decoder's kernel w (R,R,K,C): dw[r,s,k,c] = sum_{e,f} dbox[R-1-r+e, R-1-s+f, c,
 * k]; dbox (R+1,R+1,C,row), of which K channels. */
void kernels_box_fold(float *dw, const float *dbox, int R, int C, int K, size_t row);

#endif
