/* evaluate FEATURES -o TABLE: are the features any good? In numbers, and in words.
 *
 * Measures how well the features, the same after PCA, the pixels (--images), the pixels after PCA,
 * and the features of the same net with random weights (--model) tell the classes apart (--index),
 * side by side: nearest neighbours, a linear probe, silhouette, clusters; whether an image is found
 * by its mirrored, cropped and recompressed copies; and what the net gives back of the images.
 * Writes one table; says what it means on standard error, sentences first.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/verdict.h"
#include "analysis/codes.h"
#include "analysis/fidelity.h"
#include "analysis/lists.h"
#include "analysis/pca.h"
#include "analysis/selection.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "cli/start.h"
#include "files/whole.h"
#include "kernels/isa.h"
#include "net/encode.h"
#include "net/model.h"

enum { REVISION = 4, RGB = 3 };

struct options {
    struct selection_options chosen;
    const char *images, *model, *summary, *near, *near_pixels;
    int64_t components, copies;
};

/* What is evaluated: which rows, of which class; and their copies. */
struct task {
    const struct cli *cli;
    const struct options *options;
    struct selection s;
    struct model *model; /* NULL: none */
    struct pool form;    /* of the features, as codes of the model's net */
    struct labelled l;
    size_t memory;                          /* for rows, bytes */
    struct tensor_reader *near[N_VERDICTS]; /* lists of their nearest rows; NULL: none */
    struct verdict verdict;
    size_t *own, n_copies;           /* (n_copies) the rows, of l.n, that are copied */
    struct rows *copies[COPY_KINDS]; /* (n_copies) each, as the images are; NULL: none */
};

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* Row I of those evaluated, as a row of the tensor. */
static size_t row_at(const struct task *t, size_t i)
{
    return t->s.rows ? t->s.rows[i] : i;
}

static struct tensor_reader *open_images(const struct task *t)
{
    struct tensor_reader *images = tensor_open(t->options->images);

    tensor_want(images, -1, 4, NULL);
    return images;
}

/* --- copies --- */

static void draw_rows(struct task *t)
{
    uint32_t *order = xmalloc(t->l.n * sizeof *order);
    bool *drawn = xcalloc(t->l.n, sizeof *drawn);
    struct rng rng;

    rng_init(&rng, t->verdict.seed, RNG_PICK, 0);
    rng_permutation(&rng, order, (uint32_t)t->l.n);
    t->n_copies = smaller((size_t)t->options->copies, t->l.n);
    for (size_t i = 0; i < t->n_copies; i++)
        drawn[order[i]] = true;
    t->own = xmalloc(t->n_copies * sizeof *t->own);
    for (size_t i = 0, n = 0; i < t->l.n; i++)
        if (drawn[i])
            t->own[n++] = i;
    free(order);
    free(drawn);
}

/* Draws the images and copies them, where that can be: of RGB, with a net that made the FEATURES.
 */
static void prepare_copies(struct task *t, bool net_fits)
{
    struct tensor_reader *images;
    size_t *at;

    if (t->options->copies == 0 || !t->model || t->l.n < 2)
        return;
    if (t->model->spec.channels != RGB || !net_fits) {
        verdict_tell(&t->verdict, "Copies are not looked for: %s.",
                     net_fits ? "the images have no three channels"
                              : "the features are none that the model gives");
        return;
    }
    draw_rows(t);
    images = open_images(t);
    at = xmalloc(t->n_copies * sizeof *at);
    for (size_t i = 0; i < t->n_copies; i++)
        at[i] = row_at(t, t->own[i]);
    retrieval_copy(t->copies, images, at, t->n_copies, t->memory / 4, t->verdict.seed);
    free(at);
    tensor_close(images);
}

/* --- what is measured --- */

static bool has_classes(const struct task *t)
{
    return t->l.n >= 3 && t->l.n_classes >= 2;
}

/* Rows R of all, and those of their copies. */
static void measure(struct task *t, enum verdict_of what, struct rows *r,
                    struct rows *const copies[COPY_KINDS])
{
    note("%s: %zu rows of %zu numbers", verdict_names[what], rows_n(r), rows_width(r));
    if (has_classes(t))
        evaluation_fill(&t->verdict.classes[what], &t->l, r, t->near[what], t->verdict.seed);
    if (copies[0])
        retrieval_fill(&t->verdict.copies[what], r, copies, t->own, t->n_copies, t->verdict.seed);
}

static void free_copies(struct rows *copies[COPY_KINDS])
{
    for (int c = 0; c < COPY_KINDS && copies[c]; c++)
        rows_free(copies[c]);
}

/* The same of their principal components. */
static void measure_components(struct task *t, enum verdict_of what, struct rows *r,
                               struct rows *const copies[COPY_KINDS])
{
    struct rows *reduced, *reduced_copies[COPY_KINDS] = {0};
    struct pca p;

