#include <math.h>
#include <stdlib.h>

#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/tensor.h"
#include "net/contrast.h"
#include "net/objective.h"
#include "net/parameters.h"
#include "net/share.h"
#include "net/views.h"

extern const struct objective_kind objective_views;

struct agreement {
    struct objective objective;
    float *views; /* (2*rows,H,W,C) */
    float *code;  /* (2*rows,h,w,C_K), then its gradient */
    struct contrast *contrast;
};

static void check(const struct objective_job *job)
{
    const struct objective_settings *s = job->settings;
    const struct net_spec *net = job->spec;
    const int h = net->height >> net->n_layers, w = net->width >> net->n_layers;
    struct head_spec head;

    if (!head_parse(&head, s->head))
        die_usage("--head '%s', want 1 to %d widths from 1 to %d, such as 512,512", s->head,
                  HEAD_MAX_LAYERS, HEAD_MAX_WIDTH);
    if (s->pool > h || s->pool > w)
        die_usage("--pool %lld, want at most the height and width of the code, %d and %d",
                  (long long)s->pool, h, w);
    if (job->batch < 2)
        die_usage("--batch 1, want 2 or more with --objective views: images that differ");
    if (s->noise > 0)
        die_usage("--noise %g, want 0 with --objective views", s->noise);
    if (job->penalty->l1 > 0)
        die_usage("--l1 %g, want 0 with --objective views", job->penalty->l1);
}

static struct head_spec head_spec_of(const struct objective_job *job)
{
    const struct net_spec *net = job->spec;
    struct head_spec head = {.pool = (size_t)job->settings->pool,
                             .code = {(size_t)(net->height >> net->n_layers),
                                      (size_t)(net->width >> net->n_layers),
                                      (size_t)net->layers[net->n_layers - 1].filters}};

    head_parse(&head, job->settings->head);
    return head;
}

static size_t images(const struct objective_job *job)
{
    return 2 * smaller(job->n_rows, job->batch);
}

/* Numbers of an image and of a code. */
static size_t image_items(const struct net_spec *s)
{
    return (size_t)s->height * s->width * s->channels;
}
static size_t code_items(const struct objective_job *job)
{
    const struct head_spec head = head_spec_of(job);

    return head.code[0] * head.code[1] * head.code[2];
}

static size_t z_width(const struct objective_job *job)
{
    const struct head_spec head = head_spec_of(job);

    return head.widths[head.n_layers - 1];
}

static size_t memory(const struct objective_job *job)
{
    return images(job) * (image_items(job->spec) + code_items(job)) * sizeof(float)
        + contrast_memory(images(job), z_width(job));
}

static struct objective *open(const struct objective_job *job)
{
    struct agreement *a = xcalloc(1, sizeof *a);

    a->views = xlarge(images(job) * image_items(job->spec) * sizeof *a->views);
    a->code = xaligned(images(job) * code_items(job) * sizeof *a->code);
    a->contrast = contrast_new(images(job), z_width(job));
    return &a->objective;
}

static void draw(struct agreement *a, const struct objective_batch *b)
{
    const struct objective_job *job = &a->objective.job;
    const struct views_job views = {.settings = &job->settings->views,
                                    .seed = job->seed,
                                    .epoch = b->epoch,
                                    .first = b->row,
                                    .height = (size_t)job->spec->height,
                                    .width = (size_t)job->spec->width,
                                    .channels = (size_t)job->spec->channels,
                                    .low = job->image ? 0 : -INFINITY,
                                    .high = job->image ? 1 : INFINITY};

    views_draw(a->views, b->x, b->n, &views);
}

/* Of the head's kernels what net_penalty is of the net's; to their gradients too, where TRAIN. */
static double head_penalty(struct objective *o, bool train)
{
    const double l2 = o->job.penalty->l2;
    size_t n, n_weights;
    const struct net_parameter *p = head_parameters(o->head, &n);
    const float *w = head_weights(o->head, &n_weights);

    if (train)
        parameters_penalise(head_gradients(o->head), w, p, n, l2);
    return parameters_penalty(w, p, n, l2);
}

static double total(struct objective *o, const double *parts, bool train)
{
    return parts[0] + o->job.settings->reconstruction * parts[1]
        + net_penalty(o->net, o->job.penalty, o->job.settings->reconstruction > 0)
        + head_penalty(o, train);
}

static double train(struct objective *o, const struct objective_batch *b, double *parts)
{
    struct agreement *a = (struct agreement *)o;
    const struct objective_settings *s = o->job.settings;
    const size_t n = 2 * b->n;
    const float *z;
    float *dz;

    draw(a, b);
    net_train_encode(o->net, a->code, a->views, n);
    z = head_forward(o->head, a->code, n, true);
    parts[0] = contrast_loss(a->contrast, z, n, head_row(o->head), s->temperature, &dz);
    head_backward(o->head, a->code, dz, n);
    parts[1] = net_train_back(o->net, a->code, a->views, n, s->reconstruction, o->job.penalty);
    return total(o, parts, true);
}

static double evaluate(struct objective *o, const struct objective_batch *b, double *parts)
{
    static const struct net_penalty none;
    struct agreement *a = (struct agreement *)o;
    const struct objective_settings *s = o->job.settings;
    const size_t n = 2 * b->n;
    const float *z;

    draw(a, b);
    net_encode(o->net, a->code, a->views, n);
    z = head_forward(o->head, a->code, n, false);
    parts[0] = contrast_loss(a->contrast, z, n, head_row(o->head), s->temperature, NULL);
    parts[1] = s->reconstruction > 0 ? net_evaluate(o->net, a->views, a->views, n, &none) : 0;
    return total(o, parts, false);
}

static void dump(struct objective *o, const struct objective_batch *b)
{
    struct agreement *a = (struct agreement *)o;
    const struct net_spec *s = o->job.spec;
    const struct npy_header header = {
        .dtype = NPY_F32,
        .rank = 4,
        .shape = {2 * b->n, (size_t)s->height, (size_t)s->width, (size_t)s->channels}};
    struct tensor_writer *w;

    draw(a, b);
    share_gather_images(a->views, image_items(s) * sizeof *a->views, 2 * b->n);
    if (ranks_own() > 0)
        return;
    w = tensor_create(o->job.settings->dump, &header, ZIO_LEVEL);
    tensor_write(w, a->views, 2 * b->n);
    tensor_commit(w, NULL);
}

static void first(struct objective *o, const struct objective_batch *b)
{
    if (o->job.settings->dump)
        dump(o, b);
}

static void close(struct objective *o)
{
    struct agreement *a = (struct agreement *)o;

    contrast_free(a->contrast);
    free(a->views);
    free(a->code);
    free(a);
}

const struct objective_kind objective_views = {.name = "views",
                                               .n_parts = 2,
                                               .parts = {"nt_xent", "reconstruction"},
                                               .images = 2,
                                               .use = NET_IN_HALVES,
                                               .check = check,
                                               .head = head_spec_of,
                                               .memory = memory,
                                               .open = open,
                                               .train = train,
                                               .evaluate = evaluate,
                                               .first = first,
                                               .close = close};
