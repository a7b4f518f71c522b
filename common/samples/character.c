#include "samples/character.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "samples/draw.h"
#include "base/rng.h"

/* Coordinates are pixels of an upright head seen in front: x to the right, y down, the eyes at
 * (-16,9) and (16,9), the chin at (0,44), the crown at (0,-46). Clothes have their own, from the
 * pit of the neck. Sides: -1 is left on the sheet, 1 right. */

enum mouth { SMILE, LAUGH, ROUND, CAT, FLAT, SAD, GRIN };

struct mood {
    double open[2];    /* how far the left and the right eye are open; 0: closed to an arc */
    double brow_y;     /* down */
    double brow_slope; /* inner ends down */
    enum mouth mouth;
    double blush;
};

static const struct mood moods[] = {
    {{1.00, 1.00}, 0, 0, SMILE, 0.4},   {{0.95, 0.95}, -1, -1, LAUGH, 0.5},
    {{0.00, 0.00}, -2, -1, LAUGH, 0.8}, {{0.00, 0.00}, -1, -1, SMILE, 0.6},
    {{1.12, 1.12}, -4, -1, ROUND, 0.3}, {{0.85, 0.85}, -1, -4, SAD, 0.2},
    {{0.95, 0.95}, 1, 3, GRIN, 0.4},    {{0.80, 0.80}, 0, -3, FLAT, 1.0},
    {{1.00, 0.00}, -1, -1, CAT, 0.5},   {{0.00, 1.00}, -1, -1, LAUGH, 0.6},
    {{0.62, 0.62}, 1, 0, FLAT, 0.2},    {{1.05, 1.05}, -2, -1, CAT, 0.6},
};

struct hair {
    struct colour base, dark, light, line;
};

struct scene {
    struct rng rng;
    struct cel sheet, head, part, detail;
    struct path path;
    /* The features move on the skull when the head turns, the hair in front with them, the hair
     * behind hardly. */
    struct view face, skull, hair_front, hair_back, body;
    struct hair hair;
    struct colour skin, skin_shade, line, eye, eye_deep;
    struct mood mood;
    double light; /* side it comes from */
    double gaze_x, gaze_y;
    double sway; /* of loose hair, to the right */
};

/* Where to draw: on a cel, or in what it already shows. */
struct pen {
    struct cel *cel;
    const struct view *view;
    enum blend blend;
};

/* A closed smooth curve. */
struct outline {
    int n;
    struct point at[14];
};

/* From -most to most. At most one call per expression: C leaves the order of several open, and then
 * the drawing. */
static double jitter(struct scene *s, double most)
{
    return rng_uniform(&s->rng, -most, most);
}

/* --- a shape in one call --- */

static void fill(struct scene *s, struct pen pen, const struct paint *paint)
{
    cel_fill(pen.cel, &s->path, pen.view, paint, pen.blend);
    path_clear(&s->path);
}

static void fill_plain(struct scene *s, struct pen pen, struct colour c)
{
    struct paint paint = paint_plain(c);
    fill(s, pen, &paint);
}

static void blob(struct scene *s, struct pen pen, struct colour c, struct outline o)
{
    path_blob(&s->path, o.at, (size_t)o.n);
    fill_plain(s, pen, c);
}

static void blob_faded(struct scene *s, struct pen pen, struct paint paint, struct outline o)
{
    path_blob(&s->path, o.at, (size_t)o.n);
    fill(s, pen, &paint);
}

static void ellipse(struct scene *s, struct pen pen, struct colour c, struct point at, double rx,
                    double ry)
{
    path_ellipse(&s->path, at.x, at.y, rx, ry);
    fill_plain(s, pen, c);
}

static void glow(struct scene *s, struct pen pen, struct colour c, struct point at, double r)
{
    struct paint paint = {RADIAL, c, colour_fade(c, 0), at, {at.x + r, at.y}};
    path_ellipse(&s->path, at.x, at.y, r, r);
    fill(s, pen, &paint);
}

static void brush(struct scene *s, struct pen pen, struct colour c, struct stroke stroke)
{
    path_stroke(&s->path, &stroke, -1, 1);
    fill_plain(s, pen, c);
}

static struct point placed_point(struct point p, double side, double x, double y, double stretch)
{
    return (struct point){x + side * p.x, y + stretch * p.y};
}

/* The outline mirrored to its side, stretched upright, moved to (x,y). */
static struct outline placed(struct outline o, double side, double x, double y, double stretch)
{
    for (int i = 0; i < o.n; i++)
        o.at[i] = placed_point(o.at[i], side, x, y, stretch);
    return o;
}

static struct stroke placed_stroke(struct stroke k, double side, double x, double y, double stretch)
{
    for (int i = 0; i < k.n; i++)
        k.knots[i] = placed_point(k.knots[i], side, x, y, stretch);
    return k;
}

static void part_begin(struct scene *s)
{
    cel_clear(&s->part);
}

static void part_end(struct scene *s, struct colour outline, double width)
{
    cel_merge(&s->sheet, &s->part, outline, width);
}

/* --- hair --- */

/* A lock of hair: two-toned, darker to its tip, with strands along it and a line at its edges. */
static void lock(struct scene *s, const struct view *v, struct stroke k)
{
    const struct pen on = {&s->part, v, OVER};
    const struct hair *hair = &s->hair;
    struct point first = k.knots[0], last = k.knots[k.n - 1];
    struct stroke inner = k;
    struct paint paint = {LINEAR, hair->base, colour_mix(hair->base, hair->dark, 0.75), first,
                          last};
    brush(s, on, hair->line, k);
    inner.start -= 0.55;
    inner.middle -= 0.55;
    inner.end -= 0.3;
    path_stroke(&s->path, &inner, -1, 1);
    fill(s, on, &paint);
    /* u grows to the left of a stroke that runs down: the shade lies away from the light */
    path_stroke(&s->path, &inner, s->light > 0 ? 0.25 : -1, s->light > 0 ? 1 : -0.25);
    fill_plain(s, on, colour_fade(hair->dark, 0.5));
    for (int i = 0; i < 4; i++) {
        double u = jitter(s, 0.8), half = rng_uniform(&s->rng, 0.03, 0.08);
        path_stroke(&s->path, &inner, u - half, u + half);
        fill_plain(s, on, colour_fade(i % 2 ? hair->dark : hair->light, 0.4));
    }
}

/* A band of light across the hair that lies on the part cel: short strands of light side by side
 * along an arc. */
