/* import-images DIR -o IMAGES [--index TSV]: the PNG files below a folder, one folder per class,
 * become images (N,size,size,3), uint8, in the order of their paths. A file that cannot be read is
 * named, skipped and counted. The index says for each row its split, class and path. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/start.h"
#include "pictures/folder.h"
#include "files/history.h"
#include "pictures/image.h"
#include "files/index.h"
#include "base/profile.h"
#include "base/report.h"
#include "pictures/resize.h"
#include "files/tensor.h"
#include "files/whole.h"

enum { REVISION = 1, RGB = 3, MAX_BATCH = 256, BATCH_BYTES = 16 << 20 };
enum fit { STRETCH, CROP, PAD };

struct settings {
    int64_t size;
    int fit;
    struct image_settings image;
    double test, max_bad;
    int64_t min_classes;
    const char *index;
};

/* Files of the folder on their way to becoming rows. */
struct batch {
    size_t first, n;
    uint8_t *rows;               /* (n,size,size,3) */
    struct digest *digests;      /* of the files */
    char (*errors)[IMAGE_ERROR]; /* empty: the row is there */
};

struct import {
    const struct settings *settings;
    const struct folder *folder;
    struct tensor_writer *images;
    struct index_writer *index; /* NULL: none */
    struct folder_digest *digest;
    size_t n_rows, n_test, n_bad;
};

/* By the path alone, so that adding images moves no other. */
static enum index_split split_of(const char *file, double test)
{
    double share = (double)(hash64_name(file, strlen(file)) >> 11) / (double)(1ull << 53);
    return share < test ? INDEX_TEST : INDEX_TRAIN;
}

/* --- one image --- */

/* Fills the image row (size,size,3). */
static void fit_image(uint8_t *row, const struct image *im, const struct settings *s)
{
    size_t size = (size_t)s->size, h = im->height, w = im->width, side = h < w ? h : w,
           longer = h < w ? w : h;
    if (s->fit == STRETCH) {
        resize_area(row, size, size, im->pixels, h, w, w * RGB);
    } else if (s->fit == CROP) {
        const uint8_t *corner = im->pixels + ((h - side) / 2 * w + (w - side) / 2) * RGB;
        resize_area(row, size, size, corner, side, side, w * RGB);
    } else {
        size_t other = (2 * side * size + longer) / (2 * longer);
        size_t ph = h < w ? (other ? other : 1) : size, pw = h < w ? size : (other ? other : 1);
        uint8_t *part = xmalloc(ph * pw * RGB);
        resize_area(part, ph, pw, im->pixels, h, w, w * RGB);
        for (size_t i = 0; i < size * size; i++)
            memcpy(row + i * RGB, s->image.background, RGB);
        for (size_t y = 0; y < ph; y++)
            memcpy(row + (((size - ph) / 2 + y) * size + (size - pw) / 2) * RGB,
                   part + y * pw * RGB, pw * RGB);
        free(part);
    }
}

static void read_file(const struct import *import, struct batch *b, size_t i)
{
    const struct settings *s = import->settings;
    struct image im;
    char *path = folder_path(import->folder, b->first + i);
    enum profile_part before;
    const char *bad;
    b->errors[i][0] = '\0';
    before = profile_enter(PROFILE_READING);
    bad = image_read(&im, path, &s->image, &b->digests[i], b->errors[i]);
    profile_enter(PROFILE_ARITHMETIC);
    if (!bad)
        fit_image(b->rows + i * (size_t)(s->size * s->size * RGB), &im, s);
    profile_leave(before);
    image_release(&im);
    free(path);
}

/* --- the folder --- */

