/* check-views ISA: what the objective "views" computes, against its definitions in double
 * precision: products of matrices, NT-Xent and its gradient, views of images; and the gradients of
 * a net and its head from the whole loss, against finite differences of that loss in double
 * precision.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/rng.h"
#include "kernels/processor.h"
#include "net/contrast.h"
#include "net/dense.h"
#include "net/head.h"
#include "net/net.h"
#include "net/views.h"
#include "reference.h"

static bool failed;

/* WHAT is as near to WANT as LIMIT, of which `size` is the scale. */
static void near(const char *what, size_t i, double got, double want, double size, double limit)
{
    if (fabs(got - want) <= limit * size)
        return;
    if (!failed)
        printf("%s %zu: got %.9g, want %.9g, within %.1e\n", what, i, got, want, limit * size);
    failed = true;
}

static float *numbers(size_t n, double low, double high, uint64_t stream)
{
    float *x = xaligned((n + 64) * sizeof *x);
    struct rng r;

    rng_init(&r, 7, RNG_TEST, stream);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)rng_uniform(&r, low, high);
    return x;
}

/* --- products --- */

static void check_dense(size_t n, size_t C, size_t K)
{
    const size_t x_row = dense_row(C), y_row = dense_row(K);
    float *x = numbers(n * x_row, -1, 1, 1), *w = numbers(C * K, -1, 1, 2),
          *b = numbers(K, -1, 1, 3), *y = numbers(n * y_row, -1, 1, 4),
          *dw = numbers(C * K, 0, 0, 5);
    float *dy = numbers(n * y_row, -1, 1, 6), *scratch = numbers(dense_scratch(C, K), 0, 0, 7),
          *back = numbers(n * x_row, 0, 0, 8), *other = numbers(dense_scratch(K, C), 0, 0, 9);
    const struct dense_weights plain = {w, (ptrdiff_t)K, 1, C, K},
                               turned = {w, 1, (ptrdiff_t)K, K, C};

    dense_multiply(y, y_row, x, x_row, n, &plain, b, scratch);
    dense_gradient(dw, x, x_row, dy, y_row, n, C, K, scratch);
    dense_multiply(back, x_row, dy, y_row, n, &turned, NULL, other);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < K; k++) {
            double sum = b[k];
            for (size_t c = 0; c < C; c++)
                sum += (double)x[i * x_row + c] * w[c * K + k];
            near("product", i * K + k, y[i * y_row + k], sum, 1 + sqrt((double)C), 1e-6);
        }
    for (size_t c = 0; c < C; c++)
        for (size_t k = 0; k < K; k++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += (double)x[i * x_row + c] * dy[i * y_row + k];
            near("gradient", c * K + k, dw[c * K + k], sum, 1 + sqrt((double)n), 1e-6);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < C; c++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++)
                sum += (double)dy[i * y_row + k] * w[c * K + k];
            near("product back", i * C + c, back[i * x_row + c], sum, 1 + sqrt((double)K), 1e-6);
        }
    free(x), free(w), free(b), free(y), free(dw), free(dy), free(scratch), free(back), free(other);
}

/* --- NT-Xent --- */

static double nt_xent(const double *z, size_t rows, size_t width, double temperature)
{
    double loss = 0;

    for (size_t i = 0; i < rows; i++) {
        double sum = 0, own = 0;
        for (size_t k = 0; k < rows; k++) {
            double s = 0;
            for (size_t c = 0; c < width; c++)
                s += z[i * width + c] * z[k * width + c] / temperature;
            if (k != i)
                sum += exp(s);
            if (k == (i + rows / 2) % rows)
                own = s;
        }
        loss += (log(sum) - own) / (double)rows;
    }
    return loss;
}

