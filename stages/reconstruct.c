/* reconstruct MODEL IMAGES -o SHEET: a PNG sheet of some images, and below each what the net gives
 * back. Chosen are the rows of
 * --rows, or --count rows at random: of all, of a split, or of each of some classes, which then
 * start a line each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/start.h"
#include "net/dataset.h"
#include "files/history.h"
#include "pictures/image.h"
#include "kernels/isa.h"
#include "net/model.h"
#include "net/net.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/rng.h"
#include "analysis/selection.h"
#include "files/tensor.h"

enum { RGB = 3, BATCH = 16, GAP = 2, LINE_GAP = 8, PAPER = 255 };

struct settings {
    struct selection_options chosen;
    const char *rows;
    int64_t count, columns;
};

/* The rows on the sheet, in order. */
struct picks {
    size_t n, size, *rows;
    bool *starts_line;
};

static void picks_add(struct picks *p, size_t row, bool starts_line)
{
    if (p->n == p->size) {
        p->size = p->size ? 2 * p->size : 64;
        p->rows = xrealloc(p->rows, p->size, sizeof *p->rows);
        p->starts_line = xrealloc(p->starts_line, p->size, sizeof *p->starts_line);
    }
    p->rows[p->n] = row;
    p->starts_line[p->n++] = starts_line;
}

/* --- which rows --- */

/* Reads a number off *TEXT; false where there is none. */
static bool take_number(const char **text, size_t *number)
{
    char *end;
    unsigned long long value;
    errno = 0;
    value = strtoull(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno || value >= SIZE_MAX)
        return false;
    *number = (size_t)value;
    *text = end;
    return true;
}

/* "0,5,10:20": numbers, and ranges without their end. */
static void pick_listed(struct picks *p, const char *list, const struct tensor_reader *t)
{
    const char *at = list;
    do {
        size_t first, end;
        bool ok = take_number(&at, &first);
        end = first + 1;
        if (ok && *at == ':') {
            at++;
            ok = take_number(&at, &end) && first < end;
        }
        if (!ok || (*at && *at != ','))
            die_usage("--rows '%s', want numbers and ranges such as 0,5,10:20", list);
        if (end > t->n_rows)
            die_file(tensor_path(t), "row %zu of --rows, but there are %zu rows", end - 1,
                     t->n_rows);
        for (size_t row = first; row < end; row++)
            picks_add(p, row, false);
    } while (*at++ == ',');
}

