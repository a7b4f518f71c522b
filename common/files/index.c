#include "files/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

const char index_header[] = "row\tsplit\tclass\tpath\n";
static const char *const split_names[] = {"train", "test"};

/* The byte that "\C" stands for. */
static char escaped(char c)
{
    return c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
}

/* --- reading --- */

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++)
        n++;
    return n;
}

/* Cuts the next field off *REST at END, in place, and undoes its escapes. NULL: there is no END, or
 * an unknown escape. */
static char *take_field(char **rest, char end)
{
    char *field = *rest, *to = field, *from = field;
    for (; *from != end; from++) {
        if (*from == '\0' || *from == '\t' || *from == '\n')
            return NULL;
        if (*from == '\\' && !strchr("tnr\\", from[1] ? from[1] : 'x'))
            return NULL;
        *to++ = *from == '\\' ? escaped(*++from) : *from;
    }
    *rest = from + 1;
    *to = '\0';
    return field;
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

/* Parses one line, whose four fields start at *REST. NULL, or the reason. */
static const char *parse_row(struct index *ix, struct class_table *t, struct index_row *row,
                             char **rest)
{
    char *number = take_field(rest, '\t'), *split = number ? take_field(rest, '\t') : NULL;
    char *name = split ? take_field(rest, '\t') : NULL,
         *path = name ? take_field(rest, '\n') : NULL, *end;
    unsigned long long value;
    if (!path)
        return "want four fields, row, split, class and path, with tab, newline and backslash "
               "written \\t \\n \\\\";
    errno = 0;
    value = strtoull(number, &end, 10);
    if (*number < '0' || *number > '9' || *end || errno || value >= SIZE_MAX)
        return "the row is not a number";
    row->row = value;
    if (strcmp(split, split_names[INDEX_TRAIN]) != 0 && strcmp(split, split_names[INDEX_TEST]) != 0)
        return "the split is neither train nor test";
    row->split = strcmp(split, split_names[INDEX_TEST]) == 0 ? INDEX_TEST : INDEX_TRAIN;
    row->class_number = class_number(ix, t, name);
    row->path = path;
    return NULL;
}

struct index *index_read(const char *path, size_t n_rows)
{
    struct index *ix = xcalloc(1, sizeof *ix);
    struct zio_reader *file = zio_open(path);
    size_t len;
    char *rest;
    struct class_table classes = {0};
    ix->path = xstrdup(zio_path(file));
    ix->text = (char *)zio_read_all(file, SIZE_MAX, &len);
    zio_reader_digest(file, ix->digest);
    zio_close(file);
    if (strncmp(ix->text, index_header, strlen(index_header)) != 0)
        die_file(path, "not an index: its first line is not 'row split class path'");
    rest = ix->text + strlen(index_header);
    ix->rows = xcalloc(count_lines(rest), sizeof *ix->rows);
    while (rest < ix->text + len) {
        struct index_row *row = &ix->rows[ix->n];
        const char *reason = parse_row(ix, &classes, row, &rest);
        if (reason)
            die_file(path, "line %zu: %s", ix->n + 2, reason);
        if (row->row >= n_rows)
            die_file(path, "line %zu: row %zu, but there are %zu rows", ix->n + 2, row->row,
                     n_rows);
        if (ix->n > 0 && row->row <= row[-1].row)
            die_file(path, "line %zu: row %zu follows row %zu, want them increasing", ix->n + 2,
                     row->row, row[-1].row);
        ix->n++;
    }
    free(classes.slots);
    return ix;
}

void index_free(struct index *ix)
{
    free(ix->rows);
    free(ix->classes);
    free(ix->path);
    free(ix->text);
    free(ix);
}

/* --- selecting --- */

_Noreturn static void die_unknown_class(const struct index *ix, const char *name)
{
    enum { SHOWN = 20 };
    char *known = xstrdup(ix->n_classes ? ix->classes[0] : "none");
    for (size_t k = 1; k < ix->n_classes && k <= SHOWN; k++) {
        char *longer = xformat("%s, %s", known, k < SHOWN ? ix->classes[k] : "...");
        free(known);
        known = longer;
    }
    die_file(ix->path, "no class '%s', want one of %s", name, known);
}

/* Marks the classes that LIST names; CHOSEN has an entry per class. */
static void choose_classes(const struct index *ix, const char *list, bool *chosen)
{
    const char *separators = strchr(list, ',') ? "," : " \t\n";
    char *name = xmalloc(strlen(list) + 1);
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
            die_unknown_class(ix, name);
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
        die_file(ix->path, "no rows of %s%s", split == INDEX_ALL ? "any split" : split_names[split],
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
