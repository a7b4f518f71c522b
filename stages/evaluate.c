/* evaluate FEATURES --index FILE -o TABLE: are the features any good? In numbers, and in words.
 *
 * Measures how well the features, the same after PCA, the pixels (--images), the pixels after PCA,
 * and the features of the same net with random weights (--model) tell the classes apart, side by
 * side: nearest neighbours, a linear probe, silhouette, clusters; and what the net gives back of
 * the images. Writes one table; says what it means on standard error, sentences first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/cluster.h"
#include "analysis/fidelity.h"
#include "analysis/interval.h"
#include "analysis/nearest.h"
#include "analysis/pca.h"
#include "analysis/probe.h"
#include "analysis/selection.h"
#include "analysis/silhouette.h"
#include "base/report.h"
#include "base/rng.h"
#include "cli/start.h"
#include "files/whole.h"
#include "kernels/isa.h"
#include "net/encode.h"
#include "net/model.h"

enum { REVISION = 1, NEAREST = 10, VOTES = 5, FOLDS = 5 };

enum measure { NEAREST_1, NEAREST_5, PRECISION_10, PROBE, SILHOUETTE, CLUSTERS, MEASURES };
static const char *const measures[] = {"nearest-1", "nearest-5",  "precision-10",
                                       "probe",     "silhouette", "clusters"};

enum { FEATURES, FEATURES_PCA, PIXELS, PIXELS_PCA, RANDOM, KINDS };
static const char *const kinds[] = {"features", "features-pca", "pixels", "pixels-pca",
                                    "random-net"};

struct options {
    struct selection_options chosen;
    const char *images, *model;
    int64_t components;
};

/* What is evaluated: which rows, of which class, and in which fold. */
struct task {
    const struct cli *cli;
    const struct options *options;
    struct selection s;
    struct model *model; /* NULL: none */
    size_t n, n_classes;
    size_t *class_of, *fold; /* (n); classes that have rows are 0..n_classes-1 */
    const char **classes;    /* (n_classes) */
    size_t *class_n;         /* (n_classes) rows of each */
    uint32_t *all, *test;    /* (n), (n_test) rows */
    size_t n_test, n_train;
    size_t memory; /* for rows, bytes */
    struct zio_writer *out;
};

/* The answer for one kind of numbers. */
struct answer {
    bool given[MEASURES];
    float *scores[MEASURES]; /* (n) each; CLUSTERS has none */
    size_t *predicted;       /* (n) by the probe; NULL: none */
    struct interval all[MEASURES], test[MEASURES];
};

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* --- the rows --- */

/* A hash of the path, so that an image stays in its fold whichever others there are (FNV-1a). */
static size_t fold_of(const char *path)
{
    uint64_t hash = 14695981039346656037u;

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 1099511628211u;
    return (size_t)((hash ^ hash >> 32) % FOLDS);
}

/* Numbers the classes that have rows, and finds the rows of each split. */
static void prepare(struct task *t)
{
    const struct index *ix = t->s.ix;
    size_t *number = xcalloc(ix->n_classes, sizeof *number), n_test = 0;
    bool *has = xcalloc(ix->n_classes, sizeof *has);

    t->n = t->s.n;
    t->class_of = xmalloc(t->n * sizeof *t->class_of);
    t->fold = xmalloc(t->n * sizeof *t->fold);
    t->all = xmalloc(t->n * sizeof *t->all);
    t->test = xmalloc(t->n * sizeof *t->test);
    t->classes = xcalloc(ix->n_classes, sizeof *t->classes);
    t->class_n = xcalloc(ix->n_classes, sizeof *t->class_n);
    for (size_t i = 0; i < t->n; i++)
        has[ix->rows[t->s.positions[i]].class_number] = true;
    for (size_t c = 0; c < ix->n_classes; c++)
        if (has[c]) {
            t->classes[t->n_classes] = ix->classes[c];
            number[c] = t->n_classes++;
        }
    for (size_t i = 0; i < t->n; i++) {
        const struct index_row *row = &ix->rows[t->s.positions[i]];

        t->class_of[i] = number[row->class_number];
        t->class_n[t->class_of[i]]++;
        t->fold[i] = fold_of(row->path);
        t->all[i] = (uint32_t)i;
        if (row->split == INDEX_TEST)
            t->test[n_test++] = (uint32_t)i;
    }
    t->n_test = n_test;
    t->n_train = t->n - n_test;
    free(number);
    free(has);
}

