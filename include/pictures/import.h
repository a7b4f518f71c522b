/* import: the files of a folder become rows of images, ordered by path, on all threads.
 *
 *     struct import im = import_new(&settings, folder, memory);
 *     import_run(&im, images, digest);        rows, and the digest of their files
 *     import_release(&im);
 *
 * A picture that cannot be read is named, skipped and counted; files that are no pictures are
 * counted by kind.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "files/history.h"
#include "files/tensor.h"
#include "pictures/fit.h"
#include "pictures/folder.h"
#include "pictures/tally.h"

struct import_settings {
    struct picture_settings picture;
    struct fit_settings fit;
};

struct import {
    const struct import_settings *settings;
    struct folder *folder;
    bool *is_row; /* of each file: it became the next row */
    size_t n_rows, n_bad, n_misnamed;
    struct tally *others, *disguised; /* passed over; read though named otherwise */
    size_t batch;                     /* files that are read before their rows are written */
    size_t memory;                    /* bytes for pictures that are being decoded */
};

/* Shares MEMORY, bytes, out among rows, the writer and pictures, on fewer threads where many take
 * too much. Dies where one thread does. SETTINGS and FOLDER must live as long. */
struct import import_new(const struct import_settings *s, struct folder *f, size_t memory);
/* Appends a row (size,size,3) to IMAGES for each picture, and adds each picture's file to DIGEST.
 */
void import_run(struct import *im, struct tensor_writer *images, struct folder_digest *digest);
/* Dies where no picture became a row, or a larger share than MAX_BAD could not be read. */
void import_check(const struct import *im, double max_bad);
/* Adds to H the libraries that decide pixels: of the formats that occurred, after the run or
 * folder_digest; and all of them, to be compared where they are recorded (history_if_recorded). */
void import_record_libraries(const struct import *im, struct history *h);
void import_if_recorded(struct history *h);
void import_release(struct import *im);

#endif
