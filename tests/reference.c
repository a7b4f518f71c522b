#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

static const double norm_epsilon = 1e-3;

static double *zeros(size_t n)
{
    return xcalloc(n ? n : 1, sizeof(double));
}

static size_t count(struct reference_shape s)
{
    return s.n * s.h * s.w * s.c;
}

/* Position of (n,i,j,c), or SIZE_MAX outside of the image. */
static size_t at(struct reference_shape s, size_t n, long i, long j, size_t c)
{
    if (i < 0 || j < 0 || i >= (long)s.h || j >= (long)s.w)
        return SIZE_MAX;
    return ((n * s.h + (size_t)i) * s.w + (size_t)j) * s.c + c;
}

/* The sums of a convolution run over f innermost, which the compiler does several at a time. */
void reference_conv(double *restrict y, const double *x, const double *w, const double *b,
                    struct reference_shape s, size_t k, size_t r)
{
    long pad = ((long)r - 1) / 2;

#pragma omp parallel for collapse(3)
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < s.h; i++)
            for (size_t j = 0; j < s.w; j++) {
                double *to = y + ((n * s.h + i) * s.w + j) * k;
                memcpy(to, b, k * sizeof *to);
                for (size_t u = 0; u < r; u++)
                    for (size_t v = 0; v < r; v++) {
                        size_t from = at(s, n, (long)(i + u) - pad, (long)(j + v) - pad, 0);
                        for (size_t c = 0; from != SIZE_MAX && c < s.c; c++)
                            for (size_t f = 0; f < k; f++)
                                to[f] += w[((u * r + v) * s.c + c) * k + f] * x[from + c];
                    }
            }
}

/* From dy (N,H,W,K): dx (N,H,W,C), dw (R,R,C,K), db (K); dx may be NULL. */
static void conv_backward(double *restrict dx, double *restrict dw, double *db, const double *dy,
                          const double *x, const double *w, struct reference_shape s, size_t k,
                          size_t r)
{
    long pad = ((long)r - 1) / 2;

    memset(db, 0, k * sizeof *db);
    for (size_t i = 0; i < s.n * s.h * s.w; i++)
        for (size_t f = 0; f < k; f++)
            db[f] += dy[i * k + f];
    memset(dw, 0, r * r * s.c * k * sizeof *dw);
#pragma omp parallel for collapse(2)
    for (size_t u = 0; u < r; u++)
        for (size_t v = 0; v < r; v++)
            for (size_t n = 0; n < s.n; n++)
                for (size_t i = 0; i < s.h; i++)
                    for (size_t j = 0; j < s.w; j++) {
                        size_t from = at(s, n, (long)(i + u) - pad, (long)(j + v) - pad, 0);
                        for (size_t c = 0; from != SIZE_MAX && c < s.c; c++)
                            for (size_t f = 0; f < k; f++)
                                dw[((u * r + v) * s.c + c) * k + f] +=
                                    x[from + c] * dy[((n * s.h + i) * s.w + j) * k + f];
                    }
    if (!dx)
        return;
    memset(dx, 0, count(s) * sizeof *dx);
#pragma omp parallel for
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < s.h; i++)
            for (size_t j = 0; j < s.w; j++)
                for (size_t u = 0; u < r; u++)
                    for (size_t v = 0; v < r; v++) {
                        size_t to = at(s, n, (long)(i + u) - pad, (long)(j + v) - pad, 0);
                        for (size_t c = 0; to != SIZE_MAX && c < s.c; c++) {
                            double sum = 0;
#pragma omp simd reduction(+ : sum)
                            for (size_t f = 0; f < k; f++)
                                sum += w[((u * r + v) * s.c + c) * k + f]
                                    * dy[((n * s.h + i) * s.w + j) * k + f];
                            dx[to + c] += sum;
                        }
                    }
}

