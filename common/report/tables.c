#include "report/tables.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/keep.h"
#include "files/table.h"
#include "report/page.h"

void tables_add_input(struct history *h, const char *path, const char *digest)
{
    char *text = keep_read(path);

    history_input(h, digest, text);
    free(text);
}

static json_t *read_line(const char *const *fields, size_t n, ptrdiff_t without)
{
    json_t *line = json_checked(json_array());

    for (size_t c = 0; c < n; c++)
        if ((ptrdiff_t)c != without)
            json_array_append_new(line, page_text(fields[c]));
    return line;
}

json_t *tables_read(const char *path, struct history *h)
{
    struct table *t = table_read(path);
    ptrdiff_t seconds = table_column(t, "seconds");
    json_t *rows = json_checked(json_array()),
           *columns = read_line(t->columns, t->n_columns, seconds);

    while (table_next(t))
        json_array_append_new(rows, read_line(t->fields, t->n_columns, seconds));
    tables_add_input(h, path, t->digest);
    table_free(t);
    return json_checked(json_pack("{s:o,s:o}", "columns", columns, "rows", rows));
}

void tables_add(const char *path, struct history *h)
{
    struct table *t = table_read(path);

    tables_add_input(h, path, t->digest);
    table_free(t);
}

json_t *tables_read_text(const char *path, struct history *h)
{
    struct zio_reader *r = zio_open(path);
    size_t len;
    char *text = (char *)zio_read_all(r, ZIO_MOST, &len), digest[DIGEST_SIZE];
    json_t *value = page_text(text);

    table_digest_text(text, len, digest);
    tables_add_input(h, path, digest);
    free(text);
    zio_close(r);
    return value;
}

/* --- places --- */

static double parse_number(const struct table *t, size_t column)
{
    char *end;
    double value = strtod(t->fields[column], &end);

    if (end == t->fields[column] || *end || !isfinite(value))
        die_file(t->path, "line %zu: %s '%s', want a number", t->line, t->columns[column],
                 t->fields[column]);
    return value;
}

static size_t parse_row(const struct table *t, ptrdiff_t column, size_t N)
{
    char *end;
    unsigned long long row = strtoull(t->fields[column], &end, 10);

    if (end == t->fields[column] || *end || t->fields[column][0] == '-' || row >= N)
        die_file(t->path, "line %zu: row '%s', want a number below %zu", t->line, t->fields[column],
                 N);
    return (size_t)row;
}

/* The columns AXIS1, AXIS2, ...; returns how many. */
static size_t find_axes(const struct table *t, const char *axis, size_t most, size_t *columns)
{
    size_t P = 0;

    for (; P < most; P++) {
        char *name = xformat("%s%zu", axis, P + 1);
        ptrdiff_t column = table_column(t, name);

        free(name);
        if (column < 0)
            break;
        columns[P] = (size_t)column;
    }
    if (P < 2)
        die_file(t->path, "no columns %s1 and %s2", axis, axis);
    return P;
}

/* x (N,P), NAN where the table has no such row. */
static double *read_numbers(struct places *p, const char *path, const char *axis, size_t most,
                            size_t N)
{
    struct table *t = table_read(path);
    size_t *columns = xcalloc(most, sizeof *columns), line = 0;
    ptrdiff_t row_column = table_column(t, "row");
    double *x;

    p->P = find_axes(t, axis, most, columns);
    x = xcalloc(N, p->P * sizeof *x);
    for (size_t i = 0; i < N * p->P; i++)
        x[i] = NAN;
    for (; table_next(t); line++) {
        size_t row = row_column >= 0 ? parse_row(t, row_column, N) : line;

        if (row >= N)
            die_file(path, "over %zu rows", N);
        for (size_t k = 0; k < p->P; k++)
            x[row * p->P + k] = parse_number(t, columns[k]);
    }
    table_free(t);
    free(columns);
    return x;
}

void places_read(struct places *p, const char *path, const char *axis, size_t most,
                 const size_t *rows, size_t n, size_t N)
{
    double *x = read_numbers(p, path, axis, most, N), largest = 0;

    p->numbers = xcalloc(n, p->P * sizeof *p->numbers);
    p->centre = xcalloc(p->P, sizeof *p->centre);
    for (size_t k = 0; k < p->P; k++) {
        double low = INFINITY, high = -INFINITY;

        for (size_t i = 0; i < n; i++) {
            low = fmin(low, x[rows[i] * p->P + k]); /* passes over NAN */
            high = fmax(high, x[rows[i] * p->P + k]);
        }
        p->centre[k] = low <= high ? (low + high) / 2 : 0;
        largest = low <= high ? fmax(largest, high - p->centre[k]) : largest;
    }
    p->step = largest > 0 ? largest / 32767 : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p->P; k++) {
            double v = x[rows[i] * p->P + k];

            p->numbers[i * p->P + k] =
                isnan(v) ? PLACES_NONE : (int16_t)lrint((v - p->centre[k]) / p->step);
        }
    free(x);
}

json_t *places_facts(const struct places *p)
{
    json_t *centre = json_checked(json_array());

    for (size_t k = 0; k < p->P; k++)
        json_array_append_new(centre, json_checked(json_real(p->centre[k])));
    return json_checked(
        json_pack("{s:I,s:o,s:f}", "axes", (json_int_t)p->P, "centre", centre, "step", p->step));
}

void places_release(struct places *p)
{
    free(p->numbers);
    free(p->centre);
}