static void check_contrast(size_t rows, size_t width, double temperature)
{
    const size_t z_row = dense_row(width);
    struct contrast *c = contrast_new(rows, width);
    double *z = xcalloc(rows * width, sizeof *z);
    float *from = numbers(rows * z_row, -1, 1, 10), *dz;
    double got;

    for (size_t i = 0; i < rows; i++) {
        double length = 0;
        for (size_t k = 0; k < width; k++)
            length += pow(from[i * z_row + k], 2);
        for (size_t k = 0; k < width; k++) {
            from[i * z_row + k] /= (float)sqrt(length);
            z[i * width + k] = from[i * z_row + k];
        }
    }
    got = contrast_loss(c, from, rows, z_row, temperature, &dz);
    near("NT-Xent", rows, got, nt_xent(z, rows, width, temperature), 1, 1e-6);
    near("NT-Xent alone", rows, contrast_loss(c, from, rows, z_row, temperature, NULL), got, 1, 0);
    contrast_loss(c, from, rows, z_row, temperature, &dz);
    for (size_t i = 0; i < rows * width; i++) {
        const double before = z[i], step = 1e-5;
        double change;
        z[i] = before + step;
        change = nt_xent(z, rows, width, temperature);
        z[i] = before - step;
        change -= nt_xent(z, rows, width, temperature);
        z[i] = before;
        near("dz", i, dz[i / width * z_row + i % width], change / (2 * step), 1 / temperature,
             2e-6);
    }
    contrast_free(c);
    free(z), free(from);
}

/* --- views: by the formulas of views.h --- */

static double reflected(double p, double n)
{
    while (p < -0.5 || p > n - 0.5)
        p = p < -0.5 ? -1 - p : 2 * n - 1 - p;
    return fmin(fmax(p, 0), n - 1);
}

static double seen(const float *x, size_t H, size_t W, size_t C, double y, double at, size_t c)
{
    double sum = 0;

    y = reflected(y, (double)H);
    at = reflected(at, (double)W);
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            const double i = floor(y) + a, j = floor(at) + b,
                         share = fmax(0, 1 - fabs(y - i)) * fmax(0, 1 - fabs(at - j));
            if (share > 0)
                sum += share * x[((size_t)i * W + (size_t)j) * C + c];
        }
    return sum;
}

static void reference_view(double *to, const float *x, const struct views_job *job, struct rng *r)
{
    const struct views_settings *s = job->settings;
    const size_t H = job->height, W = job->width, C = job->channels;
    const double Y[3] = {0.299, 0.587, 0.114};
    double u[16], mean = 0, zoom, angle, ratio, tall, wide, cy, cx;

    for (int i = 0; i < 16; i++)
        u[i] = rng_uniform(r, 0, 1);
    zoom = s->zoom + (1 - s->zoom) * u[0];
    angle = (2 * u[4] - 1) * s->rotation * M_PI / 180;
    ratio = pow(1 + s->aspect, 2 * u[5] - 1);
    tall = zoom / sqrt(ratio), wide = zoom * sqrt(ratio);
    cy = (tall / 2 + u[1] * (1 - tall)) * (double)H - 0.5;
    cx = (wide / 2 + u[2] * (1 - wide)) * (double)W - 0.5;
    for (size_t i = 0; i < H; i++)
        for (size_t j = 0; j < W; j++)
            for (size_t c = 0; c < C; c++) {
                const double p = ((double)i - ((double)H - 1) / 2) * tall,
                             q = ((double)j - ((double)W - 1) / 2) * wide
                    * (u[3] < s->flip ? -1 : 1);
                const double v = seen(x, H, W, C, cy + p * cos(angle) + q * sin(angle),
                                      cx - p * sin(angle) + q * cos(angle), c);
                to[(i * W + j) * C + c] = v;
                mean += (C == 3 ? Y[c] * 3 : 1) * v / (double)(H * W * C);
            }
    for (size_t i = 0; i < H * W; i++) {
        const double b = 1 + (2 * u[6] - 1) * s->brightness, k = 1 + (2 * u[7] - 1) * s->contrast,
                     sat = u[10] < s->grey ? 0 : 1 + (2 * u[8] - 1) * s->saturation,
                     hue = 2 * M_PI * (2 * u[9] - 1) * s->hue;
        double v[4], luma = 0, I, Q;
        for (size_t c = 0; c < C; c++) {
            v[c] = b * (mean + k * (to[i * C + c] - mean));
            luma += C == 3 ? Y[c] * v[c] : 0;
        }
        if (C == 3 && hue == 0)
            for (size_t c = 0; c < C; c++)
                v[c] = luma + sat * (v[c] - luma);
        else if (C == 3) {
            const double a = 0.595716 * v[0] - 0.274453 * v[1] - 0.321263 * v[2],
                         d = 0.211456 * v[0] - 0.522591 * v[1] + 0.311135 * v[2];
            I = sat * (a * cos(hue) - d * sin(hue)), Q = sat * (a * sin(hue) + d * cos(hue));
            v[0] = luma + 0.9563 * I + 0.6210 * Q;
            v[1] = luma - 0.2721 * I - 0.6474 * Q;
            v[2] = luma - 1.1070 * I + 1.7046 * Q;
        }
        for (size_t c = 0; c < C; c++)
            to[i * C + c] = fmin(fmax(v[c], job->low), job->high);
    }
    if (u[11] < s->erasing) {
        const size_t h = (size_t)ceil((0.1 + 0.4 * u[12]) * (double)H),
                     w = (size_t)ceil((0.1 + 0.4 * u[13]) * (double)W),
                     top = (size_t)(u[14] * (double)(H - h + 1)),
                     left = (size_t)(u[15] * (double)(W - w + 1));
        for (size_t i = 0; i < h * w * C; i++)
            to[((top + i / (w * C)) * W + left) * C + i % (w * C)] = mean;
    }
}