/* Position in x of the first maximum of the window (i,j). */
static size_t first_maximum(const double *x, struct reference_shape s, size_t n, size_t i, size_t j,
                            size_t c)
{
    size_t best = at(s, n, (long)(2 * i), (long)(2 * j), c);

    for (size_t a = 0; a < 2; a++)
        for (size_t b = 0; b < 2; b++) {
            size_t p = at(s, n, (long)(2 * i + a), (long)(2 * j + b), c);
            if (x[p] > x[best])
                best = p;
        }
    return best;
}

void reference_pool(double *y, const double *x, struct reference_shape s)
{
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < s.h / 2; i++)
            for (size_t j = 0; j < s.w / 2; j++)
                for (size_t c = 0; c < s.c; c++)
                    *y++ = x[first_maximum(x, s, n, i, j, c)];
}

static void pool_backward(double *dx, const double *dy, const double *x, struct reference_shape s)
{
    memset(dx, 0, count(s) * sizeof *dx);
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < s.h / 2; i++)
            for (size_t j = 0; j < s.w / 2; j++)
                for (size_t c = 0; c < s.c; c++)
                    dx[first_maximum(x, s, n, i, j, c)] += *dy++;
}

void reference_upsample(double *y, const double *x, struct reference_shape s)
{
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < 2 * s.h; i++)
            for (size_t j = 0; j < 2 * s.w; j++)
                for (size_t c = 0; c < s.c; c++)
                    *y++ = x[at(s, n, (long)(i / 2), (long)(j / 2), c)];
}

static void upsample_backward(double *dx, const double *dy, struct reference_shape s)
{
    memset(dx, 0, count(s) * sizeof *dx);
    for (size_t n = 0; n < s.n; n++)
        for (size_t i = 0; i < 2 * s.h; i++)
            for (size_t j = 0; j < 2 * s.w; j++)
                for (size_t c = 0; c < s.c; c++)
                    dx[at(s, n, (long)(i / 2), (long)(j / 2), c)] += *dy++;
}

void reference_norm(double *y, const double *x, const double *gamma, const double *beta,
                    double *mean, double *variance, bool batch, struct reference_shape s)
{
    size_t m = s.n * s.h * s.w;

    for (size_t c = 0; c < s.c; c++) {
        if (batch) {
            mean[c] = variance[c] = 0;
            for (size_t i = 0; i < m; i++)
                mean[c] += x[i * s.c + c] / (double)m;
            for (size_t i = 0; i < m; i++)
                variance[c] += pow(x[i * s.c + c] - mean[c], 2) / (double)m;
        }
        for (size_t i = 0; i < m; i++)
            y[i * s.c + c] =
                gamma[c] * (x[i * s.c + c] - mean[c]) / sqrt(variance[c] + norm_epsilon) + beta[c];
    }
}

/* With z = (x-mean)/sqrt(variance+eps), of M values: dx = gamma/sqrt(variance+eps) * (dy - mean(dy)
 * - z * mean(dy*z)). */
static void norm_backward(double *dx, double *dgamma, double *dbeta, const double *dy,
                          const double *x, const double *gamma, const double *mean,
                          const double *variance, struct reference_shape s)
{
    size_t m = s.n * s.h * s.w;

    for (size_t c = 0; c < s.c; c++) {
        double scale = 1 / sqrt(variance[c] + norm_epsilon);
        dgamma[c] = dbeta[c] = 0;
        for (size_t i = 0; i < m; i++) {
            dgamma[c] += dy[i * s.c + c] * (x[i * s.c + c] - mean[c]) * scale;
            dbeta[c] += dy[i * s.c + c];
        }
        for (size_t i = 0; i < m; i++)
            dx[i * s.c + c] = gamma[c] * scale
                * (dy[i * s.c + c] - dbeta[c] / (double)m
                   - (x[i * s.c + c] - mean[c]) * scale * dgamma[c] / (double)m);
    }
}

/* --- the net --- */

/* Every value between x and the reconstruction, for layer k (from 0): conv -> norm -> relu -> pool,
 * and back up. */
