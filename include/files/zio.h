/* zio: bytes through zstd frames, and files that are whole or absent.
 *
 * Writing. Bytes go to a file that is whole or absent (whole.h): until zio_commit nothing is seen
 * under the final name, and what stood there stays. Path NULL or "-" is standard output. Only text
 * may go to a terminal.
 *
 * Frames. Each frame is a zstd frame with its content size and checksum, compressed on its own, so
 * that the bytes do not depend on the number of threads, or stored as it is (raw.h). The record
 * (hashes of the frames, history) and the seek table end the file (frames.h).
 *
 * Reading. A regular file is read through its seek table, whose absence is an error; every frame is
 * held to its hash before it is decompressed, and to its entry after. A pipe is read in order;
 * where record and seek table come they are held against what came before, and where none come
 * (made by plain zstd) the reader of the content must know its length. Plain bytes (no zstd magic)
 * come through as they are: that is how .npy is accepted. A file makes nobody allocate more than 64
 * MiB and four times its own length at once.
 *
 * digest (digest.h): of the uncompressed bytes, as `zstdcat X | xxh128sum` prints it.
 */
#ifndef ZIO_H
#define ZIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "files/digest.h"
#include "files/frames.h"

/* The default compression level; instead of a level: frames of raw blocks, the content as it is. */
enum { ZIO_LEVEL = -1, ZIO_STORED = 0 };

struct zio_writer;
struct zio_reader;

/* What a reader or a writer may hold that works ahead on frames of FRAME bytes of content, with all
 * threads. */
size_t zio_memory(size_t frame);

/* --- writing --- */

enum {
    ZIO_PLAIN = 1000,
    ZIO_TEXT
}; /* instead of a level: plain bytes with neither frames nor seek table (TSV; NPY, PNG) */

/* Opens PATH for writing. LEVEL: zstd level, negative ones too, or one of the above. */
struct zio_writer *zio_create(const char *path, int level);
/* Appends LEN bytes to the current frame; at 64 MiB it ends by itself. */
void zio_write(struct zio_writer *w, const void *data, size_t len);
/* The same without a copy, where there are frames: DATA stays as it is until the second zio_wait
 * from here. */
void zio_write_lasting(struct zio_writer *w, const void *data, size_t len);
/* Ends the current frame; nothing where it is empty. */
void zio_end_frame(struct zio_writer *w);
/* All frames that were ended are compressed, and written. */
void zio_wait(struct zio_writer *w);
/* Before anything is written: its first bytes may change once more at the end, a header that is
 * known only then. What cannot be read back and written anew, a pipe, is kept aside in a scratch
 * file until zio_revise, which must be called then: returns whether it is. */
bool zio_hold(struct zio_writer *w);
/* Writes the file once more, with the LEN bytes at HEAD instead of its first OLD_LEN, which the
 * first frame holds. */
void zio_revise(struct zio_writer *w, const void *head, size_t len, size_t old_len);
/* Appends the N frames that zio_read of R would give next, as they are stored: they are
 * decompressed for the digest alone. Both at the end of a frame, and W no plain bytes. */
void zio_copy_frames(struct zio_writer *w, struct zio_reader *r, size_t n);
/* Digest of everything written so far (after zio_hold: call it after zio_revise). Ends the current
 * frame, and waits. */
void zio_writer_digest(struct zio_writer *w, char digest[DIGEST_SIZE]);
/* Dies with the name of the output and the reason. */
_Noreturn void zio_fail(const struct zio_writer *w, const char *reason);
/* Ends the file with HISTORY (NULL: none) and the seek table, flushes, renames, frees. */
void zio_commit(struct zio_writer *w, const char *history);

/* --- reading --- */

struct zio_reader *zio_open(const char *path);    /* "-": standard input */
const char *zio_path(const struct zio_reader *r); /* as given, for die_file */
bool zio_is_seekable(
    const struct zio_reader *r); /* a regular file with a seek table, or a plain regular file */
/* Content length in bytes where it is known at once (seekable), otherwise UINT64_MAX. */
uint64_t zio_length(const struct zio_reader *r);
/* Reads up to LEN bytes, by threads that read ahead (ahead.h); less only at the end of the content,
 * 0 after it. Dies on damage. */
size_t zio_read(struct zio_reader *r, void *data, size_t len);
/* From here on zio_read gives the content from FROM to TO alone, to be called once at most;
 * seekable only. */
void zio_range(struct zio_reader *r, uint64_t from, uint64_t to);
/* All of the content, and a NUL behind it; *len: its bytes. Dies where it is more than MOST, or
 * than ZIO_MOST and four times the file. The caller frees it. */
enum { ZIO_MOST = 64 << 20 };
unsigned char *zio_read_all(struct zio_reader *r, size_t most, size_t *len);
/* The first LEN bytes of the content, at most 16, without moving on; call it before zio_read.
 * Returns how many there are. */
size_t zio_peek(struct zio_reader *r, void *data, size_t len);
/* Reads LEN bytes at OFFSET of the content; seekable only. May be called from several threads at
 * once. */
void zio_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset);
/* The history text, or NULL where the file has none. Of a pipe: only after zio_read has returned 0.
 * Owned by the reader. */
const char *zio_history(struct zio_reader *r);
/* The digest of the whole content: of what zio_read gave, once it has returned 0; of a file not
 * read to its end, computed by reading it. */
void zio_reader_digest(struct zio_reader *r, char digest[DIGEST_SIZE]);
/* Nobody will ask for the digest of a seekable one: zio_read is spared computing it as it reads. */
void zio_spare_digest(struct zio_reader *r);
/* The next frame whole, seekable only: where it lies in the file, what is stored there (NULL: raw
 * blocks, raw.h) and what is in it; at the end of a frame. False behind the last; what they point
 * to lasts until the next call. */
struct zio_frame {
    struct frame place;
    const unsigned char *stored, *content;
};
bool zio_read_frame(struct zio_reader *r, struct zio_frame *f);
/* Data frames; 0 where there are none (plain bytes) or their number is not known (a pipe not at its
 * end). */
size_t zio_n_frames(const struct zio_reader *r);
void zio_close(struct zio_reader *r);

/* The same without dying: NULL, or the reason, which stands in ERROR. After a failure only
 * zio_close may follow. */
enum { ZIO_ERROR = REASON_SIZE };
const char *zio_try_open(struct zio_reader **r, const char *path, char error[ZIO_ERROR]);
const char *zio_try_read(struct zio_reader *r, void *data, size_t len, size_t *got,
                         char error[ZIO_ERROR]);
const char *zio_try_read_at(struct zio_reader *r, void *data, size_t len, uint64_t offset,
                            char error[ZIO_ERROR]);
/* *data: as zio_read_all gives it, NULL after a failure. */
const char *zio_try_read_all(struct zio_reader *r, size_t most, unsigned char **data, size_t *len,
                             char error[ZIO_ERROR]);

#endif