static void check_views(size_t H, size_t W, size_t C, const struct views_settings *settings)
{
    const struct views_job job = {.settings = settings,
                                  .seed = 3,
                                  .epoch = 2,
                                  .first = 5,
                                  .height = H,
                                  .width = W,
                                  .channels = C,
                                  .low = 0,
                                  .high = 1};
    const size_t n = 3, items = H * W * C;
    float *x = numbers(n * items, 0, 1, 11), *views = numbers(2 * n * items, 0, 0, 12);
    double *want = xcalloc(items, sizeof *want);
    struct rng r;

    views_draw(views, x, n, &job);
    for (size_t i = 0; i < n; i++) {
        rng_init(&r, 3, RNG_VIEWS, (uint64_t)2 << 32 | (5 + i));
        for (size_t k = 0; k < 2; k++) {
            reference_view(want, x + i * items, &job, &r);
            for (size_t q = 0; q < items; q++)
                near("view", q, views[(k * n + i) * items + q], want[q], 1, 2e-5);
        }
    }
    free(x), free(views), free(want);
}

/* --- the gradients of the whole --- */

struct whole {
    struct net_spec spec;
    struct head_spec head;
    size_t n;
    double temperature, weight, l2;
};

static const double *find(const struct net_parameter *p, const double *w, const char *name)
{
    for (; strcmp(p->name, name) != 0; p++)
        ;
    return w + p->offset;
}

static const double *of_layer(const struct net_parameter *p, const double *w, const char *part,
                              int k, const char *what)
{
    char name[40];

    snprintf(name, sizeof name, "%s.%d.%s", part, k + 1, what);
    return find(p, w, name);
}

static double squares(const struct net_parameter *p, size_t n, const double *w, bool decoder)
{
    double sum = 0;

    for (; n > 0; n--, p++)
        for (size_t j = 0; p->role == NET_KERNEL && (decoder || p->name[0] != 'd') && j < p->count;
             j++)
            sum += w[p->offset + j] * w[p->offset + j];
    return sum;
}

