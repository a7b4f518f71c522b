/* report FEATURES [LOG]... -o REPORT: a run as one HTML file, to be looked at without a server.
 *
 * Chooses the rows that are shown, and writes of each its row, class, split and places, its nearest
 * rows by the features and by pixels, the image small, what the net gives back for it and how far
 * off that is; then the tables of the run, and the kernels of the first layer. The file holds the
 * page that shows all this (report/page.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/lists.h"
#include "analysis/rows.h"
#include "analysis/selection.h"
#include "base/endian.h"
#include "base/profile.h"
#include "base/report.h"
#include "cli/start.h"
#include "files/keep.h"
#include "files/record.h"
#include "kernels/isa.h"
#include "net/model.h"
#include "pictures/jpeg.h"
#include "report/images.h"
#include "report/near.h"
#include "report/page.h"
#include "report/sample.h"
#include "report/tables.h"

enum { REVISION = 2 };

struct options {
    const char *index, *images, *model, *map, *pca, *evaluation, *summary, *skipped;
    const char *near;
    int64_t thumbnail, page, compare, limit;
    double duplicate;
};

struct task {
    const struct cli *cli;
    const struct options *options;
    struct history *history;
    struct selection s;
    struct model *model;        /* NULL: none */
    size_t N;                   /* rows of the features */
    size_t n, *shown;           /* rows that are shown, and their positions in s; */
    size_t *rows;               /* (n) and their rows, ascending */
    size_t memory;              /* for rows, bytes */
    struct tensor_reader *near; /* lists of the features; or NULL */
    struct page *page;
    json_t *facts;
};

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static void add_fact(struct task *t, const char *key, json_t *value)
{
    if (json_object_set_new(t->facts, key, json_checked(value)) != 0)
        die("out of memory: a fact wanted");
}

/* Says what the next input is. */
static void name_input(struct task *t, const char *name)
{
    json_array_append_new(json_object_get(t->facts, "inputs"), page_text(name));
}

/* --- which rows --- */

static void choose_rows(struct task *t, size_t most)
{
    size_t *class_of = t->s.ix ? xcalloc(t->s.n, sizeof *class_of) : NULL;

    for (size_t i = 0; class_of && i < t->s.n; i++)
        class_of[i] = t->s.ix->rows[t->s.positions[i]].class_number;
    t->shown = xcalloc(t->s.n + 1, sizeof *t->shown);
    t->rows = xcalloc(t->s.n + 1, sizeof *t->rows);
    t->n = sample_choose(t->shown, class_of, t->s.ix ? t->s.ix->n_classes : 1, t->s.n, most,
                         (uint64_t)t->cli->seed);
    for (size_t i = 0; i < t->n; i++)
        t->rows[i] = t->s.rows ? t->s.rows[t->shown[i]] : t->shown[i];
    free(class_of);
}

static const struct index_row *index_row(const struct task *t, size_t i)
{
    return &t->s.ix->rows[t->s.positions[t->shown[i]]];
}

/* Classes and paths as text; which row is of which class and split. */
static void write_names(struct task *t)
{
    json_t *classes = json_checked(json_array()), *paths = json_checked(json_array());
    unsigned char *class_of = xcalloc(t->n + 1, 2), *split = xcalloc(t->n + 1, 1);

    for (size_t c = 0; c < t->s.ix->n_classes; c++)
        json_array_append_new(classes, page_text(t->s.ix->classes[c]));
    for (size_t i = 0; i < t->n; i++) {
        const struct index_row *row = index_row(t, i);

        put_le16(class_of + 2 * i, (uint32_t)row->class_number);
        split[i] = row->split == INDEX_TEST;
        json_array_append_new(paths, page_text(row->path));
    }
    if (t->s.ix->n_classes > UINT16_MAX)
        die_file(t->options->index, "%zu classes, want at most %d", t->s.ix->n_classes, UINT16_MAX);
    page_add_block(t->page, "class", class_of, 2 * t->n);
    page_add_block(t->page, "split", split, t->n);
    add_fact(t, "classes", classes);
    add_fact(t, "paths", paths);
    free(class_of);
    free(split);
}

static void write_rows(struct task *t)
{
    unsigned char *numbers = xcalloc(t->n + 1, 4);

    for (size_t i = 0; i < t->n; i++)
        put_le32(numbers + 4 * i, (uint32_t)t->rows[i]);
    page_add_block(t->page, "row", numbers, 4 * t->n);
    free(numbers);
    if (t->s.ix)
        write_names(t);
}

/* --- what is shown of them --- */

static void write_places(struct task *t, const char *name, const char *path, const char *axis)
{
    struct places p;
    unsigned char *data;

    if (!path)
        return;
    places_read(&p, path, axis, 3, t->rows, t->n, t->N);
    data = xcalloc(t->n * p.P + 1, 2);
    for (size_t i = 0; i < t->n * p.P; i++)
        put_le16(data + 2 * i, (uint16_t)p.numbers[i]);
    page_add_block(t->page, name, data, 2 * t->n * p.P);
    add_fact(t, name, places_facts(&p));
    places_release(&p);
    free(data);
}

