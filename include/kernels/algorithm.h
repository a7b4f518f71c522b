/* algorithm: a convolution by the algorithm that costs least.
 *
 *     forward   y[i,j,k] = b[k] + sum_{r,s,c} w[r,s,c,k] * x[stride*i+r, stride*j+s, c]
 *     backward  dsmall = forward of dy, without b
 *               dw[r,s,c,k] += sum_{i,j} small[i,j,k] * dy[stride*i+r, stride*j+s, c]
 *
 * Images are as in kernels.h, in margins; x and dy point to the first tap of position (0,0). A plan
 * is made for a convolution once; it packs the plain kernel w (R,R,C,K), runs, and folds what it
 * summed back to the plain layout. A layer is made of such convolutions: see layer.h.
 *
 * To add an algorithm: a file algorithm-X.c with a `const struct algorithm`, and its line in
 * algorithm.c.
 */
#ifndef ALGORITHM_H
#define ALGORITHM_H

#include "kernels/kernels.h"

struct conv_shape {
    enum convolution_role {
        CONVOLUTION_CODE,      /* a pool follows */
        CONVOLUTION_CODE_TIES, /* likewise; equal windows must give equal sums */
        CONVOLUTION_PHASE,     /* of an upsampled image */
        CONVOLUTION_GRADIENTS, /* backward */
        CONVOLUTION_KERNEL,    /* backward without dsmall */
        CONVOLUTION_ROLES
    } role;
    bool pooled;    /* forward leaves relu and 2x2 max-pool of y, and argmax */
    int R, stride;  /* kernel; positions of x from one of y to the next, 1 or 2 */
    int C, K, H, W; /* channels in, out; positions of y, before pooling */
};

struct plan {
    const struct algorithm *algorithm;
    const struct kernels *kernels;
    struct conv_shape of;
    struct winograd winograd; /* algorithm-winograd.c's own */
    /* Floats of the packed kernel, and of its gradient; of forward's and backward's scratch. */
    size_t packed, scratch;
};

struct algorithm {
    const char *name;
    void (*describe)(char *text, size_t size, const struct plan *p); /* what follows; may be NULL */
    bool roles[CONVOLUTION_ROLES];                                   /* what it can do */
    /* Multiplications of an image, transforms included; INFINITY where it cannot or does not pay.
     * Sets the sizes in the plan, and what is its own there. */
    double (*price)(struct plan *p);
    /* From w (R,R,C,K), each channel times scale (K) unless NULL. */
    void (*pack)(const struct plan *p, float *packed, const float *w, const float *scale);
    /* argmax (n,H/2,W/2,y_col) or NULL, only of a pooled one; b (K in full channel blocks) is not
     * NULL. */
    void (*forward)(const struct plan *p, float *y, uint8_t *argmax, const float *x,
                    const float *packed, const float *b, const struct conv_images *g,
                    float *scratch);
    /* NULL: is no algorithm for gradients. du: in its own layout, `packed` floats, += over images.
     * dsmall NULL: not wanted. small may be dsmall. */
    void (*backward)(const struct plan *p, float *dsmall, float *du, const float *dy,
                     const float *small, const float *packed, const struct conv_images *g,
                     float *scratch);
    /* du to the gradient (R,R,C,K in full channel blocks). */
    void (*fold)(const struct plan *p, float *dw, const float *du);
};
extern const struct algorithm algorithm_direct, algorithm_dot, algorithm_winograd;

/* The cheapest that can. */
struct plan plan_convolution(const struct conv_shape *c, const struct kernels *kernels);
/* "direct", "winograd F(4,5)": 4 results at once of kernels of 5; "F(4x4,5x5)" along both axes. */
void plan_name(char *name, size_t size, const struct plan *p);
/* Its convolution on images G, as the kernels of kernels.h read them. */
struct conv plan_conv(const struct plan *p, const struct conv_images *g);
/* The plain kernel w (R,R,C,K) to that of conv or conv_dot; see kernels_pack. */
void plan_pack(const struct plan *p, float *packed, const float *w, const float *scale, int pad,
               int lanes);

#endif