static void shine(struct scene *s, const struct view *v, double y, double half_width, double bend)
{
    const struct pen in = {&s->part, v, ATOP};
    enum { STRANDS = 34 };
    for (int i = 0; i < STRANDS; i++) {
        double at = (i + 0.5) / STRANDS * 2 - 1, x = at * half_width, edge = 1 - fabs(at),
               lit = 0.55 + 0.45 * s->light * at;
        double middle = y + bend * at * at + jitter(s, 1.2),
               length = (2.5 + 4.5 * edge) * rng_uniform(&s->rng, 0.5, 1.2);
        double lean = at * 0.35;
        brush(s, in, colour_fade(s->hair.light, 0.75 * lit * (0.4 + 0.6 * edge)),
              (struct stroke){3,
                              0,
                              1.7,
                              0,
                              {{x - lean * length, middle - length},
                               {x, middle},
                               {x + lean * length, middle + length}}});
    }
}

/* The hair that lies on the skull, down to the line of the fringe. */
static void skull_cap(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_front, OVER};
    const struct hair *hair = &s->hair;
    struct paint paint = {
        LINEAR, colour_mix(hair->base, hair->light, 0.25), hair->base, {0, -50}, {0, -5}};
    blob_faded(s, on, paint,
               (struct outline){12,
                                {{-37, 4},
                                 {-39, -14},
                                 {-33, -34},
                                 {-18, -48},
                                 {0, -52},
                                 {18, -48},
                                 {33, -34},
                                 {39, -14},
                                 {37, 4},
                                 {24, -16},
                                 {0, -24},
                                 {-24, -16}}});
}

/* A fringe: locks from a parting to their tips, from the outside in so that the middle lies on top.
 * TIPS are n points. */
static void fringe(struct scene *s, struct point parting, const struct point *tips, int n,
                   double half_width)
{
    for (int k = 0; k < n; k++) {
        int i = k % 2 ? n - 1 - k / 2 : k / 2;
        double x = tips[i].x + jitter(s, 1.6) + s->sway * 0.25, y = tips[i].y + jitter(s, 1.8);
        struct point tip = {x, y};
        struct point root = {parting.x + tip.x * 0.22, parting.y + fabs(tip.x) * 0.05};
        struct point bulge = {root.x + (tip.x - root.x) * 0.78, root.y + (tip.y - root.y) * 0.42};
        lock(s, &s->hair_front,
             (struct stroke){3, 1.5, half_width + jitter(s, 0.7), 0, {root, bulge, tip}});
    }
}

/* --- the face --- */

static const struct outline head_outline = {13,
                                            {{-33, -16},
                                             {-34, 4},
                                             {-30.5, 21},
                                             {-21, 34},
                                             {-7, 42.7},
                                             {0, 44.5},
                                             {7, 42.7},
                                             {21, 34},
                                             {30.5, 21},
                                             {34, 4},
                                             {33, -16},
                                             {20, -40},
                                             {-20, -40}}};

static void draw_head(struct scene *s)
{
    const struct pen on = {&s->head, &s->skull, OVER}, in = {&s->head, &s->skull, ATOP};
    const double away = -s->light;
    for (int side = -1; side <= 1; side += 2) {
        blob(s, on, s->skin,
             placed((struct outline){5, {{-1, -8}, {4, -9}, {6, -3}, {3, 7}, {-1, 8}}}, side,
                    side * 33, 10, 1));
        blob(s, on, colour_fade(s->skin_shade, 0.8),
             placed((struct outline){4, {{0, -5}, {3, -5}, {3.5, -1}, {1, 4}}}, side, side * 33, 10,
                    1));
    }
    blob(s, on, s->skin, head_outline);
    /* the side away from the light, and below the lower lip */
    blob(s, in, colour_fade(s->skin_shade, 0.75),
         (struct outline){8,
                          {{away * 37, -16},
                           {away * 38, 4},
                           {away * 34, 24},
                           {away * 23, 37},
                           {away * 3, 47},
                           {away * 15, 36},
                           {away * 26, 24},
                           {away * 29, 4}}});
    glow(s, in, colour_fade(colour_hex(0xffffff), 0.25), (struct point){s->light * 17, 24}, 15);
}

static void draw_blush(struct scene *s)
{
    const struct pen in = {&s->head, &s->face, ATOP}, on = {&s->head, &s->face, OVER};
    struct colour rose = colour_hex(0xf2645f);
    for (int side = -1; side <= 1; side += 2) {
        glow(s, in, colour_fade(rose, 0.25 + 0.45 * s->mood.blush), (struct point){side * 22, 24.5},
             10);
        for (int i = -1; i <= 1 && s->mood.blush > 0.7; i++)
            brush(s, on, colour_fade(rose, 0.6),
                  (struct stroke){2,
                                  0.2,
                                  0.5,
                                  0.2,
                                  {{side * 22 + i * 4 + 1, 22.5}, {side * 22 + i * 4 - 1, 26.5}}});
    }
}

static void draw_nose(struct scene *s)
{
    const struct pen on = {&s->head, &s->face, OVER};
    double away = -s->light;
    blob(s, on, colour_fade(s->skin_shade, 0.9),
         (struct outline){4, {{away * 0.5, 18}, {away * 3, 22.6}, {0, 23.4}, {away * 0.6, 21}}});
    brush(s, on, colour_fade(s->line, 0.7),
          (struct stroke){3, 0.1, 0.5, 0.1, {{-1.4, 22.6}, {0, 23.4}, {1.4, 22.8}}});
}

/* The iris with its pupil and lights, on the detail cel where the white of the eye is. */
static void draw_iris(struct scene *s, double x, double y)
{
    const struct pen in = {&s->detail, &s->face, ATOP};
    double ix = x + s->gaze_x, iy = y + 0.6 + s->gaze_y;
    struct colour bright = colour_mix(s->eye, colour_hex(0xffffff), 0.45);
    struct paint paint = {LINEAR, s->eye_deep, bright, {ix, iy - 8}, {ix, iy + 9}};
    ellipse(s, in, s->eye_deep, (struct point){ix, iy}, 7, 9);
    path_ellipse(&s->path, ix, iy, 6.2, 8.2);
    fill(s, in, &paint);
    ellipse(s, in, colour_fade(s->eye, 0.9), (struct point){ix, iy + 2.5}, 5, 4.6);
    ellipse(s, in, colour_mix(s->eye_deep, colour_hex(0x101018), 0.55), (struct point){ix, iy}, 2.9,
            4.2);
    blob(s, in, colour_fade(bright, 0.9),
         (struct outline){6,
                          {{ix - 4.6, iy + 4},
                           {ix, iy + 6},
                           {ix + 4.6, iy + 4},
                           {ix + 3, iy + 7},
                           {ix, iy + 8},
                           {ix - 3, iy + 7}}});
    blob(s, in, colour_fade(colour_hex(0x201828), 0.45),
         (struct outline){4,
                          {{x - 11, y - 12}, {x + 11, y - 12}, {x + 10, y - 5}, {x - 10, y - 5}}});
    ellipse(s, in, colour_hex(0xffffff), (struct point){ix + s->light * 2.6, iy - 4}, 2.3, 2.7);
    ellipse(s, in, colour_fade(colour_hex(0xffffff), 0.9),
            (struct point){ix - s->light * 2.6, iy + 4}, 1.2, 1.3);
}