struct values {
    struct reference_shape shape[NET_MAX_LAYERS + 1]; /* of code[k] */
    double *code[NET_MAX_LAYERS + 1];                 /* code[0] = x, code[k+1] after layer k */
    double *conv[NET_MAX_LAYERS], *norm[NET_MAX_LAYERS], *relu[NET_MAX_LAYERS];
    double *mean[NET_MAX_LAYERS], *variance[NET_MAX_LAYERS];
    double *up[NET_MAX_LAYERS],
        *y[NET_MAX_LAYERS + 1]; /* y[k]: what decoder k gives; y[K] = code[K] */
};

static const double *find(const struct net_spec *spec, const double *block, const char *part, int k,
                          const char *what)
{
    size_t n, n_weights;
    struct net_parameter *p = spec_describe(spec, &n, &n_weights);
    char name[40];
    const double *found = NULL;

    snprintf(name, sizeof name, "%s.%d.%s", part, k + 1, what);
    for (size_t i = 0; i < n; i++)
        if (strcmp(p[i].name, name) == 0)
            found = block + p[i].offset;
    free(p);
    if (!found)
        die("the net has no %s", name);
    return found;
}

static double *find_in(const struct net_spec *spec, double *block, const char *part, int k,
                       const char *what)
{
    return block + (find(spec, block, part, k, what) - block);
}

static double activate(enum net_activation a, double z)
{
    return a == NET_RELU ? (z > 0 ? z : 0) : a == NET_SIGMOID ? 1 / (1 + exp(-z)) : z;
}

/* The derivative, from the value. */
static double slope(enum net_activation a, double y)
{
    return a == NET_RELU ? y > 0 : a == NET_SIGMOID ? y * (1 - y) : 1;
}

static void encode(struct values *v, const struct net_spec *spec, const double *weights,
                   const double *x, size_t n, bool batch)
{
    v->shape[0] = (struct reference_shape){n, (size_t)spec->height, (size_t)spec->width,
                                           (size_t)spec->channels};
    v->code[0] = zeros(count(v->shape[0]));
    memcpy(v->code[0], x, count(v->shape[0]) * sizeof *x);
    for (int k = 0; k < spec->n_layers; k++) {
        const struct net_layer *layer = &spec->layers[k];
        struct reference_shape s = v->shape[k], out = {s.n, s.h, s.w, (size_t)layer->filters};
        v->conv[k] = zeros(count(out));
        v->norm[k] = zeros(count(out));
        v->relu[k] = zeros(count(out));
        v->mean[k] = zeros(out.c);
        v->variance[k] = zeros(out.c);
        v->shape[k + 1] = (struct reference_shape){s.n, s.h / 2, s.w / 2, out.c};
        v->code[k + 1] = zeros(count(v->shape[k + 1]));
        reference_conv(v->conv[k], v->code[k], find(spec, weights, "encoder", k, "kernel"),
                       find(spec, weights, "encoder", k, "bias"), s, out.c, (size_t)layer->kernel);
        memcpy(v->norm[k], v->conv[k], count(out) * sizeof(double));
        if (layer->batch_norm) {
            memcpy(v->mean[k], find(spec, weights, "encoder", k, "mean"), out.c * sizeof(double));
            memcpy(v->variance[k], find(spec, weights, "encoder", k, "variance"),
                   out.c * sizeof(double));
            reference_norm(v->norm[k], v->conv[k], find(spec, weights, "encoder", k, "gamma"),
                           find(spec, weights, "encoder", k, "beta"), v->mean[k], v->variance[k],
                           batch, out);
        }
        for (size_t i = 0; i < count(out); i++)
            v->relu[k][i] = activate(NET_RELU, v->norm[k][i]);
        reference_pool(v->code[k + 1], v->relu[k], out);
    }
}

