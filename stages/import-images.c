/* import-images DIR -o IMAGES [--index TSV]: the pictures below a folder become images
 * (N,size,size,3), uint8, in the order of their paths. A picture that cannot be read is named,
 * skipped and counted; what is no picture is counted by kind. The index says for each row its
 * split, class and path. */
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/start.h"
#include "base/profile.h"
#include "base/report.h"
#include "files/history.h"
#include "files/index.h"
#include "files/keep.h"
#include "files/record.h"
#include "files/table.h"
#include "files/tensor.h"
#include "files/whole.h"
#include "pictures/fit.h"
#include "pictures/folder.h"
#include "pictures/labels.h"
#include "pictures/picture.h"
#include "pictures/sorting.h"
#include "pictures/tally.h"

enum { REVISION = 1, RGB = 3, MAX_BATCH = 256, BATCH_BYTES = 16 << 20, MAX_NAMED = 10 };

struct settings {
    int64_t size, class_depth, min_classes, max_pixels;
    int way, icc, truncated, split; /* positions in the lists of choices */
    struct picture_settings picture;
    struct fit_settings fit;
    struct sorting_settings sorting;
    double max_bad;
    const char *index, *labels;
    bool list;
};

/* Files of the folder on their way to becoming rows. */
struct batch {
    size_t first, n;
    uint8_t *rows;                  /* (n,size,size,3) */
    struct digest *digests;         /* of the files */
    char (*errors)[PICTURE_REASON]; /* empty: the row is there */
    const char **others;            /* what a file is and its name does not say; or NULL */
};

/* Memory for pictures being decoded, which threads take and give back. */
struct budget {
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    uint64_t total, left; /* bytes */
};

struct import {
    const struct settings *settings;
    struct folder *folder;
    const struct labels *labels;
    struct tensor_writer *images;
    struct folder_digest *digest;
    struct budget budget;
    struct tally *others, *disguised; /* passed over; read though named otherwise */
    bool *is_row;                     /* of each file */
    size_t batch;                     /* rows */
    size_t n_rows, n_bad, n_misnamed, n_test, n_classes;
};

/* --- one picture --- */

/* Waits until BYTES are to be had. What never fits ends the process: the images are not to hang on
 * --memory. */
static void budget_take(struct budget *b, uint64_t bytes, const char *path)
{
    if (bytes > b->total)
        die_file(path,
                 "takes %llu MiB to decode, --memory leaves %llu: more of it, or less --max-pixels",
                 (unsigned long long)(bytes >> 20) + 1, (unsigned long long)(b->total >> 20));
    pthread_mutex_lock(&b->mutex);
    while (bytes > b->left)
        pthread_cond_wait(&b->returned, &b->mutex);
    b->left -= bytes;
    pthread_mutex_unlock(&b->mutex);
}

static void budget_return(struct budget *b, uint64_t bytes)
{
    pthread_mutex_lock(&b->mutex);
    b->left += bytes;
    pthread_cond_broadcast(&b->returned);
    pthread_mutex_unlock(&b->mutex);
}

static void read_file(struct import *import, struct batch *b, size_t i)
{
    const struct settings *s = import->settings;
    struct folder *folder = import->folder;
    char *path = folder_path(folder, b->first + i);
    enum profile_part before = profile_enter(PROFILE_READING);
    struct picture p;
    struct fit fit;
    uint64_t taken = 0;
    const char *bad = picture_open(&p, path, &s->picture, true), *late;

    folder->kind[b->first + i] = folder_kind(&p, folder->files[b->first + i]);
    b->others[i] = p.format ? NULL : picture_other(&p);
    if (p.format && picture_is_name(path) && !picture_is_name_of(p.format, path))
        b->others[i] = picture_name(picture_number(p.format));
    if (!bad)
        bad = fit_plan(&fit, &p, &s->fit);
    if (!bad) {
        profile_enter(PROFILE_WAITING);
        budget_take(&import->budget, taken = fit.memory, path);
        profile_enter(PROFILE_READING);
        bad = fit_row(&fit, b->rows + i * (size_t)(s->size * s->size * RGB));
    }
    snprintf(b->errors[i], sizeof b->errors[i], "%s", bad ? bad : "");
    late = picture_close(&p, &b->digests[i]);
    if (late && !bad)
        snprintf(b->errors[i], sizeof b->errors[i], "%s", late);
    budget_return(&import->budget, taken);
    profile_leave(before);
    free(path);
}

