#include "exchange/keras.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/report.h"
#include "exchange/hdf5.h"
#include "files/json.h"
#include "net/norm.h"

enum {
    MOST_CONVOLUTIONS = 2 * NET_MAX_LAYERS,
    SECONDS = 20 /* of processor time, that reading a file may take */
};
enum part { KERNEL, BIAS, GAMMA, BETA, MEAN, VARIANCE, N_PARTS };

/* A convolution, and the batch normalisation behind it, as our parameters have them. */
struct convolution {
    char *name;
    size_t R, C, K; /* kernel, channels in, out */
    float *parts[N_PARTS];
    int activation; /* enum net_activation, or -1: unknown */
};

struct file {
    const char *path;
    const struct keras_options *options;
    struct hdf5 *h5;
    const char *root; /* "/model_weights" or "/" */
    bool is_theano;
    json_t *layers;   /* of model_config, or NULL */
    bool by_channels; /* "th", "channels_first" in the configuration */
    struct convolution convolutions[MOST_CONVOLUTIONS];
    size_t n;
};

/* --- model_config --- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* A number, or the first of a list; -1: neither. */
static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    value = json_is_array(value) ? json_array_get(value, 0) : value;
    return json_is_number(value) ? json_number_value(value) : -1;
}

/* The layers of the model: a list, or within an object. */
static json_t *read_layers(const struct file *f)
{
    char *text = hdf5_text(f->h5, "/", "model_config");
    json_t *root = text ? json_parse(text, strlen(text)) : NULL,
           *config = json_object_get(root, "config"),
           *layers = json_is_array(config) ? config : json_object_get(config, "layers");

    if (text && !json_is_array(layers))
        die_file(f->path, "model_config has no list of layers");
    json_incref(layers);
    json_decref(root);
    free(text);
    return layers;
}

/* What model_config says of the layer NAME; NULL: nothing. */
static const json_t *config_of(const struct file *f, const char *name)
{
    size_t i;
    json_t *layer;

    json_array_foreach(f->layers, i, layer)
    {
        const json_t *config = json_object_get(layer, "config");

        if (strcmp(text_of(config, "name"), name) == 0)
            return config;
    }
    return NULL;
}

static int activation_of(const struct file *f, const char *name)
{
    static const char *const names[] = {"linear", "relu", "sigmoid"};

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    die_file(f->path, "activation '%s', want linear, relu or sigmoid", name);
}

static void want_text(const struct file *f, const json_t *config, const char *key, const char *want)
{
    const char *got = text_of(config, key);

    if (*got && strcmp(got, want) != 0)
        die_file(f->path, "layer '%s': %s '%s', want '%s'", text_of(config, "name"), key, got,
                 want);
}

static void want_number(const struct file *f, const json_t *config, const char *key, double want)
{
    double got = number_of(config, key);

    if (got >= 0 && fabs(got - want) > 1e-9)
        die_file(f->path, "layer '%s': %s %g, want %g", text_of(config, "name"), key, got, want);
}

/* Whether the configuration has the channels of an image first. */
static bool has_channels_first(const struct file *f)
{
    size_t i;
    json_t *layer;

    json_array_foreach(f->layers, i, layer)
    {
        const json_t *config = json_object_get(layer, "config");

        if (strcmp(text_of(config, "dim_ordering"), "th") == 0
            || strcmp(text_of(config, "data_format"), "channels_first") == 0)
            return true;
    }
    return false;
}

/* The layers without weights: pools and upsamplings of 2, activations that stand alone and belong
 * to the convolution before. */
static void look_at_layers(struct file *f)
{
    size_t i, n = 0;
    json_t *layer;

    json_array_foreach(f->layers, i, layer)
    {
        const json_t *config = json_object_get(layer, "config");
        const char *class_name = text_of(layer, "class_name");

        want_number(f, config, "pool_size", 2);
        if (strcmp(class_name, "UpSampling2D") == 0)
            want_number(f, config, "size", 2);
        n += strcmp(class_name, "Convolution2D") == 0 || strcmp(class_name, "Conv2D") == 0;
        if (strcmp(class_name, "Activation") == 0 && n >= 1 && n <= f->n)
            f->convolutions[n - 1].activation = activation_of(f, text_of(config, "activation"));
    }
}

/* --- weights --- */

