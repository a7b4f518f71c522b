/* map FEATURES -o OUT: a plane in which rows that are near each other in the features stay near.
 *
 * Reads the rows (of some classes or one split, where an index tells them), takes their principal
 * components, finds the nearest rows of each, places them by t-SNE, and writes the places (N,2), as
 * a tensor or as a table with what the index says of each row.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/affinity.h"
#include "analysis/coordinates.h"
#include "analysis/embedding.h"
#include "analysis/lists.h"
#include "analysis/pca.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "base/profile.h"
#include "base/report.h"
#include "cli/start.h"
#include "files/shard.h"
#include "files/whole.h"

enum { REVISION = 3 };

struct options {
    int64_t components, iterations;
    double perplexity, theta;
    struct selection_options rows;
    struct coordinates_options to;
    bool lists;
    const char *near;
};

/* What n rows allow: three times as many neighbours, each another row. */
static double find_perplexity(const char *path, size_t n, double wanted)
{
    double most = fmax(1, (double)(n - 1) / 3);

    if (n < 2)
        die_file(path, "%zu row%s, want at least 2", n, n == 1 ? "" : "s");
    if (wanted > most)
        warn_file(path, "%zu rows allow a perplexity of %.4g at most: taken instead of %g", n, most,
                  wanted);
    return fmin(wanted, most);
}

/* Components of n rows of D numbers, at least 1. */
static size_t find_components(size_t n, size_t D, size_t wanted)
{
    size_t most = n - 1 < D ? n - 1 : D;

    most = wanted < most ? wanted : most;
    return most > 0 ? most : 1;
}

/* Dies where what comes after the components, P of each row, does not fit. */
static void want_enough(const char *path, size_t n, size_t P, double perplexity, size_t memory)
{
    size_t k = affinity_neighbours(n, perplexity), block = rows_block(P) < n ? rows_block(P) : n;
    double search = 8.0 * (double)block * (double)(2 * P + block + 2 * k + 16);
    double affinity = affinity_memory(n, perplexity), place = embedding_memory(n);
    double need = fmax(affinity + search, affinity / 2 + place) + PROCESS_MEMORY;
    size_t most = memory - memory / 4; /* where the rows are kept */

    if (n > UINT32_MAX || need > (double)most)
        die_file(path,
                 "%zu rows with %zu neighbours each take %.0f MiB of memory, --memory leaves %.0f "
                 "for them",
                 n, k, ceil(need / 0x1p20), floor((double)most / 0x1p20));
}

/* The rows of R, which it frees, in components. */
static struct rows *reduce(struct rows *r, const struct options *o, size_t memory)
{
    size_t P = find_components(rows_n(r), rows_width(r), (size_t)o->components);
    struct rows *reduced = pca_reduce(r, P, memory / 2);

    rows_free(r);
    return reduced;
}

/* y (n,2): the places of the rows of R, which it frees. */
static void find_places(double *y, struct rows *r, const struct options *o, double perplexity,
                        struct tensor_reader *lists, size_t memory)
{
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    struct rows *reduced = reduce(r, o, memory);
    struct affinity a;
    double cost;

    embedding_start(y, reduced);
    affinity_find(&a, reduced, perplexity, lists);
    rows_free(reduced);
    cost = embedding_move(y, &a, (size_t)o->iterations, o->theta);
    affinity_release(&a);
    profile_leave(before);
    note("KL divergence %.4f after %lld iterations", cost > 0 ? cost : 0, /* but for rounding */
         (long long)o->iterations);
}

static void write_places(const struct cli *cli, const struct options *o, const double *y, size_t n,
                         const struct selection *s, const struct history *h)
{
    bool several = o->to.table || o->to.tsv; /* a table has its history beside it */
    float *out = xmalloc(2 * n * sizeof *out);
    struct coordinates *to = coordinates_create(&o->to, cli->output, s, n, 2, "x");

    for (size_t i = 0; i < 2 * n; i++) {
        out[i] = (float)y[i] + 0.0f; /* no -0 */
        if (!isfinite(out[i]))
            die_file(cli->arguments[0], "row %zu has no place: %g", i / 2, y[i]);
    }
    coordinates_write(to, out, n);
    if (several)
        whole_begin(cli->output);
    coordinates_commit(to, h);
    if (several)
        whole_end(cli->output);
    free(out);
}

