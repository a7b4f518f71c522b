#include "net/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"
#include "files/safetensors.h"

enum { MAX_FILE = 1 << 30, FRAME = 4 << 20 };

/* HEAD, n_head numbers: NULL, 0 where there is none. */
static void digest_net(char digest[DIGEST_SIZE], const struct net_spec *spec, int first,
                       const float *weights, size_t n, const float *head, size_t n_head)
{
    struct digest_state *state = digest_new();
    char words[SPEC_WORDS][SPEC_TEXT], *about;

    spec_format(words, spec);
    about = xformat("%s;%s;%s;%s;%d\n", words[0], words[1], words[2], words[3], first);
    digest_add(state, about, strlen(about));
    digest_add(state, weights, n * sizeof *weights);
    digest_add(state, head, n_head * sizeof *head);
    digest_format(digest, digest_value(state));
    digest_free(state);
    free(about);
}

static bool is_of_head(const char *name)
{
    return strncmp(name, "head.", 5) == 0;
}

/* The name of a parameter in a file: "encoder.1.kernel" of a net whose first layer is 3 is
 * "encoder.3.kernel". */
static void file_name(char name[64], const struct net_parameter *p, int first)
{
    int part_len = (int)strcspn(p->name, ".");
    char *rest;
    long k = strtol(p->name + part_len + 1, &rest, 10);

    if (is_of_head(p->name))
        first = 1;
    snprintf(name, 64, "%.*s.%ld%s", part_len, p->name, k + first - 1, rest);
}

/* --- writing --- */

static void write_floats(struct zio_writer *w, const float *x, size_t n)
{
    const size_t frame = FRAME / sizeof *x;

    for (size_t i = 0; i < n; i += frame) {
        zio_write(w, x + i, smaller(n - i, frame) * sizeof *x);
        zio_end_frame(w);
    }
}

/* N parameters, behind what S has. */
static void add_entries(struct safetensors *s, const struct net_parameter *p, size_t n, int first)
{
    const size_t start = s->n_floats;

    s->entries = xrealloc(s->entries, s->n_entries + n, sizeof *s->entries);
    for (size_t i = 0; i < n; i++, p++) {
        struct safetensors_entry *e = &s->entries[s->n_entries++];
        char name[64];
        file_name(name, p, first);
        *e = (struct safetensors_entry){
            .name = xstrdup(name), .rank = p->rank, .offset = start + p->offset, .count = p->count};
        memcpy(e->shape, p->shape, sizeof p->shape);
        s->n_floats = start + p->offset + p->count;
    }
}

static void add_metadata(struct safetensors *s, const char *key, const char *value)
{
    s->metadata = xrealloc(s->metadata, s->n_metadata + 1, sizeof *s->metadata);
    s->metadata[s->n_metadata++] = (struct safetensors_pair){xstrdup(key), xstrdup(value)};
}

void model_write(const char *path, struct net *net, int first, struct head *head,
                 const struct history *h, const struct checkpoint *training)
{
    size_t n_weights, n_head = 0, n, header_len, n_blocks = 0;
    const float *weights = net_weights(net, &n_weights),
                *head_floats = head ? head_weights(head, &n_head) : NULL, *blocks[4];
    const struct net_parameter *p;
    char digest[DIGEST_SIZE], *history;
    struct safetensors s = {0};
    char words[SPEC_WORDS][SPEC_TEXT];
    struct zio_writer *w;
    unsigned char *header;

    spec_format(words, net_get_spec(net));
    digest_net(digest, net_get_spec(net), first, weights, n_weights, head_floats, n_head);
    history = history_text(h, digest);
    p = net_parameters(net, &n);
    add_entries(&s, p, n, first);
    if (head) {
        p = head_parameters(head, &n);
        add_entries(&s, p, n, first);
    }
    for (int i = 0; i < SPEC_WORDS; i++)
        add_metadata(&s, spec_words[i], words[i]);
    add_metadata(&s, "history", history);
    if (training) {
        checkpoint_format(training, &s);
        checkpoint_blocks(training, blocks, &n_blocks);
    }
    header = safetensors_format(&s, &header_len);
    w = zio_create(path, ZIO_LEVEL);
    zio_write(w, header, header_len);
    write_floats(w, weights, n_weights);
    write_floats(w, head_floats, n_head);
    for (size_t i = 0; i < n_blocks; i++)
        write_floats(w, blocks[i], training->n);
    zio_commit(w, NULL);
    safetensors_release(&s);
    free(header);
    free(history);
}

