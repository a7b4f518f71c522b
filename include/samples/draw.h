/* draw: smooth shapes on cels (transparent sheets), antialiased. A path is a closed polygon, filled
 * by the nonzero rule: eight lines of samples per pixel row, exact along them. A cel holds colour
 * and coverage; cels are put on one another with an outline around all that they show, or as a
 * shadow, so that what is drawn in many pieces, such as hair, reads as one thing. Colours blend as
 * they stand, in sRGB, the way flat drawings are coloured.
 */
#ifndef DRAW_H
#define DRAW_H

#include <stddef.h>
#include <stdint.h>

struct point {
    double x, y;
};
struct colour {
    float r, g, b, a;
}; /* 0..1; a: opacity, r, g, b not multiplied by it */

struct colour colour_hex(uint32_t rgb);                                   /* 0xrrggbb, opaque */
struct colour colour_mix(struct colour from, struct colour to, double t); /* t 0: from, 1: to */
struct colour colour_fade(struct colour c, double opacity);               /* opacity times a */

/* From the coordinates of a drawing to pixels. First the drawing is laid on a ball of this radius
 * that is turned, x' = R sin(asin(x/R) + yaw), likewise y by pitch (radius 0: it stays flat), which
 * is how a face looks aside; then it is scaled, rotated by tilt (clockwise) and moved. */
struct view {
    double scale, tilt, x, y, radius, yaw, pitch;
};

/* --- cels --- */

struct cel {
    size_t height, width;
    float *pixels;
};                         /* (height,width,4): r, g, b times a, and a */
enum blend { OVER, ATOP }; /* ATOP: only where the cel already shows something */

void cel_init(struct cel *l, size_t height, size_t width);
void cel_clear(struct cel *l);
void cel_release(struct cel *l);
/* Puts TOP on L; under it an outline of this WIDTH in pixels around all that TOP shows; 0: none. */
void cel_merge(struct cel *l, const struct cel *top, struct colour outline, double width);
/* Darkens L, where it shows something, with the shape of TOP moved by (dx,dy) pixels. */
void cel_shadow(struct cel *l, const struct cel *top, double dx, double dy, struct colour shadow);
/* rgb (height,width,3): the cel over black, rounded. */
void cel_to_rgb(const struct cel *l, uint8_t *rgb);

/* --- paths --- */

struct path {
    struct point *points;
    size_t n, size;
}; /* starts as {0} */

void path_clear(struct path *p);
void path_release(struct path *p);
void path_add(struct path *p, double x, double y);
void path_ellipse(struct path *p, double x, double y, double rx, double ry);
/* A smooth closed curve through the knots, N at least 3. */
void path_blob(struct path *p, const struct point *knots, size_t n);

/* A stroke along a smooth curve through its knots, of changing width: half widths at its start,
 * middle and end. Thin ones are lines, broad ones are locks of hair. */
struct stroke {
    int n;
    double start, middle, end;
    struct point knots[6];
};
/* The part of a stroke between the lines U0 and U1 along it, -1 its left edge, 1 its right edge. */
void path_stroke(struct path *p, const struct stroke *s, double u0, double u1);

/* --- painting --- */

/* A colour; or colours from A to B along the line between them; or from A outwards to the distance
 * of B. Points in the coordinates of the drawing. */
struct paint {
    enum { PLAIN, LINEAR, RADIAL } kind;
    struct colour from, to;
    struct point a, b;
};
struct paint paint_plain(struct colour c);
void cel_fill(struct cel *l, const struct path *p, const struct view *v, const struct paint *paint,
              enum blend blend);

#endif
