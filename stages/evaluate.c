/* evaluate FEATURES --index FILE -o TABLE: are the features any good? In numbers, and in words.
 *
 * Measures how well the features, the same after PCA, the pixels (--images), the pixels after PCA,
 * and the features of the same net with random weights (--model) tell the classes apart, side by
 * side: nearest neighbours, a linear probe, silhouette, clusters; and what the net gives back of
 * the images. Writes one table; says what it means on standard error, sentences first.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/evaluation.h"
#include "analysis/fidelity.h"
#include "analysis/interval.h"
#include "analysis/pca.h"
#include "analysis/selection.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/rng.h"
#include "cli/start.h"
#include "files/whole.h"
#include "kernels/isa.h"
#include "net/encode.h"
#include "net/model.h"

enum { REVISION = 1 };

enum { FEATURES, FEATURES_PCA, PIXELS, PIXELS_PCA, RANDOM, KINDS };
static const char *const kinds[] = {"features", "features-pca", "pixels", "pixels-pca",
                                    "random-net"};

struct options {
    struct selection_options chosen;
    const char *images, *model, *summary;
    int64_t components;
};

/* What is evaluated: which rows, of which class, and in which fold. */
struct task {
    const struct cli *cli;
    const struct options *options;
    struct selection s;
    struct model *model; /* NULL: none */
    struct labelled l;
    size_t memory;                    /* for rows, bytes */
    struct zio_writer *out, *summary; /* NULL: on standard error */
};

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* A line of the summary. */
__attribute__((format(printf, 2, 3))) static void tell(const struct task *t, const char *format,
                                                       ...)
{
    va_list arguments;
    char *text = NULL;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        die("out of memory: a line wanted");
    if (t->summary) {
        zio_write(t->summary, text, (size_t)len);
        zio_write(t->summary, "\n", 1);
    } else {
        note("%s", text);
    }
    free(text);
}