static int compare(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* COUNT of the N candidates (NULL: all rows below N), in order, on lines of their own. */
static void pick_some(struct picks *p, const size_t *candidates, size_t n, size_t count,
                      struct rng *rng)
{
    uint32_t *order = xcalloc(n, sizeof *order);
    size_t first = p->n;
    rng_permutation(rng, order, (uint32_t)n);
    for (size_t i = 0; i < count && i < n; i++)
        picks_add(p, candidates ? candidates[order[i]] : order[i], i == 0);
    if (p->n > first) /* with no row picked there may be no array yet, which qsort does not take */
        qsort(p->rows + first, p->n - first, sizeof *p->rows, compare);
    free(order);
}

static void pick_at_random(struct picks *p, const struct settings *s,
                           const struct selection *chosen, uint64_t seed)
{
    struct rng rng;
    bool by_class = s->chosen.classes && *s->chosen.classes;
    size_t *rows;
    if (chosen->n > UINT32_MAX)
        die("%zu rows to choose from, want at most %u", chosen->n, UINT32_MAX);
    if (!by_class) {
        rng_init(&rng, seed, RNG_PICK, 0);
        pick_some(p, chosen->rows, chosen->n, (size_t)s->count, &rng);
        return;
    }
    rows = xcalloc(chosen->n, sizeof *rows);
    for (size_t k = 0; k < chosen->ix->n_classes; k++) {
        size_t n = 0;
        for (size_t i = 0; i < chosen->n; i++)
            if (chosen->ix->rows[chosen->positions[i]].class_number == k)
                rows[n++] = chosen->rows[i];
        rng_init(&rng, seed, RNG_PICK, k);
        pick_some(p, rows, n, (size_t)s->count, &rng);
    }
    free(rows);
}

/* --- their pixels --- */

/* x[0..items-1] from one row of the tensor. */
static void keep_row(float *x, const struct tensor_reader *t, const uint8_t *row, size_t number)
{
    if (t->header.dtype == NPY_U8)
        net_scale(x, row, t->row_items);
    else
        memcpy(x, row, t->row_bytes);
    if (dataset_not_finite(x, t->row_items) < t->row_items)
        die_file(tensor_path(t), "row %zu holds a value that is not finite", number);
}

/* The picked rows, (n,H,W,C) float32. A pipe is read to its end. */
static float *read_rows(struct tensor_reader *t, const struct picks *p)
{
    uint8_t *row = xaligned(t->row_bytes);
    float *x = xcalloc(p->n * t->row_items, sizeof *x);
    if (tensor_is_seekable(t)) {
        for (size_t i = 0; i < p->n; i++) {
            tensor_read_at(t, row, p->rows[i], 1);
            keep_row(x + i * t->row_items, t, row, p->rows[i]);
        }
    } else {
        for (size_t number = 0; tensor_read(t, row, 1) == 1; number++)
            for (size_t i = 0; i < p->n; i++)
                if (p->rows[i] == number)
                    keep_row(x + i * t->row_items, t, row, number);
    }
    free(row);
    return x;
}

/* y (n,H,W,C): what the net makes of x. */
static float *reconstruct(const struct model *m, const float *x, size_t n)
{
    struct net *net = model_net(m, BATCH, false);
    size_t items = net_input_items(net);
    float *y = xcalloc(n * items, sizeof *y);
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);
    for (size_t i = 0; i < n; i += BATCH)
        net_reconstruct(net, y + i * items, x + i * items, n - i < BATCH ? n - i : BATCH);
    profile_leave(before);
    net_profile(net);
    net_free(net);
    return y;
}

/* --- the sheet --- */

/* Puts the image x (H,W,C), C 1 or 3, with its corner at row TOP, column LEFT of the sheet. */
static void place(struct image *sheet, size_t top, size_t left, const float *x,
                  const size_t shape[3])
{
    const size_t H = shape[0], W = shape[1], C = shape[2];
    for (size_t i = 0; i < H; i++) {
        uint8_t *to = sheet->pixels + ((top + i) * sheet->width + left) * RGB;
        for (size_t j = 0; j < W * RGB; j++) {
            float v = x[i * W * C + (C == RGB ? j : j / RGB)];
            to[j] = v >= 1 ? 255 : v > 0 ? (uint8_t)(v * 255 + 0.5f) : 0;
        }
    }
}

static struct image draw_sheet(const struct picks *p, const float *x, const float *y,
                               const size_t shape[3], size_t columns)
{
    const size_t H = shape[0], W = shape[1], items = H * W * shape[2];
    size_t *line = xcalloc(p->n, sizeof *line), *column = xcalloc(p->n, sizeof *column), widest = 0;
    struct image sheet;
    for (size_t i = 1; i < p->n; i++) {
        bool breaks = p->starts_line[i] || column[i - 1] + 1 == columns;
        line[i] = line[i - 1] + breaks;
        column[i] = breaks ? 0 : column[i - 1] + 1;
        widest = column[i] > widest ? column[i] : widest;
    }
    sheet = (struct image){.height = (line[p->n - 1] + 1) * (2 * H + GAP + LINE_GAP) + LINE_GAP,
                           .width = (widest + 1) * (W + GAP) + 2 * LINE_GAP - GAP};
    sheet.pixels = xmalloc(sheet.height * sheet.width * RGB);
    memset(sheet.pixels, PAPER, sheet.height * sheet.width * RGB);
    for (size_t i = 0; i < p->n; i++) {
        size_t top = LINE_GAP + line[i] * (2 * H + GAP + LINE_GAP),
               left = LINE_GAP + column[i] * (W + GAP);
        place(&sheet, top, left, x + i * items, shape);
        place(&sheet, top + H + GAP, left, y + i * items, shape);
    }
    free(line);
    free(column);
    return sheet;
}

