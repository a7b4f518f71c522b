/* optim: Adam (Kingma and Ba 2014), its rate by a schedule: decay, as Keras 1, constant, or cosine
 * (Loshchilov and Hutter 2017) down to 0 after the last of `total` updates.
 *
 *     lr_i = lr / (1 + decay*i)      lr      lr (1 + cos(pi i/total)) / 2       i: updates done so
 *     lr_i *= (i+1) / warm_up        while i < warm_up;  t = i + 1               far, from 0
 *     m = b1*m + (1-b1)*g         v = b2*v + (1-b2)*g*g
 *     w -= lr_i * sqrt(1-b2^t)/(1-b1^t) * m / (sqrt(v) + eps)
 */
#ifndef OPTIM_H
#define OPTIM_H

#include <stddef.h>
#include <stdint.h>

enum optim_schedule { OPTIM_DECAY, OPTIM_CONSTANT, OPTIM_COSINE };
extern const char optim_schedules[]; /* their names: "decay|constant|cosine" */
struct optim_settings {
    double learning_rate, decay, beta1, beta2, epsilon;
    int schedule;   /* enum optim_schedule */
    double warm_up; /* updates; 0: none */
    uint64_t total; /* updates, of OPTIM_COSINE */
};

struct optim {
    struct optim_settings settings;
    uint64_t updates; /* i */
    size_t n;
    float *m, *v; /* n each, owned */
};

void optim_init(struct optim *o, const struct optim_settings *settings, size_t n);
double optim_rate(const struct optim_settings *s, uint64_t i); /* lr_i */
void optim_update(struct optim *o, float *w, const float *g);  /* w, g (n); one update */
void optim_release(struct optim *o);

#endif
