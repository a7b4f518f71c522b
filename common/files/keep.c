#include "files/keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/report.h"
#include "files/chunks.h"
#include "files/digest.h"
#include "files/json.h"
#include "files/record.h"
#include "files/whole.h"

static const char keyword[] = "kasane-history";

/* --- guarded text --- */

static const char guard_start[] = "{\"check\":\"xxh64:", guard_middle[] = "\",\"history\":",
                  comment_start[] = "<!-- kasane-history ", comment_end[] = " -->\n";

static char *format_check(const char *text, size_t len)
{
    return xformat("%s%016llx%s", guard_start, (unsigned long long)hash64_data(text, len),
                   guard_middle);
}

/* TEXT, a history, as GUARDED; the caller frees it. */
static char *guard(const char *text)
{
    json_t *records = record_parse(text);
    char *ascii = records ? json_dumps(records, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL, *safe,
         *to, *check, *guarded;

    if (!ascii)
        die("out of memory: a history wanted");
    safe = to = xmalloc(4 * strlen(ascii) + 1);
    for (const char *c = ascii; *c; c++)
        if (*c == '-' && c[1] == '-') {
            to = stpcpy(to, "-\\u002d");
            c++;
        } else {
            *to++ = *c;
        }
    *to = '\0';
    check = format_check(safe, (size_t)(to - safe));
    guarded = xformat("%s%s}", check, safe);
    if (strlen(guarded) >= JSON_MAX_TEXT)
        die("a history of %zu bytes is longer than may be read back", strlen(guarded));
    json_decref(records);
    free(ascii);
    free(safe);
    free(check);
    return guarded;
}

/* The history in the LEN bytes of TEXT, GUARDED; "" where they are damaged. */
static char *unguard(const char *text, size_t len)
{
    size_t head = strlen(guard_start) + 16 + strlen(guard_middle);
    char *check, *history;
    bool right;

    if (len < head + 1 || text[len - 1] != '}')
        return xstrdup("");
    check = format_check(text + head, len - 1 - head);
    right = memcmp(check, text, head) == 0;
    free(check);
    len = right ? len - 1 - head : 0;
    history = xmalloc(len + 1);
    memcpy(history, text + head, len);
    history[len] = '\0';
    return history;
}

/* --- reading --- */

/* The value of "history" in the __metadata__ of a safetensors header that starts the content. */
static const char *read_model(struct zio_reader *r, char **text, char error[ZIO_ERROR])
{
    unsigned char head[8];
    uint64_t len;
    char *header;
    json_t *root;
    const char *found;

    if (zio_length(r) < 8)
        return NULL;
    if (zio_try_read_at(r, head, 8, 0, error))
        return error;
    len = get_le64(head);
    if (len > JSON_MAX_TEXT || len > zio_length(r) - 8)
        return NULL; /* no model */
    header = xmalloc(len + 1);
    if (zio_try_read_at(r, header, len, 8, error)) {
        free(header);
        return error;
    }
    root = json_parse(header, len);
    free(header);
    found = json_string_value(json_object_get(json_object_get(root, "__metadata__"), "history"));
    *text = found ? xstrdup(found) : NULL;
    json_decref(root);
    return NULL;
}

/* The text of the first chunk with our keyword in a PNG file that goes on to its end. */
static const char *read_png(struct zio_reader *r, char **text, char error[ZIO_ERROR])
{
    struct chunk c = {0};
    unsigned char head[CHUNK_HEAD];
    char *found = NULL;
    const char *bad = NULL;

    while (!bad && chunk_follows(&c, zio_length(r))) {
        const char *said;
        char *data;

        bad = zio_try_read_at(r, head, CHUNK_HEAD, chunk_after(&c), error);
        if (bad || !chunk_next(&c, head, zio_length(r)))
            break;
        if (found || c.len >= JSON_MAX_TEXT || (!chunk_is(&c, "iTXt") && !chunk_is(&c, "tEXt")))
            continue;
        data = xcalloc(c.len + 1, 1);
        bad = zio_try_read_at(r, data, c.len, c.at + CHUNK_HEAD, error);
        said = bad ? NULL : chunk_text(&c, data, keyword);
        found = said ? xstrdup(said) : NULL;
        free(data);
    }
    if (!bad && !chunk_is(&c, "IEND"))
        bad = strcpy(error, "cut short: a PNG file without its end");
    if (bad)
        free(found);
    else
        *text = found;
    return bad;
}

/* The comment that ends SVG or HTML. */
static const char *read_behind(struct zio_reader *r, char **text, char error[ZIO_ERROR])
{
    uint64_t length = zio_length(r);
    size_t most = JSON_MAX_TEXT + sizeof comment_start + sizeof comment_end, start,
           len = length < most ? (size_t)length : most;
    char *tail = xcalloc(len + 1, 1);
    const char *bad = zio_try_read_at(r, tail, len, length - len, error);

    start = bad ? len : keep_behind_start(tail, len);
    if (start < len)
        *text = unguard(tail + start + strlen(comment_start),
                        len - start - strlen(comment_start) - strlen(comment_end));
    free(tail);
    return bad;
}

/* A Parquet footer of LEN bytes with what follows it, which ends a file of SIZE bytes. */
static bool is_footer(struct zio_reader *r, uint64_t size, uint64_t len)
{
    unsigned char head[TRAILER_FOOTER];
    char error[ZIO_ERROR];

    return len >= sizeof head && len <= size
        && !zio_try_read_at(r, head, sizeof head, size - len, error) && trailer_is_footer(head);
}

const char *keep_try_trailer(struct zio_reader *r, enum trailer_kind kind, uint64_t *content,
                             char **text, char error[ZIO_ERROR])
{
    uint64_t size = zio_length(r);
    size_t most = JSON_MAX_TEXT + TRAILER_MOST, len = size < most ? (size_t)size : most,
           guarded_len, start;
    unsigned char *tail = xmalloc(len);
    const char *bad = zio_try_read_at(r, tail, len, size - len, error), *guarded;

    *text = NULL;
    *content = size;
    start = bad ? len : trailer_start(kind, tail, len, &guarded, &guarded_len);
    if (start < len) {
        *content = size - (len - start);
        *text = unguard(guarded, guarded_len);
        if (kind == TRAILER_PARQUET
            && !is_footer(r, size, (uint64_t)get_le32(tail + len - 8) + 8)) {
            free(*text);
            *text = xstrdup("");
        }
    }
    free(tail);
    return bad;
}

/* The file beside PATH, where there is one. */
static const char *read_beside(const char *path, char **text, char error[ZIO_ERROR])
{
    char *beside = whole_beside(path, "history"), *line;
    struct zio_reader *r;
    struct stat st;
    const char *bad;
    uint64_t len;

    if (!beside || stat(beside, &st) != 0 || !S_ISREG(st.st_mode)) {
        free(beside);
        return NULL;
    }
    bad = zio_try_open(&r, beside, error);
    len = bad ? 0 : zio_length(r);
    if (!bad && len > 0 && len <= JSON_MAX_TEXT) {
        line = xcalloc(len + 1, 1);
        bad = zio_try_read_at(r, line, len, 0, error);
        *text = bad ? NULL : line[len - 1] == '\n' ? unguard(line, len - 1) : xstrdup("");
        free(line);
    } else if (!bad) {
        *text = xstrdup("");
    }
    zio_close(r);
    free(beside);
    return bad;
}

const char *keep_try_read(const char *path, char **text, char error[ZIO_ERROR])
{
    struct zio_reader *r;
    unsigned char head[TRAILER_HEAD] = {0};
    enum trailer_kind kind = TRAILER_NONE;
    uint64_t content;
    struct stat st;
    const char *bad;

    *text = NULL;
    if (strcmp(path, "-") == 0
        || (stat(path, &st) == 0
            && !S_ISREG(st.st_mode))) /* opening a FIFO would wait for its writer */
        return strcpy(error, "not a regular file");
    bad = zio_try_open(&r, path, error);
    if (!bad && zio_history(r))
        *text = xstrdup(zio_history(r));
    else if (!bad && zio_length(r) >= sizeof head)
        bad = zio_try_read_at(r, head, sizeof head, 0, error);
    kind = trailer_kind_of(head, sizeof head);
    if (!bad && !*text)
        bad = chunk_is_png(head, sizeof head) ? read_png(r, text, error)
            : *head == '<'                    ? read_behind(r, text, error)
            : kind != TRAILER_NONE            ? keep_try_trailer(r, kind, &content, text, error)
                                              : read_model(r, text, error);
    if (!bad && !*text && zio_n_frames(r) == 0)
        bad = read_beside(path, text, error);
    zio_close(r);
    return bad;
}

char *keep_read(const char *path)
{
    char error[ZIO_ERROR], *text;

    keep_try_read(path, &text, error);
    return text;
}

/* --- text --- */

bool keep_is_beside(const char *path)
{
    char *beside = strcmp(path, "-") == 0 ? NULL : whole_beside(path, "history");
    bool found = beside && access(beside, F_OK) == 0;

    free(beside);
    return found;
}

void keep_beside(const char *path, const char *text)
{
    char *beside = path && strcmp(path, "-") != 0 ? whole_beside(path, "history") : NULL, *guarded;
    struct zio_writer *w;

    if (!beside)
        return;
    guarded = guard(text);
    w = zio_create(beside, ZIO_TEXT);
    zio_write(w, guarded, strlen(guarded));
    zio_write(w, "\n", 1);
    zio_commit(w, NULL);
    free(guarded);
    free(beside);
}

void keep_behind(struct zio_writer *w, const char *text)
{
    char *guarded = guard(text);

    zio_write(w, comment_start, strlen(comment_start));
    zio_write(w, guarded, strlen(guarded));
    zio_write(w, comment_end, strlen(comment_end));
    free(guarded);
}

void keep_trailer(struct zio_writer *w, enum trailer_kind kind, const char *text, size_t footer_len)
{
    struct buffer b = {0};
    char *guarded = guard(text);

    trailer_format(&b, kind, guarded, footer_len);
    zio_write(w, b.data, b.len);
    buffer_release(&b);
    free(guarded);
}

size_t keep_behind_start(const char *data, size_t len)
{
    size_t start_len = strlen(comment_start), end_len = strlen(comment_end), at;

    if (len < start_len + end_len || memcmp(data + len - end_len, comment_end, end_len) != 0)
        return len;
    for (at = len - end_len; at > 0 && data[at - 1] != '\n'; at--)
        continue;
    return len - at >= start_len + end_len && memcmp(data + at, comment_start, start_len) == 0
        ? at
        : len;
}