static void write_batch(struct import *import, const struct batch *b)
{
    const struct settings *s = import->settings;
    for (size_t i = 0; i < b->n; i++) {
        const char *file = import->folder->files[b->first + i];
        enum index_split split;
        char *class_name;
        folder_digest_add(import->digest, file, b->digests[i]);
        if (b->errors[i][0]) {
            char *path = folder_path(import->folder, b->first + i);
            warn_file(path, "skipped: %s", b->errors[i]);
            import->n_bad++;
            free(path);
            continue;
        }
        split = split_of(file, s->test);
        class_name = folder_class(import->folder, b->first + i);
        tensor_write(import->images, b->rows + i * (size_t)(s->size * s->size * RGB), 1);
        if (import->index)
            index_add(import->index, split, class_name, file);
        import->n_rows++;
        import->n_test += split == INDEX_TEST;
        free(class_name);
    }
    progress("%zu of %zu files", b->first + b->n, import->folder->n);
}

/* Reads all files, a batch at a time on all threads, while one of them writes the batch before. */
static void run(struct import *import)
{
    size_t row_bytes = (size_t)(import->settings->size * import->settings->size * RGB),
           n = import->folder->n;
    size_t size = BATCH_BYTES / row_bytes < MAX_BATCH ? BATCH_BYTES / row_bytes : MAX_BATCH;
    struct batch batches[2];
    enum profile_part before;
    size = size < (size_t)omp_get_max_threads() ? (size_t)omp_get_max_threads() : size;
    for (int k = 0; k < 2; k++)
        batches[k] = (struct batch){0, 0, xcalloc(size, row_bytes),
                                    xcalloc(size, sizeof *batches[k].digests),
                                    xcalloc(size, sizeof *batches[k].errors)};
    before = profile_enter(PROFILE_WAITING);
#pragma omp parallel
    for (size_t k = 0; k * size < n + size; k++) {
        struct batch *b = &batches[k % 2];
#pragma omp single
        {
            b->first = k * size;
            b->n = b->first >= n ? 0 : n - b->first < size ? n - b->first : size;
        }
#pragma omp single nowait
        if (k > 0)
            write_batch(import, &batches[(k + 1) % 2]);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < b->n; i++)
            read_file(import, b, i);
    }
    profile_leave(before);
    progress_end();
    for (int k = 0; k < 2; k++) {
        free(batches[k].rows);
        free(batches[k].digests);
        free(batches[k].errors);
    }
}

static void check_classes(const struct folder *folder, const struct settings *s)
{
    size_t n = folder_n_classes(folder);
    if (n < (size_t)s->min_classes)
        die_file(folder->path,
                 "%zu class%s, want at least %lld: a folder per class (--min-classes 1 takes any)",
                 n, n == 1 ? "" : "es", (long long)s->min_classes);
}

static void check_bad(const struct import *import)
{
    size_t n = import->folder->n;
    if (import->n_rows == 0)
        die_file(import->folder->path, "none of the %zu PNG files can be read", n);
    if ((double)import->n_bad > import->settings->max_bad * (double)n)
        die_file(import->folder->path,
                 "%zu of %zu PNG files cannot be read, want at most %g of them (--max-bad)",
                 import->n_bad, n, import->settings->max_bad);
}

/* Whether the index at PATH is one that this folder gives, but for files that could not be read. */
static bool index_fits(const char *path, const struct folder *folder, double test)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, row = 0;
    ssize_t len = file ? getline(&line, &size, file) : -1;
    bool fits = len > 0 && strcmp(line, index_header) == 0;
    if (fits)
        len = getline(&line, &size, file);
    for (size_t i = 0; fits && len > 0 && i < folder->n; i++) {
        const char *name = folder->files[i];
        char *class_name = folder_class(folder, i),
             *want = index_format(row, split_of(name, test), class_name, name);
        size_t want_len = strlen(want);
        if ((size_t)len == want_len + 1 && memcmp(line, want, want_len) == 0
            && line[want_len] == '\n') {
            row++;
            len = getline(&line, &size, file);
        }
        free(class_name);
        free(want);
    }
    if (file)
        fclose(file);
    free(line);
    return fits && len <= 0;
}

/* Whether nothing needs doing. DIGEST becomes that of the folder where it was needed to tell, else
 * empty. */