/* --- the folder --- */

static void write_file(struct import *import, const struct batch *b, size_t i)
{
    const struct settings *s = import->settings;
    size_t k = b->first + i;
    const char *file = import->folder->files[k];
    char *path;

    if (import->folder->kind[k] != FOLDER_OTHER)
        folder_digest_add(import->digest, file, b->digests[i]);
    if (import->folder->kind[k] < FOLDER_LOST) {
        tally_add(import->others, file, b->others[i]);
        import->n_misnamed += import->folder->kind[k] == FOLDER_MISNAMED;
        return;
    }
    if (b->errors[i][0]) {
        path = folder_path(import->folder, k);
        warn_file(path, "skipped: %s", b->errors[i]);
        import->n_bad++;
        free(path);
        return;
    }
    if (b->others[i])
        tally_add(import->disguised, file, b->others[i]);
    tensor_write(import->images, b->rows + i * (size_t)(s->size * s->size * RGB), 1);
    import->is_row[k] = true;
    import->n_rows++;
}

static void write_batch(struct import *import, const struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        write_file(import, b, i);
    progress("%zu of %zu files", b->first + b->n, import->folder->n);
}

/* Reads all files, a batch at a time on all threads, while one of them writes the batch before. */
static void run(struct import *import)
{
    size_t row_bytes = (size_t)(import->settings->size * import->settings->size * RGB),
           n = import->folder->n, size = import->batch;
    enum profile_part before;
    struct batch batches[2];

    for (int k = 0; k < 2; k++)
        batches[k] = (struct batch){0,
                                    0,
                                    xcalloc(size, row_bytes),
                                    xcalloc(size, sizeof *batches[k].digests),
                                    xcalloc(size, sizeof *batches[k].errors),
                                    xcalloc(size, sizeof *batches[k].others)};
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
        free(batches[k].others);
    }
}

/* --- memory --- */

/* What is held beside pictures being decoded. */
static size_t fixed_memory(const struct import *import)
{
    size_t row_bytes = (size_t)(import->settings->size * import->settings->size * RGB);

    return PROCESS_MEMORY + tensor_memory(row_bytes) + 2 * import->batch * row_bytes;
}

/* Shares the memory out: batches of rows, the writer's frames on fewer threads where many take too
 * much, pictures. */
static void share_memory(struct import *import, size_t memory)
{
    size_t row_bytes = (size_t)(import->settings->size * import->settings->size * RGB),
           batch_bytes = memory / 32 < BATCH_BYTES ? memory / 32 : BATCH_BYTES;

    import->batch = batch_bytes / row_bytes;
    import->batch = import->batch > MAX_BATCH ? MAX_BATCH : import->batch < 1 ? 1 : import->batch;
    for (int n = omp_get_max_threads(); n > 1 && fixed_memory(import) > memory / 2;)
        omp_set_num_threads(--n);
    if (fixed_memory(import) > memory - memory / 8)
        die("images of %lld x %lld want %zu MiB, --memory is %zu MiB",
            (long long)import->settings->size, (long long)import->settings->size,
            (fixed_memory(import) / 7 * 8 >> 20) + 1, memory >> 20);
    import->budget.total = import->budget.left = memory - fixed_memory(import);
}

/* --- what came of it --- */

static void check_rows(const struct import *import)
{
    const struct settings *s = import->settings;
    const char *path = import->folder->path;
    size_t n_bad = import->n_bad + import->n_misnamed, n = import->n_rows + n_bad;

    if (n == 0)
        die_file(path, "no pictures in this folder or below");
    if (import->n_rows == 0)
        die_file(path, "none of the %zu pictures can be read", n);
    if ((double)n_bad > s->max_bad * (double)n)
        die_file(path, "%zu of %zu pictures cannot be read, want at most %g of them (--max-bad)",
                 n_bad, n, s->max_bad);
    if (import->n_classes < (size_t)s->min_classes)
        die_file(path, "%zu class%s, want at least %lld (--min-classes)", import->n_classes,
                 import->n_classes == 1 ? "" : "es", (long long)s->min_classes);
}