/* The rows of these numbers that the index names; T is read to its end. */
static struct rows *read_rows(const struct task *t, struct tensor_reader *reader)
{
    return rows_read(reader, t->s.rows, t->s.n, t->memory);
}

struct collector {
    const struct task *task;
    struct rows *rows;
    size_t next, wanted; /* row of the tensor; of the task */
};

static void collect(void *context, const float *codes, size_t n)
{
    struct collector *c = context;
    size_t D = rows_width(c->rows);

    for (size_t i = 0; i < n; i++, c->next++)
        if (c->wanted < c->task->n && c->task->s.rows[c->wanted] == c->next) {
            rows_append(c->rows, codes + i * D, 1);
            c->wanted++;
        }
}

/* The codes of the images by the model's net with random weights. */
static struct rows *read_random(const struct task *t)
{
    struct tensor_reader *images = tensor_open(t->options->images);
    struct net *net = model_net(t->model, ENCODE_BLOCK, false);
    struct collector c = {.task = t};

    net_initialise(net, NET_GLOROT_UNIFORM, (uint64_t)t->cli->seed);
    net_changed(net);
    c.rows = rows_create("random net", NPY_F32, t->n, net_code_items(net), t->memory);
    encode_rows(net, images, ENCODE_BLOCK, collect, &c);
    net_free(net);
    tensor_close(images);
    return c.rows;
}

/* The first principal components of R. */
static struct rows *project(const struct task *t, struct rows *r)
{
    size_t n = rows_n(r), D = rows_width(r), most = n < D ? n : D;
    size_t P = (size_t)t->options->components < most ? (size_t)t->options->components : most;
    struct rows *to = rows_create(rows_path(r), NPY_F64, n, P, t->memory);
    double *y = xmalloc(PCA_BLOCK * P * sizeof *y);
    struct pca p;

    pca_fit(&p, r, P, PCA_SIGN_U, t->memory);
    for (size_t first = 0; first < n; first += PCA_BLOCK) {
        size_t got = PCA_BLOCK < n - first ? PCA_BLOCK : n - first;

        pca_project(&p, y, r, first, got);
        rows_append(to, y, got);
    }
    free(y);
    pca_release(&p);
    return to;
}

/* --- the measures --- */

static void score_neighbours(const struct task *t, struct answer *a, struct rows *r)
{
    const size_t k = NEAREST < t->n - 1 ? NEAREST : t->n - 1, votes = VOTES < k ? VOTES : k;
    size_t *neighbours = xcalloc(t->n, k * sizeof *neighbours);
    size_t *ballot = xcalloc(t->n_classes, sizeof *ballot);
    double *distances = xcalloc(t->n, k * sizeof *distances);

    nearest_find(neighbours, distances, r, k);
    for (size_t i = 0; i < t->n; i++) {
        const size_t *near = neighbours + i * k, own = t->class_of[i];
        size_t same = 0;

        for (size_t j = 0; j < k; j++)
            same += t->class_of[near[j]] == own;
        a->scores[NEAREST_1][i] = t->class_of[near[0]] == own;
        a->scores[NEAREST_5][i] = nearest_elect(t->class_of, near, votes, ballot) == own;
        a->scores[PRECISION_10][i] = (float)same / (float)k;
    }
    free(neighbours);
    free(distances);
    free(ballot);
}

static void score_silhouette(const struct task *t, struct answer *a, struct rows *r)
{
    double *s = xmalloc(t->n * sizeof *s);

    silhouette_find(s, r, t->class_of, t->n_classes);
    for (size_t i = 0; i < t->n; i++)
        a->scores[SILHOUETTE][i] = (float)s[i];
    free(s);
}

