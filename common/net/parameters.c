#include "net/parameters.h"

#include <math.h>

const char net_initialisers[] = "glorot-uniform|glorot-normal|he-normal";

void parameters_initialise(float *weights, const struct net_parameter *p, size_t n,
                           enum net_initialiser how, enum rng_purpose purpose, uint64_t seed)
{
    for (size_t i = 0; i < n; i++, p++) {
        const size_t *last = p->shape + p->rank - 1;
        const double taps = p->rank == 4 ? (double)p->shape[0] * (double)p->shape[1] : 1;
        float *w = weights + p->offset;
        double in, out;
        struct rng rng;
        if (p->role != NET_KERNEL) {
            for (size_t j = 0; j < p->count; j++)
                w[j] = p->role == NET_GAMMA || p->role == NET_VARIANCE;
            continue;
        }
        in = taps * (double)last[-1];
        out = taps * (double)last[0];
        rng_init(&rng, seed, purpose, i);
        for (size_t j = 0; j < p->count; j++)
            if (how == NET_GLOROT_UNIFORM)
                w[j] = (float)rng_uniform(&rng, -sqrt(6 / (in + out)), sqrt(6 / (in + out)));
            else
                w[j] = (float)(rng_normal(&rng)
                               * sqrt(2 / (how == NET_GLOROT_NORMAL ? in + out : in)));
    }
}

double parameters_penalty(const float *weights, const struct net_parameter *p, size_t n, double l2)
{
    double squares = 0;
    for (size_t i = 0; i < n && l2 > 0; i++) {
        double partial[8] = {0}; /* in a fixed order that leaves room for vectors */
        for (size_t j = 0; p[i].role == NET_KERNEL && j < p[i].count; j++) {
            const double w = weights[p[i].offset + j];
            partial[j % 8] += w * w;
        }
        for (int j = 0; j < 8; j++)
            squares += partial[j];
    }
    return l2 * squares;
}

void parameters_penalise(float *gradients, const float *weights, const struct net_parameter *p,
                         size_t n, double l2)
{
    for (size_t i = 0; i < n && l2 > 0; i++)
        for (size_t j = p[i].offset; p[i].role == NET_KERNEL && j < p[i].offset + p[i].count; j++)
            gradients[j] += (float)(2 * l2) * weights[j];
}