/* z (rows,width) of codes (rows,h,w,C). */
static void reference_head(double *z, const struct head_spec *s, const struct net_parameter *p,
                           const double *w, const double *code, size_t rows)
{
    const size_t C = s->code[2], in = s->pool * s->pool * C;
    double *a = xcalloc(rows * in, sizeof *a);
    size_t width = in;

    for (size_t n = 0; n < rows; n++)
        for (size_t i = 0; i < in; i++) {
            const size_t c = i % C, y = i / C / s->pool, x = i / C % s->pool;
            double sum = 0;
            size_t count = 0;
            for (size_t u = 0; u < s->code[0]; u++)
                for (size_t v = 0; v < s->code[1]; v++)
                    if (u >= y * s->code[0] / s->pool && v >= x * s->code[1] / s->pool
                        && u * s->pool < (y + 1) * s->code[0] && v * s->pool < (x + 1) * s->code[1])
                        sum += code[((n * s->code[0] + u) * s->code[1] + v) * C + c], count++;
            a[n * in + i] = sum / (double)count;
        }
    for (int l = 0; l < s->n_layers; l++) {
        const size_t out = s->widths[l];
        const double *kernel = of_layer(p, w, "head", l, "kernel");
        double *u = xcalloc(rows * out, sizeof *u);
        for (size_t n = 0; n < rows; n++)
            for (size_t k = 0; k < out; k++)
                for (size_t c = 0; c < width; c++)
                    u[n * out + k] += a[n * width + c] * kernel[c * out + k];
        free(a);
        a = u;
        width = out;
        if (l + 1 < s->n_layers) {
            double mean[64], variance[64];
            reference_norm(a, a, of_layer(p, w, "head", l, "gamma"),
                           of_layer(p, w, "head", l, "beta"), mean, variance, true,
                           (struct reference_shape){rows, 1, 1, out});
            for (size_t i = 0; i < rows * out; i++)
                a[i] = a[i] > 0 ? a[i] : 0;
        }
    }
    for (size_t n = 0; n < rows; n++) {
        const double *bias = of_layer(p, w, "head", s->n_layers - 1, "bias");
        double length = 0;
        for (size_t k = 0; k < width; k++)
            length += pow(a[n * width + k] + bias[k], 2);
        for (size_t k = 0; k < width; k++)
            z[n * width + k] = (a[n * width + k] + bias[k]) / sqrt(length);
    }
    free(a);
}

/* NT-Xent + weight * cross-entropy + penalties, all by the batch's statistics. */
static double whole_loss(const struct whole *c, const double *w, const double *head_w,
                         const double *x)
{
    const struct net_spec *spec = &c->spec;
    size_t n_net, n_head, n, rows = 2 * c->n;
    struct net_parameter *p = spec_describe(spec, &n_net, &n),
                         *q = head_describe(&c->head, &n_head, &n);
    struct reference_shape s = {rows, (size_t)spec->height, (size_t)spec->width,
                                (size_t)spec->channels};
    double *a = xcalloc(s.n * s.h * s.w * s.c, sizeof *a), *z, loss;
    const size_t items = s.n * s.h * s.w * s.c;

    memcpy(a, x, items * sizeof *a);
    for (int k = 0; k < spec->n_layers; k++) {
        const size_t K = (size_t)spec->layers[k].filters, count = s.n * s.h * s.w * K;
        struct reference_shape out = {s.n, s.h, s.w, K};
        double *y = xcalloc(count, sizeof *y), *small = xcalloc(count / 4, sizeof *small);
        double mean[64], variance[64];
        reference_conv(y, a, of_layer(p, w, "encoder", k, "kernel"),
                       of_layer(p, w, "encoder", k, "bias"), s, K, (size_t)spec->layers[k].kernel);
        if (spec->layers[k].batch_norm)
            reference_norm(y, y, of_layer(p, w, "encoder", k, "gamma"),
                           of_layer(p, w, "encoder", k, "beta"), mean, variance, true, out);
        for (size_t i = 0; i < count; i++)
            y[i] = y[i] > 0 ? y[i] : 0;
        reference_pool(small, y, out);
        free(a), free(y);
        a = small;
        s = (struct reference_shape){s.n, s.h / 2, s.w / 2, K};
    }
    z = xcalloc(rows * c->head.widths[c->head.n_layers - 1], sizeof *z);
    reference_head(z, &c->head, q, head_w, a, rows);
    loss = nt_xent(z, rows, c->head.widths[c->head.n_layers - 1], c->temperature);
    for (int k = spec->n_layers - 1; k >= 0 && c->weight > 0; k--) {
        const size_t C = k == 0 ? (size_t)spec->channels : (size_t)spec->layers[k - 1].filters;
        struct reference_shape large = {s.n, 2 * s.h, 2 * s.w, s.c};
        double *up = xcalloc(4 * s.n * s.h * s.w * s.c, sizeof *up),
               *y = xcalloc(4 * s.n * s.h * s.w * C, sizeof *y);
        reference_upsample(up, a, s);
        reference_conv(y, up, of_layer(p, w, "decoder", k, "kernel"),
                       of_layer(p, w, "decoder", k, "bias"), large, C,
                       (size_t)spec->layers[k].kernel);
        free(a), free(up);
        a = y;
        s = (struct reference_shape){large.n, large.h, large.w, C};
        for (size_t i = 0; i < s.n * s.h * s.w * C && k > 0; i++)
            a[i] = a[i] > 0 ? a[i] : 0;
    }
    for (size_t i = 0; i < items && c->weight > 0; i++)
        loss += c->weight * (fmax(a[i], 0) - a[i] * x[i] + log1p(exp(-fabs(a[i])))) / (double)items;
    loss += c->l2 * (squares(p, n_net, w, c->weight > 0) + squares(q, n_head, head_w, true));
    free(a), free(z), free(p), free(q);
    return loss;
}

