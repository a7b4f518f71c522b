#include "exchange/parquet.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/endian.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/sizes.h"
#include "exchange/extremes.h"
#include "exchange/thrift.h"
#include "files/jobs.h"
#include "files/json.h"
#include "files/zio.h"

enum { PAGE = 1 << 20, LEVEL = 1, MOST_THREADS = 4 };                 /* bytes of values; of zstd */
enum { INT32 = 1, INT64 = 2, FLOAT = 4, DOUBLE = 5, BYTE_ARRAY = 6 }; /* Type */
enum { PLAIN = 0, RLE = 3, ZSTD = 6, REQUIRED = 0, REPEATED = 2 };
enum { UTF8 = 0, LIST = 3, UINT_8 = 11 }; /* ConvertedType, as old readers want it */

/* A page on its way to the file. */
struct page {
    const struct parquet_column *column;
    struct buffer values; /* as rows came */
    size_t n_rows;
    struct buffer content, head; /* levels and values; the page's header */
    unsigned char *stored;
    size_t stored_len, stored_capacity;
    ZSTD_CCtx *compressor;
    struct extremes extremes;
};

/* The pages of a column in a group of rows. */
struct chunk {
    uint64_t start, n_values, content, stored; /* bytes, with the headers of pages */
    struct extremes extremes;
};

struct parquet_writer {
    struct zio_writer *file;
    uint64_t written;
    const struct parquet_column *columns;
    size_t n_columns, column; /* the present one, from 1 */
    struct buffer groups;     /* of the footer: the groups that are done */
    size_t n_groups, group_rows;
    uint64_t n_rows;
    struct chunk *chunks; /* (n_columns) of this group */
    struct jobs *jobs;    /* struct page */
    struct page *page;    /* the one being filled, or NULL */
    size_t in_flight;     /* bytes of values in pages started and not yet written */
};

static size_t row_size(const struct parquet_column *c)
{
    return (c->length ? c->length : 1) * npy_item_size(c->dtype);
}

static bool is_real(const struct parquet_column *c)
{
    return !c->is_text && (c->dtype == NPY_F32 || c->dtype == NPY_F64);
}

static int physical_type(const struct parquet_column *c)
{
    static const int types[] = {
        [NPY_U8] = INT32, [NPY_F32] = FLOAT, [NPY_F64] = DOUBLE, [NPY_I64] = INT64};

    return c->is_text ? BYTE_ARRAY : types[c->dtype];
}

/* --- pages --- */

/* N times the level, of one bit: a run of equal ones. */
static void add_run(struct buffer *b, size_t n, int level)
{
    if (n == 0)
        return;
    buffer_varint(b, (uint64_t)n << 1);
    buffer_byte(b, level);
}

static void add_length(struct buffer *b, size_t at)
{
    put_le32(b->data + at, (uint32_t)(b->len - at - 4));
}

/* Which values begin a list (0) and which go on with one (1); and that all are there (1). */
static void add_levels(struct buffer *b, size_t n_rows, size_t length)
{
    size_t at = b->len;

    buffer_room(b, 4);
    for (size_t i = 0; i < n_rows; i++) {
        add_run(b, 1, 0);
        add_run(b, length - 1, 1);
    }
    add_length(b, at);
    at = b->len;
    buffer_room(b, 4);
    add_run(b, n_rows * length, 1);
    add_length(b, at);
}

static void add_values(struct buffer *b, const struct page *p)
{
    const uint8_t *bytes = p->values.data;
    unsigned char *to;

    if (p->column->is_text || p->column->dtype != NPY_U8) {
        buffer_add(b, p->values.data, p->values.len);
        return;
    }
    to = buffer_room(b, 4 * p->values.len);
    for (size_t i = 0; i < p->values.len; i++)
        to = put_le32(to, bytes[i]);
}

static size_t n_values(const struct page *p)
{
    return p->n_rows * (p->column->length ? p->column->length : 1);
}

