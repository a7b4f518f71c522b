#include "samples/draw.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

struct colour colour_hex(uint32_t rgb)
{
    return (struct colour){(float)(rgb >> 16 & 255) / 255, (float)(rgb >> 8 & 255) / 255,
                           (float)(rgb & 255) / 255, 1};
}

struct colour colour_mix(struct colour from, struct colour to, double t)
{
    float k = (float)clamp(t, 0, 1);
    return (struct colour){from.r + k * (to.r - from.r), from.g + k * (to.g - from.g),
                           from.b + k * (to.b - from.b), from.a + k * (to.a - from.a)};
}

struct colour colour_fade(struct colour c, double opacity)
{
    c.a *= (float)opacity;
    return c;
}

static struct point map(const struct view *v, struct point p)
{
    double c, s;
    if (v->radius > 0) {
        p.x = v->radius * sin(asin(clamp(p.x / v->radius, -1, 1)) + v->yaw);
        p.y = v->radius * sin(asin(clamp(p.y / v->radius, -1, 1)) + v->pitch);
    }
    c = v->scale * cos(v->tilt);
    s = v->scale * sin(v->tilt);
    return (struct point){v->x + c * p.x - s * p.y, v->y + s * p.x + c * p.y};
}

/* --- cels --- */

void cel_init(struct cel *l, size_t height, size_t width)
{
    *l = (struct cel){height, width, xcalloc(height * width, 4 * sizeof *l->pixels)};
}

void cel_clear(struct cel *l)
{
    memset(l->pixels, 0, l->height * l->width * 4 * sizeof *l->pixels);
}

void cel_release(struct cel *l)
{
    free(l->pixels);
    l->pixels = NULL;
}

/* Puts the colour with this much coverage on a pixel (4). */
static void blend_pixel(float *pixel, struct colour c, float coverage, enum blend blend)
{
    float a = c.a * coverage, keep = 1 - a;
    if (blend == ATOP)
        a *= pixel[3];
    pixel[0] = pixel[0] * keep + c.r * a;
    pixel[1] = pixel[1] * keep + c.g * a;
    pixel[2] = pixel[2] * keep + c.b * a;
    pixel[3] = pixel[3] * keep + a;
}

static float coverage_at(const struct cel *l, long y, long x)
{
    bool outside = y < 0 || x < 0 || y >= (long)l->height || x >= (long)l->width;
    return outside ? 0 : l->pixels[((size_t)y * l->width + (size_t)x) * 4 + 3];
}

/* near (width): in row Y, the largest coverage within WIDTH pixels, fading over the last pixel. */
static void coverage_near(float *near, const struct cel *l, long y, double width)
{
    long reach = (long)ceil(width), end = (long)l->width;
    memset(near, 0, l->width * sizeof *near);
    for (long dy = y < reach ? -y : -reach; dy <= reach && y + dy < (long)l->height; dy++)
        for (long dx = -reach; dx <= reach; dx++) {
            float part = (float)clamp(width + 1 - sqrt((double)(dx * dx + dy * dy)), 0, 1);
            const float *row = l->pixels + (y + dy) * end * 4;
            for (long x = dx < 0 ? -dx : 0; x < end && x + dx < end; x++) {
                float faded = row[4 * (x + dx) + 3] * part;
                near[x] = faded > near[x] ? faded : near[x];
            }
        }
}

void cel_merge(struct cel *l, const struct cel *top, struct colour outline, double width)
{
    float *near = xcalloc(l->width, sizeof *near);
    for (size_t y = 0; y < l->height; y++) {
        float *pixel = l->pixels + y * l->width * 4;
        const float *over = top->pixels + y * l->width * 4;
        if (width > 0)
            coverage_near(near, top, (long)y, width);
        for (size_t x = 0; x < l->width; x++, pixel += 4, over += 4) {
            if (near[x] > 0 && over[3] < 1)
                blend_pixel(pixel, outline, near[x], OVER);
            for (int c = 0; c < 4; c++)
                pixel[c] = pixel[c] * (1 - over[3]) + over[c];
        }
    }
    free(near);
}

