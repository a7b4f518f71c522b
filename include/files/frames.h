/* frames: where the zstd frames of a file lie, and the two skippable frames at its end that say so.
 * Pure.
 *
 *     data frames
 *     record frame   5A 2A 4D 18, length (4);
 *                    "KSNH", n (4), n hashes (8 each): XXH64 of each data frame as it is stored;
 *                    the history text;
 *                    check (8): XXH64 from "KSNH" to the end of the text, then of the seek table
 *     seek table     5E 2A 4D 18, length (4);
 *                    for each data frame and the record frame: stored length (4), content length
 *                    (4; of the record frame 0), low 32 bits of XXH64 of the content (4);
 *                    n + 1 (4), 80, B1 EA 92 8F
 *
 * Numbers are little-endian. The seek table is that of the zstd seekable format; it and zstd's own
 * checksums speak of the content, and some bits of a stored frame do not change its content. The
 * hashes make every bit of the file count.
 *
 * Source:
 * contrib/seekable_format/zstd_seekable_compression_format.md in the zstd sources
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

enum { FRAMES_MAX_CONTENT = 64 << 20, FRAMES_END = 21 };
enum {
    FRAMES_MAGIC_DATA = 0xFD2FB528,
    FRAMES_MAGIC_RECORD = 0x184D2A5A,
    FRAMES_MAGIC_TABLE = 0x184D2A5E
};

struct frame {
    uint64_t start;           /* in the file */
    uint64_t offset;          /* of its content in the content of the file */
    uint32_t stored, content; /* lengths, bytes */
    uint32_t
        checksum;  /* low 32 bits of XXH64 of the content: the last 4 bytes of the stored frame */
    uint64_t hash; /* XXH64 of the stored bytes */
};

struct frames {
    struct frame *list; /* owned */
    size_t n, capacity;
};

/* Appends FRAME; start and offset are filled in. */
void frames_append(struct frames *f, struct frame frame);
uint64_t frames_stored(const struct frames *f);  /* length of all data frames as stored */
uint64_t frames_content(const struct frames *f); /* length of their content */
/* The frame that holds the content at OFFSET, which is less than frames_content. */
size_t frames_find(const struct frames *f, uint64_t offset);
/* Record frame and seek table; HISTORY may be NULL. *len is their length; the caller frees them. */
unsigned char *frames_format(const struct frames *f, const char *history, size_t *len);

/* The length of record frame and seek table, from the last FRAMES_END bytes of a file of FILE_LEN
 * bytes. NULL, or the reason. */
const char *frames_tail_length(uint64_t *len, const unsigned char end[FRAMES_END],
                               uint64_t file_len);
/* Parses record frame and seek table. *history is a new string or NULL. Returns NULL, or the
 * reason; then nothing is kept. */
const char *frames_parse(struct frames *f, char **history, const unsigned char *tail, size_t len);
void frames_release(struct frames *f);

#endif
