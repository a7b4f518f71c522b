/* import-images DIR -o IMAGES [--index TSV]: the pictures below a folder become images
 * (N,size,size,3), uint8, in the order of their paths. A picture that cannot be read is named,
 * skipped and counted; what is no picture is counted by kind. The index says for each row its
 * split, class and path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/start.h"
#include "base/report.h"
#include "files/history.h"
#include "files/index.h"
#include "files/tensor.h"
#include "files/whole.h"
#include "pictures/entries.h"
#include "pictures/folder.h"
#include "pictures/import.h"
#include "pictures/labels.h"
#include "pictures/sorting.h"

enum { REVISION = 1, RGB = 3 };

struct settings {
    int64_t size, class_depth, min_classes, max_pixels;
    int way, icc, truncated, split; /* positions in the lists of choices */
    struct import_settings import;
    struct sorting_settings sorting;
    double max_bad;
    const char *index, *skipped, *labels;
    bool list;
};

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

static void add_inputs(struct history *h, const char *digest, const struct import *im,
                       const struct folder *f, const struct labels *labels)
{
    import_record_libraries(im, f, h);
    history_input(h, digest, NULL);
    if (labels)
        history_input(h, labels->digest, NULL);
}

/* Whether the digest of the folder decides if anything is to be done. */
static bool may_be_current(const struct cli *cli)
{
    struct stat st;

    return cli->audit || (cli->output && stat(cli->output, &st) == 0 && S_ISREG(st.st_mode));
}

static void check_classes(const struct entries *e, const struct settings *s, const char *path)
{
    if (e->n_classes < (size_t)s->min_classes)
        die_file(path, "%zu class%s, want at least %lld (--min-classes)", e->n_classes,
                 e->n_classes == 1 ? "" : "es", (long long)s->min_classes);
}

static void tell(const struct import *im, const struct entries *e)
{
    size_t n = e->n_classes;
    char *classes = n == 1 && e->rows[0].class_len == 0
        ? xstrdup("")
        : xformat(" of %zu class%s", n, n == 1 ? "" : "es");

    note("%zu image%s%s, %zu of them to test on; %zu of %zu files skipped", im->n_rows,
         im->n_rows == 1 ? "" : "s", classes, e->n_test, im->n_bad, im->n_rows + im->n_bad);
    free(classes);
}

/* Lists what would be read, and says how many images that makes, as far as names tell. */
static void list(struct folder *f, const struct settings *s, const struct labels *labels)
{
    bool *is_row = xcalloc(f->n + 1, sizeof *is_row);
    struct entries e;

    folder_list(f, s->labels, is_row);
    e = entries_new(f, is_row, &s->sorting, labels);
    fflush(stdout); /* whoever reads both wants lines */
    note("'%s': %zu picture%s, %zu of them to test on", f->path, e.n, e.n == 1 ? "" : "s",
         e.n_test);
    entries_release(&e);
    free(is_row);
}

/* Imports the folder whose digest is BEFORE (empty: not known), and commits the images and their
 * index. */
static void import_folder(const struct cli *cli, const struct settings *s, struct history *h,
                          struct import *im, struct folder *f, const struct labels *labels,
                          const char *before)
{
    const size_t size = s->import.fit.size;
    struct npy_header header = {NPY_U8, 4, {folder_pictures(f), size, size, RGB}};
    struct tensor_writer *images = tensor_create_expecting(cli->output, &header, TENSOR_LEVEL);
    struct folder_digest *hash = folder_digest_new();
    struct entries entries;
    char digest[DIGEST_SIZE];

    import_run(im, f, images, hash);
    tally_tell(im->others, "passed over");
    tally_tell(im->disguised, "read by what they hold");
    import_check(im, s->max_bad);
    entries = entries_new(f, im->is_row, &s->sorting, labels);
    check_classes(&entries, s, f->path);
    folder_digest_end(hash, digest);
    if (before[0] && strcmp(before, digest) != 0)
        die_file(f->path, "changed while it was read");
    if (!before[0])
        add_inputs(h, digest, im, f, labels);
    import_record_memory(im, h);
    if (!labels)
        folder_warn_empty(f, im->is_row);
    if (s->index || s->skipped)
        whole_begin(cli->output);
    if (s->index)
        entries_write(&entries, s->index, h);
    if (s->skipped)
        import_write_skipped(im, s->skipped, h);
    tensor_commit(images, h);
    if (s->index || s->skipped)
        whole_end(cli->output);
    tell(im, &entries);
    entries_release(&entries);
}