/* --- reading: each gives NULL, or the reason why the file is no model, in ERROR --- */

/* The first layer's number, and how many layers follow one another from there. */
static const char *count_layers(struct model *m, const struct safetensors *s,
                                char error[REASON_SIZE])
{
    char name[64];
    long first = 0, n = 0;

    for (size_t i = 0; i < s->n_entries; i++) {
        char *end;
        long k;
        if (strncmp(s->entries[i].name, "encoder.", 8) != 0)
            continue;
        k = strtol(s->entries[i].name + 8, &end, 10);
        if (strcmp(end, ".kernel") == 0 && k >= 1 && k <= 10000 && (first == 0 || k < first))
            first = k;
    }
    do
        snprintf(name, sizeof name, "encoder.%ld.kernel", first + n);
    while (safetensors_find(s, name) && ++n <= NET_MAX_LAYERS);
    if (first == 0 || n > NET_MAX_LAYERS)
        return reason(error, "%ld encoder layers, want 1 to %d", n, NET_MAX_LAYERS);
    m->first = (int)first;
    m->spec.n_layers = (int)n;
    return NULL;
}

static const char *read_spec(struct model *m, const struct safetensors *s, char error[REASON_SIZE])
{
    const char *values[SPEC_WORDS], *bad;

    for (int i = 0; i < SPEC_WORDS; i++)
        if (!(values[i] = safetensors_metadata(s, spec_words[i])))
            return reason(error, "no '%s' in __metadata__: not a model of ours", spec_words[i]);
    if ((bad = count_layers(m, s, error)))
        return bad;
    for (int k = 0; k < m->spec.n_layers; k++) {
        const struct safetensors_entry *e;
        char name[64];

        snprintf(name, sizeof name, "encoder.%d.kernel", m->first + k);
        e = safetensors_find(s, name);
        if (e->rank != 4 || e->shape[0] > 99 || e->shape[3] > 1 << 20)
            return reason(error, "%s is no kernel (height,width,in,out)", name);
        m->spec.layers[k].kernel = (int)e->shape[0];
        m->spec.layers[k].filters = (int)e->shape[3];
    }
    bad = spec_parse(&m->spec, values, error);
    return bad ? bad : spec_check(&m->spec);
}

static void format_shape(char text[128], int rank, const size_t *shape)
{
    size_t used = 0;

    text[0] = '\0';
    for (int i = 0; i < rank && used < 100; i++)
        used += (size_t)snprintf(text + used, 128 - used, "%s%zu", i ? "," : "", shape[i]);
}

/* One tensor of the file DATA to where the net has it. */
static const char *read_parameter(struct model *m, const struct net_parameter *p,
                                  const struct safetensors *s, const unsigned char *data,
                                  char error[REASON_SIZE])
{
    const struct safetensors_entry *e;
    char name[64], got[128], want[128];
    float *to = (is_of_head(p->name) ? m->head_weights : m->weights) + p->offset;

    file_name(name, p, m->first);
    if (!(e = safetensors_find(s, name)))
        return reason(error, "no tensor '%s'", name);
    format_shape(got, e->rank, e->shape);
    format_shape(want, p->rank, p->shape);
    if (strcmp(got, want) != 0)
        return reason(error, "%s has shape (%s), want (%s)", name, got, want);
    safetensors_numbers(to, e, data);
    if (e->stored.size > sizeof *to && !m->rounded)
        warn_file(m->path, "%s is float64, rounded to float32", name);
    m->rounded = m->rounded || e->stored.size > sizeof *to;
    for (size_t i = 0; i < p->count; i++)
        if (!isfinite(to[i]))
            return reason(error, "%s holds a value that is not finite", name);
    return NULL;
}