    pca_fit(&p, r, smaller(t->verdict.components, rows_width(r)), PCA_SIGN_U, t->memory);
    reduced = pca_rows(&p, r, t->memory / 2);
    pca_forget(&p);
    for (int c = 0; c < COPY_KINDS && copies[c]; c++)
        reduced_copies[c] = pca_rows(&p, copies[c], t->memory / (4 * COPY_KINDS));
    pca_release(&p);
    measure(t, what, reduced, reduced_copies);
    rows_free(reduced);
    free_copies(reduced_copies);
}

/* The codes of the copies. */
static void encode_copies(struct rows *codes[COPY_KINDS], const struct task *t, struct net *net)
{
    struct tensor_reader *images = open_images(t);

    for (int c = 0; c < COPY_KINDS && t->copies[c]; c++)
        codes[c] = codes_of(net, &t->form, t->copies[c], images->header.dtype == NPY_U8,
                            t->memory / (4 * COPY_KINDS));
    tensor_close(images);
}

static void measure_features(struct task *t, struct rows *r)
{
    struct rows *codes[COPY_KINDS] = {0};

    if (t->copies[0]) {
        struct net *net = model_net(t->model, ENCODE_BLOCK, false);

        encode_copies(codes, t, net);
        net_free(net);
    }
    measure(t, VERDICT_FEATURES, r, codes);
    measure_components(t, VERDICT_FEATURES_PCA, r, codes);
    free_copies(codes);
}

static void measure_pixels(struct task *t)
{
    struct tensor_reader *images = open_images(t);
    struct rows *r = rows_read(images, t->s.rows, t->l.n, t->memory);

    t->near[VERDICT_PIXELS] = lists_open(t->options->near_pixels, images, METRIC_EUCLIDEAN);
    tensor_close(images);
    measure(t, VERDICT_PIXELS, r, t->copies);
    measure_components(t, VERDICT_PIXELS_PCA, r, t->copies);
    rows_free(r);
}

/* The codes by the model's net with random weights, in the form of the features. */
static void measure_random(struct task *t)
{
    struct tensor_reader *images = open_images(t);
    struct net *net = model_net(t->model, ENCODE_BLOCK, false);
    struct rows *r, *codes[COPY_KINDS] = {0};

    net_initialise(net, NET_GLOROT_UNIFORM, t->verdict.seed);
    net_changed(net);
    r = codes_read(net, &t->form, images, t->s.rows, t->l.n, t->memory);
    tensor_close(images);
    encode_copies(codes, t, net);
    net_free(net);
    measure(t, VERDICT_RANDOM, r, codes);
    rows_free(r);
    free_copies(codes);
}

/* Whether the features are codes of the model's net, in a form that is then known. */
static bool find_form(struct task *t, struct rows *features)
{
    struct net *net = model_net(t->model, 1, false);
    bool fits = codes_find_form(&t->form, net, features);

    if (!fits)
        t->form = (struct pool){0};
    net_free(net);
    return fits;
}

/* --- what the net gives back --- */

/* Of the test rows, or of all where there are none. */
static void measure_fidelity(const struct task *t)
{
    const bool test = t->l.n_test > 0;
    const uint32_t *rows = test ? t->l.test : t->l.all;
    const size_t n = test ? t->l.n_test : t->l.n;
    struct tensor_reader *images = open_images(t);
    struct net *net = model_net(t->model, ENCODE_BLOCK, false);
    struct interval v[N_FIDELITIES];
    size_t *at = xmalloc(n * sizeof *at);
    char *ssim;

    for (size_t i = 0; i < n; i++)
        at[i] = row_at(t, rows[i]);
    fidelity_find(v, net, images, at, n, t->verdict.seed);
    for (int m = 0; m < N_FIDELITIES; m++)
        if (!isnan(v[m].value))
            verdict_write_line(&t->verdict, "reconstruction", fidelity_names[m],
                               test ? "test" : "all", "", "", n, &v[m]);
    ssim = isnan(v[FIDELITY_SSIM].value) ? xstrdup("")
                                         : xformat(", SSIM %.3f", v[FIDELITY_SSIM].value);
    verdict_tell(&t->verdict,
                 "The net gives back %zu %srow%s with BCE %.4f, MSE %.5f, PSNR %.2f dB%s.", n,
                 test ? "test " : "", n == 1 ? "" : "s", v[FIDELITY_BCE].value,
                 v[FIDELITY_MSE].value, v[FIDELITY_PSNR].value, ssim);
    free(ssim);
    free(at);
    net_free(net);
    tensor_close(images);
}

/* --- */

static void run(struct task *t, struct tensor_reader *features)
{
    struct rows *r = rows_read(features, t->s.rows, t->l.n, t->memory);

    prepare_copies(t, t->model && find_form(t, r));
    if (has_classes(t) || t->copies[0]) {
        measure_features(t, r);
        rows_free(r);
        if (t->options->images)
            measure_pixels(t);
        if (t->model)
            measure_random(t);
        free_copies(t->copies);
    }
    verdict_say(&t->verdict);
    verdict_show(&t->verdict);
    verdict_write_head(&t->verdict);
    verdict_write(&t->verdict);
    if (t->model)
        measure_fidelity(t);
}

