#include "analysis/search.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/duplicates.h"
#include "analysis/lists.h"
#include "analysis/nearest.h"
#include "base/report.h"
#include "base/sizes.h"

enum {
    NEIGHBOUR = sizeof(size_t) + sizeof(double)
}; /* bytes of a number of a row, and its distance */

/* --- the rows --- */

static struct rows *read_rows(const struct search *s, const size_t *which, size_t n)
{
    return rows_read(s->tensor, which, n, s->memory / 2);
}

/* Room for K answers of each of N queries. */
static struct hits hits_new(const struct search *s, size_t n, size_t k)
{
    struct hits a = {.n = n, .k = k};

    if (n > s->memory / 4 / (k * NEIGHBOUR))
        die_file(tensor_path(s->tensor),
                 "%zu neighbours of each of %zu rows, --memory %zu holds %zu in all", k, n,
                 s->memory, s->memory / 4 / NEIGHBOUR);
    a.rows = xcalloc(n, k * sizeof *a.rows);
    a.distances = xcalloc(n, k * sizeof *a.distances);
    return a;
}

void hits_release(struct hits *a)
{
    free(a->queries);
    free(a->rows);
    free(a->distances);
    *a = (struct hits){0};
}

struct hits search_each(const struct search *s)
{
    size_t n = s->chosen->n;
    struct row_set all = {.n = n};
    struct hits a;

    if (n <= s->k)
        die_file(tensor_path(s->tensor), "%zu rows, want more than the %zu neighbours of each", n,
                 s->k);
    a = hits_new(s, n, s->k);
    if (n == s->tensor->n_rows && lists_read(a.rows, a.distances, n, s->k, s->lists))
        return a;
    all.rows = read_rows(s, s->chosen->rows, n);
    nearest_search(a.rows, a.distances, &all, &all, s->k, s->metric);
    rows_free(all.rows);
    return a;
}

void hits_number(struct hits *a, const struct selection *chosen)
{
    a->queries = xcalloc(a->n, sizeof *a->queries);
    for (size_t i = 0; i < a->n; i++)
        a->queries[i] = chosen->rows ? chosen->rows[i] : i;
    for (size_t i = 0; chosen->rows && i < a->n * a->k; i++)
        a->rows[i] = chosen->rows[a->rows[i]];
}

/* The nearest of ROWS, which are numbered KEPT (NULL: from 0). OWN: queries are among them. */
static struct hits find(const struct search *s, const struct row_set *rows,
                        const struct row_set *queries, const size_t *kept, bool own)
{
    size_t most = rows->n - own;
    struct hits a;

    if (most == 0)
        die_file(tensor_path(s->tensor), "no rows but the query");
    a = hits_new(s, queries->n, smaller(s->k, most));
    nearest_search(a.rows, a.distances, rows, queries, a.k, s->metric);
    for (size_t i = 0; kept && i < a.n * a.k; i++)
        a.rows[i] = kept[a.rows[i]];
    return a;
}

struct hits search_others(const struct search *s, struct rows *query(void *context), void *context)
{
    const struct selection *chosen = s->chosen;
    struct rows *r = read_rows(s, chosen->rows, chosen->n), *q = query(context);
    struct hits a = find(s, &(struct row_set){r, NULL, chosen->n},
                         &(struct row_set){q, NULL, rows_n(q)}, chosen->rows, false);

    rows_free(r);
    rows_free(q);
    return a;
}