/* Some gradients of each parameter of N against differences of the loss, which is wants[0]. */
static void check_block(const struct whole *c, double *const blocks[2], int which,
                        const float *gradients, const double *x, const struct net_parameter *p,
                        size_t n)
{
    struct rng r;

    rng_init(&r, 5, RNG_TEST, (uint64_t)which);
    for (size_t i = 0; i < n; i++)
        for (int t = 0; t < 2; t++) {
            const size_t j = p[i].offset + rng_below(&r, (uint32_t)p[i].count);
            const double before = blocks[which][j], step = 1e-6;
            double change;
            if (p[i].role == NET_MEAN || p[i].role == NET_VARIANCE) {
                near(p[i].name, j, gradients[j], 0, 1, 0);
                continue;
            }
            blocks[which][j] = before + step;
            change = whole_loss(c, blocks[0], blocks[1], x);
            blocks[which][j] = before - step;
            change -= whole_loss(c, blocks[0], blocks[1], x);
            blocks[which][j] = before;
            near(p[i].name, j, gradients[j], change / (2 * step), 0.05 + fabs(change / (2 * step)),
                 1e-4);
        }
}

static double *doubled(const float *x, size_t n)
{
    double *y = xcalloc(n, sizeof *y);

    for (size_t i = 0; i < n; i++)
        y[i] = x[i];
    return y;
}

