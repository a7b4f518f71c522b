#include "pictures/labels.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/report.h"
#include "files/table.h"

enum column { PATH, CLASS, SPLIT, COLUMNS };

/* Which field each of them is; -1: there is none. */
struct columns {
    ptrdiff_t at[COLUMNS];
};

enum index_split labels_split(const char *name, size_t len)
{
    static const char *const names[] = {"train", "training", "test",      "testing",
                                        "val",   "valid",    "validation"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && strncasecmp(name, names[i], len) == 0)
            return i < 2 ? INDEX_TRAIN : INDEX_TEST;
    return INDEX_ALL;
}

/* --- columns --- */

/* Which column a name is of, COLUMNS: none. */
static int column_of(const char *name)
{
    static const struct {
        const char *name;
        enum column column;
    } names[] = {{"path", PATH},   {"file", PATH},   {"filename", PATH}, {"file_name", PATH},
                 {"image", PATH},  {"class", CLASS}, {"label", CLASS},   {"category", CLASS},
                 {"split", SPLIT}, {"set", SPLIT},   {"subset", SPLIT}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].column;
    return COLUMNS;
}

/* Whether the first line is of names; then COLUMNS is set by them. */
static bool read_names(const struct table *t, struct columns *columns)
{
    struct columns found = {{-1, -1, -1}};

    for (size_t i = 0; i < t->n_columns; i++) {
        int column = column_of(t->columns[i]);

        if (column < COLUMNS && found.at[column] < 0)
            found.at[column] = (ptrdiff_t)i;
    }
    if (found.at[PATH] < 0 || found.at[CLASS] < 0)
        return false;
    *columns = found;
    return true;
}

/* --- rows --- */

/* FIELDS as they stand in T, in one of its lines. */
static void read_row(struct labels *l, const char *const *fields, const struct columns *columns)
{
    const struct table *t = l->table;
    const char *text[COLUMNS];
    struct label *label;

    for (int c = 0; c < COLUMNS; c++) {
        ptrdiff_t at = columns->at[c];

        text[c] = at >= 0 && (size_t)at < t->n_columns ? fields[at] : NULL;
        if (text[c] && l->is_index && !index_unescape((char *)(uintptr_t)text[c]))
            die_file(l->path, "line %zu: an unknown escape", t->line);
    }
    if (!text[PATH] || !text[CLASS])
        die_file(l->path, "line %zu: want a path and a class, parted by %s", t->line,
                 t->separator == ';' ? "a semicolon" : "a comma or a tab");
    while (strncmp(text[PATH], "./", 2) == 0)
        text[PATH] += 2;
    if ((l->n & (l->n - 1)) == 0)
        l->labels = xrealloc(l->labels, l->n ? 2 * l->n : 1, sizeof *l->labels);
    label = &l->labels[l->n++];
    *label = (struct label){text[PATH], text[CLASS], INDEX_ALL, t->line, false};
    l->has_split = text[SPLIT];
    if (!text[SPLIT])
        return;
    label->split = labels_split(text[SPLIT], strlen(text[SPLIT]));
    if (label->split == INDEX_ALL)
        die_file(l->path, "line %zu: the split '%s', want train, test, val or valid", t->line,
                 text[SPLIT]);
}

static int compare(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

struct labels *labels_read(const char *path)
{
    struct labels *l = xcalloc(1, sizeof *l);
    struct columns columns = {{PATH, CLASS, SPLIT}};

    l->path = path;
    l->table = table_read(path);
    l->digest = l->table->digest;
    l->is_index = index_has_columns(l->table);
    if (!read_names(l->table, &columns))
        read_row(l, l->table->columns, &columns);
    while (table_next(l->table))
        read_row(l, l->table->fields, &columns);
    if (l->n == 0)
        die_file(path, "no line with a path and a class");
    qsort(l->labels, l->n, sizeof *l->labels, compare);
    for (size_t i = 1; i < l->n; i++)
        if (strcmp(l->labels[i].path, l->labels[i - 1].path) == 0)
            die_file(path, "line %zu: '%s' again, as in line %zu", l->labels[i].line,
                     l->labels[i].path, l->labels[i - 1].line);
    return l;
}

static int compare_path(const void *path, const void *label)
{
    return strcmp(path, ((const struct label *)label)->path);
}

struct label *labels_find(const struct labels *l, const char *path)
{
    return bsearch(path, l->labels, l->n, sizeof *l->labels, compare_path);
}

static bool is_labelled(const void *labels, const char *file)
{
    struct label *label = labels_find(labels, file);

    if (label)
        label->used = true;
    return label != NULL;
}

void labels_choose(struct labels *l, struct folder *f, struct tally *others)
{
    size_t n = f->n, n_lost = 0;
    const struct label *lost = NULL;
    char *kind;

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
    if (n == f->n)
        return;
    kind = xformat("not in '%s'", l->path);
    tally_add_many(others, kind, n - f->n);
    free(kind);
}

void labels_free(struct labels *l)
{
    if (!l)
        return;
    free(l->labels);
    table_free(l->table);
    free(l);
}
