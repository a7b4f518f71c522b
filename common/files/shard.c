#include "files/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"

enum { FEW = 4 }; /* frames for each part, and fewer: then parts are of unequal work */

static const char *wanted; /* --shard; NULL: the whole */
static size_t number, of;  /* the same, parsed */

struct cli_option shard_option(void)
{
    return (struct cli_option){
        "shard", CLI_TEXT,
        &wanted, 0,
        0,       "I/N",
        0,       "only part I of N of the output; tensor join puts them together"};
}

bool shard_is_wanted(void)
{
    return wanted && *wanted;
}

static void parse_shard(void)
{
    int end = 0;

    if (sscanf(wanted, "%zu/%zu%n", &number, &of, &end) != 2 || wanted[end] || number < 1
        || number > of || of > 100000 || wanted[0] < '0' || wanted[0] > '9')
        die_usage("--shard '%s', want I/N, such as 1/8 to 8/8", wanted);
}

void shard_record(struct history *h)
{
    char *canonical;

    if (!shard_is_wanted())
        return;
    parse_shard();
    canonical = xformat("%zu/%zu", number, of);
    history_setting(h, "shard", canonical);
    free(canonical);
}

struct history *shard_history(const struct cli *cli, int revision)
{
    struct history *h = history_new(cli, revision);

    shard_record(h);
    history_ask(h);
    return h;
}

/* Where part PART, from 0, begins in ROWS rows in frames of FRAME. */
static size_t start_of(size_t part, size_t rows, size_t frame)
{
    const size_t frames = divide_up(rows, frame), unit = frames < FEW * of ? 1 : frame,
                 units = unit == 1 ? rows : frames,
                 from = units / of * part + units % of * part / of;

    return smaller(from * unit, rows);
}

bool shard_rows(const struct npy_header *header, size_t *first, size_t *n)
{
    const size_t rows = header->shape[0], frame = tensor_frame_rows(header);

    *first = shard_is_wanted() ? start_of(number - 1, rows, frame) : 0;
    *n = (shard_is_wanted() ? start_of(number, rows, frame) : rows) - *first;
    return !shard_is_wanted() || number == of;
}

struct tensor_writer *shard_create(const char *path, const struct npy_header *header, size_t *first,
                                   size_t *n)
{
    struct npy_header part = *header;

    shard_rows(header, first, n);
    if (!shard_is_wanted())
        return tensor_create(path, header, TENSOR_LEVEL);
    part.shape[0] = *n;
    return tensor_create_part(path, &part, TENSOR_LEVEL, false);
}

void shard_want_file(const struct tensor_reader *t)
{
    if (shard_is_wanted() && !tensor_is_seekable(t))
        die_file(tensor_path(t), "a pipe, want a file for --shard");
}

/* --- joining --- */

static bool same_rows(const struct npy_header *a, const struct npy_header *b)
{
    return a->dtype == b->dtype && a->rank == b->rank
        && memcmp(a->shape + 1, b->shape + 1, (a->rank - 1) * sizeof *a->shape) == 0;
}

/* The header of the whole, of its parts. */
static struct npy_header whole_header(struct tensor_reader *const *parts, size_t n)
{
    struct npy_header whole = parts[0]->header;

    for (size_t i = 1; i < n; i++) {
        if (!same_rows(&whole, &parts[i]->header))
            die_file(tensor_path(parts[i]), "other rows than '%s'", tensor_path(parts[0]));
        whole.shape[0] += parts[i]->n_rows;
    }
    return whole;
}

/* The history of the whole with this DIGEST. */
static char *whole_history(struct tensor_reader *const *parts, size_t n, const char *digest)
{
    char **texts = xcalloc(n, sizeof *texts), *text;
    size_t bad;

    for (size_t i = 0; i < n; i++)
        texts[i] = (char *)tensor_history(parts[i]);
    text = history_of_parts(texts, n, digest, &bad);
    if (!text && bad == 0)
        die_file(tensor_path(parts[0]), "not part 1 of %zu, by its history", n);
    if (!text)
        die_file(tensor_path(parts[bad]), "not part %zu of %zu of what '%s' is a part of", bad + 1,
                 n, tensor_path(parts[0]));
    free(texts);
    return text;
}

void shard_join(char *const *paths, size_t n, const char *output)
{
    struct tensor_reader **parts = xcalloc(n, sizeof *parts);
    struct npy_header header;
    struct tensor_writer *w;
    char digest[DIGEST_SIZE], *text;

    for (size_t i = 0; i < n; i++) {
        parts[i] = tensor_open(paths[i]);
        if (!tensor_is_seekable(parts[i]))
            die_file(paths[i], "a pipe, want files");
    }
    free(whole_history(parts, n, "")); /* before anything is written */
    header = whole_header(parts, n);
    w = tensor_create(output, &header, TENSOR_LEVEL);
    for (size_t i = 0; i < n; i++)
        tensor_append(w, parts[i]);
    tensor_writer_digest(w, digest);
    text = whole_history(parts, n, digest);
    tensor_commit_text(w, text);
    free(text);
    for (size_t i = 0; i < n; i++)
        tensor_close(parts[i]);
    free(parts);
}
