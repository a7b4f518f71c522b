/* tensor: looks into any of our files, takes rows out of a tensor, and goes between our files,
 * plain NPY and TSV.
 *
 *     tensor info FILE...             shape, statistics, digest, history; of a model its tensors
 *     tensor verify FILE...           reads everything and says which file is damaged, and where
 *     tensor rows A:B FILE -o OUT     rows A to B-1 as a tensor; A or B may be left out, and count
 *                                     from the end where negative
 *     tensor tsv FILE                 a line a row; --index puts the index's columns in front
 *     tensor npy FILE -o OUT          plain NPY
 *     tensor from-npy FILE -o OUT     a tensor of plain NPY
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/start.h"
#include "files/index.h"
#include "analysis/inspect.h"
#include "base/report.h"
#include "files/shard.h"
#include "files/tensor.h"

enum { REVISION = 1 };

struct options {
    const char *index;
};

/* Each file in a process of its own, so that one damaged file does not hide the next. */
static void for_each_file(const struct cli *cli, void (*inspect)(const char *path), bool verdict)
{
    int failed = 0;

    for (int i = 0; i < cli->n_arguments; i++) {
        const char *path = cli->arguments[i];
        int status = 0;
        pid_t child;

        if (!verdict && cli->n_arguments > 1)
            fputs(i ? "\n" : "", stdout);
        if (!verdict && cli->n_arguments > 1)
            print_line("%s:", path);
        fflush(stdout);
        child = fork();
        if (child == 0) {
            inspect(path);
            if (verdict)
                print_line("%s: undamaged", path);
            if (fclose(stdout) != 0)
                die("standard output: %s", strerror(errno));
            exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
            die("no process for '%s': %s", path, strerror(errno));
        if (WIFSIGNALED(status))
            raise(WTERMSIG(status));
        failed += status != 0;
    }
    if (failed)
        exit(1);
}

static void run_info(const struct cli *cli, const struct options *o)
{
    (void)o;
    for_each_file(cli, inspect_info, false);
}

static void run_verify(const struct cli *cli, const struct options *o)
{
    (void)o;
    for_each_file(cli, inspect_verify, true);
}

/* Rows FIRST..END-1 of T go to W. A pipe is read to its end, where its history is. */
static void copy_rows(struct tensor_reader *t, struct tensor_writer *w, size_t first, size_t end)
{
    bool seekable = tensor_is_seekable(t);
    size_t block = tensor_block(t), n;
    char *rows = xmalloc(block * t->row_bytes);

    if (seekable)
        tensor_range(t, first, end - first);
    for (size_t at = seekable ? first : 0; (n = tensor_read(t, rows, block)) > 0; at += n) {
        size_t from = at > first ? 0 : first - at < n ? first - at : n;
        size_t to = at >= end ? 0 : end - at < n ? end - at : n;

        if (from < to)
            tensor_write(w, rows + from * t->row_bytes, to - from);
    }
    free(rows);
}

/* A tensor of the rows FIRST..END-1 of T, unless that is what stands there. */
static void write_rows(const struct cli *cli, struct history *h, struct tensor_reader *t,
                       size_t first, size_t end)
{
    struct npy_header header = t->header;
    struct tensor_writer *w;

    if (tensor_is_seekable(t)) {
        tensor_add_to_history(t, h);
        if (history_is_current(h, cli->output))
            return;
    }
    header.shape[0] = end - first;
    w = tensor_create(cli->output, &header, TENSOR_LEVEL);
    copy_rows(t, w, first, end);
    if (!tensor_is_seekable(t))
        tensor_add_to_history(t, h);
    tensor_commit(w, h);
    history_free(h);
    tensor_close(t);
}

/* One end of a range: empty is DEFAULT, negative counts from the end. */
static const char *parse_row(const char *text, int64_t n_rows, int64_t *row)
{
    char *end;

    if (*text == '\0' || *text == ':')
        return text;
    *row = strtoll(text, &end, 10);
    *row += *row < 0 ? n_rows : 0;
    return end == text ? NULL : end;
}

static void run_rows(const struct cli *cli, const struct options *o)
{
    const char *range = cli->arguments[0], *at;
    struct cli files = *cli;
    struct history *h;
    struct tensor_reader *t;
    int64_t first = 0, end;
    char *canonical;

    (void)o;
    files.arguments++;
    files.n_arguments--;
    h = history_start(&files, REVISION);
    t = tensor_open(files.arguments[0]);
    end = t->n_rows;
    at = parse_row(range, t->n_rows, &first);
    if (!at || *at != ':' || !(at = parse_row(at + 1, t->n_rows, &end)) || *at)
        die_usage("'%s' is no range of rows, want A:B", range);
    if (first < 0 || end < first || (uint64_t)end > t->n_rows)
        die_file(tensor_path(t), "rows %s wanted, it has %zu", range, t->n_rows);
    canonical = xformat("%" PRId64 ":%" PRId64, first, end);
    history_setting(h, "rows", canonical);
    free(canonical);
    write_rows(cli, h, t, first, end);
}

static void run_from_npy(const struct cli *cli, const struct options *o)
{
    struct history *h = history_start(cli, REVISION);
    struct tensor_reader *t = tensor_open(cli->arguments[0]);

    (void)o;
    write_rows(cli, h, t, 0, t->n_rows);
}

static void run_npy(const struct cli *cli, const struct options *o)
{
    struct tensor_reader *t = tensor_open(cli->arguments[0]);
    struct tensor_writer *w = tensor_create(cli->output, &t->header, ZIO_PLAIN);

    (void)o;
    copy_rows(t, w, 0, t->n_rows);
    tensor_commit(w, NULL);
    tensor_close(t);
}

/* Nine digits bring a float32 back, seventeen a float64. */
static size_t format_item(char *text, size_t size, enum npy_dtype dtype, const void *items,
                          size_t i)
{
    switch (dtype) {
    case NPY_U8:
        return snprintf(text, size, "%u", ((const uint8_t *)items)[i]);
    case NPY_F32:
        return snprintf(text, size, "%.9g", ((const float *)items)[i]);
    case NPY_F64:
        return snprintf(text, size, "%.17g", ((const double *)items)[i]);
    case NPY_I64:
        return snprintf(text, size, "%" PRId64, ((const int64_t *)items)[i]);
    }
    return 0;
}

static void write_items(struct zio_writer *w, const struct tensor_reader *t, const void *items)
{
    char text[40];

    for (size_t i = 0; i < t->row_items; i++) {
        if (i > 0)
            zio_write(w, "\t", 1);
        zio_write(w, text, format_item(text, sizeof text, t->header.dtype, items, i));
    }
    zio_write(w, "\n", 1);
}

/* The index's names, then the numbers of the columns. */
static void write_header(struct zio_writer *w, size_t n_items)
{
    char text[32];

    zio_write(w, index_header, strlen(index_header) - 1);
    for (size_t i = 0; i < n_items; i++)
        zio_write(w, text, snprintf(text, sizeof text, "\t%zu", i));
    zio_write(w, "\n", 1);
}

static void run_tsv(const struct cli *cli, const struct options *o)
{
    struct tensor_reader *t = tensor_open(cli->arguments[0]);
    struct index *ix = o->index ? index_read(o->index, t->n_rows) : NULL;
    struct zio_writer *w = zio_create(cli->output, ZIO_TEXT);
    size_t block = tensor_block(t), row = 0, in_index = 0, n;
    char *rows = xmalloc(block * t->row_bytes);

    if (ix)
        write_header(w, t->row_items);
    while ((n = tensor_read(t, rows, block)) > 0)
        for (size_t i = 0; i < n; i++, row++) {
            if (ix && (in_index == ix->n || ix->rows[in_index].row != row))
                continue;
            if (ix)
                index_write_fields(w, ix, in_index++);
            write_items(w, t, rows + i * t->row_bytes);
        }
    zio_commit(w, NULL);
    if (ix)
        index_free(ix);
    free(rows);
    tensor_close(t);
}

static void run_join(const struct cli *cli, const struct options *o)
{
    (void)o;
    shard_join(cli->arguments, cli->n_arguments, cli->output);
}

struct command {
    const char *name;
    void (*run)(const struct cli *cli, const struct options *o);
    int min_arguments, max_arguments; /* after the name; max < 0: any number */
    const char *synopsis;
};

static const struct command commands[] = {
    {"info", run_info, 1, -1, "info FILE..."},
    {"verify", run_verify, 1, -1, "verify FILE..."},
    {"rows", run_rows, 2, 2, "rows A:B FILE -o OUT"},
    {"tsv", run_tsv, 1, 1, "tsv FILE"},
    {"npy", run_npy, 1, 1, "npy FILE -o OUT"},
    {"from-npy", run_from_npy, 1, 1, "from-npy FILE -o OUT"},
    {"join", run_join, 1, -1, "join PART... -o OUT"},
};

/* The command that the first argument names; the arguments that are left are its own. */
static const struct command *take_command(struct cli *cli)
{
    const char *name = *cli->arguments++;
    int n = --cli->n_arguments;

    if (!name) /* cli_parse lets arguments of --why be missing */
        die_usage("0 arguments, want %s", cli->synopsis);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];

        if (strcmp(name, c->name) != 0)
            continue;
        if (n < c->min_arguments || (c->max_arguments >= 0 && n > c->max_arguments))
            die_usage("%d argument%s after '%s', want %s", n, n == 1 ? "" : "s", name, c->synopsis);
        if (cli->output && c->max_arguments < 0 && c->run != run_join)
            die_usage("'%s' prints to standard output, -o is not for it", name);
        if ((cli->why || cli->audit) && c->run != run_rows && c->run != run_from_npy)
            die_usage("'%s' writes no history, --%s is not for it", name,
                      cli->why ? "why" : "audit");
        return c;
    }
    die_usage("'%s' is none of info, verify, rows, tsv, npy, from-npy, join", name);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    const struct cli_option options[] = {
        {"index", CLI_TEXT, &o.index, 0, 0, "FILE", 0,
         "tsv: an index; only its rows, its columns in front"},
        tensor_option(),
        {0},
    };
    struct cli cli = {
        .tool = "tensor",
        .synopsis = "info|verify|rows A:B|tsv|npy|from-npy|join FILE",
        .options = options,
        .summary = "Looks into tensors, models and pictures, and takes rows out of tensors.\n"
                   "info: shape, statistics, digest, history. verify: finds damage. rows A:B: some "
                   "rows as a tensor.\n"
                   "tsv: a line a row. npy: plain NPY. from-npy: a tensor of plain NPY.\n"
                   "join: the whole of the parts that --shard 1/N to N/N made.\n"
                   "info and verify take many files, models and pictures too.",
        .example = "tensor tsv features.npy.zst --index images.tsv | head -n 3",
        .min_arguments = 1,
        .max_arguments = -1,
    };
    cli_parse(&cli, argc, argv);
    take_command(&cli)->run(&cli, &o);
    return 0;
}
