/* neighbours FEATURES --index FILE: how well the nearest neighbour tells the class, leaving one
 * out; or a search.
 *
 * Finds the k nearest other rows of each row and prints for each class, and for all, how many rows
 * have the class that most of these have (the nearest one's of those with as many votes); or, with
 * --list, the neighbours themselves; with --like, those of some queries; with --duplicates, all
 * pairs that are near enough; with --lists all of it as a tensor, which others take as --near.
 * --sheet draws the answers beside what was asked for.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "files/history.h"
#include "analysis/contact.h"
#include "analysis/labelled.h"
#include "analysis/like.h"
#include "analysis/lists.h"
#include "analysis/nearest.h"
#include "analysis/search.h"
#include "base/profile.h"
#include "base/report.h"
#include "analysis/selection.h"
#include "files/shard.h"
#include "files/whole.h"
#include "kernels/isa.h"

enum { REVISION = 2, ANSWERS = 10 }; /* of a search, without --k */

struct settings {
    struct selection_options choice;
    int64_t k;
    bool list, lists;
    int metric;
    const char *like, *model, *images, *sheet, *duplicates, *near;
    double threshold; /* of duplicates */
};

/* What a run works on. */
struct work {
    const struct cli *cli;
    const struct settings *settings;
    struct like like;
    bool is_picture;          /* the query */
    char digest[DIGEST_SIZE]; /* and the digest of its file */
    uint8_t *pixels;          /* and what was encoded */
    struct history *history;
    struct tensor_reader *tensor, *queries, *images; /* the last two may be NULL */
    struct model *model;                             /* NULL: none */
    struct selection chosen;
    struct labelled labelled; /* where there is an index */
};

/* Who is near whom, of all rows. */
static void write_lists(const struct work *w)
{
    const size_t memory = (size_t)w->cli->memory, k = w->settings->k ? (size_t)w->settings->k : 1;
    struct rows *r = rows_read(w->tensor, NULL, w->tensor->n_rows, memory / 2);
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);

    lists_write(w->cli->output, w->history, r, k, (enum metric)w->settings->metric, memory / 4);
    profile_leave(before);
    rows_free(r);
}

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

/* Queries from a file, a picture or a tensor, after the features were read. */
static struct rows *read_queries(void *context)
{
    struct work *w = context;
    size_t memory = (size_t)w->cli->memory / 8, size;

    if (!w->is_picture)
        return rows_read(w->queries, NULL, w->queries->n_rows, memory);
    if (!w->model) /* a pipe tells its history at its end */
        w->model = like_model(w->settings->model, w->tensor);
    return like_encode(w->like.text, w->tensor, w->model, memory, &w->pixels, &size);
}

/* Of one class no row needs to be near to any; a pipe is read to its end for its history. */
static struct hits find_nothing(struct work *w)
{
    if (!tensor_is_seekable(w->tensor))
        rows_free(rows_read(w->tensor, w->chosen.rows, w->chosen.n, (size_t)w->cli->memory / 2));
    return (struct hits){0};
}

static struct hits find(struct work *w)
{
    const struct settings *s = w->settings;
    const struct search search = {.tensor = w->tensor,
                                  .chosen = &w->chosen,
                                  .metric = (enum metric)s->metric,
                                  .k = s->k     ? (size_t)s->k
                                      : s->like ? ANSWERS
                                                : 1,
                                  .memory = (size_t)w->cli->memory,
                                  .lists = lists_open(s->near, w->tensor, (enum metric)s->metric)};
    size_t n, *rows;

