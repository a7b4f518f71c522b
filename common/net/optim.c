#include "net/optim.h"

#include <math.h>
#include <stdlib.h>

#include "base/report.h"

void optim_init(struct optim *o, const struct optim_settings *settings, size_t n)
{
    *o = (struct optim){.settings = *settings, .n = n};
    o->m = xcalloc(n, sizeof *o->m);
    o->v = xcalloc(n, sizeof *o->v);
}

const char optim_schedules[] = "decay|constant|cosine";

double optim_rate(const struct optim_settings *s, uint64_t i)
{
    double rate = s->learning_rate;

    if (s->schedule == OPTIM_DECAY)
        rate = s->learning_rate / (1 + s->decay * (double)i);
    else if (s->schedule == OPTIM_COSINE)
        rate *= (1 + cos(M_PI * (double)i / (double)s->total)) / 2;
    return (double)i < s->warm_up ? rate * (double)(i + 1) / s->warm_up : rate;
}

void optim_update(struct optim *o, float *w, const float *g)
{
    const struct optim_settings *s = &o->settings;
    double t = (double)o->updates + 1;
    float rate =
        (float)(optim_rate(s, o->updates) * sqrt(1 - pow(s->beta2, t)) / (1 - pow(s->beta1, t)));
    float b1 = (float)s->beta1, c1 = (float)(1 - s->beta1), b2 = (float)s->beta2,
          c2 = (float)(1 - s->beta2);
    float epsilon = (float)s->epsilon, *m = o->m, *v = o->v;

#pragma omp parallel for simd schedule(static)
    for (size_t i = 0; i < o->n; i++) {
        m[i] = b1 * m[i] + c1 * g[i];
        v[i] = b2 * v[i] + c2 * g[i] * g[i];
        w[i] -= rate * m[i] / (sqrtf(v[i]) + epsilon);
    }
    o->updates++;
}

void optim_release(struct optim *o)
{
    free(o->m);
    free(o->v);
    *o = (struct optim){0};
}