/* The first file at or behind the path INSIDE, followed by a slash. */
static size_t first_below(const struct folder *f, const char *inside)
{
    char *below = xformat("%s/", inside);
    size_t first = 0, end = f->n;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (strcmp(f->files[middle], below) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    free(below);
    return first;
}

static bool has_rows(const struct import *import, const char *inside)
{
    const struct folder *f = import->folder;
    size_t len = strlen(inside);

    for (size_t i = first_below(f, inside);
         i < f->n && strncmp(f->files[i], inside, len) == 0 && f->files[i][len] == '/'; i++)
        if (import->is_row[i])
            return true;
    return false;
}

/* Names folders that come to hold nothing; not those within them. */
static void name_empty_folders(const struct import *import)
{
    const struct folder *f = import->folder;
    const char *above = NULL;
    size_t n = 0;

    for (size_t i = 0; i < f->n_folders; i++) {
        size_t len = above ? strlen(above) : 0;
        char *path;

        if (above && strncmp(f->folders[i], above, len) == 0 && f->folders[i][len] == '/')
            continue;
        if (has_rows(import, f->folders[i]))
            continue;
        above = f->folders[i];
        path = xformat("%s/%s", f->path, above);
        if (n++ < MAX_NAMED)
            warn_file(path, "no picture in it that can be read");
        free(path);
    }
    if (n > MAX_NAMED)
        warn("and %zu more folders without a picture that can be read", n - MAX_NAMED);
}

static void tell_tally(const char *what, const struct tally *t)
{
    char *text = tally_text(t);

    if (tally_total(t) > 0)
        note("%s: %s", what, text);
    free(text);
}

static void tell(const struct import *import, const struct sorted *rows)
{
    size_t n_files = import->n_rows + import->n_bad, n = import->n_classes;
    char *classes = n == 1 && rows[0].class_len == 0
        ? xstrdup("")
        : xformat(" of %zu class%s", n, n == 1 ? "" : "es");

    note("%zu image%s%s, %zu of them to test on; %zu of %zu files skipped", import->n_rows,
         import->n_rows == 1 ? "" : "s", classes, import->n_test, import->n_bad, n_files);
    free(classes);
}

/* --- the index --- */

/* The line of row I without its end. */
static char *index_line(size_t i, const char *file, const struct sorted *row)
{
    char *class_name = xformat("%.*s", (int)row->class_len, row->class_name),
         *line = index_format(i, row->split, class_name, file);

    free(class_name);
    return line;
}

/* The files for which is_row holds; the caller frees the list, not what is in it. */
static const char **row_files(const struct folder *f, const bool *is_row, size_t *n)
{
    const char **files = xcalloc(f->n + 1, sizeof *files);

    *n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (is_row[i])
            files[(*n)++] = f->files[i];
    return files;
}

static void write_index(const char *path, const char *const *files, const struct sorted *rows,
                        size_t n, const struct history *h)
{
    struct index_writer *index = index_create(path);

    for (size_t i = 0; i < n; i++) {
        char *class_name = xformat("%.*s", (int)rows[i].class_len, rows[i].class_name);

        index_add(index, rows[i].split, class_name, files[i]);
        free(class_name);
    }
    index_commit(index, h, path);
}

/* Marks the files that the index at PATH has lines for; false where it is no index of them. */
static bool mark_rows(const char *path, const struct folder *f, bool *is_row)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0, k = 0;
    ssize_t len = file ? getline(&line, &size, file) : -1;
    bool fits = len > 0 && strcmp(line, index_header) == 0;

    while (fits && (len = getline(&line, &size, file)) > 0) {
        char *name = strrchr(line, '\t');

        line[len - (line[len - 1] == '\n')] = '\0';
        for (fits = false; name && !fits && k < f->n; k++) {
            char *want = index_format(0, INDEX_TRAIN, "", f->files[k]);

            fits = is_row[k] = strcmp(strrchr(want, '\t'), name) == 0;
            free(want);
        }
    }
    if (file)
        fclose(file);
    free(line);
    return fits;
}

