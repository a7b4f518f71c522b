#include "analysis/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "analysis/basis.h"
#include "pictures/image.h"
#include "net/model.h"
#include "base/report.h"
#include "files/chunks.h"
#include "files/keep.h"
#include "files/record.h"
#include "files/safetensors.h"
#include "files/table.h"
#include "files/tensor.h"

enum { MAX_MODEL = 1 << 30 };

enum kind { KIND_TENSOR, KIND_MODEL, KIND_PICTURE, KIND_MARKUP, KIND_EXPORT, KIND_TABLE };

/* A table tells by its name that it is one, or by its history beside it. */
static bool is_table(const char *path)
{
    size_t len = strlen(path);

    return (len > 4 && strcmp(path + len - 4, ".tsv") == 0) || keep_is_beside(path);
}

static enum kind kind_of(struct zio_reader *r)
{
    unsigned char head[12];
    size_t n = zio_peek(r, head, sizeof head);

    if (chunk_is_png(head, n))
        return KIND_PICTURE;
    if (n >= 10 && head[8] == '{'
        && memcmp(head + 5, "\0\0\0", 3) == 0) /* the length of a JSON header, below 1 TiB */
        return KIND_MODEL;
    if (n > 0 && head[0] == '<')
        return KIND_MARKUP;
    if (trailer_kind_of(head, n) != TRAILER_NONE)
        return KIND_EXPORT;
    return is_table(zio_path(r)) ? KIND_TABLE : KIND_TENSOR;
}

/* --- info --- */

struct statistics {
    double min, max, sum;
    uint64_t n_finite, n_other;
};

static void add_number(struct statistics *s, double x)
{
    if (!isfinite(x)) {
        s->n_other++;
        return;
    }
    s->min = s->n_finite == 0 || x < s->min ? x : s->min;
    s->max = s->n_finite == 0 || x > s->max ? x : s->max;
    s->sum += x;
    s->n_finite++;
}

static void add_numbers(struct statistics *s, enum npy_dtype dtype, const void *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        switch (dtype) {
        case NPY_U8:
            add_number(s, ((const uint8_t *)items)[i]);
            break;
        case NPY_F32:
            add_number(s, ((const float *)items)[i]);
            break;
        case NPY_F64:
            add_number(s, ((const double *)items)[i]);
            break;
        case NPY_I64:
            add_number(s, ((const int64_t *)items)[i]);
            break;
        }
}

static void print_statistics(const struct statistics *s, enum npy_dtype dtype)
{
    int digits = npy_item_size(dtype) == 8 ? 17 : 9;

    if (s->n_finite > 0)
        printf("min         %.*g\nmean        %.9g\nmax         %.*g\n", digits, s->min,
               s->sum / s->n_finite, digits, s->max);
    printf("non-finite  %llu\n", (unsigned long long)s->n_other);
}

static void print_file(struct zio_reader *r)
{
    char digest[DIGEST_SIZE];

    zio_reader_digest(r, digest);
    if (zio_n_frames(r) > 0)
        printf("frames      %zu\n", zio_n_frames(r));
    printf("digest      %s\n", digest);
}

static void print_history(const char *text)
{
    char digest[DIGEST_SIZE];
    bool whole = text && record_digest(text, digest, sizeof digest);

    puts(whole ? "history" : text ? "history     damaged" : "history     none");
    if (whole)
        record_print(text);
}

static void tensor_info(struct zio_reader *r)
{
    struct tensor_reader *t = tensor_from(r);
    size_t block = tensor_block(t), n;
    void *rows = xmalloc(block * t->row_bytes);
    struct statistics s = {0};
    char shape[NPY_MAX_RANK * 21 + 4];

    while ((n = tensor_read(t, rows, block)) > 0)
        add_numbers(&s, t->header.dtype, rows, n * t->row_items);
    npy_format_shape(&t->header, shape, sizeof shape);
    printf("shape       %s\ndtype       %s\n", shape, npy_dtype_name(t->header.dtype));
    print_statistics(&s, t->header.dtype);
    print_file(r);
    print_history(tensor_history(t));
    free(rows);
    tensor_close(t);
}