static bool is_current(const struct cli *cli, struct history *h, const struct folder *folder,
                       const struct settings *s, char digest[DIGEST_SIZE])
{
    struct stat st;
    digest[0] = '\0';
    if (!cli->audit && (!cli->output || stat(cli->output, &st) != 0 || !S_ISREG(st.st_mode)))
        return false;
    folder_digest(folder, digest);
    history_input(h, digest, NULL);
    return (cli->audit || !s->index || index_fits(s->index, folder, s->test))
        && history_is_current(h, cli->output);
}

static void check_outputs(struct settings *s, const char *output)
{
    if (s->index && !*s->index) /* "index =" in a file: none */
        s->index = NULL;
    if (s->index && strcmp(s->index, "-") == 0 && (!output || strcmp(output, "-") == 0))
        die_usage("--index - and the images both go to standard output");
}

/* Imports the folder whose digest is BEFORE (empty: not known), and commits the images and their
 * index. */
static void import_folder(const struct cli *cli, struct history *h, const struct folder *folder,
                          const struct settings *s, const char *before)
{
    struct npy_header header = {NPY_U8, 4, {folder->n, (size_t)s->size, (size_t)s->size, RGB}};
    struct import import = {.settings = s, .folder = folder, .digest = folder_digest_new()};
    char digest[DIGEST_SIZE];
    import.images = tensor_create_expecting(cli->output, &header, TENSOR_LEVEL);
    import.index = s->index ? index_create(s->index) : NULL;
    run(&import);
    check_bad(&import);
    folder_digest_end(import.digest, digest);
    if (before[0] && strcmp(before, digest) != 0)
        die_file(folder->path, "changed while it was read");
    if (!before[0])
        history_input(h, digest, NULL);
    if (import.index) {
        whole_begin(cli->output);
        index_commit(import.index, h, s->index);
    }
    tensor_commit(import.images, h);
    if (import.index)
        whole_end(cli->output);
    note("%zu images of %zu classes, %zu of them to test on; %zu of %zu files skipped",
         import.n_rows, folder_n_classes(folder), import.n_test, import.n_bad, folder->n);
}

int main(int argc, char **argv)
{
    struct settings s = {.size = 80,
                         .image = {{255, 255, 255}, true},
                         .test = 0.1,
                         .max_bad = 0.05,
                         .min_classes = 2};
    const struct cli_option options[] = {
        {"size", CLI_INT, &s.size, 1, 2048, NULL, CLI_SETTING, "height and width of the images"},
        {"fit", CLI_CHOICE, &s.fit, 0, 0, "stretch|crop|pad", CLI_SETTING,
         "what becomes of images that are not square"},
        {"background", CLI_COLOUR, s.image.background, 0, 0, NULL, CLI_SETTING,
         "what lies under transparent pixels, and beside an image with --fit pad"},
        {"orient", CLI_BOOL, &s.image.orient, 0, 0, NULL, CLI_SETTING,
         "turn images as their eXIf chunk says"},
        {"test", CLI_REAL, &s.test, 0, 1, NULL, CLI_SETTING,
         "share of the images to test on, chosen by a hash of class and file name"},
        {"max-bad", CLI_REAL, &s.max_bad, 0, 1, NULL, CLI_SETTING,
         "share of the files that may be unreadable"},
        {"min-classes", CLI_INT, &s.min_classes, 1, 1 << 30, NULL, CLI_SETTING,
         "how many classes there must be"},
        {"index", CLI_TEXT, &s.index, 0, 0, "FILE", CLI_OUTPUT,
         "write row, split, class and path of each image there"},
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "import-images",
        .synopsis = "DIR -o IMAGES",
        .options = options,
        .summary = "Reads the PNG files below DIR, a folder per class, into images "
                   "(N,size,size,3), uint8, ordered by path.",
        .example = "import-images photos --index images.tsv -o images.npy.zst",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct folder folder;
    char before[DIGEST_SIZE];
    cli_parse(&cli, argc, argv);
    check_outputs(&s, cli.output);
    h = history_start(&cli, REVISION);
    folder_open(&folder, cli.arguments[0]);
    check_classes(&folder, &s);
    if (is_current(&cli, h, &folder, &s, before))
        return 0;
    import_folder(&cli, h, &folder, &s, before);
    folder_close(&folder);
    history_free(h);
    return 0;
}
