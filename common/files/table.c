#include "files/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

enum { BLOCK = 1 << 20 };

/* --- digest --- */

/* What comes in any pieces; where there is a column of seconds, what of it counts. */
struct digester {
    struct digest_state *hash;
    char *header; /* until its end has come */
    size_t header_len;
    bool started;   /* the header is complete */
    size_t seconds; /* the column left out; SIZE_MAX: none */
    size_t column;  /* where the next byte stands */
};

static struct digester digester_start(void)
{
    return (struct digester){.hash = digest_new(), .seconds = SIZE_MAX};
}

/* The number of the field "seconds" of the header LINE, or SIZE_MAX. */
static size_t find_seconds(const char *line, size_t len)
{
    static const char wanted[] = "seconds";
    const char *end = line + len;

    for (size_t i = 0;; i++) {
        const char *tab = memchr(line, '\t', (size_t)(end - line));
        size_t n = (size_t)((tab ? tab : end) - line);

        if (n == strlen(wanted) && memcmp(line, wanted, n) == 0)
            return i;
        if (!tab)
            return SIZE_MAX;
        line = tab + 1;
    }
}

/* Hashes the LEN bytes of DATA without what stands in the column of seconds. */
static void add_counted(struct digester *d, const char *data, size_t len)
{
    if (d->seconds == SIZE_MAX) {
        digest_add(d->hash, data, len);
        return;
    }
    for (const char *end = data + len, *start; data < end;) {
        if (*data == '\t') { /* it goes with the column behind it; of the first with that before */
            d->column++;
            if (d->column != d->seconds && !(d->seconds == 0 && d->column == 1))
                digest_add(d->hash, data, 1);
            data++;
        } else if (*data == '\n') {
            d->column = 0;
            digest_add(d->hash, data++, 1);
        } else {
            for (start = data; data < end && *data != '\t' && *data != '\n';)
                data++;
            if (d->column != d->seconds)
                digest_add(d->hash, start, (size_t)(data - start));
        }
    }
}

static void digester_add(struct digester *d, const char *data, size_t len)
{
    const char *newline = d->started ? NULL : memchr(data, '\n', len);
    size_t n = d->started ? 0 : newline ? (size_t)(newline - data) + 1 : len;

    if (!d->started) {
        d->header = xrealloc(d->header, d->header_len + n + 1, 1);
        memcpy(d->header + d->header_len, data, n);
        d->header_len += n;
        if (!newline && d->header_len < BLOCK)
            return; /* a line that goes on beyond that is no header */
        d->seconds = newline ? find_seconds(d->header, d->header_len - 1) : SIZE_MAX;
        d->started = true;
        add_counted(d, d->header, d->header_len);
    }
    add_counted(d, data + n, len - n);
}

static void digester_end(struct digester *d, char digest[DIGEST_SIZE])
{
    if (!d->started)
        add_counted(d, d->header, d->header_len);
    digest_format(digest, digest_value(d->hash));
    digest_free(d->hash);
    free(d->header);
}

void table_digest(struct zio_reader *r, char digest[DIGEST_SIZE])
{
    struct digester d = digester_start();
    char *block = xmalloc(BLOCK);
    size_t n;

    while ((n = zio_read(r, block, BLOCK)) > 0)
        digester_add(&d, block, n);
    digester_end(&d, digest);
    free(block);
}

void table_digest_file(const char *path, char digest[DIGEST_SIZE])
{
    struct zio_reader *r = zio_open(path);

    table_digest(r, digest);
    zio_close(r);
}

void table_digest_text(const char *text, size_t len, char digest[DIGEST_SIZE])
{
    struct digester d = digester_start();

    digester_add(&d, text, len);
    digester_end(&d, digest);
}

/* --- what editors, spreadsheets and scripts make of text --- */

