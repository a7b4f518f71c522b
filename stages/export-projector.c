/* export-projector TENSOR -o DIR: rows for TensorBoard's Embedding Projector.
 *
 * Chooses the rows, --limit of them at most, each class in its share. Writes into DIR tensors.tsv,
 * a line a row; metadata.tsv, its name in the index; with --images sprite.png, a small image of
 * each; and, when these stand, projector_config.pbtxt for TensorBoard and projector_config.json for
 * the page alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/selection.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "cli/start.h"
#include "exchange/gather.h"
#include "files/history.h"
#include "files/keep.h"
#include "files/record.h"
#include "files/tensor.h"
#include "pictures/image.h"
#include "pictures/resize.h"
#include "report/sample.h"

enum { REVISION = 1, RGB = 3, MOST_SIDE = 8192 }; /* pixels: what browsers take as a texture */

/* What it writes, in this order; those who look for the folder's state look at the last first. */
enum file { TENSORS, METADATA, SPRITE, PBTXT, CONFIG, N_FILES };
static const char *const names[] = {"tensors.tsv", "metadata.tsv", "sprite.png",
                                    "projector_config.pbtxt", "projector_config.json"};

struct projector {
    const struct history *h;
    char *paths[N_FILES];
    struct tensor_reader *t, *images; /* NULL: no images */
    struct selection s;
    size_t n, *chosen;             /* (n) which of s, ascending */
    size_t height, width, columns; /* of a small image; of the sprite */
};

static size_t row_number(const struct projector *p, size_t i)
{
    return p->s.ix ? p->s.rows[p->chosen[i]] : p->chosen[i];
}

static void choose(struct projector *p, size_t most, uint64_t seed)
{
    const struct selection *s = &p->s;
    size_t *class_of = s->ix ? xcalloc(s->n + 1, sizeof *class_of) : NULL;

    for (size_t i = 0; s->ix && i < s->n; i++)
        class_of[i] = s->ix->rows[s->positions[i]].class_number;
    p->chosen = xcalloc(smaller(s->n, most) + 1, sizeof *p->chosen);
    p->n = sample_choose(p->chosen, class_of, s->ix ? s->ix->n_classes : 1, s->n, most, seed);
    free(class_of);
}

/* --- tables --- */

static void write_text(struct zio_writer *w, const char *text)
{
    zio_write(w, text, strlen(text));
}

static void write_tensors(struct projector *p)
{
    struct zio_writer *w = zio_create(p->paths[TENSORS], ZIO_TEXT);
    bool bytes = p->t->header.dtype == NPY_U8;
    struct gather g;
    char text[32];

    gather_init(&g, p->t);
    for (size_t i = 0; i < p->n; i++) {
        const void *row = gather_row(&g, row_number(p, i));

        for (size_t j = 0; j < p->t->row_items; j++)
            zio_write(w, text,
                      (size_t)snprintf(text, sizeof text, "%s%.9g", j ? "\t" : "",
                                       bytes ? (double)((const uint8_t *)row)[j]
                                             : (double)((const float *)row)[j]));
        write_text(w, "\n");
        progress_show(i + 1, p->n, "%s: %zu of %zu rows", names[TENSORS], i + 1, p->n);
    }
    progress_end();
    gather_release(&g);
    history_commit_table(p->h, w, p->paths[TENSORS]);
}

/* A single column has no header line: the projector would take it for a row. */
static void write_metadata(const struct projector *p)
{
    struct zio_writer *w = zio_create(p->paths[METADATA], ZIO_TEXT);
    const struct index *ix = p->s.ix;

    if (ix)
        write_text(w, index_header);
    for (size_t i = 0; i < p->n; i++) {
        char *row = xformat("%zu", row_number(p, i));
        const struct index_row *r = ix ? &ix->rows[p->s.positions[p->chosen[i]]] : NULL;

        if (ix) {
            char *line = index_format(r->row, r->split, ix->classes[r->class_number], r->path);

            write_text(w, line);
            free(line);
        } else {
            write_text(w, row);
        }
        write_text(w, "\n");
        free(row);
    }
    history_commit_table(p->h, w, p->paths[METADATA]);
}

/* --- the sprite --- */

/* The largest small images with which the sprite is at most MOST_SIDE high and wide; as many
 * columns as make it square. */