static void check_settings(struct settings *s, const char *output)
{
    struct picture_settings *picture = &s->import.picture;

    if (s->index && !*s->index) /* "index =" in a file: none */
        s->index = NULL;
    if (s->skipped && !*s->skipped)
        s->skipped = NULL;
    if (s->labels && !*s->labels)
        s->labels = NULL;
    if (s->index && strcmp(s->index, "-") == 0 && (!output || strcmp(output, "-") == 0))
        die_usage("--index - and the images both go to standard output");
    picture->max_pixels = (uint64_t)s->max_pixels;
    picture->to_srgb = s->icc == 1;
    picture->accepts_truncated = s->truncated == 1;
    s->import.fit = (struct fit_settings){.size = (size_t)s->size, .way = (enum fit_way)s->way};
    memcpy(s->import.fit.background, picture->background, RGB);
    s->sorting.by_folders = s->split == 0;
    s->sorting.depth = (size_t)s->class_depth;
}

int main(int argc, char **argv)
{
    struct settings s = {.size = 80,
                         .class_depth = 1,
                         .min_classes = 1,
                         .max_pixels = 256 << 20,
                         .import.picture = {.background = {255, 255, 255}, .orient = true},
                         .sorting = {.test = 0.1},
                         .max_bad = 0.05};
    const struct cli_option options[] = {
        {"size", CLI_INT, &s.size, 1, 2048, NULL, CLI_SETTING, "height and width of the images"},
        {"fit", CLI_CHOICE, &s.way, 0, 0, "stretch|crop|pad", CLI_SETTING,
         "what becomes of pictures that are not square"},
        {"background", CLI_COLOUR, s.import.picture.background, 0, 0, NULL, CLI_SETTING,
         "what lies under transparent pixels, and beside a picture with --fit pad"},
        {"orient", CLI_BOOL, &s.import.picture.orient, 0, 0, NULL, CLI_SETTING,
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
        {"skipped", CLI_TEXT, &s.skipped, 0, 0, "FILE", CLI_OUTPUT,
         "write path and reason of each picture that could not be read there"},
        {"list", CLI_FLAG, &s.list, 0, 0, NULL, 0,
         "only list the pictures: path, size, date of the content, date of any change; and count "
         "them"},
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
    struct import im;
    struct history *h;
    struct folder folder;
    struct labels *labels;
    char digest[DIGEST_SIZE] = "";

    cli_parse(&cli, argc, argv);
    check_settings(&s, cli.output);
    if (s.index && !whole_is_unfinished(cli.output) && index_state(s.index) == INDEX_EDITED)
        refuse_edited(&cli, s.index);
    h = history_new(&cli, REVISION);
    im = import_new(&s.import, (size_t)cli.memory);
    import_if_recorded(&im, h, cli.output, cli.audit);
    history_ask(h);
    folder_open(&folder, cli.arguments[0]);
    labels = s.labels ? labels_read(s.labels) : NULL;
    if (labels)
        labels_choose(labels, &folder, im.others);
    if (s.list) {
        list(&folder, &s, labels);
        return 0;
    }
    if (may_be_current(&cli)) {
        folder_digest(&folder, digest);
        add_inputs(h, digest, &im, &folder, labels);
        if ((cli.audit || !s.index || index_state(s.index) == INDEX_WRITTEN)
            && history_is_current(h, cli.output))
            return 0;
    }
    import_folder(&cli, &s, h, &im, &folder, labels, digest);
    import_release(&im);
    labels_free(labels);
    folder_close(&folder);
    history_free(h);
    return 0;
}