/* What a weight is: by the end of its name behind the last "/" or "LAYER_"; -1: something else. */
static int part_of(const char *layer, const char *weight)
{
    static const struct {
        const char *name;
        enum part part;
    } names[] = {
        {"W", KERNEL},
        {"kernel", KERNEL},
        {"b", BIAS},
        {"bias", BIAS},
        {"gamma", GAMMA},
        {"beta", BETA},
        {"running_mean", MEAN},
        {"moving_mean", MEAN},
        {"running_std", VARIANCE},
        {"moving_variance", VARIANCE},
    };
    const char *slash = strrchr(weight, '/'), *end = slash ? slash + 1 : weight;
    size_t layer_len = strlen(layer), len;

    if (strncmp(end, layer, layer_len) == 0 && end[layer_len] == '_')
        end += layer_len + 1;
    len = strcspn(end, ":");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == len && memcmp(end, names[i].name, len) == 0)
            return (int)names[i].part;
    return -1;
}

/* Whether a kernel of Keras 1 is (out, in, rows, columns). */
static bool is_th(const struct file *f, const char *name, const size_t shape[4])
{
    bool tf = shape[0] == shape[1], th = shape[2] == shape[3];

    if (f->options->ordering != KERAS_BY_FILE)
        return f->options->ordering == KERAS_TH;
    if (config_of(f, name))
        return f->by_channels;
    if (tf && th)
        die_file(f->path,
                 "layer '%s': kernel (%zu,%zu,%zu,%zu) may be of either ordering, want --ordering",
                 name, shape[0], shape[1], shape[2], shape[3]);
    return th;
}

/* to (R,R,C,K) = from, which is (R,R,C,K), or (K,C,R,R) where TH; turned about both axes where
 * TURN. */
static void copy_kernel(float *to, const float *from, const struct convolution *c, bool th,
                        bool turn)
{
    size_t R = c->R, C = c->C, K = c->K;

    for (size_t r = 0; r < R; r++)
        for (size_t s = 0; s < R; s++)
            for (size_t i = 0; i < C; i++)
                for (size_t o = 0; o < K; o++) {
                    size_t y = turn ? R - 1 - r : r, x = turn ? R - 1 - s : s;

                    *to++ =
                        from[th ? ((o * C + i) * R + y) * R + x : ((y * R + x) * C + i) * K + o];
                }
}

static void take_kernel(struct file *f, const char *layer, float *x, int rank, const size_t *shape,
                        bool keras1)
{
    struct convolution *c = &f->convolutions[f->n];
    bool th;

    if (rank != 4)
        die_file(f->path, "layer '%s': kernel of %d dimensions, want 4: of a convolution", layer,
                 rank);
    if (f->n == MOST_CONVOLUTIONS)
        die_file(f->path, "more than %d convolutions", MOST_CONVOLUTIONS);
    th = keras1 && is_th(f, layer, shape);
    *c = (struct convolution){.name = xstrdup(layer), .activation = -1};
    c->R = shape[th ? 2 : 0];
    c->C = shape[th ? 1 : 2];
    c->K = shape[th ? 0 : 3];
    if (shape[th ? 3 : 1] != c->R || c->R == 0 || c->C == 0 || c->K == 0)
        die_file(f->path, "layer '%s': kernel (%zu,%zu,%zu,%zu), want as many rows as columns",
                 layer, shape[0], shape[1], shape[2], shape[3]);
    c->parts[KERNEL] = xcalloc(c->R * c->R * c->C * c->K, sizeof *x);
    copy_kernel(c->parts[KERNEL], x, c, th, f->is_theano);
    free(x);
    f->n++;
}

static void take_vector(struct file *f, const char *layer, enum part part, float *x, int rank,
                        const size_t *shape)
{
    struct convolution *c = f->n > 0 ? &f->convolutions[f->n - 1] : NULL;

    if (!c || rank != 1 || shape[0] != c->K || c->parts[part])
        die_file(f->path, "layer '%s': weights that belong to no convolution before", layer);
    c->parts[part] = x;
}

static void check_config(struct file *f, const char *layer, bool is_convolution)
{
    const json_t *config = config_of(f, layer);
    struct convolution *c = &f->convolutions[f->n - 1];

    if (!config)
        return;
    if (!is_convolution) {
        want_number(f, config, "epsilon", NORM_EPSILON);
        return;
    }
    want_text(f, config, "border_mode", "same");
    want_text(f, config, "padding", "same");
    want_number(f, config, "subsample", 1);
    want_number(f, config, "strides", 1);
    if (*text_of(config, "activation"))
        c->activation = activation_of(f, text_of(config, "activation"));
}