static void draw_open_eye(struct scene *s, double side, double open)
{
    const struct pen on_eye = {&s->detail, &s->face, OVER}, on = {&s->head, &s->face, OVER};
    struct colour lash = colour_mix(s->hair.dark, colour_hex(0x1c1420), 0.8);
    double x = side * 16, y = 9,
           low = 9 - 19 * open; /* of the upper lid, from the middle of the eye */
    cel_clear(&s->detail);
    blob(s, on_eye, colour_hex(0xfffcfa),
         placed((struct outline){8,
                                 {{-8.5, 1 + low * 0.1},
                                  {-6, low * 0.72},
                                  {0, low},
                                  {6, low * 0.8},
                                  {9, low * 0.25},
                                  {7.5, 6},
                                  {1, 9},
                                  {-5.5, 7}}},
                side, x, y, 1));
    draw_iris(s, x, y);
    cel_merge(&s->head, &s->detail, s->line, 0);
    brush(s, on, lash,
          placed_stroke((struct stroke){6,
                                        0.5,
                                        1.75,
                                        0.5,
                                        {{-9.2, 2.2 + low * 0.15},
                                         {-6, low * 0.74},
                                         {0.5, low - 0.3},
                                         {6.5, low * 0.8},
                                         {10.2, low * 0.2},
                                         {11.2, 2}}},
                        side, x, y, 1));
    brush(s, on, lash,
          placed_stroke(
              (struct stroke){
                  3, 1.1, 0.9, 0, {{7, low * 0.72}, {10.5, low * 0.62}, {13.2, low * 0.68 - 1.5}}},
              side, x, y, 1));
    brush(s, on, lash,
          placed_stroke(
              (struct stroke){
                  3, 0.9, 0.7, 0, {{9, low * 0.35}, {11.6, low * 0.3}, {13.5, low * 0.3 - 1}}},
              side, x, y, 1));
    brush(s, on, colour_fade(lash, 0.75),
          placed_stroke((struct stroke){3, 0.15, 0.7, 0.3, {{-1.5, 9.3}, {4, 8.8}, {8, 5.6}}}, side,
                        x, y, 1));
    brush(s, on, colour_fade(s->line, 0.8),
          placed_stroke(
              (struct stroke){
                  3, 0.1, 0.5, 0.1, {{-6, low - 1.2}, {1, low - 3.4}, {8, low * 0.8 - 2.6}}},
              side, x, y, 1));
}

static void draw_closed_eye(struct scene *s, double side)
{
    const struct pen on = {&s->head, &s->face, OVER};
    struct colour lash = colour_mix(s->hair.dark, colour_hex(0x1c1420), 0.8);
    double x = side * 16, y = 11;
    brush(s, on, lash,
          placed_stroke(
              (struct stroke){5, 0.4, 1.5, 0.6, {{-9, 3}, {-4, -2}, {1, -3.4}, {6, -1.6}, {10, 3}}},
              side, x, y, 1));
    brush(s, on, lash,
          placed_stroke((struct stroke){3, 0.9, 0.7, 0, {{7.5, 0}, {10.5, 0}, {12.5, -1.4}}}, side,
                        x, y, 1));
    brush(s, on, colour_fade(s->line, 0.7),
          placed_stroke((struct stroke){3, 0.1, 0.5, 0.1, {{-6, -6}, {1, -8}, {7, -5.5}}}, side, x,
                        y, 1));
}

static void draw_brows(struct scene *s, struct cel *l, double opacity)
{
    const struct pen on = {l, &s->face, OVER};
    struct colour c = colour_fade(colour_mix(s->hair.dark, colour_hex(0x2a1c22), 0.45), opacity);
    double tilt = s->mood.brow_slope * 0.55;
    for (int side = -1; side <= 1; side += 2)
        brush(s, on, c,
              placed_stroke(
                  (struct stroke){
                      3, 0.8, 1.3, 0.2, {{-8.5, -0.4 + tilt}, {0, -2.6}, {9, -0.6 - tilt * 0.6}}},
                  side, side * 17, -9 + s->mood.brow_y, 1));
}

/* An open mouth: dark, with teeth above and a tongue below, and its line. */
static void draw_open_mouth(struct scene *s, struct outline o, double teeth, struct point tongue)
{
    const struct pen on = {&s->detail, &s->face, OVER}, in = {&s->detail, &s->face, ATOP};
    cel_clear(&s->detail);
    blob(s, on, colour_hex(0x8e2a3a), o);
    ellipse(s, in, colour_hex(0xf08585), tongue, 5, 3.4);
    if (teeth > 0) {
        struct outline row = o;
        for (int i = 0; i < row.n; i++)
            row.at[i].y = row.at[i].y > 28 + teeth ? 28 + teeth : row.at[i].y;
        blob(s, in, colour_hex(0xffffff), row);
    }
    cel_merge(&s->head, &s->detail, s->line, 0.55);
}

static void draw_mouth(struct scene *s)
{
    const struct pen on = {&s->head, &s->face, OVER};
    struct colour c = colour_mix(s->line, colour_hex(0x702030), 0.5);
    switch (s->mood.mouth) {
    case SMILE:
        brush(s, on, c,
              (struct stroke){
                  5, 0.3, 0.8, 0.3, {{-7, 29}, {-3.5, 31.2}, {0, 31.8}, {3.5, 31.2}, {7, 29}}});
        break;
    case LAUGH:
        draw_open_mouth(
            s,
            (struct outline){
                7, {{-8, 28}, {-3, 28.7}, {3, 28.7}, {8, 28}, {5.4, 34}, {0, 37}, {-5.4, 34}}},
            2.2, (struct point){0, 35.5});
        break;
    case ROUND:
        draw_open_mouth(
            s,
            (struct outline){6, {{-3, 29}, {0, 28}, {3, 29}, {3.4, 32.5}, {0, 35}, {-3.4, 32.5}}},
            0, (struct point){0, 34.5});
        break;
    case CAT:
        brush(s, on, c,
              (struct stroke){4, 0.3, 0.8, 0.5, {{-7, 29.2}, {-5, 31.4}, {-2, 31.6}, {0, 29.6}}});
        brush(s, on, c,
              (struct stroke){4, 0.3, 0.8, 0.5, {{7, 29.2}, {5, 31.4}, {2, 31.6}, {0, 29.6}}});
        break;
    case FLAT:
        brush(
            s, on, c,
            (struct stroke){4, 0.3, 0.75, 0.3, {{-4.5, 31}, {-1.5, 30.4}, {1.5, 31}, {4.5, 30.5}}});
        break;
    case SAD:
        brush(s, on, c,
              (struct stroke){4, 0.3, 0.75, 0.3, {{-5, 32}, {-2, 30.4}, {2, 30.4}, {5, 32}}});
        break;
    case GRIN:
        draw_open_mouth(
            s,
            (struct outline){
                7,
                {{-9, 27.6}, {-3, 29}, {3, 29}, {9, 27.6}, {6.5, 31.6}, {0, 33.4}, {-6.5, 31.6}}},
            4.2, (struct point){0, 38});
        break;
    }
    brush(s, on, colour_fade(s->skin_shade, 0.9),
          (struct stroke){3, 0.1, 0.6, 0.1, {{-2.5, 38.2}, {0, 38.8}, {2.5, 38.2}}});
}