struct division {
    const struct task *task;
    const size_t *cluster;
};

static double information(void *context, const uint32_t *rows, size_t n)
{
    const struct division *d = context;

    return cluster_information(d->task->class_of, d->task->n_classes, d->cluster,
                               d->task->n_classes, rows, n);
}

static void measure_clusters(const struct task *t, struct answer *a, struct rows *r)
{
    size_t *cluster = xmalloc(t->n * sizeof *cluster);
    struct division d = {t, cluster};
    uint64_t seed = (uint64_t)t->cli->seed;

    cluster_find(cluster, r, t->n_classes, seed);
    a->all[CLUSTERS] = interval_find(information, &d, t->all, t->n, seed);
    if (t->n_test > 0)
        a->test[CLUSTERS] = interval_find(information, &d, t->test, t->n_test, seed);
    free(cluster);
}

/* Of all rows by folds; of the test rows by a probe trained on the training rows alone, when there
 * are both. */
static void measure_probe(const struct task *t, struct answer *a, struct rows *r)
{
    const uint64_t seed = (uint64_t)t->cli->seed;
    size_t *fold = xmalloc(t->n * sizeof *fold), *predicted = xmalloc(t->n * sizeof *predicted);
    float *right = xcalloc(t->n, sizeof *right);

    a->predicted = xmalloc(t->n * sizeof *a->predicted);
    probe_predict(a->predicted, r, t->class_of, t->n_classes, t->fold, FOLDS);
    for (size_t i = 0; i < t->n; i++)
        a->scores[PROBE][i] = a->predicted[i] == t->class_of[i];
    if (t->n_test > 0 && t->n_train > 0) {
        for (size_t i = 0; i < t->n; i++)
            fold[i] = 1;
        for (size_t i = 0; i < t->n_test; i++)
            fold[t->test[i]] = 0;
        probe_predict(predicted, r, t->class_of, t->n_classes, fold, 1);
        for (size_t i = 0; i < t->n; i++)
            right[i] = predicted[i] == t->class_of[i];
        a->test[PROBE] = interval_mean(right, t->test, t->n_test, seed);
    }
    free(fold);
    free(predicted);
    free(right);
}

static void evaluate(const struct task *t, struct answer *a, struct rows *r, const char *what)
{
    const uint64_t seed = (uint64_t)t->cli->seed;

    note("%s: %zu rows of %zu numbers", what, rows_n(r), rows_width(r));
    for (int m = 0; m < MEASURES; m++) {
        a->given[m] = m != PROBE || probe_fits(t->n, rows_width(r));
        a->scores[m] = xcalloc(t->n, sizeof **a->scores);
    }
    score_neighbours(t, a, r);
    score_silhouette(t, a, r);
    measure_clusters(t, a, r);
    if (a->given[PROBE])
        measure_probe(t, a, r);
    for (int m = 0; m < MEASURES; m++) {
        if (m == CLUSTERS || !a->given[m])
            continue;
        a->all[m] = interval_mean(a->scores[m], t->all, t->n, seed);
        if (t->n_test > 0 && m != PROBE)
            a->test[m] = interval_mean(a->scores[m], t->test, t->n_test, seed);
    }
}

/* --- the table --- */

static void write_line(const struct task *t, const char *what, const char *measure,
                       const char *rows_of, const char *class_name, const char *predicted, size_t n,
                       const struct interval *v)
{
    char *head = xformat("%s\t%s\t%s\t", what, measure, rows_of);
    char *tail = v ? xformat("%zu\t%.6f\t%.6f\t%.6f\n", n, v->value, v->low, v->high)
                   : xformat("%zu\t\t\t\n", n);

    zio_write(t->out, head, strlen(head));
    index_write_text(t->out, class_name);
    index_write_text(t->out, predicted);
    zio_write(t->out, tail, strlen(tail));
    free(head);
    free(tail);
}

