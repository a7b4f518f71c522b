#include <math.h>
#include <stdlib.h>

#include "base/ranks.h"
#include "base/report.h"
#include "base/rng.h"
#include "base/sizes.h"
#include "kernels/processor.h"
#include "net/objective.h"
#include "net/share.h"

extern const struct objective_kind objective_reconstruction;

struct reconstruction {
    struct objective objective;
    float *noisy; /* (batch,H,W,C), or NULL */
};

static size_t noisy_items(const struct objective_job *job)
{
    const struct net_spec *s = job->spec;
    const size_t rows = smaller(job->batch, job->n_rows);

    return job->settings->noise > 0 ? rows * s->height * s->width * s->channels : 0;
}

static size_t memory(const struct objective_job *job)
{
    return noisy_items(job) * sizeof(float);
}

static struct objective *open(const struct objective_job *job)
{
    struct reconstruction *r = xcalloc(1, sizeof *r);

    if (noisy_items(job) > 0)
        r->noisy = xaligned(noisy_items(job) * sizeof *r->noisy);
    return &r->objective;
}

/* The row at position p of an epoch has the stream (seed, RNG_NOISE, epoch * 2^32 + p). */
static const float *add_noise(struct reconstruction *r, const struct objective_batch *b)
{
    const struct objective_job *job = &r->objective.job;
    const size_t items = net_input_items(r->objective.net);
    const size_t first = share_image(b->n, ranks_own()), end = share_image(b->n, ranks_own() + 1);
    const float low = job->image ? 0 : -INFINITY, high = job->image ? 1 : INFINITY;

    if (!r->noisy)
        return b->x;
#pragma omp parallel for schedule(static)
    for (size_t i = first; i < end; i++) {
        struct rng stream;
        rng_init(&stream, job->seed, RNG_NOISE, b->epoch << 32 | (b->row + i));
        kernels_get()->noise(r->noisy + i * items, b->x + i * items, items,
                             (float)job->settings->noise, low, high, &stream);
    }
    return r->noisy;
}

static double train(struct objective *o, const struct objective_batch *b, double *parts)
{
    (void)parts;
    return net_train(o->net, add_noise((struct reconstruction *)o, b), b->x, b->n, o->job.penalty);
}

static double evaluate(struct objective *o, const struct objective_batch *b, double *parts)
{
    (void)parts;
    return net_evaluate(o->net, b->x, b->x, b->n, o->job.penalty);
}

static void close(struct objective *o)
{
    free(((struct reconstruction *)o)->noisy);
    free(o);
}

const struct objective_kind objective_reconstruction = {.name = "reconstruction",
                                                        .images = 1,
                                                        .use = NET_TRAIN,
                                                        .memory = memory,
                                                        .open = open,
                                                        .train = train,
                                                        .evaluate = evaluate,
                                                        .close = close};