static void draw_face(struct scene *s)
{
    draw_blush(s);
    draw_nose(s);
    draw_mouth(s);
    for (int side = -1; side <= 1; side += 2) {
        double open = s->mood.open[side > 0];
        if (open > 0)
            draw_open_eye(s, side, open);
        else
            draw_closed_eye(s, side);
    }
    draw_brows(s, &s->head, 1);
}

/* Puts the head on the sheet, over it the hair on the part cel, which casts a shadow on it and lets
 * the brows shine through. */
static void hair_over_face(struct scene *s)
{
    cel_shadow(&s->head, &s->part, -s->light * 1.5, 3.2, colour_fade(s->skin_shade, 0.8));
    cel_merge(&s->sheet, &s->head, s->line, 0.75);
    part_end(s, s->hair.line, 0.7);
    draw_brows(s, &s->sheet, 0.35);
}

/* --- shoulders and clothes --- */

static const struct outline shoulders = {12,
                                         {{-62, 80},
                                          {-58, 44},
                                          {-46, 26},
                                          {-26, 17},
                                          {-12, 11},
                                          {-4, 10},
                                          {4, 10},
                                          {12, 11},
                                          {26, 17},
                                          {46, 26},
                                          {58, 44},
                                          {62, 80}}};

static void draw_neck(struct scene *s)
{
    const struct pen on = {&s->part, &s->body, OVER}, in = {&s->part, &s->body, ATOP};
    blob(s, on, s->skin,
         (struct outline){8,
                          {{-11, -22},
                           {-10.5, 2},
                           {-20, 14},
                           {-8, 26},
                           {8, 26},
                           {20, 14},
                           {10.5, 2},
                           {11, -22}}});
    blob(s, in, colour_fade(s->skin_shade, 0.95),
         (struct outline){
             6, {{-13, -22}, {-12, 0}, {-3 - s->light * 4, 8}, {10, 1}, {13, -4}, {13, -22}}});
    for (int side = -1; side <= 1; side += 2)
        brush(
            s, in, colour_fade(s->line, 0.5),
            (struct stroke){3, 0.5, 0.5, 0, {{side * 2.5, 17}, {side * 9, 14.5}, {side * 15, 14}}});
}

/* Cloth over the shoulders, lit from one side. */
static void draw_top(struct scene *s, struct colour c)
{
    const struct pen on = {&s->part, &s->body, OVER}, in = {&s->part, &s->body, ATOP};
    struct colour shade = colour_mix(c, colour_hex(0x2a2050), 0.35);
    struct paint paint = {
        LINEAR, c, colour_mix(c, shade, 0.8), {s->light * 20, 10}, {-s->light * 55, 60}};
    blob_faded(s, on, paint, shoulders);
    for (int side = -1; side <= 1; side += 2)
        brush(s, in, colour_fade(shade, 0.8),
              (struct stroke){3, 0, 1, 0.6, {{side * 36, 40}, {side * 38, 55}, {side * 35, 80}}});
}

/* A bow of two loops, a knot and two tails, its knot at (x,y). */
static void draw_bow(struct scene *s, const struct view *v, struct colour c, double x, double y,
                     double size, double tails)
{
    const struct pen on = {&s->part, v, OVER};
    struct colour shade = colour_mix(c, colour_hex(0x401030), 0.4),
                  line = colour_mix(c, colour_hex(0x200818), 0.7);
    for (int side = -1; side <= 1; side += 2) {
        struct outline loop;
        if (tails > 0)
            brush(s, on, c,
                  placed_stroke(
                      (struct stroke){
                          3,
                          1,
                          size * 0.2,
                          size * 0.24,
                          {{0, 0}, {size * 0.25, size * 0.6}, {size * 0.55, size * tails}}},
                      side, x, y, 1));
        loop = placed((struct outline){6,
                                       {{0, -size * 0.1},
                                        {size * 0.55, -size * 0.52},
                                        {size, -size * 0.45},
                                        {size * 1.05, size * 0.25},
                                        {size * 0.6, size * 0.42},
                                        {0, size * 0.12}}},
                      side, x, y, 1);
        blob(s, on, line, loop);
        for (int i = 0; i < loop.n; i++)
            loop.at[i] =
                (struct point){x + side * size * 0.5 + (loop.at[i].x - x - side * size * 0.5) * 0.9,
                               y + (loop.at[i].y - y) * 0.86};
        blob(s, on, c, loop);
        brush(s, on, shade,
              placed_stroke(
                  (struct stroke){
                      3,
                      size * 0.06,
                      size * 0.07,
                      0,
                      {{size * 0.1, 0}, {size * 0.45, -size * 0.06}, {size * 0.75, -size * 0.16}}},
                  side, x, y, 1));
        brush(s, on, shade,
              placed_stroke((struct stroke){3,
                                            size * 0.05,
                                            size * 0.05,
                                            0,
                                            {{size * 0.1, size * 0.06},
                                             {size * 0.4, size * 0.14},
                                             {size * 0.65, size * 0.18}}},
                            side, x, y, 1));
    }
    ellipse(s, on, line, (struct point){x, y}, size * 0.24, size * 0.27);
    ellipse(s, on, colour_mix(c, colour_hex(0xffffff), 0.15), (struct point){x, y}, size * 0.18,
            size * 0.21);
}

/* --- Akane: vermilion twin tails with yellow ribbons, amber eyes, a sailor blouse --- */