static void write_near(struct task *t, struct rows *features)
{
    note("features: %zu rows of %zu numbers", t->n, rows_width(features));
    add_fact(t, "near_features",
             near_write(t->page, "near-features", features, 0, 0, NULL, t->near));
    rows_free(features);
}

/* Distances of pixels are told as the root of the mean square, of values from 0 to 1. */
static void write_near_pixels(struct task *t, struct rows *pixels)
{
    double unit = 255 * sqrt((double)rows_width(pixels));
    json_t *duplicates;

    note("pixels: %zu rows of %zu numbers", t->n, rows_width(pixels));
    add_fact(t, "near_pixels",
             near_write(t->page, "near-pixels", pixels, t->options->duplicate * unit, 1000,
                        &duplicates, NULL));
    add_fact(t, "duplicates", duplicates);
    add_fact(t, "pixel_unit", json_real(unit));
    add_fact(t, "duplicate", json_real(t->options->duplicate));
    rows_free(pixels);
}

static void write_images(struct task *t)
{
    struct images_settings s = {.side = (size_t)t->options->thumbnail,
                                .page = (size_t)t->options->page,
                                .compare = (size_t)t->options->compare,
                                .memory = t->memory};
    struct tensor_reader *images = tensor_open(t->options->images);
    struct rows *compared;

    tensor_want(images, -1, 4, (size_t[4]){t->N});
    want_memory(PROCESS_MEMORY + images_memory(images, t->n, t->model, &s), t->n,
                (size_t)t->cli->memory);
    compared = images_write(t->page, t->facts, images, t->rows, t->n, t->model, &s);
    tensor_close(images);
    write_near_pixels(t, compared);
}

/* --- the run --- */

/* Which training a log is of: the program that wrote it, and the stage. */
static json_t *log_title(const char *path)
{
    char *text = keep_read(path);
    json_t *records = record_parse(text), *title;
    const json_t *own = record_last(records);

    title = json_pack("{s:s,s:s}", "tool", record_string(own, "tool"), "stage",
                      record_string(json_object_get(own, "settings"), "stage"));
    json_decref(records);
    free(text);
    return json_checked(title);
}

static void read_logs(struct task *t)
{
    json_t *logs = json_checked(json_array());

    for (int i = 1; i < t->cli->n_arguments; i++) {
        json_t *title = log_title(t->cli->arguments[i]), *log;

        name_input(t, "log");
        log = tables_read(t->cli->arguments[i], t->history);
        json_object_update(title, log);
        json_decref(log);
        json_array_append_new(logs, title);
    }
    add_fact(t, "logs", logs);
}

/* --- inputs --- */

static void check_options(struct options *o)
{
    o->index = given(o->index);
    o->images = given(o->images);
    o->model = given(o->model);
    o->map = given(o->map);
    o->pca = given(o->pca);
    o->evaluation = given(o->evaluation);
    o->summary = given(o->summary);
    o->skipped = given(o->skipped);
    if (o->model && !o->images)
        die_usage("--model wants --images beside it");
    if (o->page < (o->thumbnail + 7) / 8 * 8)
        die_usage("--page %lld holds no image of --thumbnail %lld", (long long)o->page,
                  (long long)o->thumbnail);
}

/* All inputs but the images' pixels, in the order of the command line: features, then options as
 * they stand in the table. */
static void read_inputs(struct task *t, struct tensor_reader *features)
{
    const struct options *o = t->options;

    name_input(t, "features");
    tensor_add_to_history(features, t->history);
    read_logs(t);
    if (o->index) {
        name_input(t, "index");
        tables_add_input(t->history, o->index, t->s.ix->digest);
    }
    if (o->images) {
        struct tensor_reader *images = tensor_open(o->images);

        name_input(t, "images");
        tensor_want(images, -1, 4, (size_t[4]){t->N});
        if (images->header.shape[3] != 1 && images->header.shape[3] != 3)
            die_file(o->images, "%zu channels, want 1 or 3", images->header.shape[3]);
        if (t->model)
            model_want(t->model, o->images, images->header.shape + 1);
        tensor_add_to_history(images, t->history);
        tensor_close(images);
    }
    if (t->model) {
        name_input(t, "model");
        model_add_to_history(t->model, t->history);
    }
    if (o->map) {
        name_input(t, "map");
        tables_add(o->map, t->history);
    }
    if (o->pca) {
        name_input(t, "pca");
        tables_add(o->pca, t->history);
    }
    if (o->evaluation) {
        name_input(t, "evaluation");
        add_fact(t, "evaluation", tables_read(o->evaluation, t->history));
    }
    if (o->summary) {
        name_input(t, "summary");
        add_fact(t, "summary", tables_read_text(o->summary, t->history));
    }
    if (o->skipped) {
        name_input(t, "skipped");
        add_fact(t, "skipped", tables_read(o->skipped, t->history));
    }
}

