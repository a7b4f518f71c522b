/* neighbours FEATURES --index FILE: how well the nearest neighbour tells the class, leaving one
 * out.
 *
 * Finds the k nearest other rows of each row, Euclidean, and prints for each class, and for all,
 * how many rows have the class that most of these have (the nearest one's of those with as many
 * votes); or, with --list, the neighbours themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "files/history.h"
#include "analysis/labelled.h"
#include "analysis/nearest.h"
#include "base/profile.h"
#include "base/report.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "files/whole.h"

enum {
    REVISION = 2,
    NEIGHBOUR = sizeof(size_t) + sizeof(double)
}; /* bytes of a number of a row, and its distance */

static void write_text(struct zio_writer *out, const char *text)
{
    zio_write(out, text, strlen(text));
}

static void write_accuracy_line(struct zio_writer *out, const char *name, size_t right, size_t n)
{
    char *numbers = xformat("%zu\t%zu\t%.4f\n", n, right, (double)right / (double)n);

    index_write_text(out, name);
    write_text(out, numbers);
    free(numbers);
}

static const char accuracy_header[] = "class\trows\tright\taccuracy\n";

static void write_accuracy(struct zio_writer *out, const struct labelled *l,
                           const size_t *neighbours, size_t k)
{
    size_t *right = xcalloc(l->n_classes, sizeof *right), all = 0;
    size_t *votes = xcalloc(l->n_classes, sizeof *votes);

    for (size_t i = 0; i < l->n; i++)
        right[l->class_of[i]] +=
            nearest_elect(l->class_of, neighbours + i * k, k, votes) == l->class_of[i];
    write_text(out, accuracy_header);
    for (size_t c = 0; c < l->n_classes; c++) {
        all += right[c];
        write_accuracy_line(out, l->classes[c], right[c], l->class_n[c]);
    }
    write_accuracy_line(out, "(all)", all, l->n);
    free(votes);
    free(right);
}

static void write_list(struct zio_writer *out, const struct selection *s, const size_t *neighbours,
                       const double *distances, size_t k)
{
    write_text(out,
               "row\tsplit\tclass\tpath\tneighbour_row\tneighbour_split\tneighbour_"
               "class\tneighbour_path\trank\tdistance\n");
    for (size_t i = 0; i < s->n * k; i++) {
        char *numbers = xformat("%zu\t%.9g\n", i % k + 1, distances[i]);
        index_write_fields(out, s->ix, s->positions[i / k]);
        index_write_fields(out, s->ix, s->positions[neighbours[i]]);
        write_text(out, numbers);
        free(numbers);
    }
}

static void commit(struct zio_writer *out, const char *path, const struct history *h)
{
    whole_begin(path);
    history_commit_table(h, out, path);
    whole_end(path);
}

/* The table that is wanted, of the k nearest rows of each. */
static void write_table(const char *path, const struct history *h, struct rows *r,
                        const struct selection *s, const struct labelled *l, size_t k, bool list)
{
    size_t *neighbours = xcalloc(s->n, k * sizeof *neighbours);
    double *distances = xcalloc(s->n, k * sizeof *distances);
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    struct zio_writer *out;

    nearest_find(neighbours, distances, r, k);
    profile_leave(before);
    out = zio_create(path, ZIO_TEXT);
    if (list)
        write_list(out, s, neighbours, distances, k);
    else
        write_accuracy(out, l, neighbours, k);
    commit(out, path, h);
    free(neighbours);
    free(distances);
}

/* Of one class there is no accuracy. */
static void write_header(const char *path, const struct history *h, const struct labelled *l)
{
    struct zio_writer *out = zio_create(path, ZIO_TEXT);

    note("no classes to tell apart: %zu row%s of 1 class", l->n, l->n == 1 ? "" : "s");
    write_text(out, accuracy_header);
    commit(out, path, h);
}

static void add_inputs(struct history *h, struct tensor_reader *t, const struct selection *s)
{
    tensor_add_to_history(t, h);
    history_input(h, s->ix->digest, NULL);
}

/* K neighbours of each of N rows: there are as many, and memory for them. */
static void check_rows(const struct cli *cli, size_t n, size_t k)
{
    if (n <= k)
        die_file(cli->arguments[0], "%zu rows, want more than the %zu neighbours of each", n, k);
    if (n > (size_t)cli->memory / 4 / (k * NEIGHBOUR))
        die_file(cli->arguments[0],
                 "%zu neighbours of each of %zu rows, --memory %lld holds %zu in all", k, n,
                 (long long)cli->memory, (size_t)cli->memory / 4 / NEIGHBOUR);
}

int main(int argc, char **argv)
{
    struct selection_options choice = {.split = INDEX_ALL};
    int64_t k = 1;
    bool list = false;
    const struct cli_option options[] = {
        {"k", CLI_INT, &k, 1, 1000, NULL, CLI_SETTING, "neighbours that vote"},
        {"list", CLI_FLAG, &list, 0, 0, NULL, CLI_SETTING,
         "print the neighbours of each row instead of the accuracy"},
        {"classes", CLI_TEXT, &choice.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"split", CLI_CHOICE, &choice.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &choice.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows, which tells their classes; needed"},
        {0},
    };
    struct cli cli = {
        .tool = "neighbours",
        .synopsis = "FEATURES --index FILE",
        .options = options,
        .summary = "How well the nearest other row tells the class of a row: accuracy of each "
                   "class and of all, as a table.\n"
                   "Any tensor will do, images as well as features; its rows are vectors, their "
                   "distance is Euclidean.",
        .example = "neighbours features.npy.zst --index images.tsv\n"
                   "neighbours images.npy.zst --index images.tsv --k 3 --list | head",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct tensor_reader *t;
    struct selection s;
    struct labelled l;
    struct rows *r = NULL;
    bool wanted;

    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    if (!choice.index || !*choice.index)
        die_usage("--index is needed: it tells the classes");
    t = tensor_open(cli.arguments[0]);
    s = selection_read(&choice, t);
    l = labelled_from(&s);
    wanted = list || l.n_classes > 1;
    if (tensor_is_seekable(t)) {
        add_inputs(h, t, &s);
        if (history_is_current(h, cli.output))
            return 0;
    }
    if (wanted)
        check_rows(&cli, s.n, (size_t)k);
    if (wanted || !tensor_is_seekable(t))
        r = rows_read(t, s.rows, s.n, (size_t)cli.memory / 2);
    if (!tensor_is_seekable(t))
        add_inputs(h, t, &s); /* a pipe tells its history at its end */
    if (wanted)
        write_table(cli.output, h, r, &s, &l, (size_t)k, list);
    else
        write_header(cli.output, h, &l);
    labelled_release(&l);
    history_free(h);
    return 0;
}