static void akane_behind(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_back, OVER};
    part_begin(s);
    for (int side = -1; side <= 1; side += 2) {
        for (int i = 0; i < 5; i++) {
            double out = side * (50 + 5.5 * i), wave = s->sway + jitter(s, 2.5);
            lock(s, &s->hair_back,
                 (struct stroke){5,
                                 3,
                                 7.5,
                                 0,
                                 {{side * 34, -24},
                                  {out * 0.98, -18 + 3 * i},
                                  {out * 1.02 + wave * 0.4, 22},
                                  {out * 0.86 + wave, 64 + jitter(s, 3) - 4 * i},
                                  {out * 0.95 + wave * 1.4, 88 - 9 * i}}});
        }
    }
    blob(s, on, s->hair.dark,
         (struct outline){8,
                          {{-36, -10},
                           {-26, -36},
                           {0, -42},
                           {26, -36},
                           {36, -10},
                           {34, 22},
                           {0, 34},
                           {-34, 22}}});
    part_end(s, s->hair.line, 0.7);
}

static void akane_clothes(struct scene *s)
{
    const struct pen on = {&s->part, &s->body, OVER};
    struct colour navy = colour_hex(0x2b3a75), white = colour_hex(0xfbfaf6),
                  red = colour_hex(0xd8323c);
    part_begin(s);
    draw_top(s, white);
    draw_neck(s);
    for (int side = -1; side <= 1; side += 2) {
        struct outline collar = {7,
                                 {{side * 11, 4},
                                  {side * 30, 14},
                                  {side * 47, 25},
                                  {side * 44, 46},
                                  {side * 22, 38},
                                  {side * 2, 40},
                                  {side * 8, 20}}};
        blob(s, on, colour_mix(navy, colour_hex(0x101838), side == s->light ? 0 : 0.3), collar);
        brush(s, on, white,
              (struct stroke){
                  4,
                  0.6,
                  0.6,
                  0.6,
                  {{side * 43.5, 27}, {side * 40.5, 42}, {side * 22, 34.5}, {side * 5, 36}}});
    }
    draw_bow(s, &s->body, red, 0, 41, 15, 1.5);
    part_end(s, s->line, 0.75);
}

static void akane_front(struct scene *s)
{
    static const struct point tips[] = {{-33, 12}, {-26, 4}, {-17, -1}, {-9, -3}, {2, -4},
                                        {10, -2},  {18, 0},  {26, 5},   {33, 13}};
    part_begin(s);
    skull_cap(s);
    fringe(s, (struct point){-7, -49}, tips, 9, 6.3);
    for (int side = -1; side <= 1; side += 2)
        lock(s, &s->hair_front,
             (struct stroke){4,
                             0,
                             5.5,
                             0,
                             {{side * 18, -40},
                              {side * 36, -4},
                              {side * 35, 24},
                              {side * 31 + s->sway * 0.5, 46 + jitter(s, 4)}}});
    shine(s, &s->hair_front, -31, 31, 9);
    hair_over_face(s);
}

static void akane_worn(struct scene *s)
{
    part_begin(s);
    for (int side = -1; side <= 1; side += 2)
        draw_bow(s, &s->hair_front, colour_hex(0xffd23f), side * 37, -26, 11, 0);
    part_end(s, s->line, 0.6);
}

/* --- Aoi: a blue bob cut straight, glasses, a cream cardigan --- */

static void aoi_behind(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_back, OVER};
    part_begin(s);
    blob(s, on, s->hair.dark,
         (struct outline){10,
                          {{-39, -8},
                           {-28, -36},
                           {0, -42},
                           {28, -36},
                           {39, -8},
                           {45, 24},
                           {39, 45},
                           {0, 38},
                           {-39, 45},
                           {-45, 24}}});
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 4; i++)
            lock(s, &s->hair_back,
                 (struct stroke){
                     4,
                     0,
                     8,
                     0.5,
                     {{side * (12 + 2 * i), -38},
                      {side * (31 + 3 * i), -4},
                      {side * (35 + 3.4 * i), 26},
                      {side * (28 + 4 * i) + s->sway * 0.4, 49 - 2 * i + jitter(s, 2)}}});
    part_end(s, s->hair.line, 0.7);
}

static void aoi_clothes(struct scene *s)
{
    const struct pen on = {&s->part, &s->body, OVER};
    struct colour cream = colour_hex(0xe9d3a6), white = colour_hex(0xffffff),
                  plum = colour_hex(0x7a3b6b);
    part_begin(s);
    draw_top(s, cream);
    blob(s, on, colour_hex(0xf4f4fa),
         (struct outline){5, {{-16, 10}, {16, 10}, {11, 36}, {0, 62}, {-11, 36}}});
    draw_neck(s);
    blob(s, on, plum,
         (struct outline){6, {{-4, 27}, {4, 27}, {4.5, 44}, {7, 75}, {-7, 75}, {-4.5, 44}}});
    blob(s, on, colour_mix(plum, colour_hex(0xffffff), 0.15),
         (struct outline){4, {{-4.5, 23}, {4.5, 23}, {3, 31}, {-3, 31}}});
    for (int side = -1; side <= 1; side += 2) {
        blob(s, on, colour_mix(white, colour_hex(0x8090b8), side == s->light ? 0 : 0.35),
             (struct outline){6,
                              {{side * 11, 1},
                               {side * 20, 10},
                               {side * 17, 30},
                               {side * 9, 33},
                               {side * 2, 23},
                               {side * 7, 15}}});
        brush(s, on, colour_fade(s->line, 0.6),
              (struct stroke){4,
                              0.5,
                              0.6,
                              0.3,
                              {{side * 2, 23}, {side * 9, 33}, {side * 17, 30}, {side * 20, 10}}});
        brush(
            s, on, colour_hex(0xc9a86c),
            (struct stroke){3, 1.4, 1.8, 1.8, {{side * 21, 14}, {side * 15, 40}, {side * 9, 80}}});
    }
    part_end(s, s->line, 0.75);
}

static void aoi_front(struct scene *s)
{
    part_begin(s);
    skull_cap(s);
    for (int side = -1; side <= 1; side += 2) {
        lock(s, &s->hair_front,
             (struct stroke){4,
                             0,
                             7,
                             1,
                             {{side * 16, -42},
                              {side * 36, -10},
                              {side * 39, 20},
                              {side * 33 + s->sway * 0.3, 45 + jitter(s, 2)}}});
        lock(s, &s->hair_front,
             (struct stroke){4,
                             0,
                             5,
                             0.6,
                             {{side * 14, -42},
                              {side * 32, -10},
                              {side * 34, 12},
                              {side * 30 + s->sway * 0.2, 30 + jitter(s, 2)}}});
    }
    for (int i = 0; i < 10; i++) {
        double x = (i - 4.5) * 5.9 + jitter(s, 0.7);
        lock(
            s, &s->hair_front,
            (struct stroke){
                3,
                2.2,
                4.4,
                3.2,
                {{x * 0.3, -48}, {x * 0.85, -26}, {x * 1.02, -3 + jitter(s, 1) + fabs(x) * 0.06}}});
    }
    shine(s, &s->hair_front, -27, 34, 6);
    hair_over_face(s);
}