/* Entry E of FILE. */
static void print_entry(const struct safetensors_entry *e, const unsigned char *file)
{
    float *numbers = xmalloc(e->count * sizeof *numbers);
    struct npy_header shape = {.rank = e->rank};
    struct statistics s = {0};
    char text[NPY_MAX_RANK * 21 + 4], *name;

    memcpy(shape.shape, e->shape, e->rank * sizeof *e->shape);
    npy_format_shape(&shape, text, sizeof text);
    safetensors_numbers(numbers, e, file);
    add_numbers(&s, NPY_F32, numbers, e->count);
    free(numbers);
    name = printable(e->name);
    printf("%-20s  %-18s", name, text);
    if (s.n_finite > 0)
        printf("  min %.6g  mean %.6g  max %.6g", s.min, s.sum / s.n_finite, s.max);
    if (s.n_other > 0)
        printf("  non-finite %llu", (unsigned long long)s.n_other);
    putchar('\n');
    free(name);
}

static void model_info(struct zio_reader *r)
{
    struct safetensors s;
    size_t len;
    unsigned char *data = zio_read_all(r, MAX_MODEL, &len);
    const char *bad = safetensors_parse(&s, data, len);

    if (bad)
        die_file(zio_path(r), "%s", bad);
    printf("tensors     %zu\nnumbers     %zu\n", s.n_entries, s.n_floats);
    for (size_t i = 0; i < s.n_metadata; i++)
        if (strcmp(s.metadata[i].key, "history") != 0)
            print_line("%-11s %.*s", s.metadata[i].key, (int)strcspn(s.metadata[i].value, "\n"),
                       s.metadata[i].value);
    print_file(r);
    for (size_t i = 0; i < s.n_entries; i++)
        print_entry(&s.entries[i], data);
    print_history(safetensors_metadata(&s, "history"));
    free(data);
    safetensors_release(&s);
    zio_close(r);
}

/* The picture at PATH, a file: libpng checks every chunk as it reads. */
static struct image read_picture(const char *path)
{
    const struct picture_settings settings = {{255, 255, 255}, .max_pixels = 1 << 26};
    char error[IMAGE_ERROR];
    struct image im;

    if (strcmp(path, "-") == 0)
        die_file(path, "a picture must come from a file");
    if (image_read(&im, path, &settings, NULL, error))
        die_file(path, "%s", error);
    return im;
}

static void picture_info(struct zio_reader *r)
{
    struct image im = read_picture(zio_path(r));
    struct statistics s = {0};
    char digest[DIGEST_SIZE], *history = keep_read(zio_path(r));

    printf("shape       (%zu,%zu,3)\ndtype       uint8\n", im.height, im.width);
    add_numbers(&s, NPY_U8, im.pixels, im.height * im.width * 3);
    print_statistics(&s, NPY_U8);
    image_digest(&im, digest);
    printf("digest      %s\n", digest);
    print_history(history);
    free(history);
    image_release(&im);
    zio_close(r);
}

static bool ends_with(const char *data, size_t len, const char *end)
{
    size_t n = strlen(end);

    return len >= n && strncasecmp(data + len - n, end, n) == 0;
}

/* SVG or HTML: the digest is that of what stands before its history, which ends with its root. */
static void digest_markup(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    size_t len;
    char *data = (char *)zio_read_all(r, SIZE_MAX, &len);

    len = keep_behind_start(data, len);
    digest_format(digest, digest_data(data, len));
    while (len > 0 && strchr(" \t\r\n", data[len - 1]))
        len--;
    if (!ends_with(data, len, "</svg>") && !ends_with(data, len, "</html>"))
        die_file(zio_path(r), "cut short");
    free(data);
}

/* ONNX or Parquet: the digest is that of what stands before its history. */
static void digest_export(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    unsigned char head[TRAILER_HEAD], block[1 << 16];
    size_t n = zio_peek(r, head, sizeof head);
    enum trailer_kind kind = trailer_kind_of(head, n);
    struct digest_state *state = digest_new();
    char error[ZIO_ERROR], *text;
    uint64_t content;
    const char *bad = zio_is_seekable(r) ? keep_try_trailer(r, kind, &content, &text, error)
                                         : "must come from a file";

    if (bad)
        die_file(zio_path(r), "%s", bad);
    if (!text)
        die_file(zio_path(r), "no history of ours at its end: damaged, or of another program");
    for (uint64_t at = 0; at < content; at += n) {
        n = content - at < sizeof block ? (size_t)(content - at) : sizeof block;
        zio_read_at(r, block, n, at);
        digest_add(state, block, n);
    }
    digest_format(digest, digest_value(state));
    digest_free(state);
    free(text);
}

