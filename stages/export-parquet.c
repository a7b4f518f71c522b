/* export-parquet TENSOR -o PARQUET: rows as a table in columns, for programs that read Parquet.
 *
 * With an index its columns row, split, class and path, then the numbers of each row as a list;
 * without one row and the list. */
#include "analysis/selection.h"
#include "base/progress.h"
#include "base/report.h"
#include "cli/start.h"
#include "exchange/gather.h"
#include "exchange/parquet.h"
#include "files/history.h"
#include "files/tensor.h"

enum { REVISION = 1 };
enum column { ROW, SPLIT, CLASS, PATH, NUMBERS, N_COLUMNS };

static size_t row_number(const struct selection *s, size_t i)
{
    return s->ix ? s->rows[i] : i;
}

/* What the index says of row I of those chosen. */
static const char *name_of(const struct selection *s, size_t i, enum column column)
{
    const struct index_row *r = &s->ix->rows[s->positions[i]];

    return column == SPLIT ? (r->split == INDEX_TRAIN ? "train" : "test")
        : column == CLASS  ? s->ix->classes[r->class_number]
                           : r->path;
}

static void write_column(struct parquet_writer *w, enum column column, const struct selection *s,
                         struct gather *g, size_t first, size_t n)
{
    parquet_begin_column(w);
    for (size_t i = first; i < first + n; i++) {
        int64_t row = (int64_t)row_number(s, i);

        if (column == ROW) {
            parquet_rows(w, &row, 1);
        } else if (column == NUMBERS) {
            parquet_rows(w, gather_row(g, (size_t)row), 1);
            progress_show(i + 1, s->n, "%zu of %zu rows", i + 1, s->n);
        } else {
            parquet_text(w, name_of(s, i, column));
        }
    }
}

static void write_groups(struct parquet_writer *w, const struct selection *s,
                         struct tensor_reader *t)
{
    struct gather g;

    gather_init(&g, t);
    for (size_t first = 0; first < s->n; first += PARQUET_GROUP) {
        size_t n = s->n - first < PARQUET_GROUP ? s->n - first : PARQUET_GROUP;

        parquet_begin_group(w, n);
        for (enum column c = ROW; c < N_COLUMNS; c++)
            if (s->ix || c == ROW || c == NUMBERS)
                write_column(w, c, s, &g, first, n);
    }
    gather_release(&g);
    progress_end();
}

static struct parquet_writer *create(const char *path, const char *name,
                                     const struct tensor_reader *t, bool has_index)
{
    static struct parquet_column columns[N_COLUMNS] = {{.name = "row", .dtype = NPY_I64},
                                                       {.name = "split", .is_text = true},
                                                       {.name = "class", .is_text = true},
                                                       {.name = "path", .is_text = true}};
    size_t n = has_index ? NUMBERS : SPLIT;

    columns[n] =
        (struct parquet_column){.name = name, .dtype = t->header.dtype, .length = t->row_items};
    return parquet_create(path, columns, n + 1);
}

int main(int argc, char **argv)
{
    struct selection_options chosen = {.split = INDEX_ALL};
    const char *name = "features";
    const struct cli_option options[] = {
        {"name", CLI_TEXT, &name, 0, 0, NULL, CLI_SETTING, "of the column of numbers"},
        {"classes", CLI_TEXT, &chosen.classes, 0, 0, "\"A B C\"", CLI_SETTING,
         "only rows of these classes; names with blanks: \"A,B,C\""},
        {"split", CLI_CHOICE, &chosen.split, 0, 0, "train|test|all", CLI_SETTING,
         "only rows of this split"},
        {"index", CLI_TEXT, &chosen.index, 0, 0, "FILE", CLI_INPUT,
         "index of the rows; its columns come before the numbers"},
        {0},
    };
    struct cli cli = {
        .tool = "export-parquet",
        .synopsis = "TENSOR --index FILE -o PARQUET",
        .options = options,
        .summary = "Writes the rows of a tensor, features for example, as a Parquet table: row, "
                   "split, class, path and the numbers as a list.",
        .example = "export-parquet features.npy.zst --index images.tsv -o features.parquet",
        .min_arguments = 1,
        .max_arguments = 1,
    };
    struct history *h;
    struct tensor_reader *t;
    struct selection s;
    struct parquet_writer *w;

    cli_parse(&cli, argc, argv);
    h = history_start(&cli, REVISION);
    t = tensor_open(cli.arguments[0]);
    s = selection_read(&chosen, t);
    if (selection_is_current(&s, t, h, cli.output))
        return 0;
    want_memory(PROCESS_MEMORY + 2 * tensor_memory(t->row_bytes) + parquet_memory(t->row_bytes), 1,
                (size_t)cli.memory);
    w = create(cli.output, name, t, s.ix);
    write_groups(w, &s, t);
    selection_finish(&s, t, h);
    parquet_commit(w, h);
    selection_release(&s);
    tensor_close(t);
    history_free(h);
    return 0;
}