static void write_answer(const struct task *t, const struct answer *a, const char *what)
{
    uint32_t *rows = xmalloc(t->n * sizeof *rows);
    size_t *taken = xcalloc(t->n_classes * t->n_classes, sizeof *taken);

    for (int m = 0; m < MEASURES; m++) {
        if (!a->given[m])
            continue;
        write_line(t, what, measures[m], "all", "", "", t->n, &a->all[m]);
        if (t->n_test > 0 && (m != PROBE || t->n_train > 0))
            write_line(t, what, measures[m], "test", "", "", t->n_test, &a->test[m]);
        for (size_t c = 0; c < t->n_classes && m != CLUSTERS; c++) {
            struct interval v;
            size_t n = 0;

            for (size_t i = 0; i < t->n; i++)
                if (t->class_of[i] == c)
                    rows[n++] = (uint32_t)i;
            v = interval_mean(a->scores[m], rows, n, (uint64_t)t->cli->seed);
            write_line(t, what, measures[m], "all", t->classes[c], "", n, &v);
        }
    }
    for (size_t i = 0; a->predicted && i < t->n; i++)
        if (a->predicted[i] < t->n_classes)
            taken[t->class_of[i] * t->n_classes + a->predicted[i]]++;
    for (size_t c = 0; c < t->n_classes; c++)
        for (size_t p = 0; p < t->n_classes; p++)
            if (taken[c * t->n_classes + p] > 0)
                write_line(t, what, "confusion", "all", t->classes[c], t->classes[p],
                           taken[c * t->n_classes + p], NULL);
    free(rows);
    free(taken);
}

/* --- what the net gives back --- */

/* Of the test rows, or of all where there are none. */
static void write_fidelity(const struct task *t)
{
    static const char *const names[] = {"bce", "mse", "psnr", "ssim"};
    const bool test = t->n_test > 0;
    const uint32_t *rows = test ? t->test : t->all;
    const size_t n = test ? t->n_test : t->n;
    struct tensor_reader *images = tensor_open(t->options->images);
    struct net *net = model_net(t->model, 1, false);
    const struct net_spec *s = net_get_spec(net);
    size_t items = net_input_items(net);
    unsigned char *raw = xaligned(images->row_bytes);
    float *x = xaligned(items * sizeof *x), *y = xaligned(items * sizeof *y);
    float *scores[4];
    uint32_t *order = xmalloc(n * sizeof *order);

    for (int m = 0; m < 4; m++)
        scores[m] = xmalloc(n * sizeof *scores[m]);
    for (size_t i = 0; i < n; i++) {
        struct fidelity f;

        order[i] = (uint32_t)i;
        tensor_read_at(images, raw, t->s.rows[rows[i]], 1);
        if (images->header.dtype == NPY_U8)
            net_scale(x, raw, items);
        else
            memcpy(x, raw, items * sizeof *x);
        net_reconstruct(net, y, x, 1);
        f = fidelity_of(x, y, (size_t)s->height, (size_t)s->width, (size_t)s->channels);
        scores[0][i] = (float)f.bce;
        scores[1][i] = (float)f.mse;
        scores[2][i] = (float)f.psnr;
        scores[3][i] = (float)f.ssim;
        progress("reconstruction: %zu of %zu rows", i + 1, n);
    }
    progress_end();
    for (int m = 0; m < 4; m++) {
        struct interval v = interval_mean(scores[m], order, n, (uint64_t)t->cli->seed);

        if (!isnan(v.value)) {
            write_line(t, "reconstruction", names[m], test ? "test" : "all", "", "", n, &v);
            note("reconstruction: %s %.4g", names[m], v.value);
        }
        free(scores[m]);
    }
    net_free(net);
    tensor_close(images);
    free(order);
    free(raw);
    free(x);
    free(y);
}

/* --- in words --- */

static double half_width(const struct interval *v)
{
    return (v->high - v->low) / 2;
}

/* The interval of a's scores minus b's, row by row. */
static struct interval difference(const struct task *t, const struct answer *a,
                                  const struct answer *b, enum measure m)
{
    float *d = xmalloc(t->n * sizeof *d);
    struct interval v;

    for (size_t i = 0; i < t->n; i++)
        d[i] = a->scores[m][i] - b->scores[m][i];
    v = interval_mean(d, t->all, t->n, (uint64_t)t->cli->seed);
    free(d);
    return v;
}