static void text_digest(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    const enum kind kind = kind_of(r);

    if (kind == KIND_MARKUP)
        digest_markup(r, digest);
    else if (kind == KIND_EXPORT)
        digest_export(r, digest);
    else
        table_digest(r, digest);
}

static void text_info(struct zio_reader *r)
{
    char digest[DIGEST_SIZE], *history = keep_read(zio_path(r));

    text_digest(r, digest);
    printf("digest      %s\n", digest);
    print_history(history);
    free(history);
    zio_close(r);
}

/* --- verify --- */

/* A file without a history, plain NPY for example, cannot be held to a digest. */
static void check_digest(const char *path, const char *history, const char *digest)
{
    char recorded[DIGEST_SIZE];

    if (!history)
        return;
    if (!record_digest(history, recorded, sizeof recorded))
        die_file(path, "damaged history");
    if (strcmp(digest, recorded) != 0)
        die_file(path, "content %s, its history says %s", digest, recorded);
}

static void tensor_verify(struct zio_reader *r)
{
    struct tensor_reader *t = tensor_from(r);
    size_t block = tensor_block(t);
    void *rows = xmalloc(block * t->row_bytes);
    char digest[DIGEST_SIZE];

    while (tensor_read(t, rows, block) > 0)
        continue;
    zio_reader_digest(r, digest);
    check_digest(zio_path(r), tensor_history(t), digest);
    free(rows);
    tensor_close(t);
}

static void model_verify(struct zio_reader *r)
{
    struct safetensors s;
    size_t len;
    unsigned char *data = zio_read_all(r, MAX_MODEL, &len);
    const char *path = zio_path(r), *bad = safetensors_parse(&s, data, len);

    if (bad)
        die_file(path, "%s", bad);
    if (safetensors_metadata(&s, "input")) {
        struct model *m = model_parse(path, data, len);

        check_digest(path, m->history, m->digest);
        model_free(m);
    } else if (safetensors_find(&s, "components")) {
        struct basis b;

        basis_parse(&b, path, data, len);
        check_digest(path, b.history, b.digest);
        basis_release(&b);
    }
    safetensors_release(&s);
    free(data);
    zio_close(r);
}

/* Every chunk by its checksum: libpng forgives damage in those that are not the image, of which the
 * history is one. */
static void check_chunks(struct zio_reader *r)
{
    struct chunk c = {0};
    size_t len;
    unsigned char *data = zio_read_all(r, MAX_MODEL, &len);

    while (chunk_follows(&c, len)) {
        if (!chunk_next(&c, data + chunk_after(&c), len))
            break;
        if (!chunk_is_whole(&c, data + c.at + CHUNK_HEAD))
            die_file(zio_path(r), "damaged: chunk at byte %llu", (unsigned long long)c.at);
    }
    if (!chunk_is(&c, "IEND") || chunk_after(&c) != len)
        die_file(zio_path(r), chunk_is(&c, "IEND") ? "damaged: data after its end" : "cut short");
    free(data);
}

static void picture_verify(struct zio_reader *r)
{
    struct image im = read_picture(zio_path(r));
    char digest[DIGEST_SIZE], *history = keep_read(zio_path(r));

    check_chunks(r);
    image_digest(&im, digest);
    check_digest(zio_path(r), history, digest);
    free(history);
    image_release(&im);
    zio_close(r);
}

static void text_verify(struct zio_reader *r)
{
    char digest[DIGEST_SIZE], *history = keep_read(zio_path(r));

    text_digest(r, digest);
    check_digest(zio_path(r), history, digest);
    free(history);
    zio_close(r);
}

/* --- */

/* What is done with a file of each kind; each closes it. */
static const struct {
    void (*info)(struct zio_reader *r), (*verify)(struct zio_reader *r);
} of[] = {
    [KIND_TENSOR] = {tensor_info, tensor_verify},    [KIND_MODEL] = {model_info, model_verify},
    [KIND_PICTURE] = {picture_info, picture_verify}, [KIND_MARKUP] = {text_info, text_verify},
    [KIND_EXPORT] = {text_info, text_verify},        [KIND_TABLE] = {text_info, text_verify},
};

void inspect_info(const char *path)
{
    struct zio_reader *r = zio_open(path);

    of[kind_of(r)].info(r);
}

void inspect_verify(const char *path)
{
    struct zio_reader *r = zio_open(path);

    of[kind_of(r)].verify(r);
}
