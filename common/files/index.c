#include "files/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/keep.h"
#include "files/record.h"

const char index_header[] = "row\tsplit\tclass\tpath\n";
static const char *const split_names[] = {"train", "test"};

/* The byte that "\C" stands for. */
static char escaped(char c)
{
    return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* --- reading --- */

bool index_unescape(char *field)
{
    char *to = strchr(field, '\\');

    for (char *from = to; from && *from; from++) {
        if (*from == '\\' && (!from[1] || !strchr("tnr\\", from[1])))
            return false;
        *to++ = *from == '\\' ? escaped(*++from) : *from;
    }
    if (to)
        *to = '\0';
    return true;
}

struct class_slot {
    const char *name;
    size_t number;
};
/* Open addressing; n_slots is a power of 2, at least twice the names. */
struct class_table {
    struct class_slot *slots;
    size_t n_slots;
};

static struct class_slot *find_slot(const struct class_table *t, const char *name)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    size_t i;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    i = hash & (t->n_slots - 1);
    while (t->slots[i].name && strcmp(t->slots[i].name, name) != 0)
        i = (i + 1) & (t->n_slots - 1);
    return &t->slots[i];
}

static size_t class_number(struct index *ix, struct class_table *t, const char *name)
{
    struct class_slot *slot;
    if (2 * (ix->n_classes + 1) > t->n_slots) {
        free(t->slots);
        t->n_slots = t->n_slots ? 2 * t->n_slots : 64;
        t->slots = xcalloc(t->n_slots, sizeof *t->slots);
        ix->classes = xrealloc(ix->classes, t->n_slots, sizeof *ix->classes);
        for (size_t k = 0; k < ix->n_classes; k++)
            *find_slot(t, ix->classes[k]) = (struct class_slot){ix->classes[k], k};
    }
    slot = find_slot(t, name);
    if (!slot->name) {
        *slot = (struct class_slot){name, ix->n_classes};
        ix->classes[ix->n_classes++] = name;
    }
    return slot->number;
}

/* --- rows --- */

enum column { ROW, SPLIT, CLASS, PATH, COLUMNS };
static const char *const column_names[] = {"row", "split", "class", "path"};

bool index_has_columns(const struct table *t)
{
    bool has_all = true;

    for (int c = 0; c < COLUMNS; c++)
        has_all = has_all && table_column(t, column_names[c]) >= 0;
    return has_all;
}

/* Where each column of an index stands in T. */
static void find_columns(const struct table *t, ptrdiff_t columns[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        size_t n = 0;

        columns[c] = table_column(t, column_names[c]);
        for (size_t i = 0; i < t->n_columns; i++)
            n += strcmp(t->columns[i], column_names[c]) == 0;
        if (n != 1)
            die_file(t->path,
                     "not an index: %s column '%s' in its first line, want row, split, class, path",
                     n ? "more than one" : "no", column_names[c]);
    }
}

/* One line of the file. */
struct line {
    size_t number, row;
    enum index_split split;
    const char *class_name, *path;
};

/* A whole number; a spreadsheet's 12.0 is one. */
static bool parse_row(const char *text, size_t *row)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*end == '.')
        end += 1 + strspn(end + 1, "0");
    *row = (size_t)value;
    return *text >= '0' && *text <= '9' && !*end && !errno && value < SIZE_MAX;
}

static struct line parse_line(const struct table *t, const ptrdiff_t columns[COLUMNS],
                              size_t n_rows)
{
    char *fields[COLUMNS]; /* in t->text, which is ours */
    struct line line = {.number = t->line};

    for (int c = 0; c < COLUMNS; c++) {
        fields[c] = (char *)(uintptr_t)t->fields[columns[c]];
        if (!index_unescape(fields[c]))
            die_file(t->path,
                     "line %zu: an unknown escape in its %s, want tab, newline and backslash "
                     "written \\t \\n \\\\",
                     t->line, column_names[c]);
    }
    if (!parse_row(fields[ROW], &line.row))
        die_file(t->path, "line %zu: row '%s', want a number", t->line, fields[ROW]);
    if (line.row >= n_rows)
        die_file(t->path, "line %zu: row %zu, but there are %zu rows", t->line, line.row, n_rows);
    line.split = strcmp(fields[SPLIT], split_names[INDEX_TEST]) == 0 ? INDEX_TEST : INDEX_TRAIN;
    if (strcmp(fields[SPLIT], split_names[line.split]) != 0)
        die_file(t->path, "line %zu: split '%s', want train or test", t->line, fields[SPLIT]);
    line.class_name = fields[CLASS];
    line.path = fields[PATH];
    return line;
}

