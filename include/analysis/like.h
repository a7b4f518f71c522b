/* like: what near rows are asked for: rows of a tensor, features in a file, or a picture, which
 * becomes features the way the tensor's own pictures did.
 *
 *     row:17        that row                       17          the same
 *     path:a/b.png  the row of this path           a/b.png     likewise, where there is no such
 * file class:a       the rows of this class         a           likewise, where there is no such
 * path file:x.jpg    a picture; or a tensor, whose rows are the queries; "-": on standard input
 *                                                  x.jpg       where there is such a file
 */
#ifndef LIKE_H
#define LIKE_H

#include <stdint.h>

#include "analysis/rows.h"
#include "files/index.h"
#include "files/tensor.h"
#include "net/model.h"

enum like_kind { LIKE_ROW, LIKE_PATH, LIKE_CLASS, LIKE_NAME, LIKE_FILE };

struct like {
    enum like_kind kind;
    const char *text; /* without its kind */
};

struct like like_parse(const char *text);
/* The rows of T that L names, no file, ascending; *n of them, which the caller frees. IX: NULL
 * where there is none. Dies where there is no such row. */
size_t *like_rows(const struct like *l, const struct index *ix, const struct tensor_reader *t,
                  size_t *n);

/* Whether the file at PATH is a picture. DIGEST: what its history records, else of its bytes. */
bool like_is_picture(const char *path, char digest[DIGEST_SIZE]);
/* The model that the rows of FEATURES were made with, by their history: at PATH, or where that is
 * NULL beside the features; NULL where the features are images. Dies where there is none, or
 * another. FEATURES: read to their end where they come through a pipe. */
struct model *like_model(const char *path, struct tensor_reader *features);
/* A row as those of FEATURES, from the picture at PATH, which is read by the settings of
 * import-images in their history and encoded by M. *pixels (size,size,3): the picture as it was
 * encoded, which the caller frees. MEMORY, bytes, must hold the picture and the net. */
struct rows *like_encode(const char *path, struct tensor_reader *features, const struct model *m,
                         size_t memory, uint8_t **pixels, size_t *size);

#endif
