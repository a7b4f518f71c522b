/* optim: Adam (Kingma and Ba 2014) with the learning-rate decay of Keras 1.
 *
 *     lr_i = lr / (1 + decay*i),  t = i + 1                       i: updates done so far, from 0
 *     m = b1*m + (1-b1)*g         v = b2*v + (1-b2)*g*g
 *     w -= lr_i * sqrt(1-b2^t)/(1-b1^t) * m / (sqrt(v) + eps)
 */
#ifndef OPTIM_H
#define OPTIM_H

#include <stddef.h>
#include <stdint.h>

struct optim_settings {
    double learning_rate, decay, beta1, beta2, epsilon;
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