/* Whether the index at PATH is one that this folder gives, but for files that could not be read. */
static bool index_fits(const char *path, const struct folder *f, const struct settings *s,
                       const struct labels *labels)
{
    bool *is_row = xcalloc(f->n + 1, sizeof *is_row), fits = mark_rows(path, f, is_row);
    FILE *file = fits ? fopen(path, "r") : NULL;
    size_t n = 0, size = 0;
    const char **files = row_files(f, is_row, &n);
    struct sorted *rows = sorting_sort(files, n, &s->sorting, labels);
    char *line = NULL;

    fits = fits && file && getline(&line, &size, file) > 0;
    for (size_t i = 0; fits && i < n; i++) {
        char *want = index_line(i, files[i], &rows[i]);
        ssize_t len = getline(&line, &size, file);

        fits = len == (ssize_t)strlen(want) + 1 && line[len - 1] == '\n'
            && memcmp(line, want, (size_t)len - 1) == 0;
        free(want);
    }
    if (file)
        fclose(file);
    free(line);
    free(rows);
    free(files);
    free(is_row);
    return fits;
}

/* Whether the index at PATH is not what its history says that was written. */
static bool is_edited(const char *path)
{
    char error[ZIO_ERROR], digest[DIGEST_SIZE], recorded[DIGEST_SIZE], *text = NULL;
    struct zio_reader *file;
    bool knows;

    if (!path || !keep_is_beside(path) || keep_try_read(path, &text, error))
        return false;
    knows = record_digest(text, recorded, sizeof recorded);
    free(text);
    if (!knows)
        return false;
    file = zio_open(path);
    table_digest(file, digest);
    zio_close(file);
    return strcmp(digest, recorded) != 0;
}

/* An index is an output, and whether an edited one is used must not hang on the date of a picture:
 * it never is, and never lost. */
static void refuse_edited(const struct cli *cli, const char *index)
{
    if (cli->audit) /* which tells itself */
        return;
    if (!cli->why) {
        whole_set_aside(index, "edited by hand, but an output: give your own as --labels");
        return;
    }
    print_line("'%s' was edited by hand", strrchr(index, '/') ? strrchr(index, '/') + 1 : index);
    exit(1);
}

/* --- what is imported --- */

static bool is_labelled(const void *labels, const char *file)
{
    struct label *label = labels_find(labels, file);

    if (label)
        label->used = true;
    return label != NULL;
}

/* Leaves the files that the labels name. */
static void keep_labelled(struct folder *f, const struct labels *l, struct tally *others)
{
    size_t n = f->n, n_lost = 0;
    const struct label *lost = NULL;

    folder_keep(f, is_labelled, l);
    for (size_t i = 0; i < l->n; i++)
        if (!l->labels[i].used && n_lost++ == 0)
            lost = &l->labels[i];
    if (f->n == 0)
        die_file(l->path, "names no file below '%s': line %zu is of '%s'", f->path, lost->line,
                 lost->path);
    if (lost)
        warn_file(l->path, "%zu of %zu pictures are not there, such as '%s' of line %zu", n_lost,
                  l->n, lost->path, lost->line);
    if (n > f->n) {
        char *kind = xformat("not in '%s'", l->path);

        tally_add_many(others, kind, n - f->n);
        free(kind);
    }
}

/* The libraries that decide pixels of the formats that occurred. */
static void add_libraries(struct history *h, const struct folder *f, const struct settings *s)
{
    bool seen[PICTURE_FORMATS] = {false};

    for (size_t i = 0; i < f->n; i++)
        if (f->kind[i] >= FOLDER_PICTURE)
            seen[f->kind[i] - FOLDER_PICTURE] = true;
    for (size_t i = 0; i < PICTURE_FORMATS; i++)
        if (seen[i] && picture_library(i))
            history_setting(h, picture_name(i), picture_library(i));
    if (s->picture.to_srgb)
        history_setting(h, "ICC", colour_library());
}