static void plan_sprite(struct projector *p)
{
    size_t H = p->images->header.shape[1], W = p->images->header.shape[2];
    size_t longer = larger(H, W), side = smaller(longer, MOST_SIDE);

    for (;; side--) {
        p->height = H * side / longer > 0 ? H * side / longer : 1;
        p->width = W * side / longer > 0 ? W * side / longer : 1;
        if ((MOST_SIDE / p->height) * (MOST_SIDE / p->width) >= p->n)
            break;
    }
    for (p->columns = 1; p->columns < MOST_SIDE / p->width && p->columns < p->n
         && p->columns * p->width < divide_up(p->n, p->columns) * p->height;)
        p->columns++;
}

static size_t sprite_size(const struct projector *p)
{
    return p->images ? p->columns * p->width * divide_up(p->n, p->columns) * p->height * RGB : 0;
}

static void write_sprite(struct projector *p)
{
    size_t H = p->images->header.shape[1], W = p->images->header.shape[2], row_len;
    struct image sprite = {.height = divide_up(p->n, p->columns) * p->height,
                           .width = p->columns * p->width,
                           .pixels = xcalloc(sprite_size(p) + 1, 1)};
    uint8_t *small = xmalloc(p->height * p->width * RGB);
    char digest[DIGEST_SIZE], *text;
    struct gather g;

    row_len = p->width * RGB;
    gather_init(&g, p->images);
    for (size_t i = 0; i < p->n; i++) {
        size_t top = i / p->columns * p->height, left = i % p->columns * p->width;

        resize_area(small, p->height, p->width, gather_row(&g, row_number(p, i)), H, W, W * RGB);
        for (size_t y = 0; y < p->height; y++)
            memcpy(sprite.pixels + ((top + y) * sprite.width + left) * RGB, small + y * row_len,
                   row_len);
        progress_show(i + 1, p->n, "%s: %zu of %zu images", names[SPRITE], i + 1, p->n);
    }
    progress_end();
    gather_release(&g);
    image_digest(&sprite, digest);
    text = history_text(p->h, digest);
    image_write(p->paths[SPRITE], &sprite, (const char *const[]){"kasane-history", text, NULL});
    image_release(&sprite);
    free(small);
    free(text);
}

/* One of an earlier run, with images, would stay. */
static void remove_sprite(const struct projector *p)
{
    char digest[DIGEST_SIZE], *text = keep_read(p->paths[SPRITE]);

    if (record_find(text, "export-projector", digest, sizeof digest)
        && unlink(p->paths[SPRITE]) != 0)
        die_file(p->paths[SPRITE], "cannot remove: %s", strerror(errno));
    free(text);
}

/* --- configuration --- */

static void write_pbtxt(const struct projector *p)
{
    struct zio_writer *w = zio_create(p->paths[PBTXT], ZIO_TEXT);
    char *text = xformat("embeddings {\n  tensor_name: \"features\"\n  tensor_shape: %zu\n"
                         "  tensor_shape: %zu\n  tensor_path: \"tensors.tsv\"\n"
                         "  metadata_path: \"metadata.tsv\"\n",
                         p->n, p->t->row_items);
    char *sprite = xformat("  sprite {\n    image_path: \"sprite.png\"\n"
                           "    single_image_dim: %zu\n    single_image_dim: %zu\n  }\n",
                           p->width, p->height);

    write_text(w, text);
    write_text(w, p->images ? sprite : "");
    write_text(w, "}\n");
    history_commit_table(p->h, w, p->paths[PBTXT]);
    free(text);
    free(sprite);
}

static void write_json(const struct projector *p)
{
    struct zio_writer *w = zio_create(p->paths[CONFIG], ZIO_TEXT);
    char *text = xformat("{\"embeddings\": [{\"tensorName\": \"features\", \"tensorShape\": "
                         "[%zu, %zu],\n  \"tensorPath\": \"tensors.tsv\", \"metadataPath\": "
                         "\"metadata.tsv\"",
                         p->n, p->t->row_items);
    char *sprite = xformat(",\n  \"sprite\": {\"imagePath\": \"sprite.png\", \"singleImageDim\": "
                           "[%zu, %zu]}",
                           p->width, p->height);

    write_text(w, text);
    write_text(w, p->images ? sprite : "");
    write_text(w, "}]}\n");
    history_commit_table(p->h, w, p->paths[CONFIG]);
    free(text);
    free(sprite);
}

/* --- the folder --- */

/* The first file that is not there; where all are, the last that was written. */
static const char *asked_file(const struct projector *p, bool with_images)
{
    for (int i = 0; i < N_FILES; i++)
        if ((i != SPRITE || with_images) && access(p->paths[i], F_OK) != 0)
            return p->paths[i];
    return p->paths[CONFIG];
}