static void aoi_worn(struct scene *s)
{
    const struct pen on_face = {&s->part, &s->face, OVER},
                     on_hair_front = {&s->part, &s->hair_front, OVER};
    struct colour frame = colour_hex(0x3a2430), glass = colour_fade(colour_hex(0xdff4ff), 0.16),
                  silver = colour_hex(0xf6f2ff);
    part_begin(s);
    for (int side = -1; side <= 1; side += 2) {
        struct stroke rim = placed_stroke(
            (struct stroke){5, 0.9, 0.9, 0.9, {{-12, -3}, {-11, 8}, {0, 13}, {12, 8}, {13, -4}}},
            side, side * 16.5, 10, 1);
        ellipse(s, on_face, glass, (struct point){side * 16.5, 10}, 12.5, 12);
        brush(s, on_face, frame, rim);
        brush(s, on_face, frame,
              placed_stroke(
                  (struct stroke){
                      5, 1, 1.2, 1, {{-12, -3}, {-8, -10}, {0, -11.5}, {9, -10}, {13, -4}}},
                  side, side * 16.5, 10, 1));
        brush(s, on_face, frame,
              (struct stroke){2, 0.9, 0.8, 0.7, {{side * 29, 6}, {side * 35, 4}}});
        brush(s, on_face, colour_fade(colour_hex(0xffffff), 0.7),
              (struct stroke){2, 0.2, 0.8, 0.2, {{side * 16.5 - 8, 17}, {side * 16.5 - 4, 11}}});
    }
    brush(s, on_face, frame, (struct stroke){3, 0.9, 0.9, 0.9, {{-4.6, 8}, {0, 6}, {4.6, 8}}});
    cel_merge(&s->sheet, &s->part, frame, 0);
    part_begin(s);
    for (int i = 0; i < 2; i++)
        brush(
            s, on_hair_front, silver,
            (struct stroke){2, 1.3, 1.6, 1.3, {{24 + i * 2, -18 + i * 5}, {33 + i, -12 + i * 5}}});
    part_end(s, s->line, 0.6);
}

/* --- Hinata: long golden waves, a hair band with a bow, green eyes, a green dress --- */

static void hinata_behind(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_back, OVER};
    part_begin(s);
    blob(s, on, s->hair.dark,
         (struct outline){10,
                          {{-39, -8},
                           {-28, -36},
                           {0, -42},
                           {28, -36},
                           {39, -8},
                           {46, 30},
                           {44, 76},
                           {0, 70},
                           {-44, 76},
                           {-46, 30}}});
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 6; i++) {
            double x = side * (20 + 5.6 * i), wave = 5 + jitter(s, 1.5);
            lock(s, &s->hair_back,
                 (struct stroke){6,
                                 0,
                                 9,
                                 0,
                                 {{x * 0.4, -40},
                                  {x * 0.95, -8},
                                  {x + side * wave, 24},
                                  {x - side * wave * 0.4 + s->sway * 0.5, 52},
                                  {x + side * wave * 0.9 + s->sway, 84},
                                  {x - side * 3 + s->sway * 1.4, 112}}});
        }
    part_end(s, s->hair.line, 0.7);
}

static void hinata_clothes(struct scene *s)
{
    const struct pen on = {&s->part, &s->body, OVER};
    struct colour green = colour_hex(0x2f7d5b), white = colour_hex(0xfdfbf4);
    part_begin(s);
    draw_top(s, green);
    draw_neck(s);
    for (int side = -1; side <= 1; side += 2) {
        blob(s, on, colour_mix(white, colour_hex(0x90a098), side == s->light ? 0 : 0.35),
             (struct outline){7,
                              {{side * 10, 3},
                               {side * 22, 10},
                               {side * 31, 22},
                               {side * 22, 33},
                               {side * 9, 35},
                               {side * 1, 26},
                               {side * 7, 17}}});
        brush(s, on, colour_fade(green, 0.8),
              (struct stroke){
                  4,
                  0.5,
                  0.6,
                  0.4,
                  {{side * 27.5, 22}, {side * 21, 30}, {side * 9, 31.5}, {side * 3, 26}}});
    }
    ellipse(s, on, colour_hex(0x8a6420), (struct point){0, 29}, 5, 5.6);
    ellipse(s, on, colour_hex(0xe8b53c), (struct point){0, 29}, 4, 4.6);
    ellipse(s, on, colour_hex(0xfff2c0), (struct point){-1.2, 27.4}, 1.3, 1.5);
    for (int i = 0; i < 3; i++)
        ellipse(s, on, colour_hex(0xf2e6c0), (struct point){0, 44 + 10 * i}, 1.6, 1.6);
    part_end(s, s->line, 0.75);
}

static void hinata_front(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_front, OVER}, in = {&s->part, &s->hair_front, ATOP};
    static const struct point tips[] = {{-32, 14}, {-27, 3}, {-20, 0}, {-12, -3}, {7, -5},
                                        {14, -2},  {21, 1},  {28, 5},  {33, 16}};
    part_begin(s);
    skull_cap(s);
    fringe(s, (struct point){4, -49}, tips, 9, 6.5);
    shine(s, &s->hair_front, -27, 32, 8);
    brush(
        s, on, colour_hex(0x2a4a6b),
        (struct stroke){
            6, 1.4, 3, 1.4, {{-39, -10}, {-34, -28}, {-18, -43}, {0, -47}, {18, -43}, {36, -24}}});
    brush(s, in, colour_fade(colour_hex(0x9cc4ea), 0.7),
          (struct stroke){4, 0, 0.8, 0, {{-30, -35}, {-18, -44.5}, {0, -48.5}, {14, -46}}});
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 2; i++)
            lock(s, &s->hair_front,
                 (struct stroke){5,
                                 0,
                                 6,
                                 0,
                                 {{side * 14, -42},
                                  {side * (35 + 2 * i), -8},
                                  {side * (35 + 4 * i), 28},
                                  {side * (39 + 2 * i) + s->sway * 0.5, 54},
                                  {side * (34 + 3 * i) + s->sway, 78 + jitter(s, 5)}}});
    lock(s, &s->hair_front,
         (struct stroke){
             4,
             1.4,
             2.6,
             0,
             {{2, -50}, {-4, -62}, {4 + s->sway * 0.6, -70}, {17 + s->sway, -64 + jitter(s, 3)}}});
    hair_over_face(s);
}