/* Past a byte order mark; lines end with a newline, whatever they ended with. */
static char *plain_lines(const char *path, char *text, size_t len)
{
    const bool bare = !strchr(text, '\n'); /* a carriage return alone ends a line */
    char *to = text, *from = text;

    if (len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        die_file(path, "text in UTF-16, want UTF-8");
    if (strlen(text) != len)
        die_file(path, "a NUL byte, want text");
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        from += 3;
    text = to = from;
    for (; *from; from++)
        if (*from != '\r' || (from[1] != '\n' && from[1] != '\0' && !bare))
            *to++ = *from;
        else if (from[1] != '\n')
            *to++ = '\n';
    *to = '\0';
    return text;
}

static char separator_of(const char *text)
{
    const size_t len = strcspn(text, "\n");

    return memchr(text, '\t', len) ? '\t'
        : memchr(text, ',', len)   ? ','
        : memchr(text, ';', len)   ? ';'
                                   : '\t';
}

/* --- rows --- */

/* Takes the quotes off the field at FIELD, in place; returns what follows it. */
static char *unquote(struct table *t, char *field)
{
    char *at = field + 1, *to = field;

    for (; *at && (at[0] != '"' || at[1] == '"'); at++) {
        at += *at == '"';
        t->rest_line += *at == '\n';
        *to++ = *at;
    }
    if (*at != '"')
        die_file(t->path, "line %zu: a quote that does not end", t->line);
    if (at[1] && at[1] != t->separator && at[1] != '\n')
        die_file(t->path, "line %zu: text behind the quote that ends a field", t->line);
    *to = '\0';
    return at + 1;
}

/* Cuts the next line off t->rest into N fields, in place; returns how many it has, without empty
 * ones beyond N. */
static size_t take_line(struct table *t, const char **fields, size_t n)
{
    size_t found = 0, last = 0;
    char end;

    t->line = ++t->rest_line;
    do {
        char *field = t->rest, *at;

        if (*field == '"' && t->quoted)
            at = unquote(t, field);
        else
            for (at = field; *at && *at != '\n' && *at != t->separator;)
                at++;
        end = *at;
        t->rest = end ? at + 1 : at;
        *at = '\0';
        if (found < n)
            fields[found] = field;
        found++;
        if (found <= n || *field)
            last = found;
    } while (end == t->separator);
    return last;
}

/* How many fields take_line will find in the first line, whose quotes may hold newlines. */
static size_t count_columns(const struct table *t)
{
    const char *c = t->rest;
    size_t n = 1;

    for (;; c++, n++) {
        if (*c == '"' && t->quoted) {
            for (c++; *c && (c[0] != '"' || c[1] == '"'); c++)
                c += *c == '"';
            c += *c == '"';
        }
        while (*c && *c != '\n' && *c != t->separator)
            c++;
        if (*c != t->separator)
            return n;
    }
}

struct table *table_read(const char *path)
{
    struct table *t = xcalloc(1, sizeof *t);
    struct zio_reader *r = zio_open(path);
    size_t len;

    t->path = xstrdup(path);
    t->text = (char *)zio_read_all(r, SIZE_MAX, &len);
    zio_close(r);
    if (len == 0)
        die_file(path, "is empty");
    table_digest_text(t->text, len, t->digest);
    t->rest = plain_lines(path, t->text, len);
    t->separator = separator_of(t->rest);
    t->quoted = t->separator != '\t' || *t->rest == '"';
    t->n_columns = count_columns(t);
    t->columns = xcalloc(t->n_columns, sizeof *t->columns);
    t->fields = xcalloc(t->n_columns, sizeof *t->fields);
    t->n_columns = take_line(t, t->columns, t->n_columns);
    while (t->n_columns > 1 && !*t->columns[t->n_columns - 1])
        t->n_columns--;
    return t;
}

ptrdiff_t table_column(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i], name) == 0)
            return (ptrdiff_t)i;
    return -1;
}

/* Whether the first N fields are empty, but for blanks. */
static bool is_blank(const struct table *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t->fields[i][strspn(t->fields[i], " ")])
            return false;
    return true;
}

bool table_next(struct table *t)
{
    size_t n;

    while (*t->rest) {
        n = take_line(t, t->fields, t->n_columns);
        if (n <= t->n_columns && is_blank(t, n))
            continue;
        if (n != t->n_columns)
            die_file(t->path, "line %zu: %zu field%s, want the %zu of its first line", t->line, n,
                     n == 1 ? "" : "s", t->n_columns);
        return true;
    }
    return false;
}

void table_free(struct table *t)
{
    free(t->path);
    free(t->columns);
    free(t->fields);
    free(t->text);
    free(t);
}
