#include "files/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/report.h"
#include "files/digest.h"

enum { HEAD = 8, ENTRY = 12, FOOTER = 9 }; /* of a skippable frame; of the seek table */
enum { FIXED = HEAD + 4 + 4 + 8 };         /* a record frame without frames and without text */
enum { TABLE_FLAGS = 0x80, FOOTER_MAGIC = 0x8F92EAB1 };

void frames_append(struct frames *f, struct frame frame)
{
    if (f->n == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 16;
        f->list = xrealloc(f->list, f->capacity, sizeof *f->list);
    }
    frame.start = frames_stored(f);
    frame.offset = frames_content(f);
    f->list[f->n++] = frame;
}

uint64_t frames_stored(const struct frames *f)
{
    return f->n ? f->list[f->n - 1].start + f->list[f->n - 1].stored : 0;
}

uint64_t frames_content(const struct frames *f)
{
    return f->n ? f->list[f->n - 1].offset + f->list[f->n - 1].content : 0;
}

size_t frames_find(const struct frames *f, uint64_t offset)
{
    size_t low = 0, high = f->n - 1;

    while (low < high) {
        size_t middle = low + (high - low + 1) / 2;

        if (f->list[middle].offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* From "KSNH" to the end of the text, then the seek table. */
static uint64_t check_of(const unsigned char *tail, size_t record, size_t len)
{
    struct hash64 *hash = hash64_new();
    uint64_t check;

    hash64_add(hash, tail + HEAD, record - HEAD - 8);
    hash64_add(hash, tail + record, len - record);
    check = hash64_value(hash);
    hash64_free(hash);
    return check;
}

unsigned char *frames_format(const struct frames *f, const char *history, size_t *len)
{
    size_t text = history ? strlen(history) : 0;
    size_t record = FIXED + 8 * f->n + text;
    size_t table = HEAD + ENTRY * (f->n + 1) + FOOTER;
    unsigned char *tail, *p;

    if (record > UINT32_MAX || table > UINT32_MAX)
        die("a history of %zu bytes for %zu frames is too long", text, f->n);
    tail = p = xmalloc(record + table);
    p = put_le32(put_le32(p, FRAMES_MAGIC_RECORD), record - HEAD);
    p = put_le32((unsigned char *)memcpy(p, "KSNH", 4) + 4, f->n);
    for (size_t i = 0; i < f->n; i++)
        p = put_le64(p, f->list[i].hash);
    if (text)
        memcpy(p, history, text);
    p = put_le32(put_le32(tail + record, FRAMES_MAGIC_TABLE), table - HEAD);
    for (size_t i = 0; i < f->n; i++)
        p = put_le32(put_le32(put_le32(p, f->list[i].stored), f->list[i].content),
                     f->list[i].checksum);
    p = put_le32(put_le32(put_le32(p, record), 0), hash64_data(NULL, 0));
    p = put_le32(p, f->n + 1);
    *p++ = TABLE_FLAGS;
    put_le32(p, FOOTER_MAGIC);
    *len = record + table;
    put_le64(tail + record - 8, check_of(tail, record, *len));
    return tail;
}

const char *frames_tail_length(uint64_t *len, const unsigned char end[FRAMES_END],
                               uint64_t file_len)
{
    const unsigned char *footer = end + FRAMES_END - FOOTER;

    if (get_le32(footer + 5) != FOOTER_MAGIC)
        return "no seek table at its end: cut short, or not written by kasane";
    if (footer[4] != TABLE_FLAGS || get_le32(footer) == 0)
        return "damaged seek table";
    *len = HEAD + FOOTER + ENTRY * (uint64_t)get_le32(footer) + get_le32(end);
    return *len > file_len ? "damaged seek table" : NULL;
}

const char *frames_parse(struct frames *f, char **history, const unsigned char *tail, size_t len)
{
    size_t record, n, text;
    const unsigned char *entry;

    if (len < FIXED + HEAD + ENTRY + FOOTER || get_le32(tail) != FRAMES_MAGIC_RECORD
        || memcmp(tail + HEAD, "KSNH", 4) != 0)
        return "no record before its seek table: not written by kasane, or damaged";
    record = HEAD + (size_t)get_le32(tail + 4);
    n = get_le32(tail + 12);
    if (record > len || record < FIXED + 8 * n || len - record != HEAD + ENTRY * (n + 1) + FOOTER
        || get_le64(tail + record - 8) != check_of(tail, record, len))
        return "damaged record or seek table";
    text = record - FIXED - 8 * n;
    if (memchr(tail + 16 + 8 * n, 0, text))
        return "damaged record: a zero byte in its history";
    entry = tail + record + HEAD;
    *f = (struct frames){.list = xcalloc(n, sizeof *f->list), .capacity = n};
    for (size_t i = 0; i < n; i++, entry += ENTRY) {
        struct frame frame = {.stored = get_le32(entry),
                              .content = get_le32(entry + 4),
                              .checksum = get_le32(entry + 8),
                              .hash = get_le64(tail + 16 + 8 * i)};

        if (frame.stored < 9 || frame.content == 0 || frame.content > FRAMES_MAX_CONTENT) {
            frames_release(f);
            return "damaged seek table: a frame of impossible size";
        }
        frames_append(f, frame);
    }
    *history = text ? memcpy(xcalloc(text + 1, 1), tail + 16 + 8 * n, text) : NULL;
    return NULL;
}

void frames_release(struct frames *f)
{
    free(f->list);
    *f = (struct frames){0};
}