static void hinata_worn(struct scene *s)
{
    struct colour band = colour_hex(0x2a4a6b);
    part_begin(s);
    draw_bow(s, &s->hair_front, band, 27, -38, 14, 1.1);
    part_end(s, s->line, 0.6);
}

/* --- Ren: silver spikes, brown skin, violet eyes, a plaster on the cheek, a teal scarf --- */

static void ren_behind(struct scene *s)
{
    const struct pen on = {&s->part, &s->hair_back, OVER};
    part_begin(s);
    for (int side = -1; side <= 1; side += 2)
        for (int i = 0; i < 5; i++)
            lock(s, &s->hair_back,
                 (struct stroke){
                     3,
                     8,
                     8,
                     0,
                     {{side * (12 + 2 * i), -30 + 6 * i},
                      {side * (30 + 2 * i), -22 + 11 * i},
                      {side * (47 - 2.2 * i) + s->sway * 0.4, -20 + 15 * i + jitter(s, 3)}}});
    blob(s, on, s->hair.dark,
         (struct outline){
             8,
             {{-35, -8}, {-26, -34}, {0, -42}, {26, -34}, {35, -8}, {33, 24}, {0, 38}, {-33, 24}}});
    part_end(s, s->hair.line, 0.7);
}

static void ren_clothes(struct scene *s)
{
    const struct pen on = {&s->part, &s->body, OVER};
    struct colour coat = colour_hex(0x3b3f4d), teal = colour_hex(0x1f9b97),
                  shade = colour_hex(0x0f5a66);
    part_begin(s);
    draw_top(s, coat);
    draw_neck(s);
    blob(s, on, shade,
         (struct outline){10,
                          {{-27, 6},
                           {-14, 0},
                           {0, 7},
                           {14, 0},
                           {27, 6},
                           {30, 20},
                           {16, 30},
                           {0, 33},
                           {-16, 30},
                           {-30, 20}}});
    brush(s, on, teal, (struct stroke){4, 5, 7, 4, {{-28, 9}, {-12, 17}, {6, 18}, {26, 8}}});
    brush(s, on, colour_mix(teal, colour_hex(0xffffff), 0.2),
          (struct stroke){4, 3, 5, 3, {{-24, 20}, {-8, 27}, {10, 26}, {26, 17}}});
    brush(s, on, teal, (struct stroke){3, 5, 7, 8, {{13, 24}, {17, 44}, {14 + s->sway, 78}}});
    for (int i = 0; i < 3; i++)
        brush(s, on, colour_fade(shade, 0.7),
              (struct stroke){
                  3,
                  0.2,
                  0.8,
                  0.1,
                  {{-18 + 12 * i, 12 + 2 * (i == 1)}, {-13 + 12 * i, 18}, {-11 + 12 * i, 24}}});
    brush(s, on, colour_hex(0xf2f0e6),
          (struct stroke){3, 1.2, 1.2, 1.2, {{8, 54}, {15, 56}, {22, 54}}});
    part_end(s, s->line, 0.75);
}

static void ren_front(struct scene *s)
{
    static const struct point tips[] = {{-37, 16}, {-31, 2}, {-22, 6}, {-14, -4}, {-3, 5},
                                        {9, -5},   {19, 4},  {29, 0},  {37, 14}};
    part_begin(s);
    skull_cap(s);
    for (int i = 0; i < 7; i++) {
        double x = (i - 3) * 9.5;
        lock(
            s, &s->hair_front,
            (struct stroke){3,
                            8,
                            7,
                            0,
                            {{x * 0.5, -34},
                             {x * 0.9 + 2, -47 + fabs(x) * 0.25},
                             {x * 1.42 + s->sway * 0.5 + 3, -61 + fabs(x) * 0.62 + jitter(s, 3)}}});
    }
    fringe(s, (struct point){6, -46}, tips, 9, 7);
    shine(s, &s->hair_front, -30, 30, 9);
    hair_over_face(s);
}

static void ren_worn(struct scene *s)
{
    const struct pen on = {&s->part, &s->face, OVER};
    part_begin(s);
    brush(s, on, colour_hex(0xf3d9b0), (struct stroke){2, 2.5, 2.5, 2.5, {{17, 25.5}, {28, 22}}});
    brush(s, on, colour_hex(0xfff6e2), (struct stroke){2, 2.2, 2.2, 2.2, {{21, 24.2}, {24, 23.3}}});
    part_end(s, s->line, 0.45);
}

static const struct {
    const char *name;
    uint32_t hair[4], eye, eye_deep, skin; /* hair: base, dark, light, line */
    void (*behind)(struct scene *s);
    void (*clothes)(struct scene *s);
    void (*front)(struct scene *s);
    void (*worn)(struct scene *s);
} looks[CHARACTERS] = {
    {"akane",
     {0xe8553a, 0x97203a, 0xffbd92, 0x4a0f20},
     0xf5a82c,
     0x8a3510,
     0xffe3d2,
     akane_behind,
     akane_clothes,
     akane_front,
     akane_worn},
    {"aoi",
     {0x3f78d0, 0x1d3a8c, 0xa4d8ff, 0x0e1b4a},
     0x35c3d6,
     0x123c70,
     0xffe9dd,
     aoi_behind,
     aoi_clothes,
     aoi_front,
     aoi_worn},
    {"hinata",
     {0xfacb5c, 0xc9802c, 0xfff6c4, 0x6a3a14},
     0x4cc96c,
     0x12552f,
     0xffe8d3,
     hinata_behind,
     hinata_clothes,
     hinata_front,
     hinata_worn},
    {"ren",
     {0xd6dbe8, 0x7d84ad, 0xffffff, 0x34365a},
     0xae6df0,
     0x3c1a78,
     0xdca575,
     ren_behind,
     ren_clothes,
     ren_front,
     ren_worn},
};

/* --- background and light --- */

