/* plot KIND TABLE -o PICTURE: draws a table, as PNG or SVG.
 *
 *     plot scatter-2d pca-2.tsv -o scatter-2d.png     columns pc1 pc2, a colour for each class
 *     plot scatter-3d pca-3.tsv -o scatter-3d.svg     columns pc1 pc2 pc3, likewise
 *     plot map map-2.tsv -o map.png                   columns x1 x2, likewise
 *     plot loss stage-1.tsv -o loss.png               columns epoch loss val_loss
 *
 * Reads the table, writes the numbers and the names of its classes for gnuplot, has it draw, and
 * writes the picture with its history.
 */
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/gnuplot.h"
#include "analysis/legend.h"
#include "base/child.h"
#include "base/profile.h"
#include "base/report.h"
#include "base/scratch.h"
#include "cli/start.h"
#include "files/history.h"
#include "files/keep.h"
#include "files/record.h"
#include "files/table.h"
#include "pictures/image.h"

enum { REVISION = 1, MOST_COLUMNS = 3 };

struct kind {
    const char *name, *script, *plane; /* two parts of a script; plane: "" or what draws points */
    size_t n_columns;
    const char *columns[MOST_COLUMNS];
};
static const struct kind kinds[] = {
    {"scatter-2d", gnuplot_scatter_2d, gnuplot_plane, 2, {"pc1", "pc2"}},
    {"scatter-3d", gnuplot_scatter_3d, "", 3, {"pc1", "pc2", "pc3"}},
    {"map", gnuplot_map, gnuplot_plane, 2, {"x1", "x2"}},
    {"loss", gnuplot_loss, "", 3, {"epoch", "loss", "val_loss"}},
};

enum type { BY_NAME, PNG, SVG };
static const char *const type_names[] = {"", "png", "svg"};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    die_usage("no kind of plot '%s', want scatter-2d, scatter-3d, map or loss", name);
}

static enum type type_of(const char *path)
{
    size_t len = path ? strlen(path) : 0;

    for (enum type t = PNG; len > 4 && t <= SVG; t++)
        if (path[len - 4] == '.' && strcmp(path + len - 3, type_names[t]) == 0)
            return t;
    if (!path || strcmp(path, "-") == 0)
        die_usage("standard output: want --type png or --type svg");
    die_usage("'%s': want a name that ends in .png or .svg, or --type", path);
}

static bool is_number(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    return end != text && *end == '\0' && isfinite(value)
        && strspn(text, "+-.0123456789eE") == strlen(text);
}

/* --- classes --- */

struct classes {
    struct hsearch_data numbers; /* of the names, and where each stands in the list */
    const char **names;          /* (n) as they stand in the table */
    size_t *seen;                /* (n) rows so far */
    size_t n;
};

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
        n++;
    return n;
}

static struct classes classes_new(size_t most)
{
    struct classes c = {.names = xcalloc(most + 1, sizeof *c.names),
                        .seen = xcalloc(most + 1, sizeof *c.seen)};

    if (!hcreate_r(2 * most + 2, &c.numbers))
        die("out of memory: names of classes");
    return c;
}

static size_t class_number(struct classes *c, const char *name)
{
    ENTRY *found, wanted = {.key = (char *)(uintptr_t)name, .data = (void *)(uintptr_t)(c->n)};

    if (!hsearch_r(wanted, ENTER, &found, &c->numbers))
        die("out of memory: names of classes");
    if ((size_t)(uintptr_t)found->data == c->n && found->key == name)
        c->names[c->n++] = name;
    return (size_t)(uintptr_t)found->data;
}

/* --- what gnuplot reads --- */

/* Writes the rows of T to NUMBERS; the names of their classes, in order, become those of C. */
static void write_numbers(int numbers, struct classes *c, struct table *t, const struct kind *kind)
{
    ptrdiff_t column[MOST_COLUMNS], class_column = table_column(t, "class");
    FILE *f = fdopen(dup(numbers), "w");
    size_t n = 0;

    for (size_t i = 0; i < kind->n_columns; i++)
        if ((column[i] = table_column(t, kind->columns[i])) < 0)
            die_file(t->path, "no column %s in its first line", kind->columns[i]);
    for (; table_next(t); n++) {
        size_t number = class_number(c, class_column < 0 ? "" : t->fields[class_column]);

        for (size_t i = 0; i < kind->n_columns; i++) {
            if (!is_number(t->fields[column[i]]))
                die_file(t->path, "line %zu: %s is not a number", t->line, kind->columns[i]);
            fprintf(f, "%s ", t->fields[column[i]]);
        }
        fprintf(f, "%zu %zu\n", number, c->seen[number]++);
    }
    if (n == 0)
        die_file(t->path, "no rows");
    if (!f || fclose(f) != 0)
        die("a temporary file: cannot be written");
}

static int scratch_of(const char *text)
{
    int fd = scratch_open();

    scratch_write(fd, text, strlen(text));
    return fd;
}