static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;

    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The lines of T, in the order of their rows; *n of them. */
static struct line *read_lines(struct table *t, size_t n_rows, size_t *n)
{
    struct line *lines = NULL;
    ptrdiff_t columns[COLUMNS];
    bool sorted = true;

    find_columns(t, columns);
    for (*n = 0; table_next(t); ++*n) {
        if ((*n & (*n - 1)) == 0)
            lines = xrealloc(lines, *n ? 2 * *n : 1, sizeof *lines);
        lines[*n] = parse_line(t, columns, n_rows);
        sorted = sorted && (*n == 0 || lines[*n].row > lines[*n - 1].row);
    }
    if (!sorted)
        qsort(lines, *n, sizeof *lines, compare);
    for (size_t i = 1; i < *n; i++)
        if (lines[i].row == lines[i - 1].row)
            die_file(t->path, "line %zu: row %zu again, as in line %zu", lines[i].number,
                     lines[i].row, lines[i - 1].number);
    return lines;
}

/* --- as it was written, or not --- */

/* The same of a file whose content has this DIGEST; "": it is read to tell. */
static enum index_state state_of(const char *path, char digest[DIGEST_SIZE])
{
    char error[ZIO_ERROR], recorded[DIGEST_SIZE], *text = NULL;
    bool known = keep_is_beside(path) && !keep_try_read(path, &text, error)
        && record_digest(text, recorded, sizeof recorded);

    free(text);
    if (!known)
        return INDEX_OWN;
    if (!*digest)
        table_digest_file(path, digest);
    return strcmp(digest, recorded) == 0 ? INDEX_WRITTEN : INDEX_EDITED;
}

enum index_state index_state(const char *path)
{
    char digest[DIGEST_SIZE] = "";

    return state_of(path, digest);
}

struct index *index_read(const char *path, size_t n_rows)
{
    struct index *ix = xcalloc(1, sizeof *ix);
    struct class_table classes = {0};
    struct line *lines;

    ix->table = table_read(path);
    ix->digest = ix->table->digest;
    if (state_of(path, ix->table->digest) == INDEX_EDITED)
        die_file(path,
                 "edited by hand, but an output of import-images: give it there as --labels, "
                 "or read a copy");
    lines = read_lines(ix->table, n_rows, &ix->n);
    ix->rows = xcalloc(ix->n, sizeof *ix->rows);
    for (size_t i = 0; i < ix->n; i++) {
        struct index_row *row = &ix->rows[i];

        row->row = lines[i].row;
        row->split = lines[i].split;
        row->path = lines[i].path;
        row->class_number = class_number(ix, &classes, lines[i].class_name);
    }
    free(lines);
    free(classes.slots);
    return ix;
}

void index_free(struct index *ix)
{
    free(ix->rows);
    free(ix->classes);
    table_free(ix->table);
    free(ix);
}

/* --- selecting --- */

/* LIST holds NAME, and is one of names parted by blanks unless it has a comma. */
_Noreturn static void die_unknown_class(const struct index *ix, const char *name, const char *list)
{
    enum { SHOWN = 20 };
    char *known;

    for (size_t k = 0; k < ix->n_classes && !strchr(list, ','); k++)
        if (strpbrk(ix->classes[k], " \t\n") && strstr(list, ix->classes[k]))
            die_file(ix->table->path,
                     "no class '%s', but '%s': names with blanks are parted by commas, and one "
                     "alone has one behind it, \"%s,\"",
                     name, ix->classes[k], ix->classes[k]);
    known = xstrdup(ix->n_classes ? ix->classes[0] : "none");
    for (size_t k = 1; k < ix->n_classes && k <= SHOWN; k++) {
        char *longer = xformat("%s, %s", known, k < SHOWN ? ix->classes[k] : "...");
        free(known);
        known = longer;
    }
    die_file(ix->table->path, "no class '%s', want one of %s", name, known);
}