static void format_head(struct page *p)
{
    struct thrift t = {.b = &p->head};

    thrift_int(&t, 1, THRIFT_I32, 0); /* a data page */
    thrift_int(&t, 2, THRIFT_I32, (int64_t)p->content.len);
    thrift_int(&t, 3, THRIFT_I32, (int64_t)p->stored_len);
    thrift_open(&t, 5);
    thrift_int(&t, 1, THRIFT_I32, (int64_t)n_values(p));
    thrift_int(&t, 2, THRIFT_I32, PLAIN);
    thrift_int(&t, 3, THRIFT_I32, RLE); /* of both levels */
    thrift_int(&t, 4, THRIFT_I32, RLE);
    thrift_close(&t);
    thrift_close(&t);
}

static void finish_page(void *slot)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);
    struct page *p = slot;
    const struct parquet_column *c = p->column;
    size_t n = n_values(p), bound;

    if (is_real(c))
        extremes_reals(&p->extremes, p->values.data, n, c->dtype == NPY_F64);
    else if (!c->is_text)
        extremes_integers(&p->extremes, p->values.data, n, c->dtype == NPY_U8);
    p->content.len = p->head.len = 0;
    if (c->length)
        add_levels(&p->content, p->n_rows, c->length);
    add_values(&p->content, p);
    bound = ZSTD_compressBound(p->content.len);
    xreserve(&p->stored, &p->stored_capacity, bound);
    if (!p->compressor && !(p->compressor = ZSTD_createCCtx()))
        die("out of memory: a compressor wanted");
    p->stored_len =
        ZSTD_compressCCtx(p->compressor, p->stored, bound, p->content.data, p->content.len, LEVEL);
    if (ZSTD_isError(p->stored_len))
        die("a page of %zu bytes: %s", p->content.len, ZSTD_getErrorName(p->stored_len));
    format_head(p);
    profile_leave(before);
}

static void release_page(void *slot)
{
    struct page *p = slot;

    buffer_release(&p->values);
    buffer_release(&p->content);
    buffer_release(&p->head);
    extremes_release(&p->extremes);
    ZSTD_freeCCtx(p->compressor);
    free(p->stored);
}

static void put(struct parquet_writer *w, const void *data, size_t len)
{
    zio_write(w->file, data, len);
    w->written += len;
}

/* Writes the oldest page; false where there is none. */
static bool put_page(struct parquet_writer *w)
{
    struct page *p = jobs_take(w->jobs);
    struct chunk *c = &w->chunks[w->column - 1];

    if (!p)
        return false;
    put(w, p->head.data, p->head.len);
    put(w, p->stored, p->stored_len);
    c->n_values += n_values(p);
    c->content += p->head.len + p->content.len;
    c->stored += p->head.len + p->stored_len;
    extremes_join(&c->extremes, &p->extremes);
    w->in_flight -= p->values.len;
    jobs_return(w->jobs, p);
    return true;
}

static void end_page(struct parquet_writer *w)
{
    if (!w->page)
        return;
    w->in_flight += w->page->values.len;
    jobs_start(w->jobs, w->page);
    w->page = NULL;
    while (w->in_flight > JOBS_IN_FLIGHT && put_page(w))
        continue;
}

/* Of a page with so many bytes of values, as rows have them, the bytes that it will have: there are
 * no smaller integers than int32. */
static size_t page_size(const struct parquet_column *c, size_t len)
{
    return !c->is_text && c->dtype == NPY_U8 ? 4 * len : len;
}

/* The page that LEN more bytes go to. */
static struct page *page_for(struct parquet_writer *w, size_t len)
{
    if (w->page && page_size(w->page->column, w->page->values.len + len) > PAGE)
        end_page(w);
    if (w->page)
        return w->page;
    while (!(w->page = jobs_slot(w->jobs)))
        put_page(w);
    w->page->column = &w->columns[w->column - 1];
    w->page->values.len = w->page->n_rows = 0;
    extremes_clear(&w->page->extremes);
    return w->page;
}

/* --- footer --- */