/* Few beside the rows: a probe of as many numbers as rows tells nothing. */
static size_t find_components(const struct task *t)
{
    size_t most = t->l.n < 4 ? 1 : t->l.n / 4;

    return smaller((size_t)t->options->components, most);
}

static void check_options(struct options *o)
{
    o->images = given(o->images);
    o->model = given(o->model);
    o->summary = given(o->summary);
    if (o->model && !o->images)
        die_usage("--model wants --images beside it");
    if (!given(o->chosen.index) && !o->model)
        die_usage("want --index, which tells the classes, or --images and --model, for copies");
}

static void want_images(const struct task *t, const struct tensor_reader *features)
{
    struct tensor_reader *images;

    if (!t->options->images)
        return;
    images = tensor_open(t->options->images);
    tensor_want(images, -1, 4, (size_t[4]){features->n_rows});
    if (t->model)
        model_want(t->model, t->options->images, images->header.shape + 1);
    tensor_close(images);
}

/* In the order of cli_each_file. */
static void add_inputs(const struct task *t, struct history *h, struct tensor_reader *features)
{
    selection_add_to_history(&t->s, features, h);
    if (t->options->images) {
        struct tensor_reader *images = open_images(t);

        tensor_add_to_history(images, h);
        tensor_close(images);
    }
    if (t->model)
        model_add_to_history(t->model, h);
}

/* Opens all that is given and holds it to one another; returns the features. */
static struct tensor_reader *open_inputs(struct task *t, struct options *o)
{
    struct tensor_reader *features;

    check_options(o);
    features = tensor_open(t->cli->arguments[0]);
    t->near[VERDICT_FEATURES] = lists_open(o->near, features, METRIC_EUCLIDEAN);
    t->s = selection_read(&o->chosen, features);
    t->model = o->model ? model_read(o->model) : NULL;
    t->memory = (size_t)t->cli->memory / 2;
    t->l = labelled_from(&t->s);
    want_images(t, features);
    return features;
}

static void open_outputs(struct task *t)
{
    const char *summary = t->options->summary;

    t->verdict = (struct verdict){.l = &t->l,
                                  .seed = (uint64_t)t->cli->seed,
                                  .components = find_components(t),
                                  .table = zio_create(t->cli->output, ZIO_TEXT),
                                  .summary = summary ? zio_create(summary, ZIO_TEXT) : NULL};
}

static void commit_outputs(struct task *t, const struct history *h)
{
    whole_begin(t->cli->output);
    if (t->verdict.summary)
        history_commit_table(h, t->verdict.summary, t->options->summary);
    history_commit_table(h, t->verdict.table, t->cli->output);
    whole_end(t->cli->output);
}

int main(int argc, char **argv)
{
    struct options o = {.chosen = {.split = INDEX_ALL}, .components = 64, .copies = 1000};
    const struct cli_option options[] = {
        {"components", CLI_INT, &o.components, 1, 1000, NULL, CLI_SETTING,
         "principal components that features and pixels are reduced to as well; at most a quarter "
         "of the rows"},
        {"copies", CLI_INT, &o.copies, 0, 1000000, NULL, CLI_SETTING,
         "images, drawn at random, that are to be found by their copies"},
        {"classes", CLI_TEXT, &o.chosen.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these; or \"A,B,C\""},
        {"index", CLI_TEXT, &o.chosen.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows, which tells their classes"},
        {"images", CLI_TEXT, &o.images, 0, 0, "FILE", CLI_INPUT,
         "the images: their pixels are evaluated beside the features"},
        {"model", CLI_TEXT, &o.model, 0, 0, "FILE", CLI_INPUT,
         "the model: what it gives back of the images, and its net with random weights"},
        {"summary", CLI_TEXT, &o.summary, 0, 0, "FILE", CLI_OUTPUT,
         "write the sentences there, not on standard error"},
        {"near", CLI_TEXT, &o.near, 0, 0, "FILE", 0,
         "who is near by the features, as of neighbours --lists; else it is searched"},
        {"near-pixels", CLI_TEXT, &o.near_pixels, 0, 0, "FILE", 0, "the same by pixels"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "evaluate",
        .synopsis = "FEATURES --index FILE | --images FILE --model FILE",
        .options = options,
        .summary = "Do the features tell the classes apart, and does an image find its copies, "
                   "better than by pixels?\nSentences on standard error, all figures with their "
                   "95 % intervals in a table.",
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
    features = open_inputs(&t, &o);
    if (tensor_is_seekable(features)) {
        add_inputs(&t, h, features);
        if (history_is_current(h, cli.output))
            return 0;
    }
    open_outputs(&t);
    run(&t, features);
    if (!tensor_is_seekable(features))
        add_inputs(&t, h, features); /* a pipe tells its history at its end */
    commit_outputs(&t, h);
    history_free(h);
    return 0;
}
