#include "analysis/lists.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/nearest.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/record.h"
#include "files/shard.h"

static const char key[] = "lists";

/* --- writing --- */

struct history *lists_history(const struct cli *cli, int revision)
{
    struct history *h = history_new(cli, revision);

    history_setting(h, key, "yes");
    shard_record(h);
    history_ask(h);
    return h;
}

void lists_no_shard(void)
{
    if (shard_is_wanted())
        die_usage("--shard is for --lists");
}

/* Lists of N queries of R from FIRST on, to TO (n,2,k). */
static void fill(double *to, struct rows *r, size_t first, size_t n, size_t k, enum metric metric)
{
    size_t *which = n < rows_n(r) ? xcalloc(n, sizeof *which) : NULL; /* NULL: all */
    size_t *neighbours = xcalloc(n, k * sizeof *neighbours);
    double *distances = xcalloc(n, k * sizeof *distances);
    const struct row_set all = {r, NULL, rows_n(r)}, queries = {r, which, n};

    for (size_t i = 0; which && i < n; i++)
        which[i] = first + i;
    if (rows_n(r) > 1) /* a single row is its own and only neighbour */
        nearest_search(neighbours, distances, &all, &queries, k, metric);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < k; c++)
            to[2 * i * k + c] = (double)neighbours[i * k + c];
        memcpy(to + (2 * i + 1) * k, distances + i * k, k * sizeof *to);
    }
    free(which);
    free(neighbours);
    free(distances);
}

void lists_write(const char *path, const struct history *h, struct rows *r, size_t k,
                 enum metric metric, size_t memory)
{
    const size_t most = rows_n(r) > 2 ? rows_n(r) - 1 : 1;
    struct npy_header header = {NPY_F64, 3, {rows_n(r), 2, smaller(k, most)}};
    struct tensor_writer *w;
    size_t first, n, block;
    double *rows;

    k = header.shape[2];
    w = shard_create(path, &header, &first, &n);
    block = memory / (4 * k * sizeof *rows);
    block = smaller(larger(block, BOUNDS_QUERIES), n);
    rows = xcalloc(block + 1, 2 * k * sizeof *rows);
    for (size_t got; n > 0; first += got, n -= got) {
        got = smaller(block, n);
        fill(rows, r, first, got, k, metric);
        tensor_write(w, rows, got);
    }
    tensor_commit(w, h);
    free(rows);
}

/* --- reading --- */

static struct tensor_reader *open_lists(const char *path)
{
    struct tensor_reader *t = tensor_open(path);
    char *recorded;

    if (!tensor_is_seekable(t))
        die_file(path, "a pipe, want a file");
    recorded = history_recorded(path, key);
    if (!recorded)
        die_file(path, "no lists of neighbours, by its history");
    free(recorded);
    tensor_want(t, NPY_F64, 3, (size_t[]){0, 2, 0});
    return t;
}

struct tensor_reader *lists_open(const char *path, struct tensor_reader *features,
                                 enum metric metric)
{
    static const char *const tools[] = {"neighbours", NULL};
    char digest[DIGEST_SIZE], of[DIGEST_SIZE], by[16];
    struct tensor_reader *t;

    if (!path || !*path)
        return NULL;
    t = open_lists(path);
    if (!tensor_is_seekable(features))
        die_file(tensor_path(features), "a pipe, want a file beside '%s'", path);
    tensor_digest(features, digest);
    if (!record_first_input(tensor_history(t), tools, of, sizeof of) || strcmp(of, digest) != 0)
        die_file(path, "not of the rows of '%s'", tensor_path(features));
    record_setting(tensor_history(t), tools[0], "metric", by, sizeof by);
    if (strcmp(by, metric == METRIC_EUCLIDEAN ? "euclidean" : "cosine") == 0
        && t->n_rows == features->n_rows)
        return t;
    tensor_close(t);
    return NULL;
}

struct tensor_reader *lists_open_own(const char *path, const struct history *h)
{
    struct tensor_reader *t;
    char *difference;

    if (!path || !*path)
        return NULL;
    t = open_lists(path);
    difference = history_difference(h, tensor_history(t), NULL);
    if (difference)
        die_file(path, "of another run: %s", difference);
    return t;
}

/* A row of N, or SIZE_MAX. */
static size_t row_of(double number, size_t n)
{
    return number >= 0 && number < (double)n && number == (double)(size_t)number ? (size_t)number
                                                                                 : SIZE_MAX;
}

bool lists_read(size_t *neighbours, double *distances, size_t n, size_t k,
                struct tensor_reader *lists)
{
    size_t most, block, got;
    double *rows;

    if (!lists || lists->n_rows != n || lists->header.shape[2] < k)
        return false;
    most = lists->header.shape[2];
    block = tensor_block(lists);
    rows = xcalloc(block, lists->row_bytes);
    for (size_t first = 0; first < n; first += got) {
        got = smaller(block, n - first);
        tensor_read_at(lists, rows, first, got);
        for (size_t i = 0; i < got; i++) {
            const double *row = rows + 2 * i * most;

            for (size_t c = 0; c < k; c++)
                if ((neighbours[(first + i) * k + c] = row_of(row[c], n)) == SIZE_MAX)
                    die_file(tensor_path(lists), "row %zu: no row %g", first + i, row[c]);
            memcpy(distances + (first + i) * k, row + most, k * sizeof *distances);
        }
    }
    free(rows);
    return true;
}

void lists_find(size_t *neighbours, double *distances, struct rows *r, size_t k,
                struct tensor_reader *lists)
{
    if (!lists_read(neighbours, distances, rows_n(r), k, lists))
        nearest_find(neighbours, distances, r, k);
}