/* Marks the classes that LIST names; CHOSEN has an entry per class. */
static void choose_classes(const struct index *ix, const char *list, bool *chosen)
{
    const char *separators = strchr(list, ',') ? "," : " \t\n";
    char *name = xmalloc(strlen(list) + 1);
    const char *whole = list;

    while (*list) {
        size_t len = 0, k = 0;
        while (*list && !strchr(separators, *list)) {
            if (*list == '\\' && list[1])
                name[len++] = escaped(*++list);
            else
                name[len++] = *list;
            list++;
        }
        list += *list != '\0';
        name[len] = '\0';
        if (len == 0)
            continue;
        while (k < ix->n_classes && strcmp(ix->classes[k], name) != 0)
            k++;
        if (k == ix->n_classes)
            die_unknown_class(ix, name, whole);
        chosen[k] = true;
    }
    free(name);
}

size_t *index_select(const struct index *ix, enum index_split split, const char *classes, size_t *n)
{
    bool *chosen = xcalloc(ix->n_classes + 1, sizeof *chosen);
    size_t *positions;
    memset(chosen, classes == NULL, ix->n_classes);
    if (classes)
        choose_classes(ix, classes, chosen);
    positions = xcalloc(ix->n + 1, sizeof *positions);
    *n = 0;
    for (size_t i = 0; i < ix->n; i++)
        if (chosen[ix->rows[i].class_number] && (split == INDEX_ALL || ix->rows[i].split == split))
            positions[(*n)++] = i;
    free(chosen);
    if (*n == 0)
        die_file(ix->table->path, "no rows of %s%s",
                 split == INDEX_ALL ? "any split" : split_names[split],
                 classes ? " in these classes" : "");
    return positions;
}

/* --- writing --- */

struct index_writer {
    struct zio_writer *file;
    size_t n;
};

static char *escape(const char *text)
{
    char *escaped = xmalloc(2 * strlen(text) + 1), *to = escaped;
    for (; *text; text++) {
        char letter = *text == '\t' ? 't'
            : *text == '\n'         ? 'n'
            : *text == '\r'         ? 'r'
            : *text == '\\'         ? '\\'
                                    : 0;
        if (letter)
            *to++ = '\\';
        *to++ = letter ? letter : *text;
    }
    *to = '\0';
    return escaped;
}

char *index_format(size_t row, enum index_split split, const char *class_name, const char *path)
{
    char *class_text = escape(class_name), *path_text = escape(path);
    char *line = xformat("%zu\t%s\t%s\t%s", row, split_names[split], class_text, path_text);
    free(class_text);
    free(path_text);
    return line;
}

static void write_owned(struct zio_writer *file, char *text, char end)
{
    zio_write(file, text, strlen(text));
    zio_write(file, &end, 1);
    free(text);
}

void index_write_fields(struct zio_writer *file, const struct index *ix, size_t i)
{
    const struct index_row *row = &ix->rows[i];
    write_owned(file, index_format(row->row, row->split, ix->classes[row->class_number], row->path),
                '\t');
}

void index_write_text(struct zio_writer *file, const char *text)
{
    write_owned(file, escape(text), '\t');
}

struct index_writer *index_create(const char *path)
{
    struct index_writer *w = xcalloc(1, sizeof *w);
    w->file = zio_create(path, ZIO_TEXT);
    zio_write(w->file, index_header, strlen(index_header));
    return w;
}

void index_add(struct index_writer *w, enum index_split split, const char *class_name,
               const char *path)
{
    write_owned(w->file, index_format(w->n++, split, class_name, path), '\n');
}

void index_commit(struct index_writer *w, const struct history *h, const char *path)
{
    history_commit_table(h, w->file, path);
    free(w);
}