/* The tensors of the file in the order of the net's parameters. */
static const char *read_weights(struct model *m, const struct safetensors *s,
                                const unsigned char *data, char error[REASON_SIZE])
{
    size_t n, n_others = 0;
    struct net_parameter *parameters = spec_describe(&m->spec, &n, &m->n_weights);
    const char *bad = NULL;

    for (size_t i = 0; i < s->n_entries; i++)
        n_others +=
            strncmp(s->entries[i].name, "training.", 9) != 0 && !is_of_head(s->entries[i].name);
    if (n_others != n)
        bad = reason(error, "%zu tensors of a net, want %zu", n_others, n);
    else if (m->n_weights > s->n_floats)
        bad = reason(error, "%zu numbers, want %zu for its net", s->n_floats, m->n_weights);
    else
        m->weights = xaligned(m->n_weights * sizeof *m->weights);
    for (size_t i = 0; !bad && i < n; i++)
        bad = read_parameter(m, &parameters[i], s, data, error);
    free(parameters);
    return bad;
}

/* The head's form, as its kernels tell it: head.1.kernel (pool*pool*C,out), and so on. */
static const char *read_head_spec(struct model *m, const struct safetensors *s,
                                  char error[REASON_SIZE])
{
    struct head_spec *head = &m->head;
    const struct net_spec *net = &m->spec;
    const struct safetensors_entry *e;
    char name[64] = "head.1.kernel";
    size_t in;

    head->code[0] = (size_t)(net->height >> net->n_layers);
    head->code[1] = (size_t)(net->width >> net->n_layers);
    head->code[2] = (size_t)net->layers[net->n_layers - 1].filters;
    for (; head->n_layers < HEAD_MAX_LAYERS && (e = safetensors_find(s, name));
         snprintf(name, sizeof name, "head.%d.kernel", head->n_layers + 1)) {
        if (e->rank != 2 || e->shape[1] < 1 || e->shape[1] > HEAD_MAX_WIDTH)
            return reason(error, "%s is no kernel (in,out)", name);
        head->widths[head->n_layers++] = e->shape[1];
    }
    if (head->n_layers == 0)
        return reason(error, "no tensor 'head.1.kernel' beside others of a head");
    in = safetensors_find(s, "head.1.kernel")->shape[0];
    while (head->pool < HEAD_MAX_POOL && head->pool * head->pool * head->code[2] < in)
        head->pool++;
    if (head->pool * head->pool * head->code[2] != in || head->pool > head->code[0]
        || head->pool > head->code[1])
        return reason(error, "head.1.kernel takes %zu numbers, want a square times %zu", in,
                      head->code[2]);
    return NULL;
}

static const char *read_head(struct model *m, const struct safetensors *s,
                             const unsigned char *data, char error[REASON_SIZE])
{
    size_t n, n_found = 0;
    struct net_parameter *parameters;
    const char *bad;

    for (size_t i = 0; i < s->n_entries; i++)
        n_found += is_of_head(s->entries[i].name);
    if (n_found == 0)
        return NULL;
    if ((bad = read_head_spec(m, s, error)))
        return bad;
    parameters = head_describe(&m->head, &n, &m->n_head);
    if (n_found != n)
        bad = reason(error, "%zu tensors of a head, want %zu", n_found, n);
    else if (m->n_head > s->n_floats)
        bad = reason(error, "%zu numbers, want %zu for its head", s->n_floats, m->n_head);
    else
        m->head_weights = xaligned(m->n_head * sizeof *m->head_weights);
    for (size_t i = 0; !bad && i < n; i++)
        bad = read_parameter(m, &parameters[i], s, data, error);
    free(parameters);
    return bad;
}

static const char *parse(struct model *m, const struct safetensors *s, const unsigned char *data,
                         char error[REASON_SIZE])
{
    const char *bad = read_spec(m, s, error);

    if (!bad)
        bad = read_weights(m, s, data, error);
    if (!bad)
        bad = read_head(m, s, data, error);
    if (bad)
        return bad;
    if (safetensors_metadata(s, "history"))
        m->history = xstrdup(safetensors_metadata(s, "history"));
    digest_net(m->digest, &m->spec, m->first, m->weights, m->n_weights, m->head_weights, m->n_head);
    m->training = checkpoint_parse(s, data, m->n_weights + m->n_head, &bad);
    return bad;
}