static bool among(const size_t *rows, size_t n, size_t row)
{
    for (size_t first = 0; first < n;) {
        size_t middle = first + (n - first) / 2;

        if (rows[middle] == row)
            return true;
        if (rows[middle] < row)
            first = middle + 1;
        else
            n = middle;
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* The chosen rows and the queries, ascending, none twice; *n of them. */
static size_t *join(const struct selection *chosen, const size_t *queries, size_t n_queries,
                    size_t *n)
{
    size_t *rows = xcalloc(chosen->n + n_queries, sizeof *rows);

    memcpy(rows, chosen->rows, chosen->n * sizeof *rows);
    *n = chosen->n;
    for (size_t i = 0; i < n_queries; i++)
        if (!among(chosen->rows, chosen->n, queries[i]))
            rows[(*n)++] = queries[i];
    qsort(rows, *n, sizeof *rows, compare);
    return rows;
}

/* Where the N rows stand among the KEPT, which hold them all. */
static size_t *positions(const size_t *kept, const size_t *rows, size_t n)
{
    size_t *at = xcalloc(n, sizeof *at);

    for (size_t i = 0, k = 0; k < n; i++)
        if (kept[i] == rows[k])
            at[k++] = i;
    return at;
}

struct hits search_rows(const struct search *s, size_t *queries, size_t n)
{
    const struct selection *chosen = s->chosen;
    size_t n_kept = chosen->n, *kept = NULL, *rows = NULL, *asked = NULL;
    struct rows *r;
    struct hits a;
    bool own = !chosen->rows;

    if (chosen->rows) {
        kept = join(chosen, queries, n, &n_kept);
        rows = positions(kept, chosen->rows, chosen->n);
        asked = positions(kept, queries, n);
    }
    for (size_t i = 0; i < n && !own; i++)
        own = among(chosen->rows, chosen->n, queries[i]);
    r = read_rows(s, kept, n_kept);
    a = find(s, &(struct row_set){r, rows, chosen->n},
             &(struct row_set){r, asked ? asked : queries, n}, kept, own);
    a.queries = queries;
    rows_free(r);
    free(kept);
    free(rows);
    free(asked);
    return a;
}

struct hits search_duplicates(const struct search *s, double threshold)
{
    const size_t *number = s->chosen->rows;
    struct hits a = {.k = 1};
    struct rows *r = read_rows(s, number, s->chosen->n);
    struct duplicate *pairs = duplicates_find(r, threshold, s->metric, s->memory / 4, &a.n);

    a.queries = xcalloc(a.n + 1, sizeof *a.queries);
    a.rows = xcalloc(a.n + 1, sizeof *a.rows);
    a.distances = xcalloc(a.n + 1, sizeof *a.distances);
    for (size_t i = 0; i < a.n; i++) {
        a.queries[i] = number ? number[pairs[i].row] : pairs[i].row;
        a.rows[i] = number ? number[pairs[i].other] : pairs[i].other;
        a.distances[i] = pairs[i].distance;
    }
    free(pairs);
    rows_free(r);
    return a;
}

/* --- what is said of them --- */

struct places places_in(const struct index *ix, size_t n_rows)
{
    struct places p = {.ix = ix};

    if (!ix)
        return p;
    p.of = xmalloc(n_rows * sizeof *p.of);
    memset(p.of, 0xff, n_rows * sizeof *p.of);
    for (size_t i = 0; i < ix->n; i++)
        p.of[ix->rows[i].row] = i;
    return p;
}

static const struct index_row *row_of(const struct places *p, size_t row)
{
    return p->of && p->of[row] < SIZE_MAX ? &p->ix->rows[p->of[row]] : NULL;
}

/* Two of them; false where the index does not have both. */
static bool get_pair(const struct hits *a, const struct places *p, size_t i,
                     const struct index_row *pair[2])
{
    pair[0] = a->queries ? row_of(p, a->queries[i / a->k]) : NULL;
    pair[1] = row_of(p, a->rows[i]);
    return pair[0] && pair[1];
}

static void write_text(struct zio_writer *out, const char *text)
{
    zio_write(out, text, strlen(text));
}

static void write_number(struct zio_writer *out, size_t number)
{
    char *text = xformat("%zu\t", number);

    write_text(out, text);
    free(text);
}

static void write_distance(struct zio_writer *out, double distance)
{
    char *text = xformat("%.9g\n", distance);

    write_text(out, text);
    free(text);
}

void hits_write(struct zio_writer *out, const struct hits *a, const struct places *p)
{
    write_text(out, "query\trank\trow\tclass\tpath\tdistance\n");
    for (size_t i = 0; i < a->n * a->k; i++) {
        const struct index_row *row = row_of(p, a->rows[i]);

        write_number(out, a->queries ? a->queries[i / a->k] : i / a->k);
        write_number(out, i % a->k + 1);
        write_number(out, a->rows[i]);
        index_write_text(out, row ? p->ix->classes[row->class_number] : "");
        index_write_text(out, row ? row->path : "");
        write_distance(out, a->distances[i]);
    }
}

static void write_fields(struct zio_writer *out, const struct places *p, size_t row)
{
    if (row_of(p, row)) {
        index_write_fields(out, p->ix, p->of[row]);
        return;
    }
    write_number(out, row);
    write_text(out, "\t\t\t");
}

void hits_write_pairs(struct zio_writer *out, const struct hits *a, const struct places *p,
                      const char *name, bool ranked)
{
    char *header = xformat("row\tsplit\tclass\tpath\t%s_row\t%s_split\t%s_class\t%s_path\t%s"
                           "distance\n",
                           name, name, name, name, ranked ? "rank\t" : "");

    write_text(out, header);
    for (size_t i = 0; i < a->n * a->k; i++) {
        write_fields(out, p, a->queries[i / a->k]);
        write_fields(out, p, a->rows[i]);
        if (ranked)
            write_number(out, i % a->k + 1);
        write_distance(out, a->distances[i]);
    }
    free(header);
}

void hits_tell(const struct hits *a, const struct places *p)
{
    size_t n_splits = 0, n_classes = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct index_row *pair[2];

        if (!get_pair(a, p, i, pair))
            continue;
        n_splits += pair[0]->split != pair[1]->split;
        n_classes += pair[0]->class_number != pair[1]->class_number;
    }
    if (n_splits > 0)
        note("%zu pair%s across train and test: a leak", n_splits,
             n_splits == 1 ? " lies" : "s lie");
    if (n_classes > 0)
        note("%zu pair%s of two classes", n_classes, n_classes == 1 ? " is" : "s are");
}

unsigned char *hits_mark(const struct hits *a, const struct places *p, bool splits)
{
    unsigned char *marks = xcalloc(a->n + 1, a->k);

    for (size_t i = 0; i < a->n * a->k; i++) {
        const struct index_row *pair[2];

        marks[i] = CONTACT_PLAIN;
        if (!get_pair(a, p, i, pair))
            continue;
        if (pair[0]->class_number != pair[1]->class_number)
            marks[i] = CONTACT_OTHER_CLASS;
        else if (splits && pair[0]->split != pair[1]->split)
            marks[i] = CONTACT_OTHER_SPLIT;
    }
    return marks;
}