static void read_layer(struct file *f, const char *layer)
{
    char *group = xformat("%s/%s", f->root, layer);
    size_t n;
    char **weights = hdf5_texts(f->h5, group, "weight_names", &n);
    bool is_convolution = false;

    for (size_t i = 0; i < n; i++) {
        char *name = xformat("%s/%s", group, weights[i]);
        size_t shape[HDF5_MAX_RANK], len = strlen(weights[i]);
        int rank, part = part_of(layer, weights[i]);
        float *x = hdf5_numbers(f->h5, name, &rank, shape);

        if (part < 0)
            die_file(f->path, "layer '%s': weights '%s' are none of a convolution", layer,
                     weights[i]);
        if (part == KERNEL) {
            bool keras1 = len < 2 || !strstr(weights[i], "kernel");

            is_convolution = true;
            take_kernel(f, layer, x, rank, shape, keras1);
        } else {
            take_vector(f, layer, (enum part)part, x, rank, shape);
        }
        free(name);
        free(weights[i]);
    }
    if (n > 0)
        check_config(f, layer, is_convolution);
    free(weights);
    free(group);
}

/* Theano, where the file says so, or, of Keras 1, which does not, by the names of its weights. */
static bool is_theano(const struct file *f, char **layers, size_t n)
{
    char *backend = hdf5_text(f->h5, f->root, "backend");
    bool found = backend && strcmp(backend, "theano") == 0;

    for (size_t i = 0; !backend && i < n; i++) {
        char *group = xformat("%s/%s", f->root, layers[i]);
        char *weight = hdf5_text(f->h5, group, "weight_names");

        found = found || (weight && !strchr(weight, ':'));
        free(weight);
        free(group);
    }
    free(backend);
    return found;
}

static void read_file(struct file *f)
{
    size_t n;
    char **layers;

    f->root = hdf5_has_group(f->h5, "model_weights") ? "/model_weights" : "/";
    layers = hdf5_texts(f->h5, f->root, "layer_names", &n);
    if (n == 0)
        die_file(f->path, "no layer_names: not kept by Keras 1 or 2");
    f->layers = read_layers(f);
    f->by_channels = has_channels_first(f);
    f->is_theano = is_theano(f, layers, n);
    for (size_t i = 0; i < n; i++) {
        read_layer(f, layers[i]);
        free(layers[i]);
    }
    free(layers);
    look_at_layers(f);
}

/* --- the net --- */

/* Height and width of the input, of its configuration (N,H,W,C), or (N,C,H,W). */
static void read_size(const struct file *f, struct net_spec *spec)
{
    size_t i;
    json_t *layer;

    spec->height = f->options->height;
    spec->width = f->options->width;
    json_array_foreach(f->layers, i, layer)
    {
        const json_t *shape =
            json_object_get(json_object_get(layer, "config"), "batch_input_shape");
        size_t at = f->by_channels ? 2 : 1;

        if (!shape || spec->height)
            continue;
        spec->height = (int)json_integer_value(json_array_get(shape, at));
        spec->width = (int)json_integer_value(json_array_get(shape, at + 1));
    }
    if (spec->height <= 0 || spec->width <= 0)
        die_file(f->path, "does not tell the size of its images, want --height and --width");
}

static int read_loss(const struct file *f)
{
    char *text = hdf5_text(f->h5, "/", "training_config");
    json_t *root = text ? json_parse(text, strlen(text)) : NULL;
    const char *loss = text_of(root, "loss");
    int found = strcmp(loss, "binary_crossentropy") == 0                      ? NET_BCE
        : strcmp(loss, "mse") == 0 || strcmp(loss, "mean_squared_error") == 0 ? NET_MSE
                                                                              : -1;

    json_decref(root);
    free(text);
    return found;
}

static enum net_activation choose(int wanted, int of_file, enum net_activation otherwise)
{
    return wanted >= 0 ? (enum net_activation)wanted
        : of_file >= 0 ? (enum net_activation)of_file
                       : otherwise;
}

