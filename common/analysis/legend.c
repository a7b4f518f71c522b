#include "analysis/legend.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/report.h"
#include "base/scratch.h"
#include "base/sizes.h"

enum { CODE_POINTS = 0x110000, ELLIPSIS = 0x2026 };

/* The character that starts at *TEXT, which moves behind it; bytes that are no UTF-8 are passed
 * over. 0 at the end. */
static uint32_t next_character(const char **text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    for (; **text; ++*text) {
        const unsigned char *c = (const unsigned char *)*text;
        int n = *c < 0x80 ? 1 : *c >> 5 == 6 ? 2 : *c >> 4 == 14 ? 3 : *c >> 3 == 30 ? 4 : 0, i;
        uint32_t code = n == 1 ? *c : *c & (0x7F >> n);

        for (i = 1; i < n && c[i] >> 6 == 2; i++)
            code = code << 6 | (c[i] & 0x3F);
        if (n == 0 || i < n || code < least[n] || code >= CODE_POINTS || code >> 11 == 0x1B)
            continue; /* one byte is passed over; surrogates are no characters */
        *text += n;
        return code;
    }
    return 0;
}

static char *put_character(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else {
        int n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

        *to++ = (char)(0xF0 << (4 - n) | code >> 6 * (n - 1));
        for (int i = n - 2; i >= 0; i--)
            *to++ = (char)(0x80 | (code >> 6 * i & 0x3F));
    }
    return to;
}

/* FIELD without escapes and control characters, in UTF-8; N: how many characters. */
static uint32_t *read_name(const char *field, size_t *n)
{
    static const char no_name[] = "(no name)";
    uint32_t *name = xcalloc(strlen(field) + sizeof no_name, sizeof *name), code;
    bool blank = true;

    *n = 0;
    while ((code = next_character(&field))) {
        if (code == '\\' && *field && strchr("tnr\\", *field))
            code = *field++ == '\\' ? '\\' : ' ';
        if (code < ' ' || code == 0x7F)
            code = ' ';
        blank = blank && code == ' ';
        name[(*n)++] = code;
    }
    if (blank) {
        *n = strlen(no_name);
        for (size_t i = 0; i < *n; i++)
            name[i] = (unsigned char)no_name[i];
    }
    if (*n > LEGEND_WIDTH) {
        *n = LEGEND_WIDTH;
        name[LEGEND_WIDTH - 1] = ELLIPSIS;
    }
    return name;
}

/* A bit for each character that some font has, from fontconfig: "20-7e a0 ...", a line a font.
 * NULL: it cannot be asked. */
static unsigned char *drawable_characters(void)
{
    static char *const command[] = {"fc-list", "--format", "%{charset}\n", NULL};
    int output = scratch_open(), errors = scratch_open();
    unsigned char *bits = NULL;
    char *text, *at, *end;
    size_t len;

    if (child_run(command, environ, NULL, output, errors) == 0) {
        at = text = child_text(output, &len);
        bits = xcalloc(CODE_POINTS / 8, 1);
        for (;; at = end) {
            unsigned long first = strtoul(at, &end, 16), last = first;

            if (end == at)
                break;
            if (*end == '-')
                last = strtoul(end + 1, &end, 16);
            for (; first <= last && first < CODE_POINTS; first++)
                bits[first / 8] |= (unsigned char)(1 << first % 8);
        }
        free(text);
    }
    close(output);
    close(errors);
    return bits;
}

static bool is_plain(const uint32_t *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 0x7F)
            return false;
    return true;
}

char *legend_text(const char *const *names, size_t n)
{
    size_t shown = smaller(n, LEGEND_MOST);
    char *text = xmalloc(shown * (4 * LEGEND_WIDTH + 1) + 64), *to = text;
    unsigned char *drawable = NULL;
    bool asked = false;

    for (size_t k = 0; k < shown; k++) {
        size_t length;
        uint32_t *name = read_name(names[k], &length);

        if (!asked && !is_plain(name, length)) {
            drawable = drawable_characters();
            asked = true;
        }
        for (size_t i = 0; i < length; i++) {
            uint32_t c = name[i];
            bool shows = c < 0x7F || !drawable || drawable[c / 8] >> c % 8 & 1;

            to = put_character(to, shows ? c : '?');
        }
        *to++ = '\n';
        free(name);
    }
    *to = '\0';
    if (n > shown)
        sprintf(to, "and %zu more\n", n - shown);
    free(drawable);
    return text;
}
