#include "pictures/found.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "files/index.h"
#include "files/table.h"

enum column { PATH, SIZE, DATE, CHANGED, KIND, DIGEST, WHAT, REASON, COLUMNS };
static const char header[] = "path\tsize\tdate\tchanged\tkind\tdigest\twhat\treason\n";

static const char *kind_name(unsigned char kind)
{
    static const char *const names[] = {"unknown", "other", "misnamed", "lost"};

    return kind < FOLDER_PICTURE ? names[kind] : picture_name(kind - FOLDER_PICTURE);
}

char *found_beside(const char *path)
{
    return xformat("%s.tsv", path);
}

/* --- writing --- */

struct found_writer {
    struct zio_writer *file;
};

struct found_writer *found_create(const char *path)
{
    struct found_writer *w = xcalloc(1, sizeof *w);

    w->file = zio_create(path, ZIO_TEXT);
    zio_write(w->file, header, strlen(header));
    return w;
}

static void write_field(struct found_writer *w, const char *text)
{
    zio_write(w->file, text, strlen(text));
    zio_write(w->file, "\t", 1);
}

void found_add(struct found_writer *w, const struct folder *f, size_t i, const struct found *found)
{
    char digest[DIGEST_SIZE];

    digest_format(digest, found->digest);
    index_write_text(w->file, f->files[i]);
    write_field(w, found->stamp);
    write_field(w, kind_name(f->kind[i]));
    write_field(w, digest);
    index_write_text(w->file, found->what ? found->what : "");
    index_write_text(w->file, found->reason);
    zio_write(w->file, "\n", 1);
}

void found_commit(struct found_writer *w, const struct history *h, const char *path)
{
    history_commit_table(h, w->file, path);
    free(w);
}

/* --- reading --- */

struct found_reader {
    struct table *table;
};

struct found_reader *found_open(const char *path)
{
    struct found_reader *r = xcalloc(1, sizeof *r);

    r->table = table_read(path);
    if (r->table->n_columns != COLUMNS || strcmp(r->table->columns[KIND], "kind") != 0)
        die_file(path, "not what was found in a part of a folder");
    return r;
}

static bool parse_kind(const char *name, unsigned char *kind)
{
    for (*kind = FOLDER_OTHER; *kind < FOLDER_PICTURE + PICTURE_FORMATS; ++*kind) {
        const char *this = kind_name(*kind);

        if (this && strcmp(this, name) == 0)
            return true;
    }
    return false;
}

/* A field without its escapes, in the table's own text. */
static const char *text_of(struct found_reader *r, enum column c)
{
    char *field = (char *)(uintptr_t)r->table->fields[c];

    if (!index_unescape(field))
        die_file(r->table->path, "line %zu: an unknown escape", r->table->line);
    return field;
}

bool found_next(struct found_reader *r, struct folder *f, size_t i, struct found *found, char **bad)
{
    const char *const *fields = r->table->fields, *path;
    char *stamp;

    *bad = NULL;
    if (!table_next(r->table))
        return false;
    path = text_of(r, PATH);
    if (i >= f->n || strcmp(path, f->files[i]) != 0) {
        *bad = xformat("'%s' was not there, or is no more",
                       i < f->n && strcmp(path, f->files[i]) > 0 ? f->files[i] : path);
        return true;
    }
    folder_stamp(f, i, found->stamp);
    stamp = xformat("%s\t%s\t%s", fields[SIZE], fields[DATE], fields[CHANGED]);
    if (strcmp(stamp, found->stamp) != 0)
        *bad = xformat("'%s' was changed since", path);
    free(stamp);
    if (!parse_kind(fields[KIND], &f->kind[i]) || !digest_parse(&found->digest, fields[DIGEST]))
        die_file(r->table->path, "line %zu: damaged", r->table->line);
    found->what = *fields[WHAT] ? text_of(r, WHAT) : NULL;
    snprintf(found->reason, sizeof found->reason, "%s", text_of(r, REASON));
    return true;
}

void found_close(struct found_reader *r)
{
    table_free(r->table);
    free(r);
}
