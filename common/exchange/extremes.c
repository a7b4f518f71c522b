#include "exchange/extremes.h"

#include <math.h>
#include <string.h>

#include "base/sizes.h"

/* Negative, 0 or positive: TEXT before, like, or behind that of B. */
static int compare(const void *text, size_t len, const struct buffer *b)
{
    const size_t n = smaller(len, b->len);
    int order = n > 0 ? memcmp(text, b->data, n) : 0;

    return order ? order : (len > b->len) - (len < b->len);
}

static void set(struct buffer *b, const void *data, size_t len)
{
    b->len = 0;
    buffer_add(b, data, len);
}

void extremes_text(struct extremes *e, const void *text, size_t len)
{
    if (!e->kind || compare(text, len, &e->least.text) < 0)
        set(&e->least.text, text, len);
    if (!e->kind || compare(text, len, &e->largest.text) > 0)
        set(&e->largest.text, text, len);
    e->kind = EXTREMES_TEXT;
}

void extremes_reals(struct extremes *e, const void *values, size_t n, bool is_double)
{
    double least = e->kind ? e->least.real : INFINITY,
           largest = e->kind ? e->largest.real : -INFINITY;
    size_t n_nan = 0;

    for (size_t i = 0; i < n; i++) {
        double x = is_double ? ((const double *)values)[i] : ((const float *)values)[i];

        n_nan += isnan(x);
        least = x < least ? x : least;
        largest = x > largest ? x : largest;
    }
    e->n_nan += n_nan;
    e->kind = n_nan < n ? EXTREMES_REAL : e->kind;
    e->least.real = least == 0 ? -0.0 : least;
    e->largest.real = largest == 0 ? 0.0 : largest;
}

void extremes_integers(struct extremes *e, const void *values, size_t n, bool is_byte)
{
    int64_t least = e->kind ? e->least.integer : INT64_MAX,
            largest = e->kind ? e->largest.integer : INT64_MIN;

    for (size_t i = 0; i < n; i++) {
        int64_t x = is_byte ? ((const uint8_t *)values)[i] : ((const int64_t *)values)[i];

        least = x < least ? x : least;
        largest = x > largest ? x : largest;
    }
    e->kind = n > 0 ? EXTREMES_INTEGER : e->kind;
    e->least.integer = least;
    e->largest.integer = largest;
}

static void look_at(struct extremes *e, enum extremes_kind kind, const struct extreme *x)
{
    if (kind == EXTREMES_TEXT)
        extremes_text(e, x->text.data, x->text.len);
    else if (kind == EXTREMES_REAL)
        extremes_reals(e, &x->real, 1, true);
    else if (kind == EXTREMES_INTEGER)
        extremes_integers(e, &x->integer, 1, false);
}

void extremes_join(struct extremes *e, const struct extremes *other)
{
    e->n_nan += other->n_nan;
    look_at(e, other->kind, &other->least);
    look_at(e, other->kind, &other->largest);
}

void extremes_clear(struct extremes *e)
{
    e->kind = EXTREMES_NONE;
    e->n_nan = 0;
}

void extremes_release(struct extremes *e)
{
    buffer_release(&e->least.text);
    buffer_release(&e->largest.text);
}
