#include "analysis/codes.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/report.h"
#include "base/sizes.h"
#include "net/encode.h"

static double square_of(const double *x, size_t n)
{
    double square = 0;

    for (size_t i = 0; i < n; i++)
        square += x[i] * x[i];
    return square;
}

/* Whether all runs of LEN numbers have length 1, to rounding, or 0; and not all 0. */
static bool are_units(struct rows *features, size_t len)
{
    size_t n = rows_n(features), D = rows_width(features), n_units = 0, n_zeros = 0;
    double *row = xaligned(D * sizeof *row);

    for (size_t i = 0; i < n && n_units + n_zeros == i * (D / len); i++) {
        rows_get(features, row, i, 1, NULL);
        for (size_t c = 0; c < D; c += len) {
            double square = square_of(row + c, len);

            n_units += fabs(square - 1) < 1e-5;
            n_zeros += square == 0;
        }
    }
    free(row);
    return n_units > 0 && n_units + n_zeros == n * (D / len);
}

bool codes_find_form(struct pool *form, const struct net *net, struct rows *features)
{
    size_t shape[3], D = rows_width(features);

    net_code_shape(net, shape);
    *form = (struct pool){0};
    while (D
           != (form->places ? (size_t)(form->places * form->places) : shape[0] * shape[1])
               * shape[2])
        if ((size_t)++form->places > smaller(shape[0], shape[1]))
            return false;
    form->normalise = are_units(features, D);
    form->normalise_places = !form->normalise && are_units(features, shape[2]);
    return true;
}

/* Codes become rows, those that are wanted. */
struct collector {
    const struct pool *form;
    const size_t *which;
    struct rows *rows;
    size_t shape[3]; /* of a code */
    float *features; /* (ENCODE_BLOCK,D) */
    size_t next;     /* row of the tensor */
    size_t wanted;   /* in WHICH */
    size_t n;
};

static void begin(struct collector *c, const struct net *net, const struct pool *form,
                  const size_t *which, size_t n, size_t memory)
{
    size_t shape[3], D;

    *c = (struct collector){.form = form, .which = which, .n = n};
    net_code_shape(net, c->shape);
    net_code_shape(net, shape);
    pool_shape(shape, form);
    D = shape[0] * shape[1] * shape[2];
    c->features = xaligned(ENCODE_BLOCK * D * sizeof *c->features);
    c->rows = rows_create("codes", NPY_F32, n, D, memory);
}

static void collect(void *context, const float *codes, size_t n)
{
    struct collector *c = context;

    pool_rows(c->features, codes, n, c->shape, c->form);
    for (size_t i = 0; i < n; i++, c->next++)
        if (c->wanted < c->n && (!c->which || c->which[c->wanted] == c->next)) {
            rows_append(c->rows, c->features + i * rows_width(c->rows), 1);
            c->wanted++;
        }
}

struct rows *codes_read(struct net *net, const struct pool *form, struct tensor_reader *t,
                        const size_t *which, size_t n, size_t memory)
{
    struct collector c;

    begin(&c, net, form, which, n, memory);
    encode_rows(net, t, ENCODE_BLOCK, collect, &c);
    free(c.features);
    return c.rows;
}

struct rows *codes_of(struct net *net, const struct pool *form, struct rows *images, bool bytes,
                      size_t memory)
{
    size_t n = rows_n(images), items = rows_width(images);
    double *row = xaligned(ENCODE_BLOCK * items * sizeof *row);
    float *x = xaligned(ENCODE_BLOCK * items * sizeof *x);
    float *codes = xaligned(ENCODE_BLOCK * net_code_items(net) * sizeof *codes);
    struct collector c;

    begin(&c, net, form, NULL, n, memory);
    for (size_t first = 0; first < n; first += ENCODE_BLOCK) {
        size_t got = smaller(ENCODE_BLOCK, n - first);

        rows_get(images, row, first, got, NULL);
        for (size_t i = 0; i < got * items; i++)
            x[i] = bytes ? (float)row[i] / 255.0f : (float)row[i];
        net_encode(net, codes, x, got);
        collect(&c, codes, got);
    }
    free(row);
    free(x);
    free(codes);
    free(c.features);
    return c.rows;
}
