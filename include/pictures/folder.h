/* folder: the PNG files in and below a folder, ordered by path, bytewise. The class of a file is
 * the first folder on its path: of "akane/old/1.png" it is "akane"; files that lie in the folder
 * itself are of class ".". Names that start with a dot are passed over, and so are files that do
 * not end in .png (in small or capital letters). Symbolic links are followed; one that leads back
 * to a folder above it is passed over with a warning. A folder that links give more than 1000 paths
 * is an error.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <stddef.h>

#include "files/zio.h"

struct folder {
    const char *path;
    size_t n;
    char **files; /* paths relative to the folder, n of them */
};

/* Dies where the folder, or one below it, cannot be read, or there are no files. PATH must outlive
 * the list. */
void folder_open(struct folder *f, const char *path);
void folder_close(struct folder *f);
char *folder_path(const struct folder *f,
                  size_t i); /* of file i, to open it; the caller frees it */
char *folder_class(const struct folder *f, size_t i); /* the caller frees it */
size_t folder_n_classes(const struct folder *f);

/* The digest of a folder: XXH128 over each file's path, a zero byte and the XXH128 of its content
 * (16 bytes, canonical), in order. So it changes when a file is added, removed, renamed or changed,
 * and with nothing else. Files are added in order, with their digests. */
struct folder_digest;
struct folder_digest *folder_digest_new(void);
void folder_digest_add(struct folder_digest *d, const char *file, struct digest content);
void folder_digest_end(struct folder_digest *d, char digest[DIGEST_SIZE]); /* frees it */
/* The same, by reading all files (on all cores); one that cannot be read, or
 * not to its end, counts as the digest 0. */
void folder_digest(const struct folder *f, char digest[DIGEST_SIZE]);

#endif