/* A scratch file with the picture of T. */
static int draw(const char *path, struct table *t, const struct kind *kind, enum type type,
                const char *title)
{
    struct classes c = classes_new(count_lines(t->rest));
    int numbers = scratch_open(), picture;
    char *names, *line = xformat("%s\n", title);
    char *script = xformat("%s%s", kind->script, kind->plane);
    enum profile_part before = profile_enter(PROFILE_ARITHMETIC);

    write_numbers(numbers, &c, t, kind);
    names = legend_text(c.names, c.n);
    picture =
        gnuplot_draw(path, script, type_names[type], numbers, scratch_of(names), scratch_of(line));
    profile_leave(before);
    hdestroy_r(&c.numbers);
    free(c.names);
    free(c.seen);
    free(names);
    free(line);
    free(script);
    close(numbers);
    return picture;
}

/* --- the picture --- */

static void write_png(const struct history *h, const char *path, int picture)
{
    char error[IMAGE_ERROR], digest[DIGEST_SIZE], *drawn = xformat("/dev/fd/%d", picture), *text;
    struct image im;

    if (image_read_png(&im, drawn, error))
        die_file(path ? path : "-", "gnuplot wrote no whole picture: %s", error);
    image_digest(&im, digest);
    text = history_text(h, digest);
    image_write(path, &im, (const char *const[]){"kasane-history", text, NULL});
    image_release(&im);
    free(drawn);
    free(text);
}

static void write_svg(const struct history *h, const char *path, int picture)
{
    static const char end[] = "</svg>\n";
    struct zio_writer *w;
    size_t len;
    char *text = child_text(picture, &len);

    while (len > 1 && text[len - 1] == '\n' && text[len - 2] == '\n')
        len--;
    if (len < strlen(end) || memcmp(text + len - strlen(end), end, strlen(end)) != 0)
        die_file(path ? path : "-", "gnuplot wrote no whole picture");
    w = zio_create(path, ZIO_TEXT);
    zio_write(w, text, len);
    history_commit_markup(h, w);
    free(text);
}

/* --- history --- */

/* A table that was edited is not what its history tells of. */
static void add_input(struct history *h, const struct table *t)
{
    char *text = keep_read(t->path), digest[DIGEST_SIZE];
    bool its_own = record_digest(text, digest, sizeof digest) && strcmp(digest, t->digest) == 0;

    history_input(h, t->digest, its_own ? text : NULL);
    free(text);
}

static struct history *start_history(const struct cli *cli, const struct kind *kind, enum type type)
{
    struct history *h = history_new(cli, REVISION);
    char *scripts = xformat("%s%s%s", gnuplot_style, kind->script, kind->plane);
    char digest[DIGEST_SIZE];

    digest_format(digest, digest_data(scripts, strlen(scripts)));
    history_setting(h, "kind", kind->name);
    history_setting(h, "type", type_names[type]);
    history_setting(h, "scripts", digest);
    free(scripts);
    history_ask(h);
    return h;
}

int main(int argc, char **argv)
{
    const char *title = "";
    int type = BY_NAME;
    const struct cli_option options[] = {
        {"title", CLI_TEXT, &title, 0, 0, NULL, CLI_SETTING, "what stands above the plot"},
        {"type", CLI_CHOICE, &type, 0, 0, "by-name|png|svg", 0,
         "what the picture is; by-name: as PICTURE ends"},
        {0},
    };
    struct cli cli = {
        .tool = "plot",
        .synopsis = "scatter-2d|scatter-3d|map|loss TABLE -o PICTURE",
        .options = options,
        .summary = "Draws a table (TSV with a header line), by gnuplot. scatter-2d: columns pc1 "
                   "pc2; scatter-3d: pc1 pc2 pc3; map: x1 x2;\n"
                   "all in a colour for each value of the column class, if there is one. loss: "
                   "columns epoch loss val_loss.",
        .example = "plot scatter-2d pca-2.tsv -o scatter-2d.png",
        .min_arguments = 2,
        .max_arguments = 2,
    };
    const struct kind *kind;
    struct history *h;
    struct table *t;
    char *version;
    int picture;
    cli_parse(&cli, argc, argv);
    if (cli.n_arguments < 1) /* cli_parse lets arguments of --why be missing */
        die_usage("0 arguments, want %s", cli.synopsis);
    kind = find_kind(*cli.arguments++);
    cli.n_arguments--;
    type = type == BY_NAME ? (int)type_of(cli.output) : type;
    h = start_history(&cli, kind, (enum type)type);
    t = table_read(cli.arguments[0]);
    add_input(h, t);
    version = gnuplot_version();
    history_setting(h, "gnuplot", version);
    if (history_is_current(h, cli.output))
        return 0;
    picture = draw(cli.output ? cli.output : "-", t, kind, (enum type)type, title);
    if (type == PNG)
        write_png(h, cli.output, picture);
    else
        write_svg(h, cli.output, picture);
    free(version);
    table_free(t);
    history_free(h);
    return 0;
}