/* Whether each file is of this run. */
static bool all_current(const struct projector *p)
{
    bool same = true;

    for (int i = 0; same && i < N_FILES; i++) {
        char *text = i == SPRITE && !p->images ? NULL : keep_read(p->paths[i]), *difference;

        if (i == SPRITE && !p->images)
            continue;
        difference = text ? history_difference(p->h, text, "") : NULL;
        same = text && !difference;
        free(difference);
        free(text);
    }
    return same;
}

static void open_images(struct projector *p, const char *path)
{
    p->images = tensor_open(path);
    tensor_want(p->images, NPY_U8, 4, (size_t[]){0, 0, 0, RGB});
    if (p->images->n_rows != p->t->n_rows)
        die_file(path, "%zu rows, want the %zu of '%s'", p->images->n_rows, p->t->n_rows,
                 tensor_path(p->t));
}

static void add_inputs(struct history *h, const struct projector *p)
{
    tensor_add_to_history(p->t, h);
    if (p->s.ix)
        history_input(h, p->s.ix->digest, NULL);
    if (p->images)
        tensor_add_to_history(p->images, h);
}

static void write_all(struct projector *p, const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        die_file(folder, "%s", strerror(errno));
    write_tensors(p);
    write_metadata(p);
    if (p->images)
        write_sprite(p);
    else
        remove_sprite(p);
    write_pbtxt(p);
    write_json(p);
    note("%zu of %zu rows in '%s': tensorboard --logdir '%s'", p->n, p->s.n, folder, folder);
}

/* Opens all, and holds it against one another and --memory. */
static void open_inputs(struct projector *p, const struct cli *cli,
                        const struct selection_options *chosen, const char *images, size_t most)
{
    size_t fixed = PROCESS_MEMORY;

    p->t = tensor_open(cli->arguments[0]);
    tensor_want(p->t, -1, p->t->header.rank, (size_t[NPY_MAX_RANK]){0});
    p->s = selection_read(chosen, p->t);
    choose(p, most, (uint64_t)cli->seed);
    if (p->n == 0)
        die_file(tensor_path(p->t), "no rows");
    fixed += 2 * tensor_memory(p->t->row_bytes);
    if (images && *images) {
        open_images(p, images);
        plan_sprite(p);
        fixed += tensor_memory(p->images->row_bytes) + 2 * sprite_size(p);
    }
    want_memory(fixed, 1, (size_t)cli->memory);
}

int main(int argc, char **argv)
{
    struct selection_options chosen = {.split = INDEX_ALL};
    const char *images = NULL;
    int64_t limit = 100000;
    const struct cli_option options[] = {
        {"limit", CLI_INT, &limit, 1, 1000000, NULL, CLI_SETTING,
         "rows at most, of each class in its share; the projector shows 100000"},
        {"classes", CLI_TEXT, &chosen.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these classes; names with blanks: \"A,B,C\""},
        {"split", CLI_CHOICE, &chosen.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &chosen.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows: their names and classes"},
        {"images", CLI_TEXT, &images, 0, 0, "FILE", CLI_INPUT,
         "images of the rows (N,H,W,3), uint8: a small one for each"},
        {0},
    };
    struct cli cli = {
        .tool = "export-projector",
        .synopsis = "TENSOR --index FILE --images IMAGES -o DIR",
        .options = options,
        .uses_seed = true,
        .summary = "Writes rows, their names and small images for TensorBoard's Embedding "
                   "Projector, into the folder DIR.",
        .example = "export-projector features.npy.zst --index images.tsv --images images.npy.zst "
                   "-o projector",
        .makes_folder = true,
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct projector p = {0};
    struct history *h;
    const char *folder;

    cli_parse(&cli, argc, argv);
    folder = cli.output;
    if (!folder || strcmp(folder, "-") == 0)
        die_usage("-o wants a folder to write into");
    for (int i = 0; i < N_FILES; i++)
        p.paths[i] = xformat("%s/%s", folder, names[i]);
    cli.output = asked_file(&p, images && *images); /* the files tell what made them */
    p.h = h = history_start(&cli, REVISION);
    open_inputs(&p, &cli, &chosen, images, (size_t)limit);
    if (!tensor_is_seekable(p.t) || (p.images && !tensor_is_seekable(p.images)))
        die_usage("a pipe: want files, which tell what they are before they are read");
    add_inputs(h, &p);
    if ((cli.audit || all_current(&p)) && history_is_current(h, cli.output))
        return 0;
    write_all(&p, folder);
    history_free(h);
    return 0;
}
