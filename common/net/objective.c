#include "net/objective.h"

#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"

extern const struct objective_kind objective_reconstruction, objective_views;
static const struct objective_kind *const kinds[] = {&objective_reconstruction, &objective_views};

const struct objective_settings objective_defaults = {
    .momentum = 0.99,
    .views = {.zoom = 0.55, .flip = 0.5, .brightness = 0.2, .contrast = 0.2, .saturation = 0.2},
    .pool = 2,
    .head = "512,512",
    .temperature = 0.2,
    .reconstruction = 2};

const struct cli_option *objective_options(struct objective_settings *s)
{
    static struct cli_option table[24];
    struct views_settings *v = &s->views;
    enum { LATER = CLI_SETTING | CLI_LATER };
    const struct cli_option options[] = {
        {"objective", CLI_CHOICE, &s->name, 0, 0, "reconstruction|views", LATER,
         "what is made small: the loss of the reconstruction, or the disagreement of two views"},
        {"momentum", CLI_REAL, &s->momentum, 0, 1, NULL, LATER,
         "of the running averages of batch normalisation"},
        {"temperature", CLI_REAL, &s->temperature, 1e-3, 1e3, NULL, LATER, "views: of NT-Xent"},
        {"reconstruction", CLI_REAL, &s->reconstruction, 0, 1e6, NULL, LATER,
         "views: weight of the loss of their reconstruction; 0: no decoder is trained"},
        {"pool", CLI_INT, &s->pool, 1, HEAD_MAX_POOL, NULL, LATER,
         "views: the head sees the code averaged to so many rows and columns"},
        {"head", CLI_TEXT, &s->head, 0, 0, "WIDTHS", LATER,
         "views: widths of the layers of the head, up to 4"},
        {"zoom", CLI_REAL, &v->zoom, 0.01, 1, NULL, LATER,
         "views: least share of the sides that is seen, up to 1"},
        {"flip", CLI_REAL, &v->flip, 0, 1, NULL, LATER, "views: share that is mirrored"},
        {"brightness", CLI_REAL, &v->brightness, 0, 1, NULL, LATER,
         "views: up to so much brighter or darker"},
        {"contrast", CLI_REAL, &v->contrast, 0, 1, NULL, LATER,
         "views: up to so much more or less contrast"},
        {"saturation", CLI_REAL, &v->saturation, 0, 1, NULL, LATER,
         "views: up to so much more or less colour"},
        {"rotation", CLI_REAL, &v->rotation, 0, 180, NULL, LATER,
         "views: turned by up to so many degrees"},
        {"aspect", CLI_REAL, &v->aspect, 0, 1, NULL, LATER,
         "views: one side stretched against the other by up to this share"},
        {"hue", CLI_REAL, &v->hue, 0, 0.5, NULL, LATER,
         "views: colours turned by up to this share of a circle"},
        {"grey", CLI_REAL, &v->grey, 0, 1, NULL, LATER, "views: share without colour"},
        {"erasing", CLI_REAL, &v->erasing, 0, 1, NULL, LATER,
         "views: share in which a rectangle is erased"},
        {"dump-views", CLI_TEXT, &s->dump, 0, 0, "FILE", 0,
         "views: tensor of those of the first batch, written before training"},
        {0},
    };

    memcpy(table, options, sizeof options);
    return table;
}

static const struct objective_kind *kind_of(const struct objective_job *job)
{
    return kinds[job->settings->name];
}

void objective_check(const struct objective_job *job)
{
    if (kind_of(job)->check)
        kind_of(job)->check(job);
}

/* Images that the net sees at once. Of one an image the settings alone decide. */
static int images(const struct objective_job *job)
{
    const struct objective_kind *kind = kind_of(job);
    const size_t rows = kind->images > 1 ? smaller(job->n_rows, job->batch) : job->batch;

    return (int)(kind->images * rows);
}

size_t objective_memory(const struct objective_job *job, size_t *parameters)
{
    const struct objective_kind *kind = kind_of(job);
    size_t n, n_head = 0, head = 0;

    free(spec_describe(job->spec, &n, parameters));
    if (kind->head) {
        const struct head_spec spec = kind->head(job);
        free(head_describe(&spec, &n, &n_head));
        head = head_memory(&spec, (size_t)images(job));
    }
    *parameters += n_head;
    return net_memory(job->spec, images(job), kind->use) + head + kind->memory(job);
}

struct objective *objective_open(const struct objective_job *job)
{
    const struct objective_kind *kind = kind_of(job);
    struct objective *o = kind->open(job);

    o->kind = kind;
    o->job = *job;
    o->net = net_new(job->spec, images(job), kind->use);
    net_set_momentum(o->net, job->settings->momentum);
    if (kind->head) {
        const struct head_spec spec = kind->head(job);
        o->head = head_new(&spec, (size_t)images(job));
        head_set_momentum(o->head, job->settings->momentum);
    }
    return o;
}

void objective_close(struct objective *o)
{
    head_free(o->head);
    net_free(o->net);
    o->kind->close(o);
}
