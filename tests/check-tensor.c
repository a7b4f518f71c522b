/* Tensors of random shapes and types: what is written is what is read, in order, by blocks and at
 * random, compressed or stored as it is, and neither the size of the blocks nor whether the number
 * of rows was known beforehand nor whether the rows are copied changes a byte of the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/rng.h"
#include "files/tensor.h"

static struct rng rng;

static void expect(bool truth, const char *what, const struct npy_header *h)
{
    char shape[200];

    if (truth)
        return;
    npy_format_shape(h, shape, sizeof shape);
    die("%s: %s %s", what, npy_dtype_name(h->dtype), shape);
}

/* What is lent to a writer: a copy of each block, spoilt at the second tensor_wait. */
struct loan {
    struct {
        unsigned char *data;
        size_t len;
        int waits;
    } copies[1000];
    size_t n;
};

static unsigned char *lent(struct loan *l, const unsigned char *data, size_t len)
{
    unsigned char *copy = xmalloc(len);

    if (l->n == sizeof l->copies / sizeof *l->copies)
        die("more blocks lent than there is room for");
    l->copies[l->n].data = memcpy(copy, data, len);
    l->copies[l->n].len = len;
    l->copies[l->n++].waits = 0;
    return copy;
}

static void waited(struct loan *l)
{
    size_t left = 0;

    for (size_t i = 0; i < l->n; i++)
        if (++l->copies[i].waits == 2) {
            memset(l->copies[i].data, 0xAA, l->copies[i].len);
            free(l->copies[i].data);
        } else {
            l->copies[left++] = l->copies[i];
        }
    l->n = left;
}

static void write_file(const char *path, struct npy_header h, const unsigned char *data,
                       const size_t *expected, bool lasting, int level)
{
    size_t n = h.shape[0], row = npy_count(&h, 1) * npy_item_size(h.dtype);
    struct loan loan = {0};
    struct tensor_writer *w;

    if (expected)
        h.shape[0] = *expected;
    w = expected ? tensor_create_expecting(path, &h, level) : tensor_create(path, &h, level);
    for (size_t at = 0, k; at < n; at += k) {
        k = 1 + rng_below(&rng, 200);
        k = k < n - at ? k : n - at;
        if (lasting)
            tensor_write_lasting(w, lent(&loan, data + at * row, k * row), k);
        else
            tensor_write(w, data + at * row, k);
        if (rng_below(&rng, 4) == 0) {
            tensor_wait(w);
            waited(&loan);
        }
    }
    if (lasting)
        for (int i = 0; i < 2; i++) {
            tensor_wait(w);
            waited(&loan);
        }
    tensor_commit(w, NULL);
}

/* Blocks of a few rows, or long ones among them, whose frames are decompressed where they belong.
 */
static void read_in_order(struct tensor_reader *t, const struct npy_header *h,
                          const unsigned char *data, unsigned char *got, bool is_long)
{
    size_t n = h->shape[0], row = t->row_bytes, few = 1 + rng_below(&rng, 100);

    for (size_t at = 0, k; at < n; at += k) {
        size_t most = is_long && rng_below(&rng, 3) ? few + (5 << 20) / row : few;

        memset(got, 0, (most < n - at ? most : n - at) * row);
        k = tensor_read(t, got, most);
        expect(k == (most < n - at ? most : n - at), "number of rows read", h);
        expect(memcmp(got, data + at * row, k * row) == 0, "rows in order", h);
    }
    expect(tensor_read(t, got, 1) == 0 && t->next_row == n, "rows to the end", h);
}

static void read_file(const char *path, const struct npy_header *h, const unsigned char *data,
                      unsigned char *got)
{
    struct tensor_reader *t = tensor_open(path);
    size_t n = h->shape[0], row = t->row_bytes;

    tensor_want(t, h->dtype, h->rank, h->shape);
    expect(t->n_rows == n, "number of rows", h);
    read_in_order(t, h, data, got, false);
#pragma omp parallel for
    for (int i = 0; i < 8; i++) {
        size_t first = n * i / 9, k = n / 9;
        unsigned char *mine = xmalloc(k * row + 1);

        tensor_read_at(t, mine, first, k);
        expect(memcmp(mine, data + first * row, k * row) == 0, "rows at random", h);
        free(mine);
    }
    tensor_close(t);
    t = tensor_open(path);
    read_in_order(t, h, data, got, true);
    tensor_close(t);
}

static unsigned char *content(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    unsigned char *data = xmalloc(32 << 20);

    *len = f ? fread(data, 1, 32 << 20, f) : 0;
    if (f)
        fclose(f);
    return data;
}

static void check(struct npy_header h, int level)
{
    size_t size = npy_count(&h, 0) * npy_item_size(h.dtype), len, other_len;
    size_t right = h.shape[0], wrong = right + 1 + rng_below(&rng, 100);
    unsigned char *data = xmalloc(size + 1), *got = xmalloc(size + 1), *file, *other;

    for (size_t i = 0; i < size; i++)
        data[i] = i % 5 ? i / 7 : rng_u32(&rng);
    write_file("known", h, data, NULL, false, level);
    read_file("known", &h, data, got);
    write_file("plain.npy", h, data, &wrong, true, level);
    read_file("plain.npy", &h, data, got);
    file = content("known", &len);
    for (int k = 0; k < 4; k++) {
        const char *what[] = {"bytes of fewer rows than expected", "bytes of rows as expected",
                              "bytes of fewer rows that last", "bytes of rows that last"};

        write_file("expected", h, data, k % 2 ? &right : &wrong, k / 2, level);
        other = content("expected", &other_len);
        expect(len == other_len && memcmp(file, other, len) == 0, what[k], &h);
        free(other);
    }
    free(data);
    free(got);
    free(file);
}

static void check_both(struct npy_header h)
{
    check(h, ZIO_LEVEL);
    check(h, ZIO_STORED);
}

int main(void)
{
    report_init("check-tensor");
    rng_init(&rng, 1, RNG_TEST, 0);
    check_both((struct npy_header){NPY_U8, 1, {0}});
    check_both((struct npy_header){NPY_F32, 4, {0, 8, 8, 3}});
    check_both((struct npy_header){NPY_U8, 1, {5000000}});
    check_both((struct npy_header){
        NPY_F32, 2, {3, 1000000}}); /* a row is longer than a frame is meant to be */
    check_both((struct npy_header){NPY_U8, 2, {2, 2 << 20}}); /* a row is a frame */
    check_both((struct npy_header){NPY_F32, 2, {4000, 900}});
    check_both((struct npy_header){NPY_I64, 8, {3, 1, 2, 1, 3, 1, 1, 2}});
    for (int i = 0; i < 24; i++) {
        struct npy_header h = {rng_below(&rng, 4), 1 + rng_below(&rng, 4), {rng_below(&rng, 900)}};

        for (int d = 1; d < h.rank; d++)
            h.shape[d] = 1 + rng_below(&rng, 14);
        check(h, i % 2 ? ZIO_LEVEL : ZIO_STORED);
    }
    return 0;
}