static void add_inputs(struct history *h, const char *digest, const struct import *import)
{
    add_libraries(h, import->folder, import->settings);
    history_input(h, digest, NULL);
    if (import->labels)
        history_input(h, import->labels->digest, NULL);
}

/* Whether nothing needs doing. DIGEST becomes that of the folder where it was needed to tell, else
 * empty. */
static bool is_current(const struct cli *cli, struct history *h, const struct import *import,
                       char digest[DIGEST_SIZE])
{
    const struct settings *s = import->settings;
    struct stat st;

    digest[0] = '\0';
    if (!cli->audit && (!cli->output || stat(cli->output, &st) != 0 || !S_ISREG(st.st_mode)))
        return false;
    folder_digest(import->folder, digest);
    add_inputs(h, digest, import);
    return (cli->audit || !s->index || index_fits(s->index, import->folder, s, import->labels))
        && history_is_current(h, cli->output);
}

/* How many rows there will be, as far as names tell, or what was found in the files. */
static size_t expected_rows(const struct folder *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->kind[i] == FOLDER_UNKNOWN ? picture_is_name(f->files[i])
                                          : f->kind[i] >= FOLDER_PICTURE;
    return n;
}

/* Imports the folder whose digest is BEFORE (empty: not known), and commits the images and their
 * index. */
static void import_folder(const struct cli *cli, struct history *h, struct import *import,
                          const char *before)
{
    const struct settings *s = import->settings;
    struct folder *f = import->folder;
    struct npy_header header = {
        NPY_U8, 4, {expected_rows(f), (size_t)s->size, (size_t)s->size, RGB}};
    char digest[DIGEST_SIZE];
    const char **files;
    struct sorted *rows;
    size_t n;

    import->images = tensor_create_expecting(cli->output, &header, TENSOR_LEVEL);
    import->digest = folder_digest_new();
    import->is_row = xcalloc(f->n + 1, sizeof *import->is_row);
    run(import);
    tell_tally("passed over", import->others);
    tell_tally("read by what they hold", import->disguised);
    files = row_files(f, import->is_row, &n);
    rows = sorting_sort(files, n, &s->sorting, import->labels);
    import->n_classes = sorting_classes(rows, n);
    for (size_t i = 0; i < n; i++)
        import->n_test += rows[i].split == INDEX_TEST;
    check_rows(import);
    folder_digest_end(import->digest, digest);
    if (before[0] && strcmp(before, digest) != 0)
        die_file(f->path, "changed while it was read");
    if (!before[0])
        add_inputs(h, digest, import);
    if (!import->labels)
        name_empty_folders(import);
    if (s->index) {
        whole_begin(cli->output);
        write_index(s->index, files, rows, n, h);
    }
    tensor_commit(import->images, h);
    if (s->index)
        whole_end(cli->output);
    tell(import, rows);
    free(files);
    free(rows);
    free(import->is_row);
}

static void check_settings(struct settings *s, const char *output)
{
    if (s->index && !*s->index) /* "index =" in a file: none */
        s->index = NULL;
    if (s->labels && !*s->labels)
        s->labels = NULL;
    if (s->index && strcmp(s->index, "-") == 0 && (!output || strcmp(output, "-") == 0))
        die_usage("--index - and the images both go to standard output");
    s->picture.max_pixels = (uint64_t)s->max_pixels;
    s->picture.to_srgb = s->icc == 1;
    s->picture.accepts_truncated = s->truncated == 1;
    s->fit = (struct fit_settings){.size = (size_t)s->size, .way = (enum fit_way)s->way};
    memcpy(s->fit.background, s->picture.background, RGB);
    s->sorting.by_folders = s->split == 0;
    s->sorting.depth = (size_t)s->class_depth;
}

