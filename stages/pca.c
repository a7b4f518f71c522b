/* pca FEATURES -o OUT: principal components of the rows of a tensor, and their coordinates.
 *
 * Reads the rows (of some classes or one split, where an index tells them), fits a basis to them or
 * takes one from a file, and writes the coordinates (N,P), as a tensor or as a table with what the
 * index says of each row; keeps the basis and prints the variance explained.
 */
#include <stdlib.h>
#include <string.h>

#include "analysis/basis.h"
#include "analysis/coordinates.h"
#include "cli/start.h"
#include "analysis/pca.h"
#include "base/profile.h"
#include "base/ranks.h"
#include "base/report.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "files/alike.h"
#include "files/record.h"
#include "files/whole.h"

enum { REVISION = 5, SHOWN = 10 }; /* components whose variance is printed */

struct options {
    int64_t components;
    struct selection_options rows;
    struct coordinates_options to;
    int sign;
    const char *apply, *basis;
};

/* Dies where the features are not of the kind that the basis was fitted to. Features without a
 * history may be anything. */
static void check_origin(struct tensor_reader *t, const struct basis *b, const char *basis_path)
{
    static const char *const appliers[] = {"extract", "encode-stage", NULL};
    char got[DIGEST_SIZE], want[DIGEST_SIZE]; /* models */

    if (t->row_items != b->pca.D)
        die_file(tensor_path(t), "rows of %zu numbers, but the basis '%s' is for %zu", t->row_items,
                 basis_path, b->pca.D);
    if (!record_first_input(tensor_history(t), appliers, got, sizeof got)
        || !record_first_input(b->history, appliers, want, sizeof want))
        return;
    if (strcmp(got, want) != 0)
        die_file(tensor_path(t), "made by %s%s, but the basis '%s' is for what was made by %s%s",
                 *got ? "the model " : "no model", got, basis_path,
                 *want ? "the model " : "no model", want);
}

static void add_inputs(struct history *h, struct tensor_reader *t, const struct basis *b,
                       const struct selection *s)
{
    selection_add_to_history(s, t, h);
    if (b->pca.D > 0)
        history_input(h, b->digest, b->history);
}

static void print_variance(const struct pca *p)
{
    double together = 0;

    note("component     variance   share   together");
    for (size_t k = 0; k < p->P; k++) {
        together += (double)p->share[k];
        if (k < SHOWN || k + 1 == p->P)
            note("%9zu %12.6g %6.2f%% %9.2f%%", k + 1, (double)p->variance[k],
                 100 * (double)p->share[k], 100 * together);
    }
}

static void fit(struct pca *p, struct rows *r, const struct options *o, size_t memory)
{
    size_t n = rows_n(r), D = rows_width(r), P = o->components ? (size_t)o->components : 2,
           n_zero = 0;
    enum profile_part before;

    if (n < 2)
        die_file(rows_path(r), "%zu row%s, want at least 2", n, n == 1 ? "" : "s");
    if (P > D)
        die_file(rows_path(r),
                 "rows of %zu numbers have no more than %zu components, got --components %zu", D, D,
                 P);
    before = profile_enter(PROFILE_ARITHMETIC);
    pca_fit(p, r, P, (enum pca_sign)o->sign, memory);
    profile_leave(before);
    print_variance(p);
    for (size_t k = 0; k < P; k++)
        n_zero += p->variance[k] == 0;
    if (n_zero > 0)
        warn_file(rows_path(r), "the rows have rank %zu: the other components are 0", P - n_zero);
}

/* Writes the coordinates of all rows in the first P components, everywhere they are wanted, and the
 * basis. */