void cel_shadow(struct cel *l, const struct cel *top, double dx, double dy, struct colour shadow)
{
    for (size_t y = 0; y < l->height; y++)
        for (size_t x = 0; x < l->width; x++) {
            double sx = (double)x - dx, sy = (double)y - dy, fx = sx - floor(sx),
                   fy = sy - floor(sy);
            long x0 = (long)floor(sx), y0 = (long)floor(sy);
            double covered =
                (coverage_at(top, y0, x0) * (1 - fx) + coverage_at(top, y0, x0 + 1) * fx) * (1 - fy)
                + (coverage_at(top, y0 + 1, x0) * (1 - fx) + coverage_at(top, y0 + 1, x0 + 1) * fx)
                    * fy;
            if (covered > 0)
                blend_pixel(l->pixels + (y * l->width + x) * 4, shadow, (float)covered, ATOP);
        }
}

void cel_to_rgb(const struct cel *l, uint8_t *rgb)
{
    for (size_t i = 0; i < l->height * l->width; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(clamp(l->pixels[4 * i + c], 0, 1) * 255 + 0.5);
}

/* --- paths --- */

void path_clear(struct path *p)
{
    p->n = 0;
}

void path_release(struct path *p)
{
    free(p->points);
    *p = (struct path){0};
}

void path_add(struct path *p, double x, double y)
{
    if (p->n == p->size)
        p->points = xrealloc(p->points, p->size = p->size ? 2 * p->size : 64, sizeof *p->points);
    p->points[p->n++] = (struct point){x, y};
}

void path_ellipse(struct path *p, double x, double y, double rx, double ry)
{
    enum { SIDES = 48 };
    for (int i = 0; i < SIDES; i++)
        path_add(p, x + rx * cos(2 * M_PI * i / SIDES), y + ry * sin(2 * M_PI * i / SIDES));
}

/* Between B and C, on the Catmull-Rom spline through A, B, C, D, at t of 0..1. */
static struct point spline(struct point a, struct point b, struct point c, struct point d, double t)
{
    double t2 = t * t, t3 = t2 * t;
    double wa = (-t3 + 2 * t2 - t) / 2, wb = (3 * t3 - 5 * t2 + 2) / 2,
           wc = (-3 * t3 + 4 * t2 + t) / 2, wd = (t3 - t2) / 2;
    return (struct point){wa * a.x + wb * b.x + wc * c.x + wd * d.x,
                          wa * a.y + wb * b.y + wc * c.y + wd * d.y};
}

void path_blob(struct path *p, const struct point *knots, size_t n)
{
    enum { STEPS = 10 };
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < STEPS; k++) {
            struct point q = spline(knots[(i + n - 1) % n], knots[i], knots[(i + 1) % n],
                                    knots[(i + 2) % n], (double)k / STEPS);
            path_add(p, q.x, q.y);
        }
}

/* The point of a stroke's curve at t of 0..1 over all its knots. */
static struct point stroke_at(const struct stroke *s, double t)
{
    int spans = s->n - 1, i = (int)clamp(floor(t * spans), 0, spans - 1);
    const struct point *k = s->knots + i;
    struct point before = i > 0 ? k[-1] : (struct point){2 * k[0].x - k[1].x, 2 * k[0].y - k[1].y};
    struct point after =
        i + 2 < s->n ? k[2] : (struct point){2 * k[1].x - k[0].x, 2 * k[1].y - k[0].y};
    return spline(before, k[0], k[1], after, t * spans - i);
}

static void add_edge(struct path *p, const struct stroke *s, double t, double u)
{
    enum { FINE = 1000 };
    struct point at = stroke_at(s, t);
    struct point from = stroke_at(s, clamp(t - 1.0 / FINE, 0, 1)),
                 to = stroke_at(s, clamp(t + 1.0 / FINE, 0, 1));
    double dx = to.x - from.x, dy = to.y - from.y, length = sqrt(dx * dx + dy * dy) + 1e-12;
    double parabola =
        s->start * (1 - t) * (1 - 2 * t) + s->middle * 4 * t * (1 - t) + s->end * t * (2 * t - 1);
    double half = parabola > 0 ? parabola : 0;
    path_add(p, at.x - dy / length * half * u, at.y + dx / length * half * u);
}

void path_stroke(struct path *p, const struct stroke *s, double u0, double u1)
{
    int steps = 10 * (s->n - 1);
    for (int i = 0; i <= steps; i++)
        add_edge(p, s, (double)i / steps, u0);
    for (int i = steps; i >= 0; i--)
        add_edge(p, s, (double)i / steps, u1);
}

/* --- painting --- */

struct paint paint_plain(struct colour c)
{
    return (struct paint){.kind = PLAIN, .from = c};
}

