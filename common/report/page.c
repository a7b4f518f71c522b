#include "report/page.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"

struct page {
    struct zio_writer *file;
    const char *rest; /* of page_html */
};

static void put(struct page *p, const char *text)
{
    zio_write(p->file, text, strlen(text));
}

/* Writes the page up to MARK, which is left out. */
static void put_until(struct page *p, const char *mark)
{
    const char *at = strstr(p->rest, mark);

    assert(at);
    zio_write(p->file, p->rest, (size_t)(at - p->rest));
    p->rest = at + strlen(mark);
}

struct page *page_create(const char *path)
{
    struct page *p = xcalloc(1, sizeof *p);

    p->file = zio_create(path, ZIO_TEXT);
    p->rest = page_html;
    put_until(p, "<!-- style -->");
    put(p, page_style);
    put_until(p, "<!-- data -->");
    return p;
}

/* --- blocks --- */

static char *put_quad(char *to, const unsigned char *from, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits =
        (uint32_t)from[0] << 16 | (n > 1 ? (uint32_t)from[1] << 8 : 0) | (n > 2 ? from[2] : 0u);

    *to++ = digits[bits >> 18];
    *to++ = digits[bits >> 12 & 63];
    *to++ = n > 1 ? digits[bits >> 6 & 63] : '=';
    *to++ = n > 2 ? digits[bits & 63] : '=';
    return to;
}

static void put_base64(struct page *p, const unsigned char *data, size_t len)
{
    enum { PIECE = 3 << 14 };
    char *text = xmalloc(PIECE / 3 * 4);

    for (size_t at = 0; at < len; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        char *to = text;

        for (size_t i = 0; i < n; i += 3)
            to = put_quad(to, data + at + i, n - i);
        zio_write(p->file, text, (size_t)(to - text));
    }
    free(text);
}

void page_add_block(struct page *p, const char *name, const void *data, size_t len)
{
    enum profile_part before = profile_enter(PROFILE_WRITING);

    put(p, "<script type=\"application/octet-stream\" id=\"block-");
    put(p, name);
    put(p, "\">");
    put_base64(p, data, len);
    put(p, "</script>\n");
    profile_leave(before);
}

void page_digest(char digest[DIGEST_SIZE])
{
    const char *const parts[] = {page_html, page_style, page_script};
    struct digest_state *s = digest_new();

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        digest_add(s, parts[i], strlen(parts[i]) + 1);
    digest_format(digest, digest_value(s));
    digest_free(s);
}

/* --- facts --- */

void page_commit(struct page *p, json_t *facts, const struct history *h)
{
    char *text = json_format(facts);

    put(p, "<script type=\"application/json\" id=\"facts\">");
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "<");

        zio_write(p->file, at, n);
        at += n;
        if (*at) {
            put(p, "\\u003c");
            at++;
        }
    }
    put(p, "</script>\n");
    put_until(p, "<!-- script -->");
    put(p, page_script);
    put(p, p->rest);
    history_commit_markup(h, p->file);
    json_decref(facts);
    free(text);
    free(p);
}

/* Bytes of the character of UTF-8 that starts at C; 0 where none does. */
static size_t character_len(const unsigned char *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *c < 0x80 ? 1 : *c >> 5 == 6 ? 2 : *c >> 4 == 14 ? 3 : *c >> 3 == 30 ? 4 : 0;
    uint32_t code = n == 1 ? *c : *c & (0x7Fu >> n);

    for (size_t i = 1; i < n; i++) {
        if (c[i] >> 6 != 2)
            return 0;
        code = code << 6 | (c[i] & 0x3F);
    }
    return n > 0 && code >= least[n] && code < 0x110000 && code >> 11 != 0x1B ? n : 0;
}

json_t *page_text(const char *text)
{
    char *escaped = xmalloc(4 * strlen(text) + 1), *to = escaped;
    json_t *value;

    while (*text) {
        size_t n = character_len((const unsigned char *)text);

        if (n == 0) {
            to += sprintf(to, "\\x%02x", (unsigned char)*text++);
        } else {
            memcpy(to, text, n);
            to += n;
            text += n;
        }
    }
    *to = '\0';
    value = json_checked(json_string(escaped));
    free(escaped);
    return value;
}
