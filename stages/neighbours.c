/* neighbours FEATURES --index FILE: how well the nearest neighbour tells the class, leaving one
 * out; or a search.
 *
 * Finds the k nearest other rows of each row and prints for each class, and for all, how many rows
 * have the class that most of these have (the nearest one's of those with as many votes); or, with
 * --list, the neighbours themselves; with --like, those of some queries; with --duplicates, all
 * pairs that are near enough. --sheet draws the answers beside what was asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "files/history.h"
#include "analysis/contact.h"
#include "analysis/duplicates.h"
#include "analysis/labelled.h"
#include "analysis/like.h"
#include "analysis/nearest.h"
#include "base/profile.h"
#include "base/report.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "files/whole.h"
#include "kernels/isa.h"

enum {
    REVISION = 2,
    NEIGHBOUR = sizeof(size_t) + sizeof(double), /* bytes of a number of a row, and its distance */
    ANSWERS = 10                                 /* --k 0 of a search */
};

struct settings {
    struct selection_options choice;
    int64_t k;
    bool list;
    int metric;
    const char *like, *model, *images, *sheet, *duplicates;
    double threshold; /* of duplicates */
};

/* What a run works on. */
struct work {
    const struct cli *cli;
    const struct settings *settings;
    struct like like;
    bool is_picture;          /* the query */
    char digest[DIGEST_SIZE]; /* and the digest of its file */
    struct history *history;
    struct tensor_reader *tensor, *queries, *images; /* the last two may be NULL */
    struct model *model;                             /* NULL: none */
    struct selection chosen;
    struct labelled labelled; /* where there is an index */
    size_t *position;         /* of each row of the tensor in the index, SIZE_MAX: none */
};

/* What was found: rows of the tensor. */
struct answers {
    size_t n, k;
    size_t *queries;   /* (n), or NULL: no rows, with */
    uint8_t *picture;  /* its pixels, or NULL */
    size_t *rows;      /* (n,k) */
    double *distances; /* (n,k) */
};

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