/* The paint at pixel q, with its points A and B mapped to pixels. */
static struct colour paint_at(const struct paint *paint, struct point a, struct point b,
                              struct point q)
{
    double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy + 1e-12;
    if (paint->kind == LINEAR)
        return colour_mix(paint->from, paint->to, ((q.x - a.x) * dx + (q.y - a.y) * dy) / square);
    if (paint->kind == RADIAL)
        return colour_mix(paint->from, paint->to,
                          sqrt(((q.x - a.x) * (q.x - a.x) + (q.y - a.y) * (q.y - a.y)) / square));
    return paint->from;
}

enum { LINES = 8 }; /* of samples in a row of pixels: line k at y = (k + 0.5) / LINES */

/* Where an edge crosses a line of samples. */
struct crossing {
    double x;
    int direction;
    struct crossing *next; /* on the line, by x */
};

/* Puts the crossings of the edge from A to B on the N lines, taking them from UNUSED on; returns
 * the next unused. */
static struct crossing *cross_lines(struct crossing **lines, size_t n, struct crossing *unused,
                                    struct point a, struct point b)
{
    double low = a.y < b.y ? a.y : b.y, high = a.y < b.y ? b.y : a.y;
    for (size_t k = (size_t)clamp(ceil(low * LINES - 0.5), 0, (double)n); k < n; k++) {
        struct crossing **at = &lines[k];
        double y = ((double)k + 0.5) / LINES, x;
        if (y >= high)
            break;
        x = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
        while (*at && (*at)->x <= x)
            at = &(*at)->next;
        *unused = (struct crossing){x, a.y < b.y ? 1 : -1, *at};
        *at = unused++;
    }
    return unused;
}

/* coverage (width+1) += WEIGHT times the covered part of each pixel between x0 and x1. */
static void cover_span(float *coverage, size_t width, double x0, double x1, float weight)
{
    size_t first, last;
    x0 = clamp(x0, 0, (double)width);
    x1 = clamp(x1, 0, (double)width);
    first = (size_t)x0;
    last = (size_t)x1;
    if (first == last) {
        coverage[first] += weight * (float)(x1 - x0);
        return;
    }
    coverage[first] += weight * (float)((double)(first + 1) - x0);
    for (size_t x = first + 1; x < last; x++)
        coverage[x] += weight;
    coverage[last] += weight * (float)(x1 - (double)last);
}

/* coverage (width+1), of zeros, becomes that of a row of pixels by its LINES; it lies from *left to
 * *right. */
static void cover_row(float *coverage, size_t width, struct crossing *const *lines, double *left,
                      double *right)
{
    *left = (double)width;
    *right = 0;
    for (int k = 0; k < LINES; k++) {
        int winding = 0;
        for (const struct crossing *c = lines[k]; c && c->next; c = c->next) {
            winding += c->direction;
            if (winding == 0)
                continue;
            cover_span(coverage, width, c->x, c->next->x, 1.0f / LINES);
            *left = c->x < *left ? c->x : *left;
            *right = c->next->x > *right ? c->next->x : *right;
        }
    }
}

void cel_fill(struct cel *l, const struct path *p, const struct view *v, const struct paint *paint,
              enum blend blend)
{
    const size_t n_lines = l->height * LINES;
    struct point *points = xcalloc(p->n + 1, sizeof *points), a = map(v, paint->a),
                 b = map(v, paint->b);
    struct crossing **lines = xcalloc(n_lines, sizeof *lines), *crossings, *unused;
    float *coverage = xcalloc(l->width + 1, sizeof *coverage);
    double most = 0, left, right; /* crossings; of what a row covers */
    assert(p->n > 0);
    for (size_t i = 0; i <= p->n; i++) {
        points[i] = map(v, p->points[i % p->n]);
        most += i > 0 ? fabs(points[i].y - points[i - 1].y) * LINES + 1 : 0;
    }
    unused = crossings = xmalloc((size_t)most * sizeof *crossings);
    for (size_t i = 0; i < p->n; i++)
        unused = cross_lines(lines, n_lines, unused, points[i], points[i + 1]);
    for (size_t y = 0; y < l->height; y++) {
        cover_row(coverage, l->width, lines + y * LINES, &left, &right);
        for (size_t x = (size_t)clamp(left, 0, right); x < l->width && (double)x < right; x++) {
            struct point centre = {(double)x + 0.5, (double)y + 0.5};
            if (coverage[x] > 0)
                blend_pixel(l->pixels + (y * l->width + x) * 4, paint_at(paint, a, b, centre),
                            coverage[x], blend);
            coverage[x] = 0;
        }
    }
    free(points);
    free(lines);
    free(crossings);
    free(coverage);
}
