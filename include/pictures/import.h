/* import: the files of a folder become rows of images, ordered by path, on all threads.
 *
 *     struct import im = import_new(&settings, memory);
 *     import_run(&im, folder, images, digest);        rows, and the digest of their files
 *     import_release(&im);
 *
 * A picture that cannot be read is named, skipped, counted and kept with the reason; files that are
 * no pictures are counted by kind, and kept where they are named as pictures are.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "files/history.h"
#include "files/tensor.h"
#include "pictures/fit.h"
#include "pictures/folder.h"
#include "pictures/found.h"
#include "pictures/tally.h"

struct import_settings {
    struct picture_settings picture;
    struct fit_settings fit;
};

struct import_skipped {
    const char *file; /* the folder's */
    char *reason;
};

struct import {
    const struct import_settings *settings;
    struct folder *folder; /* from the run on, */
    bool *is_row;          /* of each file: it became the next row */
    size_t n_rows, n_bad, n_misnamed;
    struct import_skipped *skipped;   /* (n_bad + n_misnamed) in order */
    struct tally *others, *disguised; /* passed over; read though named otherwise */
    size_t batch;                     /* files that are read before their rows are written */
    size_t memory, most;              /* bytes for pictures being decoded: for all, for one */
    bool wants_memory;                /* one was skipped that takes more */
    struct found_writer *found;       /* gets all that import_run finds; or NULL */
};

/* Shares MEMORY, bytes, out among rows, the writer and pictures, on fewer threads where many take
 * too much; the most that one picture may take hangs on MEMORY alone. Dies where one thread takes
 * too much. SETTINGS must live as long. */
struct import import_new(const struct import_settings *s, size_t memory);
/* Appends a row (size,size,3) to IMAGES for each picture of F, and adds each picture's file to
 * DIGEST. F must live as long. */
void import_run(struct import *im, struct folder *f, struct tensor_writer *images,
                struct folder_digest *digest);
/* The same of what N parts found, whose rows import_join then writes: each the part of F that
 * found.h tells of, in this order. H: the record of this run, but for the input F. Dies where one
 * is of another run, or where a file changed since. */
void import_count(struct import *im, struct folder *f, char *const *parts, size_t n,
                  const struct history *h, struct folder_digest *digest);
void import_join(struct tensor_writer *images, char *const *parts, size_t n);
/* Dies where no picture became a row, or a larger share than MAX_BAD could not be read. */
void import_check(const struct import *im, double max_bad);

/* Writes what was skipped as a table, "path reason", to PATH with the record H. */
void import_write_skipped(const struct import *im, const char *path, const struct history *h);

/* What else decides the rows, in H as derived: the libraries that decide pixels of the formats that
 * occur in F, of which the kinds are known; and after the run "memory", where that left a picture
 * out. */
void import_record_libraries(const struct import *im, const struct folder *f, struct history *h);
void import_record_memory(const struct import *im, struct history *h);
/* The same before the run, to be compared with what the file at PATH records: all libraries, by
 * history_if_recorded; and memory, where there is now more. IS_AUDIT: no memory is another. */
void import_if_recorded(const struct import *im, struct history *h, const char *path,
                        bool is_audit);
void import_release(struct import *im);

#endif
