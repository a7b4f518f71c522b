/* views: what else an image could look like: zoomed to a part of it, turned, mirrored, in other
 * light. Two views of each image are what a contrastive objective trains to agree.
 *
 * A view is drawn from the counters (seed, RNG_VIEWS, epoch * 2^32 + place of the row in the
 * epoch), 16 words a view, in this order, u in [0,1):
 *
 *     0 zoom        z = zoom + (1 - zoom) u          share of the sides that is seen
 *     1, 2 place    of that part's upper and left side, in what is left of the image
 *     3 flip        mirrored left to right where u < flip
 *     4 rotation    by (2u - 1) * rotation degrees about the part's centre
 *     5 aspect      sides z*r^-1/2 and z*r^1/2, r = (1 + aspect)^(2u - 1)
 *     6 brightness  factor b = 1 + (2u - 1) * brightness
 *     7 contrast    factor c = 1 + (2u - 1) * contrast
 *     8 saturation  factor s = 1 + (2u - 1) * saturation
 *     9 hue         turned by (2u - 1) * hue of a circle, in YIQ
 *     10 grey       no colour (s = 0) where u < grey
 *     11 erasing    a rectangle becomes the mean where u < erasing;
 *     12..15        its height and width, 0.1 to 0.5 of the image's, its upper and left side
 *
 * Bilinear; beyond the borders the image is reflected at them, and what is within half a pixel of
 * a border is the border's. On Y = 0.299 R + 0.587 G + 0.114 B (of other than 3 channels the
 * mean, without saturation, hue and grey), p the zoomed image and m its mean of Y:
 *
 *     v = b (m + c (p - m)),   then hue and saturation about v's own Y,   kept within low..high
 *
 * Each rank draws its share (share.h) of the 2n views.
 *
 * float32, one thread an image; the sums in a fixed order, so that all instruction sets and numbers
 * of threads give the same bytes.
 */
#ifndef VIEWS_H
#define VIEWS_H

#include <stddef.h>
#include <stdint.h>

struct views_settings {
    double zoom, flip, brightness, contrast, saturation, rotation, aspect, hue, grey, erasing;
};

/* Images x (n,H,W,C), the first of them at place FIRST of EPOCH, to views (2n,H,W,C): first the one
 * of each image, then the other. */
struct views_job {
    const struct views_settings *settings;
    uint64_t seed, epoch, first;
    size_t height, width, channels;
    float low, high;
};
void views_draw(float *views, const float *x, size_t n, const struct views_job *job);

#endif