static void make_spec(const struct file *f, struct net_spec *spec)
{
    const struct keras_options *o = f->options;
    size_t K = f->n / 2;
    const char *bad;
    int loss;

    if (K == 0 || f->n % 2)
        die_file(f->path, "%zu convolutions, want encoders and as many decoders", f->n);
    *spec = (struct net_spec){.channels = (int)f->convolutions[0].C, .n_layers = (int)K};
    read_size(f, spec);
    for (size_t k = 0; k < K; k++) {
        const struct convolution *e = &f->convolutions[k], *d = &f->convolutions[f->n - 1 - k];
        size_t C = k == 0 ? e->C : f->convolutions[k - 1].K;

        if (e->C != C || d->C != e->K || d->K != e->C || d->R != e->R)
            die_file(f->path,
                     "layer '%s', %zux%zu from %zu to %zu, is no mirror of '%s', %zux%zu "
                     "from %zu to %zu",
                     d->name, d->R, d->R, d->C, d->K, e->name, e->R, e->R, e->C, e->K);
        if (d->parts[GAMMA])
            die_file(f->path, "layer '%s': a decoder with batch normalisation", d->name);
        if (e->activation >= 0 && e->activation != NET_RELU)
            die_file(f->path, "layer '%s': activation %s, want relu", e->name,
                     e->activation == NET_LINEAR ? "linear" : "sigmoid");
        spec->layers[k] = (struct net_layer){
            .kernel = (int)e->R,
            .filters = (int)e->K,
            .batch_norm = e->parts[GAMMA] || e->parts[MEAN],
            .activation = k > 0
                ? choose(o->hidden, d->activation, NET_RELU)
                : choose(o->output, d->activation, o->first == 1 ? NET_SIGMOID : NET_LINEAR)};
    }
    loss = o->loss >= 0 ? o->loss : read_loss(f);
    spec->loss = loss >= 0                          ? (enum net_loss)loss
        : spec->layers[0].activation == NET_SIGMOID ? NET_BCE
                                                    : NET_MSE;
    if ((bad = spec_check(spec)))
        die_file(f->path, "%s", bad);
}

/* x (n) = the part, or, where the layer has none, all VALUE. */
static void copy_part(const struct file *f, float *x, const struct convolution *c, enum part part,
                      size_t n, float value)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = c->parts[part] ? c->parts[part][i] : value;
        if (!isfinite(x[i]))
            die_file(f->path, "layer '%s' holds a value that is not finite", c->name);
    }
}

struct wanted {
    const char *path;
    const struct keras_options *options;
    struct net_spec *spec;
    float *weights;
};

static void read_net(void *wanted)
{
    static const enum part parts[] = {
        [NET_KERNEL] = KERNEL, [NET_BIAS] = BIAS, [NET_GAMMA] = GAMMA,
        [NET_BETA] = BETA,     [NET_MEAN] = MEAN, [NET_VARIANCE] = VARIANCE};
    struct wanted *w = wanted;
    struct file f = {.path = w->path, .options = w->options, .h5 = hdf5_open(w->path)};
    size_t n, n_weights;
    struct net_parameter *p;

    read_file(&f);
    make_spec(&f, w->spec);
    p = spec_describe(w->spec, &n, &n_weights);
    w->weights = xcalloc(n_weights, sizeof *w->weights);
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)strtoul(strchr(p[i].name, '.') + 1, NULL, 10) - 1;
        const struct convolution *c = &f.convolutions[*p[i].name == 'e' ? k : f.n - 1 - k];

        copy_part(&f, w->weights + p[i].offset, c, parts[p[i].role], p[i].count,
                  p[i].role == NET_GAMMA || p[i].role == NET_VARIANCE);
    }
    for (size_t i = 0; i < f.n; i++) {
        for (int k = 0; k < N_PARTS; k++)
            free(f.convolutions[i].parts[k]);
        free(f.convolutions[i].name);
    }
    free(p);
    json_decref(f.layers);
    hdf5_close(f.h5);
}

/* On a damaged file libhdf5 1.10 may crash, or go round for ever. */
float *keras_read(struct net_spec *spec, const char *path, const struct keras_options *o)
{
    struct wanted w = {.path = path, .options = o, .spec = spec};
    const int signal = child_try(read_net, &w, SECONDS);

    if (signal != 0)
        die_file(path, "damaged: libhdf5 fails on it (%s)", strsignal(signal));
    read_net(&w);
    return w.weights;
}