static void write_coordinates(const struct cli *cli, const struct options *o, const struct pca *p,
                              size_t P, struct rows *r, const struct selection *s,
                              const struct history *h)
{
    size_t n = rows_n(r);
    bool several = o->to.table || o->basis || o->to.tsv; /* a table has its history beside it */
    double *y = xmalloc(PCA_BLOCK * p->P * sizeof *y);
    float *out = xmalloc(PCA_BLOCK * P * sizeof *out);
    struct coordinates *to = coordinates_create(&o->to, cli->output, s, n, P, "pc");

    for (size_t first = 0; first < n; first += PCA_BLOCK) {
        size_t got = PCA_BLOCK < n - first ? PCA_BLOCK : n - first;
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
        pca_project(p, y, r, first, got);
        profile_leave(before);
        for (size_t i = 0; i < got; i++)
            for (size_t k = 0; k < P; k++)
                out[i * P + k] = (float)y[i * p->P + k] + 0.0f; /* no -0 */
        coordinates_write(to, out, got);
    }
    if (several)
        whole_begin(cli->output);
    if (o->basis)
        basis_write(o->basis, p, n, h);
    coordinates_commit(to, h);
    if (several)
        whole_end(cli->output);
    free(y);
    free(out);
}

static void check_options(struct options *o, const struct cli *cli)
{
    if (o->apply && !*o->apply) /* "apply =" in a file: none */
        o->apply = NULL;
    if (o->basis && !*o->basis)
        o->basis = NULL;
    if (o->basis && o->apply)
        die_usage("--basis keeps a new basis, --apply takes an old one: want one of them");
    coordinates_check(&o->to, cli);
}

int main(int argc, char **argv)
{
    struct options o = {.rows = {.split = INDEX_ALL}, .sign = PCA_SIGN_U};
    const struct cli_option options[] = {
        {"components", CLI_INT, &o.components, 0, 1e6, NULL, CLI_SETTING,
         "how many; 0: 2 or, with --apply, all of the basis"},
        {"sign", CLI_CHOICE, &o.sign, 0, 0, "u|v", CLI_SETTING,
         "what is positive: the largest coordinate, u, or axis entry, v"},
        {"classes", CLI_TEXT, &o.rows.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"split", CLI_CHOICE, &o.rows.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &o.rows.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows: for --classes, --split and tables"},
        {"apply", CLI_TEXT, &o.apply, 0, 0, "BASIS", CLI_INPUT,
         "take the basis from this file instead of fitting one"},
        {"tsv", CLI_FLAG, &o.to.tsv, 0, 0, NULL, 0, "write a table instead of a tensor"},
        {"table", CLI_TEXT, &o.to.table, 0, 0, "FILE", CLI_OUTPUT, "write the table here besides"},
        {"basis", CLI_TEXT, &o.basis, 0, 0, "FILE", CLI_OUTPUT,
         "keep the basis here: mean, components, variance"},
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "pca",
        .synopsis = "FEATURES -o OUT",
        .options = options,
        .summary = "Principal components of the rows of a tensor, solved exactly; OUT holds their "
                   "coordinates (N,P).\n"
                   "The variance explained is printed on standard error.",
        .example = "pca features.npy.zst --components 2 --index images.tsv --table pca-2.tsv -o "
                   "pca-2.npy.zst",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct tensor_reader *t;
    struct selection s;
    struct basis b = {0};
    struct rows *r;
    ranks_start(cli.tool);
    cli_parse(&cli, argc, argv);
    check_options(&o, &cli);
    alike_want_files(&cli);
    h = coordinates_history(&o.to, &cli, REVISION);
    t = tensor_open(cli.arguments[0]);
    s = selection_read(&o.rows, t);
    if (o.apply)
        basis_read(&b, o.apply);
    if (tensor_is_seekable(t)) {
        add_inputs(h, t, &b, &s);
        if (alike_is_current(h, &cli))
            return 0;
    }
    r = sums_read(t, s.rows, s.n, (size_t)cli.memory / 2);
    if (!tensor_is_seekable(t))
        add_inputs(h, t, &b, &s); /* a pipe tells its history at its end */
    if (o.apply)
        check_origin(t, &b, o.apply);
    else
        fit(&b.pca, r, &o, (size_t)cli.memory / 2);
    if (o.components > (int64_t)b.pca.P)
        die_file(o.apply, "has %zu components, got --components %lld", b.pca.P,
                 (long long)o.components);
    if (ranks_own() > 0)
        pca_hand_over(&b.pca, r, (size_t)cli.memory / 2);
    else
        write_coordinates(&cli, &o, &b.pca, o.components ? (size_t)o.components : b.pca.P, r, &s,
                          h);
    return 0;
}