static const char *try_parse(struct model **model, const char *path, const unsigned char *data,
                             size_t len, char error[REASON_SIZE])
{
    struct model *m;
    struct safetensors s;
    const char *bad = safetensors_parse(&s, data, len);

    *model = NULL;
    if (bad)
        return reason(error, "no model: %.150s", bad);
    m = xcalloc(1, sizeof *m);
    m->path = xstrdup(path);
    bad = parse(m, &s, data, error);
    safetensors_release(&s);
    if (!bad)
        *model = m;
    else
        model_free(m);
    return bad;
}

const char *model_try_read(struct model **m, const char *path, char error[REASON_SIZE])
{
    enum profile_part before = profile_enter(PROFILE_READING); /* a pipe may come late */
    struct zio_reader *r;
    unsigned char *data = NULL;
    size_t len;
    const char *bad = zio_try_open(&r, path, error);

    *m = NULL;
    if (!bad)
        bad = zio_try_read_all(r, MAX_FILE, &data, &len, error);
    profile_leave(before);
    if (!bad)
        bad = try_parse(m, path, data, len, error);
    zio_close(r);
    free(data);
    return bad;
}

struct model *model_parse(const char *path, const unsigned char *data, size_t len)
{
    struct model *m;
    char error[REASON_SIZE];
    const char *bad = try_parse(&m, path, data, len, error);

    if (bad)
        die_file(path, "%s", bad);
    return m;
}

struct model *model_read(const char *path)
{
    struct model *m;
    char error[REASON_SIZE];
    const char *bad = model_try_read(&m, path, error);

    if (bad)
        die_file(path, "%s", bad);
    return m;
}

/* --- using --- */

struct net *model_net(const struct model *m, int max_batch, enum net_use use)
{
    struct net *net = net_new(&m->spec, max_batch, use);
    size_t n;
    float *weights = net_weights(net, &n);

    memcpy(weights, m->weights, n * sizeof *weights);
    net_changed(net);
    return net;
}

size_t model_memory(const struct model *m)
{
    return (m->n_weights + m->n_head) * sizeof(float)
        * (!m->training            ? 1
               : m->training->best ? 5
                                   : 4);
}

void model_load(struct net *net, const struct model *from)
{
    size_t n, n_from, n_weights;
    const struct net_parameter *want = net_parameters(net, &n);
    struct net_parameter *got = spec_describe(&from->spec, &n_from, &n_weights);
    float *weights = net_weights(net, &n_weights);

    if (n != n_from)
        die_file(from->path, "%zu tensors, want %zu", n_from, n);
    for (size_t i = 0; i < n; i++) {
        char got_shape[128], want_shape[128];
        format_shape(got_shape, got[i].rank, got[i].shape);
        format_shape(want_shape, want[i].rank, want[i].shape);
        if (strcmp(got[i].name, want[i].name) != 0 || strcmp(got_shape, want_shape) != 0)
            die_file(from->path, "%s of shape (%s), want %s (%s)", got[i].name, got_shape,
                     want[i].name, want_shape);
    }
    memcpy(weights, from->weights, n_weights * sizeof *weights);
    net_changed(net);
    free(got);
}

void model_want(const struct model *m, const char *path, const size_t shape[3])
{
    const struct net_spec *s = &m->spec;

    if (shape[0] != (size_t)s->height || shape[1] != (size_t)s->width
        || shape[2] != (size_t)s->channels)
        die_file(path, "shape (N,%zu,%zu,%zu), want (N,%d,%d,%d) for '%s'", shape[0], shape[1],
                 shape[2], s->height, s->width, s->channels, m->path);
}

void model_add_to_history(const struct model *m, struct history *h)
{
    history_input(h, m->digest, m->history);
}

void model_free(struct model *m)
{
    free(m->path);
    free(m->weights);
    free(m->head_weights);
    free(m->history);
    checkpoint_free(m->training);
    free(m);
}
