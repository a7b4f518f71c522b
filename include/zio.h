/* zio: bytes through zstd frames, and files that are whole or absent.
 *
 * Writing. Bytes go to a temporary file beside the final name; zio_commit flushes it to the disk and renames it. Until then
 * nothing is seen under the final name, and what stood there stays. A process that ends without zio_commit (die, SIGINT,
 * SIGTERM) leaves no temporary behind. Path NULL or "-" is standard output, which must not be a terminal. A path that exists
 * and is no regular file (/dev/null, a FIFO) is written straight. Every write, fsync, rename and close is checked.
 *
 * Frames. Each frame is a zstd frame with its content size and checksum, compressed on its own, so that the bytes do not
 * depend on the number of threads. At the end stand, in this order: one skippable frame with the history text, if there is
 * any (magic 0x184D2A5A, then "KSNH"... see FORMATS.md), and the seek table of the zstd seekable format (skippable frame,
 * magic 0x184D2A5E; an entry per frame: compressed size, size, low 32 bits of XXH64; footer 0x8F92EAB1). The history frame has
 * an entry of its own, of content size 0.
 *
 * Reading. A regular file is read through its seek table, whose absence is an error ("cut short"); every frame is held to its
 * entry. A pipe is read in order, and must end with the seek table likewise. Plain bytes (no zstd magic) come through as they
 * are: that is how .npy is accepted.
 *
 * digest: XXH128 of the uncompressed bytes, "xxh128:" and 32 hexadecimal digits, as `zstdcat X | xxh128sum` prints it.
 */
#ifndef ZIO_H
#define ZIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZIO_DIGEST_SIZE = 40, ZIO_LEVEL = 1 };  /* "xxh128:" + 32 digits + NUL; the default compression level (measured, see .c) */

struct zio_writer;
struct zio_reader;

/* --- writing --- */

/* Opens PATH for writing. LEVEL: zstd level; 0 writes plain bytes with neither frames nor seek table (TSV, NPY, PNG). */
struct zio_writer *zio_create(const char *path, int level);
/* Appends LEN bytes to the current frame. */
void zio_write(struct zio_writer *w, const void *data, size_t len);
/* Ends the current frame (nothing where it is empty). The caller decides the boundaries; a frame is at most 64 MiB. */
void zio_end_frame(struct zio_writer *w);
/* From now on whole frames are kept aside in an unlinked temporary file until zio_commit, and the frame written next, by
 * zio_write_first before zio_commit, goes before them: for a header that is known only at the end. */
void zio_hold(struct zio_writer *w);
void zio_write_first(struct zio_writer *w, const void *data, size_t len);
/* Digest of everything written so far (of everything but the held-back first frame's place: call it after zio_write_first). */
void zio_writer_digest(struct zio_writer *w, char digest[ZIO_DIGEST_SIZE]);
/* Ends the file with HISTORY (NULL: none) and the seek table, flushes, renames, frees. */
void zio_commit(struct zio_writer *w, const char *history);
/* Gives up: removes the temporary, frees. */
void zio_abandon(struct zio_writer *w);

/* --- reading --- */

struct zio_reader *zio_open(const char *path);  /* "-": standard input */
const char *zio_path(const struct zio_reader *r); /* for messages: "standard input" for "-" */
bool zio_is_seekable(const struct zio_reader *r); /* a regular file with a seek table, or a plain regular file */
/* Content length in bytes where it is known at once (seekable), otherwise UINT64_MAX. */
uint64_t zio_length(const struct zio_reader *r);
/* Reads up to LEN bytes; less only at the end of the content, 0 after it. Dies on damage. Frames are decompressed ahead by
 * a thread of its own where that helps. */
size_t zio_read(struct zio_reader *r, void *data, size_t len);
/* Reads LEN bytes at OFFSET of the content; seekable only. May be called from several threads at once. */
void zio_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset);
/* The history text, or NULL where the file has none. Of a pipe: only after zio_read has returned 0. Owned by the reader. */
const char *zio_history(struct zio_reader *r);
/* The digest of the whole content: of what zio_read gave, once it has returned 0; of a file not read to its end, computed
 * by reading it. */
void zio_reader_digest(struct zio_reader *r, char digest[ZIO_DIGEST_SIZE]);
size_t zio_n_frames(const struct zio_reader *r);  /* data frames; 0 where not known (a pipe, a plain file) */
void zio_close(struct zio_reader *r);

#endif