/* --- the rows --- */

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
        if (c->wanted < c->task->l.n && c->task->s.rows[c->wanted] == c->next) {
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
    c.rows = rows_create("random net", NPY_F32, t->l.n, net_code_items(net), t->memory);
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

    return pca_reduce(r, P, t->memory);
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

static void write_answer(const struct task *t, const struct evaluation *a, const char *what)
{
    uint32_t *rows = xmalloc(t->l.n * sizeof *rows);
    size_t *taken = xcalloc(t->l.n_classes * t->l.n_classes, sizeof *taken);

    for (int m = 0; m < N_MEASURES; m++) {
        if (!a->given[m])
            continue;
        write_line(t, what, measure_names[m], "all", "", "", t->l.n, &a->all[m]);
        if (t->l.n_test > 0 && (m != MEASURE_PROBE || t->l.n_train > 0))
            write_line(t, what, measure_names[m], "test", "", "", t->l.n_test, &a->test[m]);
        for (size_t c = 0; c < t->l.n_classes && m != MEASURE_CLUSTERS; c++) {
            struct interval v;
            size_t n = 0;

            for (size_t i = 0; i < t->l.n; i++)
                if (t->l.class_of[i] == c)
                    rows[n++] = (uint32_t)i;
            v = interval_mean(a->scores[m], rows, n, (uint64_t)t->cli->seed);
            write_line(t, what, measure_names[m], "all", t->l.classes[c], "", n, &v);
        }
    }
    for (size_t i = 0; a->predicted && i < t->l.n; i++)
        if (a->predicted[i] < t->l.n_classes)
            taken[t->l.class_of[i] * t->l.n_classes + a->predicted[i]]++;
    for (size_t c = 0; c < t->l.n_classes; c++)
        for (size_t p = 0; p < t->l.n_classes; p++)
            if (taken[c * t->l.n_classes + p] > 0)
                write_line(t, what, "confusion", "all", t->l.classes[c], t->l.classes[p],
                           taken[c * t->l.n_classes + p], NULL);
    free(rows);
    free(taken);
}

/* --- what the net gives back --- */

/* Of the test rows, or of all where there are none. */
static void write_fidelity(const struct task *t)
{
    static const char *const names[] = {"bce", "mse", "psnr", "ssim"};
    const bool test = t->l.n_test > 0;
    const uint32_t *rows = test ? t->l.test : t->l.all;
    const size_t n = test ? t->l.n_test : t->l.n;
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
        progress_show(i + 1, n, "reconstruction: %zu of %zu rows", i + 1, n);
    }
    progress_end();
    for (int m = 0; m < 4; m++) {
        struct interval v = interval_mean(scores[m], order, n, (uint64_t)t->cli->seed);

        if (!isnan(v.value)) {
            write_line(t, "reconstruction", names[m], test ? "test" : "all", "", "", n, &v);
            tell(t, "reconstruction: %s %.4g", names[m], v.value);
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

/* "better than", "worse than" or "no better than": by the interval of the difference. */
static const char *compared(const struct task *t, const struct evaluation *a,
                            const struct evaluation *b, enum measure m)
{
    struct interval d = evaluation_difference(a, b, m, &t->l, (uint64_t)t->cli->seed);

    return d.low > 0 ? "better than" : d.high < 0 ? "worse than" : "no better than";
}

static void say(const struct task *t, const struct evaluation answers[KINDS])
{
    const struct evaluation *f = &answers[FEATURES], *pixels = &answers[PIXELS],
                            *random = &answers[RANDOM];
    size_t worst = 0, *missed = xcalloc(t->l.n_classes * t->l.n_classes, sizeof *missed);

    if (pixels->given[MEASURE_NEAREST_1]) {
        const struct evaluation *p =
            answers[PIXELS_PCA].all[MEASURE_NEAREST_1].value > pixels->all[MEASURE_NEAREST_1].value
            ? &answers[PIXELS_PCA]
            : pixels;

        tell(t, "The features tell the classes apart %s pixels: %.2f +- %.2f against %.2f +- %.2f.",
             compared(t, f, p, MEASURE_NEAREST_1), f->all[MEASURE_NEAREST_1].value,
             half_width(&f->all[MEASURE_NEAREST_1]), p->all[MEASURE_NEAREST_1].value,
             half_width(&p->all[MEASURE_NEAREST_1]));
    } else {
        tell(t, "The nearest neighbour of a row has its class in %.2f +- %.2f of all rows.",
             f->all[MEASURE_NEAREST_1].value, half_width(&f->all[MEASURE_NEAREST_1]));
    }
    if (random->given[MEASURE_NEAREST_1])
        tell(t, "They are %s those of the same net with random weights: %.2f +- %.2f.",
             compared(t, f, random, MEASURE_NEAREST_1), random->all[MEASURE_NEAREST_1].value,
             half_width(&random->all[MEASURE_NEAREST_1]));
    if (f->given[MEASURE_PROBE])
        tell(t, "A linear probe tells the class of %.2f +- %.2f of the rows that it has not seen.",
             f->all[MEASURE_PROBE].value, half_width(&f->all[MEASURE_PROBE]));
    for (size_t i = 0; f->predicted && i < t->l.n; i++)
        if (f->predicted[i] < t->l.n_classes && f->predicted[i] != t->l.class_of[i])
            missed[t->l.class_of[i] * t->l.n_classes + f->predicted[i]]++;
    for (size_t i = 0; i < t->l.n_classes * t->l.n_classes; i++)
        if (missed[i] > missed[worst])
            worst = i;
    if (missed[worst] > 0)
        tell(t, "It most often takes '%s' for '%s': %zu of %zu rows.",
             t->l.classes[worst / t->l.n_classes], t->l.classes[worst % t->l.n_classes],
             missed[worst], t->l.class_n[worst / t->l.n_classes]);
    free(missed);
}

static void show(const struct task *t, const struct evaluation answers[KINDS])
{
    tell(t, "%-14s %13s %13s %13s %13s %13s %13s", "", measure_names[0], measure_names[1],
         measure_names[2], measure_names[3], measure_names[4], measure_names[5]);
    for (int k = 0; k < KINDS; k++) {
        char line[N_MEASURES * 16 + 1] = "", *end = line;

        for (int m = 0; m < N_MEASURES && answers[k].given[MEASURE_NEAREST_1]; m++)
            end += answers[k].given[m] ? sprintf(end, " %6.3f +-%.3f", answers[k].all[m].value,
                                                 half_width(&answers[k].all[m]))
                                       : sprintf(end, " %13s", "");
        if (answers[k].given[MEASURE_NEAREST_1])
            tell(t, "%-14s%s", kinds[k], line);
    }
}

/* --- */

static void evaluate(const struct task *t, struct evaluation answers[KINDS], struct rows *r,
                     int kind)
{
    note("%s: %zu rows of %zu numbers", kinds[kind], rows_n(r), rows_width(r));
    evaluation_fill(&answers[kind], &t->l, r, (uint64_t)t->cli->seed);
}

/* Rows R and their components. */
static void evaluate_both(const struct task *t, struct evaluation *a, struct rows *r, int kind)
{
    struct rows *components;

    evaluate(t, a, r, kind);
    components = project(t, r);
    rows_free(r);
    evaluate(t, a, components, kind + 1);
    rows_free(components);
}

/* How well the classes are told apart. */
static void evaluate_classes(struct task *t, struct tensor_reader *features)
{
    struct evaluation answers[KINDS] = {0};

    evaluate_both(t, answers, read_rows(t, features), FEATURES);
    if (t->options->images) {
        struct tensor_reader *images = tensor_open(t->options->images);

        evaluate_both(t, answers, read_rows(t, images), PIXELS);
        tensor_close(images);
    }
    if (t->model) {
        struct rows *r = read_random(t);

        evaluate(t, answers, r, RANDOM);
        rows_free(r);
    }
    say(t, answers);
    show(t, answers);
    for (int k = 0; k < KINDS; k++)
        if (answers[k].given[MEASURE_NEAREST_1])
            write_answer(t, &answers[k], kinds[k]);
    for (int k = 0; k < KINDS; k++)
        evaluation_release(&answers[k]);
}

static void run(struct task *t, struct tensor_reader *features)
{
    if (t->l.n < 3 || t->l.n_classes < 2)
        tell(t, "There are no classes to tell apart: %zu row%s of %zu class%s.", t->l.n,
             t->l.n == 1 ? "" : "s", t->l.n_classes, t->l.n_classes == 1 ? "" : "es");
    else
        evaluate_classes(t, features);
    if (t->model)
        write_fidelity(t);
}

static void check_options(struct options *o)
{
    o->images = given(o->images);
    o->model = given(o->model);
    o->summary = given(o->summary);
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
        {"summary", CLI_TEXT, &o.summary, 0, 0, "FILE", CLI_OUTPUT,
         "write the sentences there, not on standard error"},
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
    t.l = labelled_from(&t.s);
    add_inputs(&t, h, features);
    if (history_is_current(h, cli.output))
        return 0;
    t.out = zio_create(cli.output, ZIO_TEXT);
    zio_write(t.out, "what\tmeasure\trows_of\tclass\tpredicted\trows\tvalue\tlow\thigh\n",
              strlen("what\tmeasure\trows_of\tclass\tpredicted\trows\tvalue\tlow\thigh\n"));
    t.summary = o.summary ? zio_create(o.summary, ZIO_TEXT) : NULL;
    run(&t, features);
    whole_begin(cli.output);
    if (t.summary)
        history_commit_table(h, t.summary, o.summary);
    history_commit_table(h, t.out, cli.output);
    whole_end(cli.output);
    history_free(h);
    return 0;
}
