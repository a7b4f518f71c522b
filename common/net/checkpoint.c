#include "net/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

static const char *const names[4] = {"training.weights", "training.m", "training.v",
                                     "training.best"};

static float *copied(const float *from, size_t n)
{
    float *to = xcalloc(n, sizeof *to);

    if (from)
        memcpy(to, from, n * sizeof *to);
    return to;
}

struct checkpoint *checkpoint_new(const float *weights, size_t n, bool best)
{
    struct checkpoint *c = xcalloc(1, sizeof *c);

    *c = (struct checkpoint){.epoch = 1, .best_loss = INFINITY, .n = n, .log = xstrdup("")};
    c->weights = copied(weights, n);
    c->m = copied(NULL, n);
    c->v = copied(NULL, n);
    c->best = best ? copied(weights, n) : NULL;
    return c;
}

void checkpoint_free(struct checkpoint *c)
{
    if (!c)
        return;
    free(c->weights);
    free(c->m);
    free(c->v);
    free(c->best);
    free(c->log);
    free(c);
}

void checkpoint_log(struct checkpoint *c, const char *line)
{
    char *log = xformat("%s%s", c->log, line);

    free(c->log);
    c->log = log;
}

void checkpoint_blocks(const struct checkpoint *c, const float *blocks[4], size_t *n_blocks)
{
    const float *all[4] = {c->weights, c->m, c->v, c->best};

    memcpy(blocks, all, sizeof all);
    *n_blocks = c->best ? 4 : 3;
}

static void add_text(struct safetensors *s, const char *key, char *value)
{
    s->metadata = xrealloc(s->metadata, s->n_metadata + 1, sizeof *s->metadata);
    s->metadata[s->n_metadata++] = (struct safetensors_pair){xformat("training.%s", key), value};
}

void checkpoint_format(const struct checkpoint *c, struct safetensors *s)
{
    const float *blocks[4];
    size_t n_blocks, end = s->n_floats;

    checkpoint_blocks(c, blocks, &n_blocks);
    s->entries = xrealloc(s->entries, s->n_entries + n_blocks, sizeof *s->entries);
    for (size_t i = 0; i < n_blocks; i++, end += c->n)
        s->entries[s->n_entries++] = (struct safetensors_entry){
            .name = xstrdup(names[i]), .rank = 1, .shape = {c->n}, .offset = end, .count = c->n};
    s->n_floats = end;
    add_text(s, "epoch", xformat("%" PRIu64, c->epoch));
    add_text(s, "rows", xformat("%" PRIu64, c->rows));
    add_text(s, "loss_sum", xformat("%a", c->loss_sum));
    for (size_t i = 0; i < c->n_parts; i++) {
        char *key = xformat("part_sum.%zu", i + 1);
        add_text(s, key, xformat("%a", c->part_sums[i]));
        free(key);
    }
    add_text(s, "updates", xformat("%" PRIu64, c->updates));
    add_text(s, "best_loss", xformat("%a", c->best_loss));
    add_text(s, "best_epoch", xformat("%" PRIu64, c->best_epoch));
    add_text(s, "log", xstrdup(c->log));
}

static bool get_number(const struct safetensors *s, const char *key, uint64_t *value)
{
    const char *text = safetensors_metadata(s, key);
    int end = 0;

    return text && sscanf(text, "%20" SCNu64 "%n", value, &end) == 1 && text[end] == '\0'
        && *value < UINT64_C(1) << 62;
}

static bool get_real(const struct safetensors *s, const char *key, double *value)
{
    const char *text = safetensors_metadata(s, key);
    char *end;

    if (!text || *text == '\0')
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && !isnan(*value);
}

/* As many sums of parts as there are; false where one cannot be read. */
static bool get_parts(const struct safetensors *s, struct checkpoint *c)
{
    for (c->n_parts = 0; c->n_parts < CHECKPOINT_PARTS; c->n_parts++) {
        char key[40];
        snprintf(key, sizeof key, "training.part_sum.%zu", c->n_parts + 1);
        if (!safetensors_metadata(s, key))
            return true;
        if (!get_real(s, key, &c->part_sums[c->n_parts]))
            return false;
    }
    return true;
}

/* Lines, each with its end: what reads the log counts on it. */
static bool is_log(const char *text)
{
    return text && (*text == '\0' || text[strlen(text) - 1] == '\n');
}

struct checkpoint *checkpoint_parse(const struct safetensors *s, const unsigned char *data,
                                    size_t n, const char **reason)
{
    struct checkpoint *c;
    const struct safetensors_entry *e[4];
    bool best = safetensors_find(s, names[3]) != NULL;
    float *blocks[4];

    *reason = NULL;
    if (!safetensors_metadata(s, "training.epoch"))
        return NULL;
    for (int i = 0; i < (best ? 4 : 3); i++) {
        e[i] = safetensors_find(s, names[i]);
        if (!e[i] || e[i]->rank != 1 || e[i]->count != n) {
            *reason = "a training tensor that does not fit the net";
            return NULL;
        }
    }
    c = checkpoint_new(NULL, n, best);
    memcpy(blocks, (float *[4]){c->weights, c->m, c->v, c->best}, sizeof blocks);
    for (int i = 0; i < (best ? 4 : 3); i++)
        safetensors_numbers(blocks[i], e[i], data);
    if (!get_number(s, "training.epoch", &c->epoch) || !get_number(s, "training.rows", &c->rows)
        || !get_real(s, "training.loss_sum", &c->loss_sum) || !get_parts(s, c)
        || !get_number(s, "training.updates", &c->updates)
        || !get_real(s, "training.best_loss", &c->best_loss)
        || !get_number(s, "training.best_epoch", &c->best_epoch)
        || !is_log(safetensors_metadata(s, "training.log")) || c->epoch < 1)
        *reason = "a training position that cannot be read";
    else
        checkpoint_log(c, safetensors_metadata(s, "training.log"));
    if (*reason) {
        checkpoint_free(c);
        return NULL;
    }
    return c;
}

static uint64_t count_lines(const char *text)
{
    uint64_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

const char *checkpoint_check(const struct checkpoint *c, uint64_t n_rows, uint64_t batch,
                             char text[REASON_SIZE])
{
    const uint64_t steps = (n_rows + batch - 1) / batch, done = c->epoch - 1,
                   updates = done * steps + (c->rows + batch - 1) / batch;

    if (c->rows > n_rows)
        return reason(text, "damaged: %" PRIu64 " rows of its epoch done, of %" PRIu64, c->rows,
                      n_rows);
    if (c->rows < n_rows && c->rows % batch != 0)
        return reason(text, "damaged: %" PRIu64 " rows of its epoch done, in batches of %" PRIu64,
                      c->rows, batch);
    if (c->updates != updates)
        return reason(text, "damaged: %" PRIu64 " updates done, want %" PRIu64, c->updates,
                      updates);
    if (count_lines(c->log) != done || c->best_epoch > done)
        return reason(text, "damaged: the log of its %" PRIu64 " epochs", done);
    return NULL;
}
