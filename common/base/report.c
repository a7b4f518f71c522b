#include "base/report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *tool = "kasane", clear[] = "\r\033[K";
static const char *follower; /* NULL: it follows none */
static void (*before_death)(void);
static bool progress_shown;
static unsigned n_messages;

void report_init(const char *name)
{
    tool = name;
}

void report_follow(const char *who, void (*before)(void))
{
    follower = who;
    before_death = before;
}

/* Appends what of TEXT fits before END, escaped; returns where it ends. C1 controls are C2 80 to C2
 * 9F in UTF-8. */
static char *append_printable(char *to, const char *end, const char *text)
{
    for (unsigned char c; (c = (unsigned char)*text) && end - to > 8; text++) {
        bool c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;

        if (c == '\n' || c == '\t')
            to += sprintf(to, c == '\n' ? "\\n" : "\\t");
        else if (c < 0x20 || c == 0x7f || c1)
            to += sprintf(to, "\\x%02x", c);
        else
            *to++ = (char)c;
        if (c1)
            to += sprintf(to, "\\x%02x", (unsigned char)*++text);
    }
    *to = '\0';
    return to;
}

char *printable(const char *text)
{
    size_t size = 4 * strlen(text) + 9;
    char *to = xmalloc(size);

    append_printable(to, to + size, text);
    return to;
}

/* One write per line: lines of programs that share a terminal or a log do not mix. On a terminal
 * another one may have left its progress. No allocation: there may be none left. */
static void write_line(const char *path, bool stays, const char *format, va_list arguments)
{
    char text[8192], whole[32768], *to = whole;
    const char *end = whole + sizeof whole - 1;

    vsnprintf(text, sizeof text, format, arguments);
    if (report_is_terminal())
        to = stpcpy(to, clear);
    to = append_printable(to, end, tool);
    if (follower)
        to = append_printable(append_printable(to, end, ": "), end, follower);
    to = append_printable(to, end,
                          !path                        ? ": "
                              : strcmp(path, "-") == 0 ? ": standard input: "
                                                       : ": '");
    if (path && strcmp(path, "-") != 0)
        to = append_printable(append_printable(to, end, path), end, "': ");
    to = append_printable(to, end, text);
    strcpy(to, stays ? "" : "\n");
    fputs(whole, stderr);
    progress_shown = stays;
    __atomic_fetch_add(&n_messages, 1, __ATOMIC_RELAXED);
}

static void last_line(const char *path, const char *format, va_list arguments)
{
    if (follower)
        before_death();
    write_line(path, false, format, arguments);
}

static void line(const char *path, const char *format, va_list arguments)
{
    if (!follower)
        write_line(path, false, format, arguments);
}

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    last_line(NULL, format, arguments);
    va_end(arguments);
    exit(1);
}

void die_file(const char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    last_line(path, format, arguments);
    va_end(arguments);
    exit(1);
}

void die_usage(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    last_line(NULL, format, arguments);
    va_end(arguments);
    exit(2);
}

void want_memory(size_t bytes, size_t n, size_t memory)
{
    if (bytes > memory)
        die("the net with %zu row%s at once wants %zu MiB, --memory is %zu MiB", n,
            n == 1 ? "" : "s", (bytes >> 20) + 1, memory >> 20);
}

void warn(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(NULL, format, arguments);
    va_end(arguments);
}

void warn_file(const char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(path, format, arguments);
    va_end(arguments);
}

void note(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(NULL, format, arguments);
    va_end(arguments);
}

const char *reason(char text[REASON_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, REASON_SIZE, format, arguments);
    va_end(arguments);
    return text;
}

void print_line(const char *format, ...)
{
    va_list arguments;
    char *text = NULL, *shown;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        die("out of memory: a line of text wanted");
    va_end(arguments);
    shown = printable(text);
    puts(shown);
    free(shown);
    free(text);
}

bool report_is_terminal(void)
{
    static int terminal = -1;

    if (terminal < 0)
        terminal = isatty(STDERR_FILENO);
    return terminal;
}

void report_progress(bool rewrites, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!follower)
        write_line(NULL, rewrites, format, arguments);
    va_end(arguments);
}

void report_progress_end(void)
{
    if (progress_shown)
        fputs(clear, stderr);
    progress_shown = false;
}

unsigned report_n_messages(void)
{
    return __atomic_load_n(&n_messages, __ATOMIC_RELAXED);
}

static void *allocated(void *p, size_t size)
{
    if (!p && size > 0)
        die("out of memory: %zu bytes wanted", size);
    return p;
}

static size_t product(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        die("out of memory: %zu times %zu bytes wanted", n, size);
    return bytes;
}

void *xmalloc(size_t size)
{
    return allocated(malloc(size), size);
}

void *xcalloc(size_t n, size_t size)
{
    return allocated(calloc(n, size), product(n, size));
}

void *xrealloc(void *p, size_t n, size_t size)
{
    return allocated(realloc(p, product(n, size)), n * size);
}

void xreserve(unsigned char **p, size_t *capacity, size_t size)
{
    if (*capacity >= size)
        return;
    free(*p);
    *p = xmalloc(size);
    *capacity = size;
}

void *xaligned(size_t size)
{
    void *p = NULL;

    if (posix_memalign(&p, 64, size ? size : 64) != 0)
        p = NULL;
    return allocated(p, size ? size : 64);
}

void *xlarge(size_t size)
{
    const size_t huge = 2 << 20, rest = size % huge;
    void *p = NULL;

    if (rest > 0 && huge - rest < size / 8) /* the last one too */
        size += huge - rest;
    if (size < huge)
        return xaligned(size);
    if (posix_memalign(&p, huge, size) != 0)
        p = NULL;
    allocated(p, size);
    madvise(p, size, MADV_HUGEPAGE); /* where it fails, all works as well */
    return p;
}

char *xstrdup(const char *s)
{
    return allocated(strdup(s), strlen(s) + 1);
}

char *xformat(const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        die("out of memory: a line of text wanted");
    va_end(arguments);
    return text;
}
