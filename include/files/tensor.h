/* tensor: NPY in zstd, read and written by rows. A row is one sample: the first dimension of the
 * shape.
 *
 * Layout: NPY 1.0 header and C-order little-endian data in independent zstd frames; frames hold
 * whole rows, about 2 MiB of content (at least one row); the header shares the first frame with the
 * first rows. Rank 0 is refused, and so is a 0 behind the first dimension; (0,...) is allowed. A
 * row is at most 64 MiB. All functions die on damage, with the file and the reason.
 *
 * Plain NPY of others may hold other types (npy.h): they are read as one of the four, row by row.
 */
#ifndef TENSOR_H
#define TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "files/history.h"
#include "files/npy.h"
#include "files/zio.h"

/* --- reading --- */

struct tensor_reader {
    struct npy_header header; /* its dtype: of the rows as they are read */
    struct npy_stored stored; /* as the file has them */
    size_t n_rows;            /* header.shape[0] */
    size_t row_items;         /* product of the other dimensions */
    size_t row_bytes;
    size_t next_row;   /* what tensor_read gives next */
    size_t end_row;    /* what it does not give any more: n_rows, or the end of tensor_range */
    size_t data_start; /* bytes of the NPY header */
    struct zio_reader *file;
};

/* Opens PATH ("-": standard input), .npy.zst or plain .npy. A regular file's length is checked at
 * once. */
struct tensor_reader *tensor_open(const char *path);
/* The same of an open file, of which nothing was read; tensor_close closes it. */
struct tensor_reader *tensor_from(struct zio_reader *file);
/* Dies unless the tensor has this dtype and rank and, where want[i] is not 0, these dimensions
 * (want NULL: any). For example tensor_want(t, NPY_F32, 4, (size_t[]){0, 80, 80, 3}). dtype -1:
 * uint8 or float32; other types are read as float32 from here on, rounded where they are wider. */
void tensor_want(struct tensor_reader *t, int dtype, int rank, const size_t *want);
/* How many rows make a good block to read at once: about 1 MiB, at least one row. */
size_t tensor_block(const struct tensor_reader *t);
/* Reads up to N rows in order; returns how many, less only at the end. After the last row the end
 * of the file is checked. */
size_t tensor_read(struct tensor_reader *t, void *rows, size_t n);
/* Rows FIRST..FIRST+N-1; seekable files only (tensor_is_seekable). May be called from several
 * threads at once. */
void tensor_read_at(struct tensor_reader *t, void *rows, size_t first, size_t n);
bool tensor_is_seekable(const struct tensor_reader *t);
/* From here on tensor_read gives the N rows from FIRST on alone; before it gave any, seekable files
 * only. */
void tensor_range(struct tensor_reader *t, size_t first, size_t n);
const char *tensor_path(const struct tensor_reader *t);
/* Adds this tensor to the history H as an input: its recorded digest where there is one, otherwise
 * computed from the content (reads a regular file; of a pipe: call only after the last row was
 * read). */
void tensor_add_to_history(struct tensor_reader *t, struct history *h);
/* The digest alone. */
void tensor_digest(struct tensor_reader *t, char digest[DIGEST_SIZE]);
const char *tensor_history(
    struct tensor_reader *t); /* text or NULL; of a pipe only after the last row was read */
void tensor_close(struct tensor_reader *t);
/* What reading or writing rows of so many bytes holds, beside the rows themselves (zio_memory). */
size_t tensor_memory(size_t row_bytes);

/* --- writing --- */

struct tensor_writer;
/* Instead of a level: that of --level; by default ZIO_STORED of (N,h,w,C) in float32, codes and
 * features, ZIO_LEVEL of others. */
enum { TENSOR_LEVEL = ZIO_TEXT + 1 };
/* The option --level of programs that write tensors. It is no setting: the content stays the same,
 * and its digest. */
struct cli_option tensor_option(void);

/* Creates PATH (NULL or "-": standard output; a name that ends in ".npy": plain NPY, without frames
 * and history). LEVEL as in zio_create. */
struct tensor_writer *tensor_create(const char *path, const struct npy_header *header, int level);
/* The same where header.shape[0] is only what to expect: the tensor has the rows that were written
 * until commit. Where these are others, the file is written once more; what goes to a pipe is kept
 * until then. */
struct tensor_writer *tensor_create_expecting(const char *path, const struct npy_header *header,
                                              int level);
/* The same, with the header in a frame of its own: a part of a greater tensor, of which it begins
 * where a frame does, so that its other frames are that tensor's. EXPECTING: as above. */
struct tensor_writer *tensor_create_part(const char *path, const struct npy_header *header,
                                         int level, bool expecting);
/* The rows of a frame of such a tensor. */
size_t tensor_frame_rows(const struct npy_header *header);
void tensor_write(struct tensor_writer *w, const void *rows, size_t n);
/* The same without a copy: the rows stay as they are until the second tensor_wait from here. */
void tensor_write_lasting(struct tensor_writer *w, const void *rows, size_t n);
/* All frames that are whole are written. */
void tensor_wait(struct tensor_writer *w);
/* Writes all rows of T. Where T is a part that begins where a frame does, its frames are copied as
 * they are stored. */
void tensor_append(struct tensor_writer *w, struct tensor_reader *t);
/* The digest of what was written, and the end with this history TEXT, in place of tensor_commit. */
void tensor_writer_digest(struct tensor_writer *w, char digest[DIGEST_SIZE]);
void tensor_commit_text(struct tensor_writer *w, const char *text);
/* Commits; the rows written must be the shape's, unless they were only expected. H may be NULL (no
 * history); it is not freed. */
void tensor_commit(struct tensor_writer *w, const struct history *h);

#endif