int main(int argc, char **argv)
{
    struct settings s = {.size = 80,
                         .class_depth = 1,
                         .min_classes = 1,
                         .max_pixels = 256 << 20,
                         .picture = {.background = {255, 255, 255}, .orient = true},
                         .sorting = {.test = 0.1},
                         .max_bad = 0.05};
    const struct cli_option options[] = {
        {"size", CLI_INT, &s.size, 1, 2048, NULL, CLI_SETTING, "height and width of the images"},
        {"fit", CLI_CHOICE, &s.way, 0, 0, "stretch|crop|pad", CLI_SETTING,
         "what becomes of pictures that are not square"},
        {"background", CLI_COLOUR, s.picture.background, 0, 0, NULL, CLI_SETTING,
         "what lies under transparent pixels, and beside a picture with --fit pad"},
        {"orient", CLI_BOOL, &s.picture.orient, 0, 0, NULL, CLI_SETTING,
         "turn pictures as their EXIF block says"},
        {"icc", CLI_CHOICE, &s.icc, 0, 0, "ignore|srgb", CLI_SETTING,
         "what becomes of pictures with a colour profile: as stored, or converted"},
        {"truncated", CLI_CHOICE, &s.truncated, 0, 0, "skip|accept", CLI_SETTING,
         "what becomes of JPEG files that end early or are damaged"},
        {"max-pixels", CLI_SIZE, &s.max_pixels, 1, 1ll << 40, NULL, CLI_SETTING,
         "the largest picture that is read, in pixels"},
        {"test", CLI_REAL, &s.sorting.test, 0, 1, NULL, CLI_SETTING,
         "share of the images to test on, chosen by a hash of the path"},
        {"split", CLI_CHOICE, &s.split, 0, 0, "folders|hash", CLI_SETTING,
         "take the split from folders train, test, val, valid where all are so named"},
        {"class-depth", CLI_INT, &s.class_depth, 0, 1000, NULL, CLI_SETTING,
         "how many folders of the path make the class"},
        {"max-bad", CLI_REAL, &s.max_bad, 0, 1, NULL, CLI_SETTING,
         "share of the pictures that may be unreadable"},
        {"min-classes", CLI_INT, &s.min_classes, 1, 1 << 30, NULL, CLI_SETTING,
         "how many classes there must be"},
        {"labels", CLI_TEXT, &s.labels, 0, 0, "FILE", CLI_INPUT,
         "a table, TSV or CSV: path, class, perhaps split; only what it names is imported"},
        {"index", CLI_TEXT, &s.index, 0, 0, "FILE", CLI_OUTPUT,
         "write row, split, class and path of each image there"},
        {"list", CLI_FLAG, &s.list, 0, 0, NULL, 0,
         "only list the pictures: path, size, date of the content, date of any change"},
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "import-images",
        .synopsis = "DIR -o IMAGES",
        .options = options,
        .summary = "Reads the pictures below DIR (PNG, JPEG, WebP, GIF, TIFF, BMP), a folder per "
                   "class, into images (N,size,size,3), uint8, ordered by path.",
        .example = "import-images photos --index images.tsv -o images.npy.zst",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct import import = {.settings = &s, .others = tally_new(), .disguised = tally_new()};
    struct history *h;
    struct folder folder;
    struct labels *labels;
    char before[DIGEST_SIZE];

    cli_parse(&cli, argc, argv);
    check_settings(&s, cli.output);
    if (!whole_is_unfinished(cli.output) && is_edited(s.index))
        refuse_edited(&cli, s.index);
    h = history_new(&cli, REVISION);
    for (size_t i = 0; i < PICTURE_FORMATS; i++)
        if (picture_library(i))
            history_if_recorded(h, picture_name(i), picture_library(i));
    history_if_recorded(h, "ICC", colour_library());
    history_ask(h);
    share_memory(&import, (size_t)cli.memory);
    folder_open(&folder, cli.arguments[0]);
    labels = s.labels ? labels_read(s.labels) : NULL;
    if (labels)
        keep_labelled(&folder, labels, import.others);
    import.folder = &folder;
    import.labels = labels;
    if (s.list) {
        folder_list(&folder, s.labels);
        return 0;
    }
    pthread_mutex_init(&import.budget.mutex, NULL);
    pthread_cond_init(&import.budget.returned, NULL);
    if (!is_current(&cli, h, &import, before))
        import_folder(&cli, h, &import, before);
    labels_free(labels);
    tally_free(import.others);
    tally_free(import.disguised);
    folder_close(&folder);
    history_free(h);
    return 0;
}