    if (s->duplicates)
        return search_duplicates(&search, s->threshold);
    if (s->like && w->like.kind == LIKE_FILE)
        return search_others(&search, read_queries, w);
    if (s->like) {
        rows = like_rows(&w->like, w->chosen.ix, w->tensor, &n);
        return search_rows(&search, rows, n);
    }
    return s->list || w->labelled.n_classes > 1 ? search_each(&search) : find_nothing(w);
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

static void write_sheet(const struct work *w, const struct hits *a, const struct places *p)
{
    const struct settings *s = w->settings;
    unsigned char *marks = hits_mark(a, p, s->duplicates);
    struct contact c = {w->images, a->n, a->k, a->queries, w->pixels, a->rows, marks};
    struct image sheet = contact_draw(&c, (size_t)w->cli->memory / 4);
    char digest[DIGEST_SIZE], *text;

    image_digest(&sheet, digest);
    text = history_text(w->history, digest);
    image_write(s->sheet, &sheet, (const char *const[]){"kasane-history", text, NULL});
    free(text);
    free(marks);
    image_release(&sheet);
}

/* The table that is wanted, and the sheet. */
static void write_outputs(const struct work *w, struct hits *a)
{
    const struct settings *s = w->settings;
    struct places p = places_in(w->chosen.ix, w->tensor->n_rows);
    struct zio_writer *out = zio_create(w->cli->output, ZIO_TEXT);

    if (s->list)
        hits_number(a, &w->chosen);
    if (s->duplicates) {
        note("%zu pair%s of %zu rows within %g", a->n, a->n == 1 ? "" : "s", w->chosen.n,
             s->threshold);
        hits_tell(a, &p);
        hits_write_pairs(out, a, &p, "other", false);
    } else if (s->like) {
        hits_write(out, a, &p);
    } else if (s->list) {
        hits_write_pairs(out, a, &p, "neighbour", true);
    } else {
        write_accuracy(out, &w->labelled, a->rows, a->k);
    }
    whole_begin(w->cli->output);
    if (s->sheet)
        write_sheet(w, a, &p);
    history_commit_table(w->history, out, w->cli->output);
    whole_end(w->cli->output);
    free(p.of);
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
    s->near = given(s->near);
    if (s->list + s->lists + !!s->like + !!s->duplicates > 1)
        die_usage("--list, --lists, --like and --duplicates: want one of them");
    if (!s->lists)
        lists_no_shard();
    else if (given(s->choice.index) || given(s->choice.classes) || s->near)
        die_usage("--lists are of all rows, found anew: no --index, --classes or --near");
    if (s->near && (s->like || s->duplicates))
        die_usage("--near holds the nearest of each row: it is for the accuracy and --list");
    if (s->duplicates) {
        s->threshold = strtod(s->duplicates, &end);
        if (*end || !(s->threshold >= 0 && s->threshold < 1e300))
            die_usage("--duplicates '%s', want a distance, 0 or more", s->duplicates);
    }
    if (cli->why)
        return;
    if (!s->like && !s->duplicates && !s->lists && !given(s->choice.index))
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

int main(int argc, char **argv)
{
    struct settings s = {.choice = {.split = INDEX_ALL}};
    struct cli_option options[] = {
        {"like", CLI_TEXT, &s.like, 0, 0, "WHAT", CLI_SETTING,
         "search: rows near a picture's file, a tensor's rows, a row by number or path, a class's; "
         "file:, row:, path: or class: before it says which"},
        {"duplicates", CLI_TEXT, &s.duplicates, 0, 0, "DISTANCE", CLI_SETTING,
         "list the pairs of rows that are no further apart, nearest first"},
        {"k", CLI_INT, &s.k, 0, 1000, NULL, CLI_SETTING,
         "neighbours that vote, or answers of a search; 0: 1, or 10"},
        {"list", CLI_FLAG, &s.list, 0, 0, NULL, CLI_SETTING,
         "print the neighbours of each row instead of the accuracy"},
        {"metric", CLI_CHOICE, &s.metric, 0, 0, "euclidean|cosine", CLI_SETTING,
         "distance of two rows; cosine is 1 - the cosine of their angle"},
        {"lists", CLI_FLAG, &s.lists, 0, 0, NULL, 0,
         "write the neighbours of all rows as a tensor (N,2,k), rows and distances, for --near"},
        {"near", CLI_TEXT, &s.near, 0, 0, "FILE", 0,
         "what --lists wrote: it is not searched again, as far as that holds what is asked"},
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
        shard_option(),
        tensor_option(),
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
    struct hits a;
    enum profile_part before;

    cli_parse(&cli, argc, argv);
    isa_select();
    check_settings(&s, &cli);
    if (s.like)
        w.like = like_parse(s.like);
    if (s.like && w.like.kind == LIKE_FILE) { /* no setting: its content counts, not its name */
        s.like = w.like.text;
        options[0].flags = CLI_INPUT;
    }
    w.history = s.lists ? lists_history(&cli, REVISION) : history_start(&cli, REVISION);
    open_inputs(&w);
    if (w.is_picture && tensor_is_seekable(w.tensor))
        w.model = like_model(s.model, w.tensor);
    if (is_seekable(&w)) {
        add_inputs(&w);
        if (history_is_current(w.history, cli.output))
            return 0;
    }
    if (s.lists) {
        if (!is_seekable(&w))
            die_file(cli.arguments[0], "a pipe, want a file for --lists");
        write_lists(&w);
        return 0;
    }
    before = profile_enter(PROFILE_ARITHMETIC);
    a = find(&w);
    profile_leave(before);
    if (!is_seekable(&w))
        add_inputs(&w); /* a pipe tells its history at its end */
    write_outputs(&w, &a);
    hits_release(&a);
    history_free(w.history);
    return 0;
}
