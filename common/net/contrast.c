#include "net/contrast.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/report.h"
#include "base/sizes.h"
#include "net/dense.h"

struct contrast {
    size_t max_rows, width;
    float *s;       /* (rows,dense_row(rows)): similarities, then G, then H / temperature */
    float *dz;      /* (rows,dense_row(width)) */
    double *losses; /* (rows) */
    float *scratch;
    struct arena arena;
};

static void lay_out(struct contrast *c)
{
    struct arena *arena = &c->arena;

    arena->size = 0;
    c->s = arena_floats(arena, c->max_rows * dense_row(c->max_rows));
    c->dz = arena_floats(arena, c->max_rows * dense_row(c->width));
    c->losses = arena_take(arena, c->max_rows, sizeof *c->losses);
    c->scratch = arena_floats(
        arena, larger(dense_scratch(c->width, c->max_rows), dense_scratch(c->max_rows, c->width)));
}

size_t contrast_memory(size_t max_rows, size_t width)
{
    struct contrast c = {.max_rows = max_rows, .width = width};

    lay_out(&c);
    return c.arena.size;
}

struct contrast *contrast_new(size_t max_rows, size_t width)
{
    struct contrast *c = xcalloc(1, sizeof *c);

    *c = (struct contrast){.max_rows = max_rows, .width = width};
    lay_out(c);
    arena_allocate(&c->arena);
    lay_out(c);
    return c;
}

void contrast_free(struct contrast *c)
{
    if (!c)
        return;
    free(c->arena.data);
    free(c);
}

/* Row I of the similarities becomes row I of G. Returns its loss. */
static double row_loss(float *s, size_t i, size_t rows, double temperature)
{
    const size_t partner = (i + rows / 2) % rows;
    double most = -INFINITY, sum = 0, own;

    assert(rows >= 2); /* then sum >= 1, of the most similar */
    for (size_t k = 0; k < rows; k++)
        if (k != i && (double)s[k] > most)
            most = (double)s[k];
    own = ((double)s[partner] - most) / temperature;
    s[i] = -INFINITY;
    for (size_t k = 0; k < rows; k++) {
        const double e = exp(((double)s[k] - most) / temperature);
        sum += e;
        s[k] = (float)e;
    }
    for (size_t k = 0; k < rows; k++)
        s[k] = (float)(((double)s[k] / sum - (k == partner)) / (double)rows);
    return log(sum) - own;
}

/* G becomes H / temperature. */
static void symmetrise(float *s, size_t row, size_t rows, float scale)
{
#pragma omp parallel for schedule(dynamic, 8)
    for (size_t i = 0; i < rows; i++)
        for (size_t k = i + 1; k < rows; k++)
            s[i * row + k] = s[k * row + i] = (s[i * row + k] + s[k * row + i]) * scale;
}

double contrast_loss(struct contrast *c, const float *z, size_t rows, size_t z_row,
                     double temperature, float **dz)
{
    const struct dense_weights transposed = {z, 1, (ptrdiff_t)z_row, c->width, rows},
                               plain = {z, (ptrdiff_t)z_row, 1, rows, c->width};
    const size_t row = dense_row(rows);
    double sum = 0;

    assert(rows % 2 == 0 && rows <= c->max_rows);
    dense_multiply(c->s, row, z, z_row, rows, &transposed, NULL, c->scratch);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < rows; i++)
        c->losses[i] = row_loss(c->s + i * row, i, rows, temperature);
    for (size_t i = 0; i < rows; i++)
        sum += c->losses[i];
    if (dz) {
        symmetrise(c->s, row, rows, (float)(1 / temperature));
        dense_multiply(c->dz, z_row, c->s, row, rows, &plain, NULL, c->scratch);
        *dz = c->dz;
    }
    return sum / (double)rows;
}
