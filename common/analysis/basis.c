#include "analysis/basis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/safetensors.h"

enum { MEAN, MEAN_REST, COMPONENTS, COMPONENTS_REST, VARIANCE, SHARE, N_TENSORS };
enum { MAX_FILE = 1 << 30 };

/* The file's tensors, in its order, for components (P,D). */
static void list_tensors(struct safetensors_entry e[N_TENSORS], size_t D, size_t P)
{
    static char names[N_TENSORS][20] = {"mean",     "mean.rest", "components", "components.rest",
                                        "variance", "share"};
    size_t offset = 0;

    for (int i = 0; i < N_TENSORS; i++) {
        bool matrix = i == COMPONENTS || i == COMPONENTS_REST;
        e[i] =
            (struct safetensors_entry){.name = names[i], .rank = matrix ? 2 : 1, .offset = offset};
        e[i].shape[0] = i <= MEAN_REST ? D : P;
        e[i].shape[1] = matrix ? D : 0;
        e[i].count = e[i].shape[0] * (matrix ? D : 1);
        offset += e[i].count;
    }
}

static void digest_numbers(char digest[DIGEST_SIZE], const struct pca *p)
{
    digest_format(digest, digest_data(p->numbers, p->n_numbers * sizeof *p->numbers));
}

void basis_write(const char *path, const struct pca *p, size_t n, const struct history *h)
{
    char digest[DIGEST_SIZE], *rows = xformat("%zu", n), *text;
    struct safetensors_entry entries[N_TENSORS];
    struct zio_writer *w = zio_create(path, ZIO_LEVEL);
    unsigned char *header;
    size_t len;

    digest_numbers(digest, p);
    text = history_text(h, digest);
    list_tensors(entries, p->D, p->P);
    header = safetensors_format(
        &(struct safetensors){.entries = entries,
                              .n_entries = N_TENSORS,
                              .n_metadata = 2,
                              .metadata =
                                  (struct safetensors_pair[]){{"rows", rows}, {"history", text}}},
        &len);
    zio_write(w, header, len);
    zio_write(w, p->numbers, p->n_numbers * sizeof *p->numbers);
    zio_commit(w, NULL);
    free(header);
    free(text);
    free(rows);
}

/* Entry E is of numbers that HIGH, rounded, and REST, (E->count), are to hold: what HIGH leaves
 * over is added to REST. False where something is left over. */
static bool add_rest(const float *high, float *rest, const struct safetensors_entry *e,
                     const unsigned char *data)
{
    double *x = xmalloc(e->count * sizeof *x);
    bool holds = true;

    npy_convert(x, NPY_F64, data + e->begin, &e->stored, e->count);
    for (size_t i = 0; i < e->count; i++) {
        double left = x[i] - (double)high[i] + (double)rest[i];

        rest[i] = (float)left;
        holds = holds && (double)rest[i] == left;
    }
    free(x);
    return holds;
}

/* What numbers of float64 have beyond those of float32. */
static void read_rests(struct pca *p, const char *path, const struct safetensors *s,
                       const struct safetensors_entry *want, const unsigned char *data)
{
    for (int i = MEAN; i <= COMPONENTS; i += COMPONENTS - MEAN) {
        const struct safetensors_entry *e = safetensors_find(s, want[i].name);

        if (e->stored.size > sizeof(float)
            && !add_rest(p->numbers + want[i].offset, p->numbers + want[i + 1].offset, e, data))
            warn_file(path, "%s is float64, rounded to 48 bits", want[i].name);
    }
}

void basis_parse(struct basis *b, const char *path, const unsigned char *data, size_t len)
{
    const struct safetensors_entry *components, *got;
    struct safetensors_entry want[N_TENSORS];
    struct safetensors s;
    const char *reason = safetensors_parse(&s, data, len);
    size_t n_numbers;

    if (reason)
        die_file(path, "no basis: %s", reason);
    components = safetensors_find(&s, "components");
    if (!components || components->rank != 2 || components->count == 0)
        die_file(path, "no basis: no tensor 'components' of two dimensions");
    list_tensors(want, components->shape[1], components->shape[0]);
    n_numbers = want[SHARE].offset + want[SHARE].count;
    if (s.n_floats != n_numbers)
        die_file(path, "no basis: %zu numbers, want %zu for 'components' (%zu,%zu)", s.n_floats,
                 n_numbers, components->shape[0], components->shape[1]);
    pca_init(&b->pca, components->shape[1], components->shape[0]);
    for (int i = 0; i < N_TENSORS; i++) {
        got = safetensors_find(&s, want[i].name);
        if (!got || got->rank != want[i].rank
            || memcmp(got->shape, want[i].shape, (size_t)got->rank * sizeof *got->shape) != 0)
            die_file(path, "no basis: no tensor '%s' that fits 'components' (%zu,%zu)",
                     want[i].name, b->pca.P, b->pca.D);
        safetensors_numbers(b->pca.numbers + want[i].offset, got, data);
    }
    read_rests(&b->pca, path, &s, want, data);
    for (size_t i = 0; i < b->pca.n_numbers; i++)
        if (!isfinite(b->pca.numbers[i]))
            die_file(path, "holds a value that is not finite");
    pca_widen(&b->pca);
    digest_numbers(b->digest, &b->pca);
    b->history =
        safetensors_metadata(&s, "history") ? xstrdup(safetensors_metadata(&s, "history")) : NULL;
    safetensors_release(&s);
}

void basis_read(struct basis *b, const char *path)
{
    struct zio_reader *r = zio_open(path);
    size_t len;
    unsigned char *data = zio_read_all(r, MAX_FILE, &len);

    basis_parse(b, path, data, len);
    zio_close(r);
    free(data);
}

void basis_release(struct basis *b)
{
    pca_release(&b->pca);
    free(b->history);
}