/* "better than", "worse than" or "no better than": by the interval of the difference. */
static const char *compared(const struct task *t, const struct answer *a, const struct answer *b,
                            enum measure m)
{
    struct interval d = difference(t, a, b, m);

    return d.low > 0 ? "better than" : d.high < 0 ? "worse than" : "no better than";
}

static void say(const struct task *t, const struct answer answers[KINDS])
{
    const struct answer *f = &answers[FEATURES], *pixels = &answers[PIXELS],
                        *random = &answers[RANDOM];
    size_t worst = 0, *missed = xcalloc(t->n_classes * t->n_classes, sizeof *missed);

    if (pixels->given[NEAREST_1]) {
        const struct answer *p =
            answers[PIXELS_PCA].all[NEAREST_1].value > pixels->all[NEAREST_1].value
            ? &answers[PIXELS_PCA]
            : pixels;

        note("The features tell the classes apart %s pixels: %.2f +- %.2f against %.2f +- %.2f.",
             compared(t, f, p, NEAREST_1), f->all[NEAREST_1].value, half_width(&f->all[NEAREST_1]),
             p->all[NEAREST_1].value, half_width(&p->all[NEAREST_1]));
    } else {
        note("The nearest neighbour of a row has its class in %.2f +- %.2f of all rows.",
             f->all[NEAREST_1].value, half_width(&f->all[NEAREST_1]));
    }
    if (random->given[NEAREST_1])
        note("They are %s those of the same net with random weights: %.2f +- %.2f.",
             compared(t, f, random, NEAREST_1), random->all[NEAREST_1].value,
             half_width(&random->all[NEAREST_1]));
    if (f->given[PROBE])
        note("A linear probe tells the class of %.2f +- %.2f of the rows that it has not seen.",
             f->all[PROBE].value, half_width(&f->all[PROBE]));
    for (size_t i = 0; f->predicted && i < t->n; i++)
        if (f->predicted[i] < t->n_classes && f->predicted[i] != t->class_of[i])
            missed[t->class_of[i] * t->n_classes + f->predicted[i]]++;
    for (size_t i = 0; i < t->n_classes * t->n_classes; i++)
        if (missed[i] > missed[worst])
            worst = i;
    if (missed[worst] > 0)
        note("It most often takes '%s' for '%s': %zu of %zu rows.",
             t->classes[worst / t->n_classes], t->classes[worst % t->n_classes], missed[worst],
             t->class_n[worst / t->n_classes]);
    free(missed);
}

static void show(const struct answer answers[KINDS])
{
    note("%-14s %13s %13s %13s %13s %13s %13s", "", measures[0], measures[1], measures[2],
         measures[3], measures[4], measures[5]);
    for (int k = 0; k < KINDS; k++) {
        char line[MEASURES * 16 + 1] = "", *end = line;

        for (int m = 0; m < MEASURES && answers[k].given[NEAREST_1]; m++)
            end += answers[k].given[m] ? sprintf(end, " %6.3f +-%.3f", answers[k].all[m].value,
                                                 half_width(&answers[k].all[m]))
                                       : sprintf(end, " %13s", "");
        if (answers[k].given[NEAREST_1])
            note("%-14s%s", kinds[k], line);
    }
}

/* --- */

/* Rows R and their components. */
static void evaluate_both(const struct task *t, struct answer *a, struct rows *r, int kind)
{
    struct rows *components;

    evaluate(t, &a[kind], r, kinds[kind]);
    components = project(t, r);
    rows_free(r);
    evaluate(t, &a[kind + 1], components, kinds[kind + 1]);
    rows_free(components);
}

