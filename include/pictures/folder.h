/* folder: the files in and below a folder, ordered by path, bytewise, whatever they hold.
 *
 * Names that start with a dot are passed over, files and folders. Symbolic links are followed; one
 * that leads back to a folder above it is passed over with a warning. A folder that links give more
 * than 1000 paths is an error. What is seen here is all that import-images knows of a folder: its
 * --list answers from the same functions.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "files/digest.h"
#include "pictures/picture.h"

struct folder {
    const char *path;
    size_t n, n_folders;
    char **files;        /* paths relative to the folder, n of them; folders are not among them */
    char **folders;      /* those below, ordered as well */
    unsigned char *kind; /* of each file: FOLDER_UNKNOWN until it was looked at */
};

/* What a file is by its first bytes. Named as pictures are, but FOLDER_LOST: it cannot be read,
 * FOLDER_MISNAMED: it is none. To FOLDER_PICTURE the number of the format is added
 * (picture_number). */
enum { FOLDER_UNKNOWN, FOLDER_OTHER, FOLDER_MISNAMED, FOLDER_LOST, FOLDER_PICTURE };
/* Of a picture of this FILE after picture_look or picture_open. */
unsigned char folder_kind(const struct picture *p, const char *file);

/* Dies where the folder, or one below it, cannot be read. PATH must outlive the list. */
void folder_open(struct folder *f, const char *path);
/* Leaves out the files for which WANTED says no. */
void folder_keep(struct folder *f, bool (*wanted)(const void *context, const char *file),
                 const void *context);
/* Leaves the N files from FIRST on. */
void folder_slice(struct folder *f, size_t first, size_t n);
void folder_close(struct folder *f);
char *folder_path(const struct folder *f, size_t i); /* of file i, to open it; caller frees */
/* How many pictures there are: as far as names tell, or what was found where they were looked at.
 */
size_t folder_pictures(const struct folder *f);
/* Warns of folders below which no file IS_ROW; of ten, and not of those within them. */
void folder_warn_empty(const struct folder *f, const bool *is_row);

/* The digest of a folder: XXH128 over each picture's path, a zero byte and the XXH128 of its
 * content (16 bytes, canonical; 0 where it cannot be read), in order. So it changes when one is
 * added, removed, renamed or changed, and with nothing else. Pictures are all files but
 * FOLDER_OTHER. They are added in order, with their digests. */
struct folder_digest;
struct folder_digest *folder_digest_new(void);
void folder_digest_add(struct folder_digest *d, const char *file, struct digest content);
void folder_digest_end(struct folder_digest *d, char digest[DIGEST_SIZE]); /* frees it */
/* The same, by reading all pictures (on all cores). Sets the kind of all files. */
void folder_digest(struct folder *f, char digest[DIGEST_SIZE]);

/* What tells that file I was changed: its size, the date of its content, the date of the last
 * change of any kind; in seconds, as find(1) prints them, with tabs between. */
enum { FOLDER_STAMP = 96 };
void folder_stamp(const struct folder *f, size_t i, char stamp[FOLDER_STAMP]);

/* A line for each file that is a picture, or is named as pictures are, on standard output: path,
 * size, date of the content, date of the last change of any kind; in seconds. Those are marked in
 * LISTED. And one for the file LABELS, unless it is NULL, whose path then starts with "./" or "/".
 */
void folder_list(const struct folder *f, const char *labels, bool *listed);

#endif