static void write_report(struct task *t, struct rows *features)
{
    t->page = page_create(t->cli->output);
    add_fact(t, "rows", json_integer((json_int_t)t->s.n));
    add_fact(t, "shown", json_integer((json_int_t)t->n));
    add_fact(t, "numbers", json_integer((json_int_t)rows_width(features)));
    write_rows(t);
    write_places(t, "map", t->options->map, "x");
    write_places(t, "pca", t->options->pca, "pc");
    write_near(t, features);
    if (t->options->images)
        write_images(t);
    if (t->model)
        images_write_kernels(t->page, t->facts, t->model);
    page_commit(t->page, t->facts, t->history);
}

int main(int argc, char **argv)
{
    struct options o = {
        .thumbnail = 64, .page = 2048, .compare = 32, .limit = 20000, .duplicate = 0.02};
    const struct cli_option options[] = {
        {"thumbnail", CLI_INT, &o.thumbnail, 8, 1024, NULL, CLI_SETTING,
         "longer side of an image as it is kept, pixels"},
        {"limit", CLI_INT, &o.limit, 1, 1e6, NULL, CLI_SETTING,
         "show so many rows at most, of each class in its share, at random"},
        {"page", CLI_INT, &o.page, 64, 16384, NULL, CLI_SETTING,
         "side of a page of many images at most, pixels: what is decoded to show one of them"},
        {"compare", CLI_INT, &o.compare, 1, 1024, NULL, CLI_SETTING,
         "longer side of an image as its pixels are compared with others', averaged, pixels"},
        {"duplicate", CLI_REAL, &o.duplicate, 0, 1, NULL, CLI_SETTING,
         "list pairs whose pixels, so compared, differ by at most this, of 1, root mean square"},
        {"index", CLI_TEXT, &o.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows: classes, splits, names"},
        {"images", CLI_TEXT, &o.images, 0, 0, "FILE", CLI_INPUT, "the images of the rows"},
        {"model", CLI_TEXT, &o.model, 0, 0, "FILE", CLI_INPUT,
         "the model: what it gives back of the images, and its kernels"},
        {"map", CLI_TEXT, &o.map, 0, 0, "TABLE", CLI_INPUT, "places, columns x1 x2, as of map"},
        {"pca", CLI_TEXT, &o.pca, 0, 0, "TABLE", CLI_INPUT,
         "places, columns pc1 pc2 and perhaps pc3, as of pca"},
        {"evaluation", CLI_TEXT, &o.evaluation, 0, 0, "TABLE", CLI_INPUT, "what evaluate found"},
        {"summary", CLI_TEXT, &o.summary, 0, 0, "FILE", CLI_INPUT, "what evaluate says of it"},
        {"skipped", CLI_TEXT, &o.skipped, 0, 0, "TABLE", CLI_INPUT,
         "which pictures import-images skipped, and why"},
        {"near", CLI_TEXT, &o.near, 0, 0, "FILE", 0,
         "who is near by the features, as of neighbours --lists; else it is searched"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "report",
        .synopsis = "FEATURES [LOG]... -o REPORT",
        .options = options,
        .uses_seed = true,
        .summary = "The run as one HTML file that any browser opens from disk: a map of the images "
                   "to move in,\nlosses of the LOGs, and how all was made. What is not given is "
                   "not "
                   "shown.",
        .example = "report features.npy.zst deep.tsv --index images.tsv --images images.npy.zst "
                   "--map map-2.tsv -o report.html",
        .min_arguments = 1,
        .max_arguments = -1,
    };
    struct task t = {.cli = &cli, .options = &o};
    struct tensor_reader *features;
    struct rows *rows = NULL;
    char digest[DIGEST_SIZE];

    cli_parse(&cli, argc, argv);
    isa_select();
    t.history = history_new(&cli, REVISION + NET_REVISION);
    page_digest(digest);
    history_setting(t.history, "page", digest);
    if (given(o.images))
        history_setting(t.history, "JPEG", jpeg_library());
    history_ask(t.history);
    check_options(&o);
    t.memory = (size_t)cli.memory / 2;
    t.facts = json_checked(json_pack("{s:[]}", "inputs"));
    features = tensor_open(cli.arguments[0]);
    t.N = features->n_rows;
    t.near = lists_open(o.near, features, METRIC_EUCLIDEAN);
    t.s =
        selection_read(&(struct selection_options){.index = o.index, .split = INDEX_ALL}, features);
    choose_rows(&t, (size_t)o.limit);
    t.model = o.model ? model_read(o.model) : NULL;
    if (!tensor_is_seekable(features))
        rows = rows_read(features, t.rows, t.n, t.memory); /* a pipe tells its history at its end */
    read_inputs(&t, features);
    if (history_is_current(t.history, cli.output))
        return 0;
    if (!rows)
        rows = rows_read(features, t.rows, t.n, t.memory);
    write_report(&t, rows);
    tensor_close(features);
    history_free(t.history);
    return 0;
}
