/* import-images DIR -o IMAGES [--index TSV]: the pictures below a folder become images
 * (N,size,size,3), uint8, in the order of their paths. A picture that cannot be read is named,
 * skipped and counted; what is no picture is counted by kind. The index says for each row its
 * split, class and path.
 *
 * --shard I/N -o PART: a part of the files, with a table beside of what was found in each
 * (found.h). DIR PART...: all of that from the parts instead of the pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/start.h"
#include "base/report.h"
#include "files/history.h"
#include "files/index.h"
#include "files/shard.h"
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
    char **parts;
    size_t n_parts;
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

/* Whether the digest of the folder decides if anything is to be done: not of parts, whose tables
 * hold dates too, nor of what is made from them. */
static bool may_be_current(const struct cli *cli, const struct settings *s)
{
    struct stat st;

    if (cli->audit)
        return true;
    return !shard_is_wanted() && s->n_parts == 0 && cli->output && stat(cli->output, &st) == 0
        && S_ISREG(st.st_mode);
}

/* Adds the inputs whose digest HASH is, unless it was known BEFORE: then it must be the same. */
static void end_digest(struct folder_digest *hash, const char *before, struct history *h,
                       const struct import *im, const struct folder *f, const struct labels *labels)
{
    char digest[DIGEST_SIZE];

    folder_digest_end(hash, digest);
    if (before[0] && strcmp(before, digest) != 0)
        die_file(f->path, "changed while it was read");
    if (!before[0])
        add_inputs(h, digest, im, f, labels);
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

/* --- parts --- */

/* How the images of this folder are described, as far as names tell. */
static struct npy_header header_of(const struct folder *f, const struct settings *s)
{
    const size_t size = s->import.fit.size;

    return (struct npy_header){NPY_U8, 4, {folder_pictures(f), size, size, RGB}};
}

/* Leaves the files of the part that is wanted. Where none is skipped, its rows begin where a frame
 * of the whole does. */
static void take_part(struct folder *f, const struct settings *s)
{
    const struct npy_header whole = header_of(f, s);
    size_t from, n, first = 0, end, seen = 0;
    bool is_last = shard_rows(&whole, &from, &n);

    for (; first < f->n && seen < from; first++)
        seen += picture_is_name(f->files[first]);
    for (end = first; end < f->n && seen < from + n; end++)
        seen += picture_is_name(f->files[end]);
    folder_slice(f, first, (is_last ? f->n : end) - first);
}

/* Asked why, of a part: answers and exits where the files are no more what it was made of. */
static void ask_part(const struct settings *s, struct folder *f)
{
    struct found_reader *r;
    struct found found;
    char *bad = NULL;
    size_t i = 0;

    if (access(s->index, F_OK) != 0)
        return; /* told by its history */
    r = found_open(s->index);
    while (!bad && found_next(r, f, i, &found, &bad))
        i++;
    if (!bad && i == f->n)
        return;
    print_line("%s", bad ? bad : "files were added");
    exit(1);
}

/* Imports a part, whose digest is BEFORE (empty: not known), and commits it with its table. */
static void import_part(const struct cli *cli, const struct settings *s, struct history *h,
                        struct import *im, struct folder *f, const struct labels *labels,
                        const char *before)
{
    struct npy_header header = header_of(f, s);
    struct tensor_writer *images = tensor_create_part(cli->output, &header, TENSOR_LEVEL, true);
    struct folder_digest *hash = folder_digest_new();

    im->found = found_create(s->index);
    import_run(im, f, images, hash);
    end_digest(hash, before, h, im, f, labels);
    import_record_memory(im, h);
    whole_begin(cli->output);
    found_commit(im->found, h, s->index);
    tensor_commit(images, h);
    whole_end(cli->output);
    note("%zu images in this part; %zu of %zu files skipped", im->n_rows, im->n_bad,
         im->n_rows + im->n_bad);
}

/* --- the whole --- */

/* A writer of the rows of all pictures, or of the parts. */
static struct tensor_writer *read_pictures(const struct cli *cli, const struct settings *s,
                                           struct import *im, struct folder *f,
                                           const struct labels *labels, struct folder_digest *hash)
{
    struct npy_header header = header_of(f, s);
    struct tensor_writer *images;
    struct history *h;

    if (s->n_parts == 0) {
        images = tensor_create_expecting(cli->output, &header, TENSOR_LEVEL);
        import_run(im, f, images, hash);
        return images;
    }
    h = history_new(cli, REVISION);
    if (labels)
        history_input(h, labels->digest, NULL);
    import_count(im, f, s->parts, s->n_parts, h, hash);
    history_free(h);
    header.shape[0] = im->n_rows;
    images = tensor_create(cli->output, &header, TENSOR_LEVEL);
    import_join(images, s->parts, s->n_parts);
    return images;
}

/* Imports the folder whose digest is BEFORE (empty: not known), and commits the images and their
 * index. */
static void import_folder(const struct cli *cli, const struct settings *s, struct history *h,
                          struct import *im, struct folder *f, const struct labels *labels,
                          const char *before)
{
    struct folder_digest *hash = folder_digest_new();
    struct tensor_writer *images = read_pictures(cli, s, im, f, labels, hash);
    struct entries entries;

    tally_tell(im->others, "passed over");
    tally_tell(im->disguised, "read by what they hold");
    import_check(im, s->max_bad);
    entries = entries_new(f, im->is_row, &s->sorting, labels);
    check_classes(&entries, s, f->path);
    end_digest(hash, before, h, im, f, labels);
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

/* Arguments behind the folder are parts. A part has its table beside it instead of the index; what
 * was skipped is told with the whole. */
static void check_parts(struct settings *s, struct cli *cli)
{
    s->parts = cli->arguments + 1;
    s->n_parts = cli->n_arguments > 1 ? (size_t)cli->n_arguments - 1 : 0;
    cli->n_arguments -= (int)s->n_parts;
    if (!shard_is_wanted())
        return;
    if (s->n_parts > 0)
        die_usage("--shard makes a part, and '%s' is one", s->parts[0]);
    if (!cli->output || strcmp(cli->output, "-") == 0)
        die_usage("--shard wants -o FILE, beside which its table stands");
    s->index = found_beside(cli->output);
    s->skipped = NULL;
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
         "write row, split, class and path of each image there; not of a part"},
        {"skipped", CLI_TEXT, &s.skipped, 0, 0, "FILE", CLI_OUTPUT,
         "write path and reason of each picture that could not be read there; not of a part"},
        {"list", CLI_FLAG, &s.list, 0, 0, NULL, 0,
         "only list the pictures: path, size, date of the content, date of any change; and count "
         "them"},
        shard_option(),
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "import-images",
        .synopsis = "DIR [PART...] -o IMAGES",
        .options = options,
        .summary = "Reads the pictures below DIR (PNG, JPEG, WebP, GIF, TIFF, BMP), a folder per "
                   "class, into images (N,size,size,3), uint8, ordered by path.\n"
                   "Of PARTs, which --shard 1/N to N/N made, it reads what they found instead.",
        .example = "import-images photos --index images.tsv -o images.npy.zst",
        .min_arguments = 1,
        .max_arguments = -1,
    };
    struct import im;
    struct history *h;
    struct folder folder;
    struct labels *labels;
    char digest[DIGEST_SIZE] = "";
    bool asks_part;

    cli_parse(&cli, argc, argv);
    check_parts(&s, &cli);
    check_settings(&s, cli.output);
    if (s.index && !whole_is_unfinished(cli.output) && index_state(s.index) == INDEX_EDITED)
        refuse_edited(&cli, s.index);
    h = history_new(&cli, REVISION);
    im = import_new(&s.import, (size_t)cli.memory);
    import_if_recorded(&im, h, cli.output, cli.audit);
    shard_record(h);
    asks_part = cli.why && shard_is_wanted() && cli.n_arguments > 0;
    if (!asks_part)
        history_ask(h);
    folder_open(&folder, cli.arguments[0]);
    labels = s.labels ? labels_read(s.labels) : NULL;
    if (labels)
        labels_choose(labels, &folder, im.others);
    if (shard_is_wanted())
        take_part(&folder, &s);
    if (asks_part) {
        ask_part(&s, &folder);
        history_ask(h);
    }
    if (s.list) {
        list(&folder, &s, labels);
        return 0;
    }
    if (may_be_current(&cli, &s)) {
        folder_digest(&folder, digest);
        add_inputs(h, digest, &im, &folder, labels);
        if ((cli.audit || !s.index || index_state(s.index) == INDEX_WRITTEN)
            && history_is_current(h, cli.output))
            return 0;
    }
    if (shard_is_wanted())
        import_part(&cli, &s, h, &im, &folder, labels, digest);
    else
        import_folder(&cli, &s, h, &im, &folder, labels, digest);
    import_release(&im);
    labels_free(labels);
    folder_close(&folder);
    history_free(h);
    return 0;
}
