#include "pictures/labels.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/report.h"
#include "files/zio.h"

enum { MAX_FIELDS = 64 };
enum column { PATH, CLASS, SPLIT, COLUMNS };

/* Where the text is read, and how. */
struct lines {
    const struct labels *labels;
    char *rest; /* what is not yet read; its end is a NUL */
    char comma; /* what parts fields */
    bool escaped;
    size_t line; /* the last one read */
    char *fields[MAX_FIELDS];
    size_t n_fields;
    int columns[COLUMNS]; /* which field it is; -1: there is none */
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

/* --- lines and fields --- */

/* In place. */
static void unescape(char *field)
{
    char *to = field;

    for (char *c = field; *c; c++) {
        if (*c == '\\' && c[1]) {
            c++;
            *to++ = *c == 't' ? '\t' : *c == 'n' ? '\n' : *c == 'r' ? '\r' : *c;
        } else {
            *to++ = *c;
        }
    }
    *to = '\0';
}

/* Cuts a field in quotes, which stand doubled within it, off *rest; *rest is then at what follows
 * its end. */
static char *take_quoted(struct lines *t)
{
    char *field = t->rest, *to = field;
    size_t line = t->line;

    for (t->rest++; *t->rest && (t->rest[0] != '"' || t->rest[1] == '"'); t->rest++) {
        t->rest += *t->rest == '"';
        t->line += *t->rest == '\n';
        *to++ = *t->rest;
    }
    if (*t->rest != '"')
        die_file(t->labels->path, "line %zu: a quote that does not end", line);
    t->rest++;
    t->rest += t->rest[0] == '\r' && t->rest[1] == '\n';
    if (*t->rest && *t->rest != t->comma && *t->rest != '\n')
        die_file(t->labels->path, "line %zu: bytes behind a quote", t->line);
    *to = '\0';
    return field;
}

/* Reads the next line that is not empty into fields; false at the end. */
static bool next_line(struct lines *t)
{
    bool more = true;

    for (; t->rest[0] == '\n' || (t->rest[0] == '\r' && t->rest[1] == '\n'); t->line++)
        t->rest += t->rest[0] == '\r' ? 2 : 1;
    if (!*t->rest)
        return false;
    t->line++;
    for (t->n_fields = 0; more;) {
        char *field = t->rest, *end;

        if (t->n_fields == MAX_FIELDS)
            die_file(t->labels->path, "line %zu: over %d fields", t->line, MAX_FIELDS);
        if (t->comma != '\t' && *t->rest == '"')
            field = take_quoted(t);
        else
            while (*t->rest && *t->rest != t->comma && *t->rest != '\n')
                t->rest++;
        more = *t->rest == t->comma;
        end = t->rest;
        t->rest += *t->rest != '\0';
        *end = '\0';
        if (!more && end > field && end[-1] == '\r')
            end[-1] = '\0';
        if (t->escaped)
            unescape(field);
        t->fields[t->n_fields++] = field;
    }
    return true;
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

/* Whether the fields are names; then columns is set by them. */
static bool read_names(struct lines *t)
{
    int columns[COLUMNS] = {-1, -1, -1};

    for (size_t i = 0; i < t->n_fields; i++) {
        int column = column_of(t->fields[i]);

        if (column < COLUMNS && columns[column] < 0)
            columns[column] = (int)i;
    }
    if (columns[PATH] < 0 || columns[CLASS] < 0)
        return false;
    memcpy(t->columns, columns, sizeof columns);
    return true;
}

static const char *field_of(const struct lines *t, enum column column)
{
    int i = t->columns[column];

    return i >= 0 && (size_t)i < t->n_fields ? t->fields[i] : NULL;
}

/* --- rows --- */

static void read_row(struct labels *l, const struct lines *t)
{
    struct label *label;
    const char *path = field_of(t, PATH), *class_name = field_of(t, CLASS),
               *split = field_of(t, SPLIT);

    if (!path || !class_name)
        die_file(l->path, "line %zu: want a path and a class, parted by %s", t->line,
                 t->comma == '\t'      ? "a tab"
                     : t->comma == ',' ? "a comma or a tab"
                                       : "a semicolon");
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if ((l->n & (l->n - 1)) == 0)
        l->labels = xrealloc(l->labels, l->n ? 2 * l->n : 1, sizeof *l->labels);
    label = &l->labels[l->n++];
    *label = (struct label){path, class_name, INDEX_ALL, t->line, false};
    if (!split)
        return;
    label->split = labels_split(split, strlen(split));
    l->has_split = true;
    if (label->split == INDEX_ALL)
        die_file(l->path, "line %zu: the split '%s', want train, test, val or valid", t->line,
                 split);
}

static int compare(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static char comma_of(const char *text)
{
    size_t len = strcspn(text, "\n");

    return memchr(text, '\t', len) ? '\t'
        : memchr(text, ',', len)   ? ','
        : memchr(text, ';', len)   ? ';'
                                   : ',';
}

struct labels *labels_read(const char *path)
{
    struct labels *l = xcalloc(1, sizeof *l);
    struct zio_reader *file = zio_open(path);
    struct lines t = {.labels = l, .columns = {PATH, CLASS, SPLIT}};
    size_t len;

    l->path = path;
    l->text = (char *)zio_read_all(file, SIZE_MAX, &len);
    zio_reader_digest(file, l->digest);
    zio_close(file);
    if (strlen(l->text) != len)
        die_file(path, "no table: a zero byte in it");
    t.rest = l->text + (strncmp(l->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    t.comma = comma_of(t.rest);
    t.escaped = strncmp(t.rest, index_header, strlen(index_header) - 1) == 0;
    for (bool first = true; next_line(&t); first = false)
        if (!first || !read_names(&t))
            read_row(l, &t);
    if (l->n == 0)
        die_file(path, "no line with a path and a class");
    for (size_t i = 0; l->has_split && i < l->n; i++)
        if (l->labels[i].split == INDEX_ALL)
            die_file(path, "line %zu: no split, which other lines have", l->labels[i].line);
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
    free(l->text);
    free(l);
}
