/* Where a training stands: a line "+NAME" is a tensor of N numbers, a line "KEY=VALUE" the metadata
 * "training.KEY". */
#include "net/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/report.h"

enum { N = 5, MAX_LINES = 64 };
struct bytes {
    const unsigned char *data;
    size_t len;
};

void target_init(void) {}

static void add_entry(struct safetensors *s, const char *name)
{
    s->entries = xrealloc(s->entries, s->n_entries + 1, sizeof *s->entries);
    s->entries[s->n_entries++] = (struct safetensors_entry){
        .name = xstrdup(name), .rank = 1, .shape = {N}, .offset = s->n_floats, .count = N};
    s->n_floats += N;
}

/* "\n" in a value is a newline. */
static void add_line(struct safetensors *s, char *line)
{
    char *value = strchr(line, '='), *to = value;

    if (*line == '+' && s->n_floats < 8 * N)
        add_entry(s, line + 1);
    if (!value)
        return;
    *value++ = '\0';
    for (to = value; *value; value++)
        *to++ = value[0] == '\\' && value[1] == 'n' ? (value++, '\n') : *value;
    *to = '\0';
    s->metadata = xrealloc(s->metadata, s->n_metadata + 1, sizeof *s->metadata);
    s->metadata[s->n_metadata++] =
        (struct safetensors_pair){xformat("training.%s", line), xstrdup(strchr(line, '\0') + 1)};
}

/* Entries as of a file of floats without a header. */
static void place(struct safetensors *s)
{
    for (size_t i = 0; i < s->n_entries; i++) {
        s->entries[i].stored = (struct npy_stored){'f', sizeof(float), false};
        s->entries[i].begin = s->entries[i].offset * sizeof(float);
    }
}

static void parse(void *context)
{
    const struct bytes *b = context;
    struct safetensors s = {0}, again = {0};
    char *text = xcalloc(b->len + 1, 1), *rest = text, *line;
    char wrong[REASON_SIZE];
    const char *reason;
    float data[8 * N] = {0};
    struct checkpoint *c;

    memcpy(text, b->data, b->len);
    while ((line = strsep(&rest, "\n")) && s.n_metadata < MAX_LINES)
        add_line(&s, line);
    place(&s);
    c = checkpoint_parse(&s, (const unsigned char *)data, N, &reason);
    if (c) {
        for (const char *at = c->log; *at; at += strcspn(at, "\n") + 1) /* as the training does */
            fuzz_check(strchr(at, '\n') != NULL, "every line of the log has an end");
        if (!checkpoint_check(c, 432, 16, wrong))
            fuzz_check(c->rows <= 432 && c->best_epoch < c->epoch, "a position on 432 rows");
        checkpoint_format(c, &again);
        checkpoint_free(c);
        place(&again);
        c = checkpoint_parse(&again, (const unsigned char *)data, N, &reason);
        fuzz_check(c && !reason, "what was formatted reads back");
        checkpoint_free(c);
    }
    safetensors_release(&s);
    safetensors_release(&again);
    free(text);
}

void target(const unsigned char *data, size_t len)
{
    fuzz_survives(parse, &(struct bytes){data, len});
}