static void decode(struct values *v, const struct net_spec *spec, const double *weights)
{
    int n_layers = spec->n_layers;

    v->y[n_layers] = zeros(count(v->shape[n_layers]));
    memcpy(v->y[n_layers], v->code[n_layers], count(v->shape[n_layers]) * sizeof(double));
    for (int k = n_layers - 1; k >= 0; k--) {
        struct reference_shape small = v->shape[k + 1],
                               large = {small.n, 2 * small.h, 2 * small.w, small.c};
        v->up[k] = zeros(count(large));
        v->y[k] = zeros(count(v->shape[k]));
        reference_upsample(v->up[k], v->y[k + 1], small);
        reference_conv(v->y[k], v->up[k], find(spec, weights, "decoder", k, "kernel"),
                       find(spec, weights, "decoder", k, "bias"), large, v->shape[k].c,
                       (size_t)spec->layers[k].kernel);
        for (size_t i = 0; i < count(v->shape[k]); i++)
            v->y[k][i] = activate(spec->layers[k].activation, v->y[k][i]);
    }
}

static void release(struct values *v)
{
    for (int k = 0; k <= NET_MAX_LAYERS; k++) {
        free(v->code[k]);
        free(v->y[k]);
    }
    for (int k = 0; k < NET_MAX_LAYERS; k++) {
        free(v->conv[k]);
        free(v->norm[k]);
        free(v->relu[k]);
        free(v->mean[k]);
        free(v->variance[k]);
        free(v->up[k]);
    }
}

void reference_forward(double *code, double *y, const struct net_spec *spec, const double *weights,
                       const double *x, size_t n)
{
    struct values v = {0};

    encode(&v, spec, weights, x, n, false);
    memcpy(code, v.code[spec->n_layers], count(v.shape[spec->n_layers]) * sizeof *code);
    if (y) {
        decode(&v, spec, weights);
        memcpy(y, v.y[0], count(v.shape[0]) * sizeof *y);
    }
    release(&v);
}

/* The mean loss of y against t, and in dz its derivative by what the output activation was applied
 * to. */
static double output_loss(double *dz, const struct net_spec *spec, const double *y, const double *t,
                          size_t n)
{
    const double e = 1e-7;
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (spec->loss == NET_MSE) {
            sum += (y[i] - t[i]) * (y[i] - t[i]);
            dz[i] = 2 * (y[i] - t[i]) / (double)n * slope(spec->layers[0].activation, y[i]);
        } else {
            double p = y[i] < e ? e : y[i] > 1 - e ? 1 - e : y[i], z = log(p / (1 - p));
            sum += (z > 0 ? z : 0) - z * t[i] + log1p(exp(-fabs(z)));
            dz[i] = y[i] < e || y[i] > 1 - e ? 0 : (y[i] - t[i]) / (double)n;
        }
    }
    return sum / (double)n;
}

/* From dz, the derivative by decoder 0's convolution, the gradients of all decoders; the derivative
 * by the code goes to DCODE. */
static void decode_backward(double *dcode, double *gradient, const struct net_spec *spec,
                            const double *weights, const struct values *v, double *dz)
{
    for (int k = 0; k < spec->n_layers; k++) {
        struct reference_shape small = v->shape[k + 1],
                               large = {small.n, 2 * small.h, 2 * small.w, small.c};
        double *dup = zeros(count(large)), *dy = zeros(count(small));
        conv_backward(dup, find_in(spec, gradient, "decoder", k, "kernel"),
                      find_in(spec, gradient, "decoder", k, "bias"), dz, v->up[k],
                      find(spec, weights, "decoder", k, "kernel"), large, v->shape[k].c,
                      (size_t)spec->layers[k].kernel);
        upsample_backward(dy, dup, small);
        for (size_t i = 0; k + 1 < spec->n_layers && i < count(small); i++)
            dy[i] *= slope(spec->layers[k + 1].activation, v->y[k + 1][i]);
        free(dup);
        free(dz);
        dz = dy;
    }
    memcpy(dcode, dz, count(v->shape[spec->n_layers]) * sizeof *dcode);
    free(dz);
}