static void write_sheet(const char *path, const struct image *sheet, const struct history *h)
{
    char digest[DIGEST_SIZE], *text;
    image_digest(sheet, digest);
    text = history_text(h, digest);
    image_write(path, sheet, (const char *const[]){"kasane-history", text, NULL});
    free(text);
}

static void pick(struct picks *p, const struct settings *s, const struct selection *chosen,
                 const struct tensor_reader *t, uint64_t seed)
{
    bool listed = s->rows && *s->rows;
    if (listed && chosen->ix)
        die_usage("--rows and --index: want one of them");
    if (t->n_rows == 0)
        die_file(tensor_path(t), "no rows");
    if (listed)
        pick_listed(p, s->rows, t);
    else
        pick_at_random(p, s, chosen, seed);
}

int main(int argc, char **argv)
{
    struct settings s = {.chosen = {.split = INDEX_ALL}, .count = 10, .columns = 10};
    const struct cli_option options[] = {
        {"rows", CLI_TEXT, &s.rows, 0, 0, "0,5,10:20", CLI_SETTING, "these rows, in this order"},
        {"count", CLI_INT, &s.count, 1, 10000, NULL, CLI_SETTING,
         "so many rows at random; with --classes, of each class"},
        {"columns", CLI_INT, &s.columns, 1, 1000, NULL, CLI_SETTING, "images in a line"},
        {"classes", CLI_TEXT, &s.chosen.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these classes; names with blanks: \"A,B,C\""},
        {"split", CLI_CHOICE, &s.chosen.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &s.chosen.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows: for --classes and --split"},
        isa_option(),
        {0},
    };
    struct cli cli = {
        .tool = "reconstruct",
        .synopsis = "MODEL IMAGES -o SHEET",
        .options = options,
        .uses_seed = true,
        .summary = "Draws some of the IMAGES (N,H,W,1 or 3), and below each what the net in MODEL "
                   "gives back, on a sheet: a PNG file.",
        .example = "reconstruct deep.safetensors.zst images.npy.zst --index images.tsv --classes "
                   "\"akane ren\" -o sheet.png",
        .min_arguments = 2,
        .max_arguments = 2,
    };
    struct history *h;
    struct model *m;
    struct tensor_reader *t;
    struct selection chosen;
    struct picks picks = {0};
    size_t n_pixels;
    float *x, *y;
    struct image sheet;
    cli_parse(&cli, argc, argv);
    isa_select();
    h = history_start(&cli, NET_REVISION);
    m = model_read(cli.arguments[0]);
    t = tensor_open(cli.arguments[1]);
    tensor_want(t, -1, 4, (size_t[4]){0});
    if (t->header.shape[3] != 1 && t->header.shape[3] != RGB)
        die_file(tensor_path(t), "%zu channels, want 1 or 3", t->header.shape[3]);
    model_want(m, tensor_path(t), t->header.shape + 1);
    chosen = selection_read(&s.chosen, t);
    pick(&picks, &s, &chosen, t, (uint64_t)cli.seed);
    model_add_to_history(m, h);
    if (selection_is_current(&chosen, t, h, cli.output))
        return 0;
    n_pixels = picks.n * t->header.shape[1] * t->header.shape[2];
    want_memory(PROCESS_MEMORY + net_memory(&m->spec, BATCH, false) + model_memory(m)
                    + tensor_memory(t->row_bytes)
                    + 2 * n_pixels * (t->header.shape[3] * sizeof(float) + RGB),
                picks.n, (size_t)cli.memory);
    x = read_rows(t, &picks);
    y = reconstruct(m, x, picks.n);
    selection_finish(&chosen, t, h);
    sheet = draw_sheet(&picks, x, y, t->header.shape + 1, (size_t)s.columns);
    write_sheet(cli.output, &sheet, h);
    image_release(&sheet);
    free(x);
    free(y);
    free(picks.rows);
    free(picks.starts_line);
    selection_release(&chosen);
    tensor_close(t);
    model_free(m);
    history_free(h);
    return 0;
}