static void add_element(struct thrift *t, const char *name, int type, int repetition, int children,
                        int converted)
{
    thrift_open_element(t);
    if (type)
        thrift_int(t, 1, THRIFT_I32, type);
    if (repetition >= 0)
        thrift_int(t, 3, THRIFT_I32, repetition);
    thrift_text(t, 4, name, strlen(name));
    if (children)
        thrift_int(t, 5, THRIFT_I32, children);
    if (converted >= 0)
        thrift_int(t, 6, THRIFT_I32, converted);
    if (converted == UTF8 || converted == LIST || converted == UINT_8) { /* LogicalType */
        thrift_open(t, 10);
        thrift_open(t, converted == UTF8 ? 1 : converted == LIST ? 3 : 10);
        if (converted == UINT_8) {
            thrift_int(t, 1, THRIFT_BYTE, 8);
            thrift_bool(t, 2, false);
        }
        thrift_close(t);
        thrift_close(t);
    }
    thrift_close(t);
}

static void add_schema(struct thrift *t, const struct parquet_writer *w)
{
    size_t n = 1 + w->n_columns;

    for (size_t i = 0; i < w->n_columns; i++)
        n += w->columns[i].length ? 2 : 0;
    thrift_list(t, 2, THRIFT_STRUCT, n);
    add_element(t, "kasane", 0, -1, (int)w->n_columns, -1);
    for (size_t i = 0; i < w->n_columns; i++) {
        const struct parquet_column *c = &w->columns[i];
        int converted = c->is_text ? UTF8 : c->dtype == NPY_U8 ? UINT_8 : -1;

        if (c->length) {
            add_element(t, c->name, 0, REQUIRED, 1, LIST);
            add_element(t, "list", 0, REPEATED, 1, -1);
        }
        add_element(t, c->length ? "element" : c->name, physical_type(c), REQUIRED, 0, converted);
    }
}

/* One of the extremes, as it stands in a page. */
static void add_extreme(struct thrift *t, int field, const struct extreme *x,
                        const struct parquet_column *c)
{
    const float narrow = (float)x->real;

    if (c->is_text)
        thrift_text(t, field, x->text.data, x->text.len);
    else if (c->dtype == NPY_F32)
        thrift_text(t, field, &narrow, sizeof narrow);
    else if (c->dtype == NPY_F64)
        thrift_text(t, field, &x->real, sizeof x->real);
    else
        thrift_text(t, field, &x->integer, c->dtype == NPY_U8 ? 4 : 8);
}

static void add_statistics(struct thrift *t, const struct extremes *e,
                           const struct parquet_column *c)
{
    thrift_open(t, 12);
    thrift_int(t, 3, THRIFT_I64, 0); /* none is missing */
    if (e->kind) {
        add_extreme(t, 5, &e->largest, c);
        add_extreme(t, 6, &e->least, c);
    }
    if (is_real(c))
        thrift_int(t, 9, THRIFT_I64, (int64_t)e->n_nan);
    thrift_close(t);
}

static void add_chunk(struct thrift *t, const struct chunk *chunk, const struct parquet_column *c)
{
    thrift_open_element(t);
    thrift_int(t, 2, THRIFT_I64, 0);
    thrift_open(t, 3);
    thrift_int(t, 1, THRIFT_I32, physical_type(c));
    thrift_list(t, 2, THRIFT_I32, 2);
    thrift_element_int(t, PLAIN);
    thrift_element_int(t, RLE);
    thrift_list(t, 3, THRIFT_TEXT, c->length ? 3 : 1);
    thrift_element_text(t, c->name);
    if (c->length) {
        thrift_element_text(t, "list");
        thrift_element_text(t, "element");
    }
    thrift_int(t, 4, THRIFT_I32, ZSTD);
    thrift_int(t, 5, THRIFT_I64, (int64_t)chunk->n_values);
    thrift_int(t, 6, THRIFT_I64, (int64_t)chunk->content);
    thrift_int(t, 7, THRIFT_I64, (int64_t)chunk->stored);
    thrift_int(t, 9, THRIFT_I64, (int64_t)chunk->start);
    add_statistics(t, &chunk->extremes, c);
    thrift_close(t);
    thrift_close(t);
}