static void encode_backward(double *gradient, const struct net_spec *spec, const double *weights,
                            const struct values *v, double *dcode)
{
    for (int k = spec->n_layers - 1; k >= 0; k--) {
        struct reference_shape s = v->shape[k],
                               out = {s.n, s.h, s.w, (size_t)spec->layers[k].filters};
        double *dz = zeros(count(out)), *dx = k > 0 ? zeros(count(s)) : NULL;
        pool_backward(dz, dcode, v->relu[k], out);
        for (size_t i = 0; i < count(out); i++)
            dz[i] *= slope(NET_RELU, v->relu[k][i]);
        if (spec->layers[k].batch_norm) {
            double *dconv = zeros(count(out));
            norm_backward(dconv, find_in(spec, gradient, "encoder", k, "gamma"),
                          find_in(spec, gradient, "encoder", k, "beta"), dz, v->conv[k],
                          find(spec, weights, "encoder", k, "gamma"), v->mean[k], v->variance[k],
                          out);
            free(dz);
            dz = dconv;
        }
        conv_backward(dx, find_in(spec, gradient, "encoder", k, "kernel"),
                      find_in(spec, gradient, "encoder", k, "bias"), dz, v->code[k],
                      find(spec, weights, "encoder", k, "kernel"), s, out.c,
                      (size_t)spec->layers[k].kernel);
        free(dz);
        free(dcode);
        dcode = dx;
    }
    free(dcode);
}

double reference_loss(double *gradient, const struct net_spec *spec, const double *weights,
                      const double *x, const double *t, size_t n, const struct net_penalty *penalty)
{
    size_t n_parameters, n_weights, n_code;
    struct net_parameter *parameters = spec_describe(spec, &n_parameters, &n_weights);
    struct values v = {0};
    double loss, *dz, *dcode;

    encode(&v, spec, weights, x, n, gradient != NULL);
    decode(&v, spec, weights);
    n_code = count(v.shape[spec->n_layers]);
    dz = zeros(count(v.shape[0]));
    loss = output_loss(dz, spec, v.y[0], t, count(v.shape[0]));
    for (size_t i = 0; i < n_code; i++)
        loss += penalty->l1 * fabs(v.code[spec->n_layers][i]) / (double)n;
    for (size_t i = 0; i < n_parameters; i++)
        for (size_t j = 0; parameters[i].role == NET_KERNEL && j < parameters[i].count; j++)
            loss += penalty->l2 * pow(weights[parameters[i].offset + j], 2);
    if (!gradient) {
        free(dz);
    } else {
        memset(gradient, 0, n_weights * sizeof *gradient);
        dcode = zeros(n_code);
        decode_backward(dcode, gradient, spec, weights, &v, dz);
        for (size_t i = 0; i < n_code; i++)
            dcode[i] += v.code[spec->n_layers][i] > 0 ? penalty->l1 / (double)n : 0;
        encode_backward(gradient, spec, weights, &v, dcode);
        for (size_t i = 0; i < n_parameters; i++)
            for (size_t j = 0; parameters[i].role == NET_KERNEL && j < parameters[i].count; j++)
                gradient[parameters[i].offset + j] +=
                    2 * penalty->l2 * weights[parameters[i].offset + j];
    }
    release(&v);
    free(parameters);
    return loss;
}

void reference_noise(double *y, const double *x, size_t n, double sigma, double low, double high,
                     struct rng stream)
{
    double z[64];

    for (size_t i = 0; i < n; i++) {
        if (i % 64 == 0)
            for (int b = 0; b < 16; b++)
                for (int pair = 0; pair < 2; pair++) {
                    double u = ((rng_u32(&stream) >> 8) + 1) / 16777216.0,
                           v = (rng_u32(&stream) >> 8) / 16777216.0;
                    z[32 * pair + b] = sqrt(-2 * log(u)) * cos(2 * M_PI * v);
                    z[32 * pair + 16 + b] = sqrt(-2 * log(u)) * sin(2 * M_PI * v);
                }
        y[i] = fmin(fmax(x[i] + sigma * z[i % 64], low), high);
    }
}