/* NEIGHBOURS (n,k) NULL: of one class there is no accuracy. */
static void write_accuracy(struct zio_writer *out, const struct labelled *l,
                           const size_t *neighbours, size_t k)
{
    size_t *right = xcalloc(l->n_classes, sizeof *right), all = 0;
    size_t *votes = xcalloc(l->n_classes, sizeof *votes);

    write_text(out, "class\trows\tright\taccuracy\n");
    for (size_t i = 0; i < l->n && neighbours; i++)
        right[l->class_of[i]] +=
            nearest_elect(l->class_of, neighbours + i * k, k, votes) == l->class_of[i];
    for (size_t c = 0; c < l->n_classes && neighbours; c++) {
        all += right[c];
        write_accuracy_line(out, l->classes[c], right[c], l->class_n[c]);
    }
    if (neighbours)
        write_accuracy_line(out, "(all)", all, l->n);
    else
        note("no classes to tell apart: %zu row%s of 1 class", l->n, l->n == 1 ? "" : "s");
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

/* --- a search --- */

static const struct index_row *row_of(const struct work *w, size_t row)
{
    return w->position && w->position[row] < SIZE_MAX ? &w->chosen.ix->rows[w->position[row]]
                                                      : NULL;
}

static void write_answers(struct zio_writer *out, const struct work *w, const struct answers *a)
{
    write_text(out, "query\trank\trow\tclass\tpath\tdistance\n");
    for (size_t i = 0; i < a->n * a->k; i++) {
        const struct index_row *row = row_of(w, a->rows[i]);
        char *start = xformat("%zu\t%zu\t%zu\t", a->queries ? a->queries[i / a->k] : i / a->k,
                              i % a->k + 1, a->rows[i]);
        char *end = xformat("%.9g\n", a->distances[i]);

        write_text(out, start);
        index_write_text(out, row ? w->chosen.ix->classes[row->class_number] : "");
        index_write_text(out, row ? row->path : "");
        write_text(out, end);
        free(start);
        free(end);
    }
}

static void write_pair_fields(struct zio_writer *out, const struct work *w, size_t row)
{
    char *number;

    if (row_of(w, row)) {
        index_write_fields(out, w->chosen.ix, w->position[row]);
        return;
    }
    number = xformat("%zu\t\t\t\t", row);
    write_text(out, number);
    free(number);
}

static void write_pairs(struct zio_writer *out, const struct work *w, const struct answers *a)
{
    write_text(out,
               "row\tsplit\tclass\tpath\tother_row\tother_split\tother_class\tother_path\t"
               "distance\n");
    for (size_t i = 0; i < a->n; i++) {
        char *end = xformat("%.9g\n", a->distances[i]);

        write_pair_fields(out, w, a->queries[i]);
        write_pair_fields(out, w, a->rows[i]);
        write_text(out, end);
        free(end);
    }
}

/* How an answer stands to what was asked for. */
static enum contact_mark mark_of(const struct work *w, const struct answers *a, size_t i)
{
    const struct index_row *query = a->queries ? row_of(w, a->queries[i / a->k]) : NULL,
                           *answer = row_of(w, a->rows[i]);

    if (!query || !answer)
        return CONTACT_PLAIN;
    if (query->class_number != answer->class_number)
        return CONTACT_OTHER_CLASS;
    return w->settings->duplicates && query->split != answer->split ? CONTACT_OTHER_SPLIT
                                                                    : CONTACT_PLAIN;
}

static void write_sheet(const struct work *w, const struct answers *a)
{
    unsigned char *marks = xcalloc(a->n + 1, a->k);
    struct contact c = {w->images, a->n, a->k, a->queries, a->picture, a->rows, marks};
    struct image sheet;
    char digest[DIGEST_SIZE], *text;

    for (size_t i = 0; i < a->n * a->k; i++)
        marks[i] = (unsigned char)mark_of(w, a, i);
    sheet = contact_draw(&c, (size_t)w->cli->memory / 4);
    image_digest(&sheet, digest);
    text = history_text(w->history, digest);
    image_write(w->settings->sheet, &sheet, (const char *const[]){"kasane-history", text, NULL});
    free(text);
    free(marks);
    image_release(&sheet);
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
static size_t *join(const struct selection *s, const size_t *queries, size_t n_queries, size_t *n)
{
    size_t *rows = xcalloc(s->n + n_queries, sizeof *rows);

    memcpy(rows, s->rows, s->n * sizeof *rows);
    *n = s->n;
    for (size_t i = 0; i < n_queries; i++)
        if (!among(s->rows, s->n, queries[i]))
            rows[(*n)++] = queries[i];
    qsort(rows, *n, sizeof *rows, compare);
    return rows;
}

/* Where those of the N rows that are among the KEPT stand there. */
static size_t *places(const size_t *kept, size_t n_kept, const size_t *rows, size_t n)
{
    size_t *at = xcalloc(n + 1, sizeof *at);

    for (size_t i = 0, k = 0; i < n_kept && k < n; i++)
        if (kept[i] == rows[k])
            at[k++] = i;
    return at;
}

static void want_room(const struct work *w, size_t n, size_t k)
{
    size_t memory = (size_t)w->cli->memory;

    if (n > memory / 4 / (k * NEIGHBOUR))
        die_file(w->cli->arguments[0],
                 "%zu neighbours of each of %zu rows, --memory %zu holds %zu in all", k, n, memory,
                 memory / 4 / NEIGHBOUR);
}

/* The nearest of ROWS for each query. OWN: queries that are such rows themselves. */
static void search(const struct work *w, struct answers *a, const struct row_set *rows,
                   const struct row_set *queries, const size_t *kept, bool own)
{
    size_t most = rows->n - own;

    a->n = queries->n;
    a->k = w->settings->k ? (size_t)w->settings->k : ANSWERS;
    if (most == 0)
        die_file(w->cli->arguments[0], "no rows but the query");
    a->k = a->k < most ? a->k : most;
    want_room(w, a->n, a->k);
    a->rows = xcalloc(a->n, a->k * sizeof *a->rows);
    a->distances = xcalloc(a->n, a->k * sizeof *a->distances);
    nearest_search(a->rows, a->distances, rows, queries, a->k, (enum metric)w->settings->metric);
    for (size_t i = 0; kept && i < a->n * a->k; i++)
        a->rows[i] = kept[a->rows[i]];
}

/* Queries from a file: a picture or a tensor. */
static struct rows *read_queries(struct work *w, struct answers *a)
{
    size_t memory = (size_t)w->cli->memory / 8, size;

    if (w->is_picture && !w->model) /* a pipe tells its history at its end */
        w->model = like_model(w->settings->model, w->tensor);
    if (w->is_picture)
        return like_encode(w->like.text, w->tensor, w->model, memory, &a->picture, &size);
    return rows_read(w->queries, NULL, w->queries->n_rows, memory);
}

static struct answers find_like_file(struct work *w)
{
    const struct selection *s = &w->chosen;
    struct answers a = {0};
    struct rows *r = rows_read(w->tensor, s->rows, s->n, (size_t)w->cli->memory / 2),
                *q = read_queries(w, &a);

    search(w, &a, &(struct row_set){r, NULL, s->n}, &(struct row_set){q, NULL, rows_n(q)}, s->rows,
           false);
    rows_free(r);
    rows_free(q);
    return a;
}

static struct answers find_like_rows(const struct work *w)
{
    const struct selection *s = &w->chosen;
    struct answers a = {0};
    size_t n, n_kept = s->n, *kept = NULL, *answers = NULL, *queries = NULL;
    struct rows *r;
    bool own = false;

    a.queries = like_rows(&w->like, s->ix, w->tensor, &n);
    if (s->rows) {
        kept = join(s, a.queries, n, &n_kept);
        answers = places(kept, n_kept, s->rows, s->n);
        queries = places(kept, n_kept, a.queries, n);
    }
    for (size_t i = 0; i < n && !own; i++)
        own = !s->rows || among(s->rows, s->n, a.queries[i]);
    r = rows_read(w->tensor, kept, n_kept, (size_t)w->cli->memory / 2);
    search(w, &a, &(struct row_set){r, answers, s->n},
           &(struct row_set){r, queries ? queries : a.queries, n}, kept, own);
    rows_free(r);
    free(kept);
    free(answers);
    free(queries);
    return a;
}

static void tell_leaks(const struct work *w, const struct answers *a)
{
    size_t n_splits = 0, n_classes = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct index_row *row = row_of(w, a->queries[i]), *other = row_of(w, a->rows[i]);

        n_splits += row && other && row->split != other->split;
        n_classes += row && other && row->class_number != other->class_number;
    }
    note("%zu pair%s of %zu rows within %g", a->n, a->n == 1 ? "" : "s", w->chosen.n,
         w->settings->threshold);
    if (n_splits > 0)
        note("%zu pair%s across train and test: a leak", n_splits,
             n_splits == 1 ? " lies" : "s lie");
    if (n_classes > 0)
        note("%zu pair%s of two classes", n_classes, n_classes == 1 ? " is" : "s are");
}

static struct answers find_duplicates(const struct work *w)
{
    const struct selection *s = &w->chosen;
    struct answers a = {.k = 1};
    struct rows *r = rows_read(w->tensor, s->rows, s->n, (size_t)w->cli->memory / 2);
    struct duplicate *pairs =
        duplicates_find(r, w->settings->threshold, (enum metric)w->settings->metric,
                        (size_t)w->cli->memory / 4, &a.n);

    a.queries = xcalloc(a.n + 1, sizeof *a.queries);
    a.rows = xcalloc(a.n + 1, sizeof *a.rows);
    a.distances = xcalloc(a.n + 1, sizeof *a.distances);
    for (size_t i = 0; i < a.n; i++) {
        a.queries[i] = s->rows ? s->rows[pairs[i].row] : pairs[i].row;
        a.rows[i] = s->rows ? s->rows[pairs[i].other] : pairs[i].other;
        a.distances[i] = pairs[i].distance;
    }
    free(pairs);
    rows_free(r);
    tell_leaks(w, &a);
    return a;
}

/* All rows of the selection are queries. */
static struct answers find_all(const struct work *w)
{
    const struct selection *s = &w->chosen;
    struct answers a = {.n = s->n, .k = w->settings->k ? (size_t)w->settings->k : 1};
    struct row_set all = {.n = s->n};

    if (!w->settings->list && w->labelled.n_classes < 2) { /* no accuracy */
        if (!tensor_is_seekable(w->tensor))                /* to its end, for the history */
            rows_free(rows_read(w->tensor, s->rows, s->n, (size_t)w->cli->memory / 2));
        return (struct answers){0};
    }
    if (s->n <= a.k)
        die_file(w->cli->arguments[0], "%zu rows, want more than the %zu neighbours of each", s->n,
                 a.k);
    want_room(w, s->n, a.k);
    all.rows = rows_read(w->tensor, s->rows, s->n, (size_t)w->cli->memory / 2);
    a.rows = xcalloc(s->n, a.k * sizeof *a.rows);
    a.distances = xcalloc(s->n, a.k * sizeof *a.distances);
    nearest_search(a.rows, a.distances, &all, &all, a.k, (enum metric)w->settings->metric);
    rows_free(all.rows);
    return a;
}

/* --- the outputs --- */

/* In the order of cli_each_file. A model that was found is known by the history of the features. */
static void add_inputs(const struct work *w)
{
    tensor_add_to_history(w->tensor, w->history);
    if (w->is_picture)
        history_input(w->history, w->digest, NULL);
    else if (w->queries)
        tensor_add_to_history(w->queries, w->history);
    if (w->chosen.ix)
        history_input(w->history, w->chosen.ix->digest, NULL);
    if (w->model && w->settings->model)
        model_add_to_history(w->model, w->history);
    if (w->images)
        tensor_add_to_history(w->images, w->history);
}

static bool is_seekable(const struct work *w)
{
    return tensor_is_seekable(w->tensor) && (!w->queries || tensor_is_seekable(w->queries));
}

static struct answers find(struct work *w)
{
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    struct answers a = w->settings->duplicates ? find_duplicates(w)
        : !w->settings->like                   ? find_all(w)
        : w->like.kind == LIKE_FILE            ? find_like_file(w)
                                               : find_like_rows(w);

    profile_leave(before);
    return a;
}

/* The table that is wanted, and the sheet. */
static void write_outputs(const struct work *w, struct answers *a)
{
    const struct settings *s = w->settings;
    struct zio_writer *out = zio_create(w->cli->output, ZIO_TEXT);

    if (s->duplicates)
        write_pairs(out, w, a);
    else if (s->like)
        write_answers(out, w, a);
    else if (s->list)
        write_list(out, &w->chosen, a->rows, a->distances, a->k);
    else
        write_accuracy(out, &w->labelled, a->rows, a->k);
    whole_begin(w->cli->output);
    if (s->sheet) {
        for (size_t i = 0; s->list && i < a->n * a->k; i++)
            a->rows[i] = w->chosen.rows[a->rows[i]];
        if (s->list) {
            a->queries = xcalloc(a->n, sizeof *a->queries);
            memcpy(a->queries, w->chosen.rows, a->n * sizeof *a->queries);
        }
        write_sheet(w, a);
    }
    history_commit_table(w->history, out, w->cli->output);
    whole_end(w->cli->output);
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* Settings that do not go together; empty texts become NULL. */
static void check_settings(struct settings *s, const struct cli *cli)
{
    char *end;

    s->duplicates = given(s->duplicates);
    s->like = given(s->like);
    s->model = given(s->model);
    s->images = given(s->images);
    s->sheet = given(s->sheet);
    if (s->list + !!s->like + !!s->duplicates > 1)
        die_usage("--list, --like and --duplicates: want one of them");
    if (s->duplicates) {
        s->threshold = strtod(s->duplicates, &end);
        if (*end || !(s->threshold >= 0 && s->threshold < 1e300))
            die_usage("--duplicates '%s', want a distance, 0 or more", s->duplicates);
    }
    if (cli->why)
        return;
    if (!s->like && !s->duplicates && !given(s->choice.index))
        die_usage("--index is needed: it tells the classes");
    if (!s->sheet != !s->images)
        die_usage("--sheet and --images: want both or none");
    if (s->sheet && !s->like && !s->duplicates && !s->list)
        die_usage("--sheet needs --like, --list or --duplicates");
    if (s->sheet && strcmp(s->sheet, "-") == 0)
        die_usage("--sheet - and the table both go to standard output");
}

static void open_inputs(struct work *w)
{
    const struct settings *s = w->settings;
    const char *features = w->cli->arguments[0];

    if (s->like && w->like.kind == LIKE_FILE) {
        if (strcmp(features, "-") == 0 && strcmp(w->like.text, "-") == 0)
            die_usage("'-' is given twice, and standard input can be read once");
        w->is_picture = like_is_picture(w->like.text, w->digest);
    }
    if (s->model && !w->is_picture)
        die_usage("--model is for a picture as --like");
    w->tensor = tensor_open(features);
    w->chosen = selection_read(&s->choice, w->tensor);
    if (w->chosen.ix)
        w->labelled = labelled_from(&w->chosen);
    if (s->like && w->like.kind == LIKE_FILE && !w->is_picture) {
        w->queries = tensor_open(w->like.text);
        if (w->queries->row_items != w->tensor->row_items)
            die_file(w->like.text, "rows of %zu numbers, want %zu as in '%s'",
                     w->queries->row_items, w->tensor->row_items, features);
    }
    if (s->images) {
        w->images = tensor_open(s->images);
        tensor_want(w->images, -1, 4, (size_t[]){w->tensor->n_rows, 0, 0, 3});
        if (!tensor_is_seekable(w->images))
            die_file(s->images, "a pipe, want a file");
    }
}

static void find_positions(struct work *w)
{
    if (!w->chosen.ix)
        return;
    w->position = xmalloc(w->tensor->n_rows * sizeof *w->position);
    memset(w->position, 0xff, w->tensor->n_rows * sizeof *w->position);
    for (size_t i = 0; i < w->chosen.ix->n; i++)
        w->position[w->chosen.ix->rows[i].row] = i;
}

int main(int argc, char **argv)
{
    struct settings s = {.choice = {.split = INDEX_ALL}};
    struct cli_option options[] = {
        {"like", CLI_TEXT, &s.like, 0, 0, "WHAT", CLI_SETTING,
         "search: rows near a picture's file, a row's number or path, a class, or a tensor's rows"},
        {"duplicates", CLI_TEXT, &s.duplicates, 0, 0, "DISTANCE", CLI_SETTING,
         "list the pairs of rows that are no further apart, nearest first"},
        {"k", CLI_INT, &s.k, 0, 1000, NULL, CLI_SETTING,
         "neighbours that vote, or answers of a search; 0: 1, or 10"},
        {"list", CLI_FLAG, &s.list, 0, 0, NULL, CLI_SETTING,
         "print the neighbours of each row instead of the accuracy"},
        {"metric", CLI_CHOICE, &s.metric, 0, 0, "euclidean|cosine", CLI_SETTING,
         "distance of two rows; cosine is 1 - the cosine of their angle"},
        {"classes", CLI_TEXT, &s.choice.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"split", CLI_CHOICE, &s.choice.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &s.choice.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows, which tells their classes; needed but with --like and --duplicates"},
        {"model", CLI_TEXT, &s.model, 0, 0, "FILE", CLI_INPUT,
         "model that made the features, for a picture; found beside them where their history "
         "names it"},
        {"images", CLI_TEXT, &s.images, 0, 0, "FILE", CLI_INPUT, "images of the rows, for --sheet"},
        {"sheet", CLI_TEXT, &s.sheet, 0, 0, "FILE", CLI_OUTPUT,
         "draw the answers too, each query at the left; framed: of another class, or split"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "neighbours",
        .synopsis = "FEATURES --index FILE",
        .options = options,
        .summary = "How well the nearest other row tells the class of a row: accuracy of each "
                   "class and of all, as a table. With --like a search: the rows nearest to a "
                   "picture or a row.\n"
                   "Any tensor will do, images as well as features; its rows are vectors.",
        .example = "neighbours features.npy.zst --index images.tsv\n"
                   "neighbours features.npy.zst --index images.tsv --like photo.jpg\n"
                   "neighbours features.npy.zst --index images.tsv --duplicates 0.01 --metric "
                   "cosine\n"
                   "neighbours images.npy.zst --index images.tsv --k 3 --list | head",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct work w = {.cli = &cli, .settings = &s};
    struct answers a;

    cli_parse(&cli, argc, argv);
    isa_select();
    check_settings(&s, &cli);
    if (s.like)
        w.like = like_parse(s.like);
    if (s.like && w.like.kind == LIKE_FILE) { /* no setting: its content counts, not its name */
        s.like = w.like.text;
        options[0].flags = CLI_INPUT;
    }
    w.history = history_start(&cli, REVISION);
    open_inputs(&w);
    if (w.is_picture && tensor_is_seekable(w.tensor))
        w.model = like_model(s.model, w.tensor);
    if (is_seekable(&w)) {
        add_inputs(&w);
        if (history_is_current(w.history, cli.output))
            return 0;
    }
    find_positions(&w);
    a = find(&w);
    if (!is_seekable(&w))
        add_inputs(&w); /* a pipe tells its history at its end */
    write_outputs(&w, &a);
    history_free(w.history);
    return 0;
}