/* The group that is done becomes an element of the footer's list. */
static void add_group(struct parquet_writer *w)
{
    struct thrift t = {.b = &w->groups};
    uint64_t content = 0, stored = 0;

    thrift_list(&t, 1, THRIFT_STRUCT, w->n_columns);
    for (size_t i = 0; i < w->n_columns; i++) {
        add_chunk(&t, &w->chunks[i], &w->columns[i]);
        content += w->chunks[i].content;
        stored += w->chunks[i].stored;
    }
    thrift_int(&t, 2, THRIFT_I64, (int64_t)content);
    thrift_int(&t, 3, THRIFT_I64, (int64_t)w->group_rows);
    thrift_int(&t, 5, THRIFT_I64, (int64_t)w->chunks[0].start);
    thrift_int(&t, 6, THRIFT_I64, (int64_t)stored);
    thrift_close(&t);
    w->n_groups++;
    w->n_rows += w->group_rows;
}

static void end_column(struct parquet_writer *w)
{
    end_page(w);
    while (w->column > 0 && put_page(w))
        continue;
}

static void end_group(struct parquet_writer *w)
{
    end_column(w);
    if (w->column > 0)
        add_group(w);
    w->column = 0;
}

/* --- the table --- */

struct parquet_writer *parquet_create(const char *path, const struct parquet_column *columns,
                                      size_t n_columns)
{
    struct parquet_writer *w = xcalloc(1, sizeof *w);
    int threads = omp_get_max_threads() < MOST_THREADS ? omp_get_max_threads() : MOST_THREADS;

    w->file = zio_create(path, ZIO_PLAIN);
    w->columns = columns;
    w->n_columns = n_columns;
    w->chunks = xcalloc(n_columns, sizeof *w->chunks);
    w->jobs = jobs_new(threads, sizeof *w->page, false, finish_page);
    put(w, "PAR1", 4);
    return w;
}

void parquet_begin_group(struct parquet_writer *w, size_t n)
{
    end_group(w);
    w->group_rows = n;
}

void parquet_begin_column(struct parquet_writer *w)
{
    struct chunk *c = &w->chunks[w->column];

    end_column(w);
    w->column++;
    c->start = w->written;
    c->n_values = c->content = c->stored = 0;
    extremes_clear(&c->extremes);
}

void parquet_text(struct parquet_writer *w, const char *text)
{
    json_t *utf8 = json_text(text);
    const char *value = json_string_value(utf8);
    size_t len = strlen(value);
    struct page *p = page_for(w, 4 + len);

    put_le32(buffer_room(&p->values, 4), (uint32_t)len);
    buffer_add(&p->values, value, len);
    extremes_text(&p->extremes, value, len);
    p->n_rows++;
    json_decref(utf8);
}

void parquet_rows(struct parquet_writer *w, const void *rows, size_t n)
{
    size_t size = row_size(&w->columns[w->column - 1]);

    for (size_t i = 0; i < n; i++) {
        struct page *p = page_for(w, size);

        buffer_add(&p->values, (const char *)rows + i * size, size);
        p->n_rows++;
    }
}

size_t parquet_memory(size_t row_bytes)
{
    const size_t each = 10; /* times the values: they, as int32, compressed, with room to grow */

    return each * jobs_memory(MOST_THREADS, row_bytes > PAGE ? row_bytes : PAGE / 2);
}

void parquet_commit(struct parquet_writer *w, const struct history *h)
{
    static const char by[] = "kasane version 1";
    struct buffer footer = {0};
    struct thrift t = {.b = &footer};

    end_group(w);
    thrift_int(&t, 1, THRIFT_I32, 2);
    add_schema(&t, w);
    thrift_int(&t, 3, THRIFT_I64, (int64_t)w->n_rows);
    thrift_list(&t, 4, THRIFT_STRUCT, w->n_groups);
    buffer_add(&footer, w->groups.data, w->groups.len);
    thrift_text(&t, 6, by, strlen(by));
    thrift_list(&t, 7, THRIFT_STRUCT, w->n_columns); /* statistics by the order of each type */
    for (size_t i = 0; i < w->n_columns; i++) {
        thrift_open_element(&t);
        thrift_open(&t, 1);
        thrift_close(&t);
        thrift_close(&t);
    }
    put(w, footer.data, footer.len);
    history_commit_trailer(h, w->file, TRAILER_PARQUET, footer.len);
    jobs_free(w->jobs, release_page);
    for (size_t i = 0; i < w->n_columns; i++)
        extremes_release(&w->chunks[i].extremes);
    free(w->chunks);
    buffer_release(&w->groups);
    buffer_release(&footer);
    free(w);
}