static void check_whole(const struct whole *c)
{
    const struct net_penalty penalty = {.l2 = c->l2}, none = {0};
    struct net *net = net_new(&c->spec, 2 * (int)c->n + 1, NET_IN_HALVES);
    struct head *head = head_new(&c->head, 2 * c->n + 3);
    struct contrast *contrast = contrast_new(2 * c->n, c->head.widths[c->head.n_layers - 1]);
    size_t n_w, n_h, n, rows = 2 * c->n, items = rows * net_input_items(net);
    float *x = numbers(items, 0, 1, 13), *code = numbers(rows * net_code_items(net), 0, 0, 14), *dz;
    float *w = net_weights(net, &n_w), *h = head_weights(head, &n_h);
    double *blocks[2], *xd = doubled(x, items), loss, bce;
    const struct net_parameter *p;
    const float *z;
    struct rng r;

    net_initialise(net, NET_GLOROT_UNIFORM, 4);
    head_initialise(head, 4);
    rng_init(&r, 6, RNG_TEST, 0);
    p = head_parameters(head, &n);
    for (size_t i = 0; i < n; i++) /* what starts at 0 or 1 somewhere else */
        for (size_t j = p[i].offset; p[i].role != NET_KERNEL && j < p[i].offset + p[i].count; j++)
            h[j] += (float)rng_uniform(&r, 0, 0.5);
    blocks[0] = doubled(w, n_w), blocks[1] = doubled(h, n_h);
    for (int again = 0; again < 2; again++) { /* nothing of a batch is left for the next */
        net_train_encode(net, code, x, rows);
        z = head_forward(head, code, rows, true);
        loss = contrast_loss(contrast, z, rows, head_row(head), c->temperature, &dz);
        head_backward(head, code, dz, rows);
        bce = net_train_back(net, code, x, rows, c->weight, &penalty);
        loss += c->weight * bce + net_penalty(net, &penalty, c->weight > 0);
        p = head_parameters(head, &n);
        loss += c->l2 * squares(p, n, blocks[1], true);
    }
    near("loss", 0, loss, whole_loss(c, blocks[0], blocks[1], xd), 1, 2e-6);
    p = net_parameters(net, &n);
    check_block(c, blocks, 0, net_gradients(net), xd, p, n);
    for (size_t i = 0; i < n && c->weight == 0; i++)
        for (size_t j = p[i].offset; p[i].name[0] == 'd' && j < p[i].offset + p[i].count; j++)
            near("a decoder that does not run has a gradient", j, net_gradients(net)[j], 0, 1, 0);
    p = head_parameters(head, &n);
    for (size_t i = 0; i < n; i++) /* whose penalty is the objective's */
        for (size_t j = p[i].offset; p[i].role == NET_KERNEL && j < p[i].offset + p[i].count; j++)
            head_gradients(head)[j] += (float)(2 * c->l2) * h[j];
    check_block(c, blocks, 1, head_gradients(head), xd, p, n);
    net_evaluate(net, x, x, rows, &none); /* a net in halves is a net */
    net_free(net), head_free(head), contrast_free(contrast);
    free(x), free(code), free(blocks[0]), free(blocks[1]), free(xd);
}

int main(int argc, char **argv)
{
    static const struct views_settings mild = {.zoom = 0.55,
                                               .flip = 0.5,
                                               .brightness = 0.2,
                                               .contrast = 0.2,
                                               .saturation = 0.2},
                                       none = {.zoom = 1},
                                       all = {.zoom = 0.5,
                                              .flip = 0.5,
                                              .brightness = 0.5,
                                              .contrast = 0.5,
                                              .saturation = 0.5,
                                              .rotation = 70,
                                              .aspect = 0.6,
                                              .hue = 0.2,
                                              .grey = 0.3,
                                              .erasing = 0.6};
    static const struct whole wholes[] = {
        {{16, 12, 3, 2, {{3, 5, NET_SIGMOID, true}, {3, 7, NET_RELU, true}}, NET_BCE},
         {2, {4, 3, 7}, 2, {9, 6}},
         5,
         0.2,
         2,
         0.001},
        {{8, 8, 3, 1, {{5, 16, NET_SIGMOID, false}}, NET_BCE},
         {3, {4, 4, 16}, 3, {20, 16, 8}},
         4,
         0.5,
         0.5,
         0},
        {{16, 16, 1, 2, {{3, 4, NET_SIGMOID, false}, {3, 8, NET_RELU, true}}, NET_BCE},
         {1, {4, 4, 8}, 1, {5}},
         3,
         0.1,
         0,
         0.01},
    };

    report_init("check-views");
    if (argc != 2 || !kernels_select(argv[1]))
        die_usage("want an instruction set that this processor runs");
    check_dense(10, 33, 17);
    check_dense(7, 5, 3);
    check_dense(64, 100, 160);
    check_contrast(2, 4, 0.5);
    check_contrast(14, 19, 0.2);
    check_contrast(40, 33, 0.1);
    for (size_t C = 1; C <= 4; C++) {
        check_views(9, 14, C, &mild);
        check_views(16, 10, C, &all);
        check_views(5, 5, C, &none);
    }
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++)
        check_whole(&wholes[i]);
    return failed;
}