static void draw_background(struct scene *s)
{
    static const uint32_t tints[] = {0xbfe3f5, 0xf9d9e2, 0xd9efd0, 0xfdeec4, 0xdcd6f5, 0xf5dcc4,
                                     0xcdeee8, 0xe8e8ec, 0x8fb4d9, 0xe9a9a0, 0x6e7fb0, 0xb6a0cf};
    const struct view page = {.scale = 1};
    const struct pen on = {&s->sheet, &page, OVER};
    uint32_t n = sizeof tints / sizeof *tints, first = rng_below(&s->rng, n),
             second = rng_below(&s->rng, n), pattern;
    double above = 80 + jitter(s, 80), below = 80 + jitter(s, 80), shift;
    struct paint paint = {LINEAR,
                          colour_hex(tints[first]),
                          colour_hex(tints[second]),
                          {above, 0},
                          {below, CHARACTER_SIDE}};
    struct colour white = colour_hex(0xffffff);
    path_add(&s->path, -1, -1);
    path_add(&s->path, CHARACTER_SIDE + 1, -1);
    path_add(&s->path, CHARACTER_SIDE + 1, CHARACTER_SIDE + 1);
    path_add(&s->path, -1, CHARACTER_SIDE + 1);
    fill(s, on, &paint);
    pattern = rng_below(&s->rng, 5);
    shift = rng_uniform(&s->rng, 0, 26);
    for (int i = 0; i < 12; i++) {
        double x = rng_uniform(&s->rng, 0, CHARACTER_SIDE),
               y = rng_uniform(&s->rng, 0, CHARACTER_SIDE), r = rng_uniform(&s->rng, 5, 18);
        if (pattern == 0) { /* lights out of focus */
            ellipse(s, on, colour_fade(white, 0.22), (struct point){x, y}, r, r);
        } else if (pattern == 1) { /* slanting stripes */
            brush(s, on, colour_fade(white, 0.28),
                  (struct stroke){
                      2, 6, 6, 6, {{i * 26 - 90 + shift, -5}, {i * 26 - 150 + shift, 165}}});
        } else if (pattern == 2) { /* sparkles */
            for (int k = 0; k < 2; k++)
                brush(s, on, colour_fade(white, 0.75),
                      (struct stroke){3,
                                      0,
                                      r * 0.09,
                                      0,
                                      {{x - r * 0.5 * !k, y - r * 0.5 * k},
                                       {x, y},
                                       {x + r * 0.5 * !k, y + r * 0.5 * k}}});
        } else if (pattern == 3) { /* dots in rows */
            for (int k = 0; k < 7; k++)
                ellipse(s, on, colour_fade(white, 0.35),
                        (struct point){k * 26 + (i % 2) * 13 + shift - 20, i * 15.0}, 3.6, 3.6);
        }
    }
    if (pattern == 4) { /* a soft sun behind the head */
        double x = 80 + jitter(s, 40), y = 60 + jitter(s, 20);
        glow(s, on, colour_fade(white, 0.8), (struct point){x, y}, 80);
    }
}

/* Warm or cool, brighter or darker, and a glow from the side the light comes from. */
static void draw_light(struct scene *s)
{
    const struct view page = {.scale = 1};
    const struct pen on = {&s->sheet, &page, OVER};
    double warmth = jitter(s, 1), level = jitter(s, 0.1);
    struct colour tint =
        colour_fade(warmth > 0 ? colour_hex(0xffb060) : colour_hex(0x6080ff), 0.1 * fabs(warmth));
    glow(s, on, colour_fade(colour_hex(0xfff6e0), rng_uniform(&s->rng, 0.05, 0.25)),
         (struct point){80 + s->light * 95, 10}, 130);
    for (int k = 0; k < 2; k++) {
        path_ellipse(&s->path, 80, 80, 140, 140);
        fill_plain(s, on,
                   k               ? tint
                       : level > 0 ? colour_fade(colour_hex(0xffffff), level)
                                   : colour_fade(colour_hex(0x101030), -level * 1.5));
    }
}

const char *character_name(int who)
{
    return looks[who].name;
}

static void scene_init(struct scene *s, int who, uint64_t seed, uint64_t number)
{
    const uint32_t *hair = looks[who].hair;
    double fading, scale, tilt, yaw, pitch, x, y;
    *s = (struct scene){0};
    rng_init(&s->rng, seed, RNG_DRAW, number * CHARACTERS + (uint64_t)who);
    cel_init(&s->sheet, CHARACTER_SIDE, CHARACTER_SIDE);
    cel_init(&s->head, CHARACTER_SIDE, CHARACTER_SIDE);
    cel_init(&s->part, CHARACTER_SIDE, CHARACTER_SIDE);
    cel_init(&s->detail, CHARACTER_SIDE, CHARACTER_SIDE);
    s->hair = (struct hair){colour_hex(hair[0]), colour_hex(hair[1]), colour_hex(hair[2]),
                            colour_hex(hair[3])};
    fading = jitter(s, 0.12);
    s->hair.base =
        colour_mix(s->hair.base, fading > 0 ? s->hair.light : s->hair.dark, fabs(fading));
    s->skin = colour_hex(looks[who].skin);
    s->skin_shade = colour_mix(s->skin, colour_hex(0xb8486a), 0.3);
    s->line = colour_mix(s->skin, colour_hex(0x3a1428), 0.85);
    s->eye = colour_hex(looks[who].eye);
    s->eye_deep = colour_hex(looks[who].eye_deep);
    s->mood = moods[rng_below(&s->rng, sizeof moods / sizeof *moods)];
    s->light = rng_below(&s->rng, 2) ? 1 : -1;
    s->gaze_x = jitter(s, 1.8);
    s->gaze_y = jitter(s, 0.9);
    s->sway = jitter(s, 7);
    scale = rng_uniform(&s->rng, 0.88, 1.08);
    tilt = jitter(s, 0.2);
    yaw = jitter(s, 0.26);
    pitch = jitter(s, 0.09);
    x = CHARACTER_SIDE / 2 + jitter(s, 8) - 24 * yaw;
    y = 72 + jitter(s, 5);
    s->face = (struct view){scale, tilt, x, y, 62, yaw, pitch};
    s->skull = (struct view){scale, tilt, x, y, 62, yaw * 0.5, pitch * 0.5};
    s->hair_front = (struct view){scale, tilt, x, y, 90, yaw * 0.4, pitch * 0.4};
    s->hair_back = (struct view){scale, tilt * 0.9, x, y, 130, yaw * 0.16, pitch * 0.1};
    s->body = (struct view){
        scale, tilt * 0.15, x - 44 * scale * sin(tilt) + 24 * yaw, y + 46 * scale, 0, 0, 0};
}

void character_draw(uint8_t *rgb, int who, uint64_t seed, uint64_t number)
{
    struct scene s;
    scene_init(&s, who, seed, number);
    draw_background(&s);
    looks[who].behind(&s);
    looks[who].clothes(&s);
    draw_head(&s);
    draw_face(&s);
    looks[who].front(&s);
    looks[who].worn(&s);
    draw_light(&s);
    cel_to_rgb(&s.sheet, rgb);
    cel_release(&s.sheet);
    cel_release(&s.head);
    cel_release(&s.part);
    cel_release(&s.detail);
    path_release(&s.path);
}
