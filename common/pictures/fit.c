#include "pictures/fit.h"

#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"
#include "pictures/exif.h"

enum { RGB = 3 };

/* SIDE of a picture whose longer side becomes SIZE, to the nearest. */
static size_t scaled(size_t side, size_t longer, size_t size)
{
    size_t n = (2 * side * size + longer) / (2 * longer);

    return n ? n : 1;
}

/* The square in the middle of the upright picture, as it is stored. */
static void crop(struct fit *f)
{
    const struct picture *p = f->picture;
    bool turned = p->orientation >= 5;
    size_t h = turned ? p->columns : p->rows, w = turned ? p->rows : p->columns,
           side = smaller(h, w), y = (h - side) / 2, x = (w - side) / 2, row, column, last_row,
           last_column;

    exif_stored(&row, &column, p->orientation, y, x, p->rows, p->columns);
    exif_stored(&last_row, &last_column, p->orientation, y + side - 1, x + side - 1, p->rows,
                p->columns);
    f->top = smaller(row, last_row);
    f->left = smaller(column, last_column);
    f->height = f->width = side;
}

const char *fit_plan(struct fit *f, struct picture *p, const struct fit_settings *s)
{
    size_t longer = larger(p->height, p->width);
    const char *bad;

    *f = (struct fit){.settings = s, .picture = p, .dh = s->size, .dw = s->size};
    if (s->way == FIT_PAD) {
        f->dh = scaled(p->height, longer, s->size);
        f->dw = scaled(p->width, longer, s->size);
    }
    bad = picture_plan(p, f->dh, f->dw);
    if (bad)
        return bad;
    f->height = p->rows;
    f->width = p->columns;
    if (s->way == FIT_CROP)
        crop(f);
    f->memory =
        p->memory + resizer_memory(f->dh, f->dw, f->height, f->width) + 2 * RGB * f->dh * f->dw;
    return NULL;
}

static void on_row(void *context, const uint8_t *row)
{
    struct fit *f = context;
    enum profile_part before;

    if (f->y >= f->top && f->y < f->top + f->height) {
        before = profile_enter(PROFILE_ARITHMETIC);
        resizer_add(f->resizer, row + f->left * RGB);
        profile_leave(before);
    }
    f->y++;
}

/* Turns what was resized, and lays it into the middle of the background. */
static void place(const struct fit *f, uint8_t *row, const uint8_t *stored)
{
    const struct fit_settings *s = f->settings;
    unsigned orientation = f->picture->orientation;
    size_t h = orientation >= 5 ? f->dw : f->dh, w = orientation >= 5 ? f->dh : f->dw;
    uint8_t *upright = xmalloc(h * w * RGB);

    exif_turn(upright, stored, orientation, f->dh, f->dw);
    for (size_t i = 0; s->way == FIT_PAD && i < s->size * s->size; i++)
        memcpy(row + i * RGB, s->background, RGB);
    for (size_t y = 0; y < h; y++)
        memcpy(row + (((s->size - h) / 2 + y) * s->size + (s->size - w) / 2) * RGB,
               upright + y * w * RGB, w * RGB);
    free(upright);
}

const char *fit_row(struct fit *f, uint8_t *row)
{
    bool is_direct = f->picture->orientation == 1 && f->settings->way != FIT_PAD;
    uint8_t *stored = is_direct ? row : xmalloc(f->dh * f->dw * RGB);
    const char *bad;

    f->resizer = resizer_new(stored, f->dh, f->dw, f->height, f->width);
    bad = picture_decode(f->picture, on_row, f);
    resizer_free(f->resizer);
    if (!is_direct) {
        if (!bad)
            place(f, row, stored);
        free(stored);
    }
    return bad;
}