static void run(struct task *t, struct tensor_reader *features)
{
    struct answer answers[KINDS] = {0};

    evaluate_both(t, answers, read_rows(t, features), FEATURES);
    if (t->options->images) {
        struct tensor_reader *images = tensor_open(t->options->images);

        evaluate_both(t, answers, read_rows(t, images), PIXELS);
        tensor_close(images);
    }
    if (t->model) {
        struct rows *r = read_random(t);

        evaluate(t, &answers[RANDOM], r, kinds[RANDOM]);
        rows_free(r);
    }
    say(t, answers);
    show(answers);
    for (int k = 0; k < KINDS; k++)
        if (answers[k].given[NEAREST_1])
            write_answer(t, &answers[k], kinds[k]);
    if (t->model)
        write_fidelity(t);
}

static void check_options(struct options *o)
{
    o->images = given(o->images);
    o->model = given(o->model);
    if (!given(o->chosen.index))
        die_usage("--index is needed: it tells the classes");
    if (o->model && !o->images)
        die_usage("--model wants --images beside it");
}

/* Inputs in the order of the command line: features, then options as they stand in the table. */
static void add_inputs(struct task *t, struct history *h, struct tensor_reader *features)
{
    tensor_add_to_history(features, h);
    history_input(h, t->s.ix->digest, NULL);
    if (t->options->images) {
        struct tensor_reader *images = tensor_open(t->options->images);

        tensor_want(images, -1, 4, (size_t[4]){features->n_rows});
        if (t->model)
            model_want(t->model, t->options->images, images->header.shape + 1);
        tensor_add_to_history(images, h);
        tensor_close(images);
    }
    if (t->model)
        model_add_to_history(t->model, h);
}

int main(int argc, char **argv)
{
    struct options o = {.chosen = {.split = INDEX_ALL}, .components = 64};
    const struct cli_option options[] = {
        {"components", CLI_INT, &o.components, 1, 1000, NULL, CLI_SETTING,
         "principal components that features and pixels are reduced to as well"},
        {"classes", CLI_TEXT, &o.chosen.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"index", CLI_TEXT, &o.chosen.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows, which tells their classes; needed"},
        {"images", CLI_TEXT, &o.images, 0, 0, "FILE", CLI_INPUT,
         "the images: their pixels are evaluated beside the features"},
        {"model", CLI_TEXT, &o.model, 0, 0, "FILE", CLI_INPUT,
         "the model: what it gives back of the images, and its net with random weights"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "evaluate",
        .synopsis = "FEATURES --index FILE",
        .options = options,
        .summary = "Do the features tell the classes apart, and better than pixels do? Sentences "
                   "on standard error,\nall figures with their 95 % intervals in a table.",
        .example = "evaluate features.npy.zst --index images.tsv --images images.npy.zst "
                   "--model deep.safetensors.zst -o evaluation.tsv",
        .min_arguments = 1,
        .max_arguments = 1,
        .uses_seed = true,
    };
    struct task t = {.cli = &cli, .options = &o};
    struct history *h;
    struct tensor_reader *features;

    cli_parse(&cli, argc, argv);
    isa_select();
    h = history_start(&cli, REVISION);
    check_options(&o);
    features = tensor_open(cli.arguments[0]);
    t.s = selection_read(&o.chosen, features);
    t.model = o.model ? model_read(o.model) : NULL;
    t.memory = (size_t)cli.memory / 2;
    prepare(&t);
    add_inputs(&t, h, features);
    if (history_is_current(h, cli.output))
        return 0;
    if (t.n < 3 || t.n_classes < 2)
        die_file(o.chosen.index, "%zu rows of %zu class%s, want 3 of 2 at least", t.n, t.n_classes,
                 t.n_classes == 1 ? "" : "es");
    t.out = zio_create(cli.output, ZIO_TEXT);
    zio_write(t.out, "what\tmeasure\trows_of\tclass\tpredicted\trows\tvalue\tlow\thigh\n",
              strlen("what\tmeasure\trows_of\tclass\tpredicted\trows\tvalue\tlow\thigh\n"));
    run(&t, features);
    whole_begin(cli.output);
    history_commit_table(h, t.out, cli.output);
    whole_end(cli.output);
    history_free(h);
    return 0;
}
