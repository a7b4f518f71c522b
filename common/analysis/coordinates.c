#include "analysis/coordinates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/tensor.h"

struct coordinates {
    const struct selection *s;
    size_t P, n_written, n_tables;
    struct tensor_writer *tensor; /* or NULL */
    struct zio_writer *tables[2];
    const char *paths[2];
};

void coordinates_check(struct coordinates_options *o, const struct cli *cli)
{
    if (o->table && !*o->table) /* "table =" in a file: none */
        o->table = NULL;
    if (o->table && strcmp(o->table, "-") == 0 && (!cli->output || strcmp(cli->output, "-") == 0))
        die_usage("--table - and the output both go to standard output");
}

struct history *coordinates_history(const struct coordinates_options *o, const struct cli *cli,
                                    int revision)
{
    struct history *h = history_new(cli, revision);

    if (o->tsv)
        history_setting(h, "tsv", "yes");
    history_ask(h);
    return h;
}

static void add_table(struct coordinates *c, const char *path, const char *axis)
{
    struct zio_writer *file = zio_create(path, ZIO_TEXT);
    const char *index_fields = c->s->ix ? "row\tsplit\tclass\tpath\t" : "";

    zio_write(file, index_fields, strlen(index_fields));
    for (size_t k = 1; k <= c->P; k++) {
        char *name = xformat("%s%zu%c", axis, k, k < c->P ? '\t' : '\n');
        zio_write(file, name, strlen(name));
        free(name);
    }
    c->paths[c->n_tables] = path;
    c->tables[c->n_tables++] = file;
}

struct coordinates *coordinates_create(const struct coordinates_options *o, const char *output,
                                       const struct selection *s, size_t n, size_t P,
                                       const char *axis)
{
    struct coordinates *c = xcalloc(1, sizeof *c);

    *c = (struct coordinates){.s = s, .P = P};
    if (o->tsv)
        add_table(c, output, axis);
    else
        c->tensor = tensor_create(
            output, &(struct npy_header){.dtype = NPY_F32, .rank = 2, .shape = {n, P}},
            TENSOR_LEVEL);
    if (o->table)
        add_table(c, o->table, axis);
    return c;
}

static void write_table_row(struct zio_writer *file, const struct selection *s, size_t i,
                            const float *y, size_t P)
{
    if (s->ix)
        index_write_fields(file, s->ix, s->positions[i]);
    for (size_t k = 0; k < P; k++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%.9g%c", (double)y[k],
                           k + 1 < P ? '\t' : '\n'); /* nine digits are enough */
        zio_write(file, text, (size_t)len);
    }
}

void coordinates_write(struct coordinates *c, const float *y, size_t n)
{
    if (c->tensor)
        tensor_write(c->tensor, y, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < c->n_tables; j++)
            write_table_row(c->tables[j], c->s, c->n_written + i, y + i * c->P, c->P);
    c->n_written += n;
}

void coordinates_commit(struct coordinates *c, const struct history *h)
{
    for (size_t j = c->n_tables; j-- > 0;)
        history_commit_table(h, c->tables[j], c->paths[j]);
    if (c->tensor)
        tensor_commit(c->tensor, h);
    free(c);
}