/* The nearest rows of each of R, which it frees, as find_places would find them. */
static void write_lists(const struct cli *cli, const struct options *o, struct rows *r,
                        double perplexity, const struct history *h)
{
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    struct rows *reduced = reduce(r, o, (size_t)cli->memory);

    lists_write(cli->output, h, reduced, affinity_neighbours(rows_n(reduced), perplexity),
                METRIC_EUCLIDEAN, (size_t)cli->memory / 4);
    rows_free(reduced);
    profile_leave(before);
}

/* Lists have no table beside them. */
static void check_lists(struct options *o)
{
    if (!o->lists)
        lists_no_shard();
    else if (o->to.tsv || o->near)
        die_usage("--lists goes with neither --tsv nor --near");
    if (o->lists)
        o->to.table = NULL;
}

int main(int argc, char **argv)
{
    struct options o = {.components = 50,
                        .iterations = 1000,
                        .perplexity = 30,
                        .theta = 0.5,
                        .rows = {.split = INDEX_ALL}};
    const struct cli_option options[] = {
        {"perplexity", CLI_REAL, &o.perplexity, 1, 1000, NULL, CLI_SETTING,
         "how many near rows each is kept near to; at most a third of the other rows"},
        {"iterations", CLI_INT, &o.iterations, 0, 1e6, NULL, CLI_SETTING,
         "moves of all places; the first 250 with what is near pulled together"},
        {"theta", CLI_REAL, &o.theta, 0, 0.7, NULL, CLI_SETTING,
         "how coarsely far places count, together; 0: each alone, slow"},
        {"components", CLI_INT, &o.components, 1, 1e6, NULL, CLI_SETTING,
         "principal components in which distances are taken, or as many as there are"},
        {"classes", CLI_TEXT, &o.rows.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"split", CLI_CHOICE, &o.rows.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &o.rows.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows: for --classes, --split and tables"},
        {"tsv", CLI_FLAG, &o.to.tsv, 0, 0, NULL, 0, "write a table instead of a tensor"},
        {"table", CLI_TEXT, &o.to.table, 0, 0, "FILE", CLI_OUTPUT, "write the table here besides"},
        {"lists", CLI_FLAG, &o.lists, 0, 0, NULL, 0,
         "write who is near whom instead, for --near: (N,2,k), rows and distances"},
        {"near", CLI_TEXT, &o.near, 0, 0, "FILE", 0, "what --lists wrote; else it is searched"},
        shard_option(),
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "map",
        .synopsis = "FEATURES -o OUT",
        .options = options,
        .summary = "A plane in which near rows stay near (t-SNE); OUT holds their places (N,2).\n"
                   "Distances between groups that lie apart mean little. The same rows give the "
                   "same map.",
        .example = "map features.npy.zst --index images.tsv --table map-2.tsv -o map-2.npy.zst\n"
                   "plot map map-2.tsv -o map.png",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct tensor_reader *t;
    struct selection s;
    struct rows *r;
    struct tensor_reader *lists;
    double *y, perplexity;

    cli_parse(&cli, argc, argv);
    check_lists(&o);
    coordinates_check(&o.to, &cli);
    h = o.lists ? lists_history(&cli, REVISION) : coordinates_history(&o.to, &cli, REVISION);
    t = tensor_open(cli.arguments[0]);
    s = selection_read(&o.rows, t);
    if (selection_is_current(&s, t, h, cli.output))
        return 0;
    perplexity = find_perplexity(cli.arguments[0], s.n, o.perplexity);
    want_enough(cli.arguments[0], s.n, find_components(s.n, t->row_items, (size_t)o.components),
                perplexity, (size_t)cli.memory);
    r = rows_read(t, s.rows, s.n, (size_t)cli.memory / 2);
    selection_finish(&s, t, h);
    if (o.lists) {
        write_lists(&cli, &o, r, perplexity, h);
        return 0;
    }
    lists = lists_open_own(o.near, h);
    y = xcalloc(s.n, 2 * sizeof *y);
    find_places(y, r, &o, perplexity, lists, (size_t)cli.memory);
    write_places(&cli, &o, y, s.n, &s, h);
    free(y);
    history_free(h);
    return 0;
}
