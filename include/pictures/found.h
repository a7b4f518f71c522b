/* found: what a part of a folder was found to hold, as a table beside the part, from which the
 * whole is put together without reading a picture again.
 *
 *     path  size  date  changed  kind  digest  what  reason
 *
 * A line for each file, in order. size, date, changed: folder_stamp, before it was read. kind:
 * other, misnamed, lost, or the format; digest: of a picture's content; what: what its name does
 * not say; reason: why it was skipped. Texts have the escapes of an index.
 */
#ifndef FOUND_H
#define FOUND_H

#include "files/history.h"
#include "pictures/folder.h"

struct found {
    char stamp[FOLDER_STAMP];
    struct digest digest;
    const char *what;            /* or NULL */
    char reason[PICTURE_REASON]; /* empty: it was not skipped */
};

/* The name of the table beside the part at PATH, which the caller frees. */
char *found_beside(const char *path);

struct found_writer;
struct found_writer *found_create(const char *path);
/* Of file I of F, whose kind is known. */
void found_add(struct found_writer *w, const struct folder *f, size_t i, const struct found *found);
void found_commit(struct found_writer *w, const struct history *h, const char *path);

struct found_reader;
struct found_reader *found_open(const char *path);
/* What the next line says of file I of F, whose kind it sets; false at the end. Where the line is
 * of another file, or the file was changed since, *BAD is the reason, which the caller frees. What
 * is pointed to lasts as long as the reader. */
bool found_next(struct found_reader *r, struct folder *f, size_t i, struct found *found,
                char **bad);
void found_close(struct found_reader *r);

#endif
