#include "report.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *tool = "kasane";
static bool progress_shown;

void report_init(const char *name)
{
    tool = name;
}

/* One call to stdio per line: lines of programs that share a terminal or a log do not mix. */
static void line(const char *path, const char *format, va_list arguments)
{
    char text[4096];

    progress_end();
    vsnprintf(text, sizeof text, format, arguments);
    if (path && strcmp(path, "-") == 0)
        fprintf(stderr, "%s: standard input: %s\n", tool, text);
    else if (path)
        fprintf(stderr, "%s: '%s': %s\n", tool, path, text);
    else
        fprintf(stderr, "%s: %s\n", tool, text);
}

void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(NULL, format, arguments);
    va_end(arguments);
    exit(1);
}

void die_file(const char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(path, format, arguments);
    va_end(arguments);
    exit(1);
}

void die_usage(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    line(NULL, format, arguments);
    va_end(arguments);
    exit(2);
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

bool progress_wanted(void)
{
    static int terminal = -1;

    if (terminal < 0)
        terminal = isatty(STDERR_FILENO);
    return terminal;
}

void progress(const char *format, ...)
{
    char text[512];
    va_list arguments;

    if (!progress_wanted())
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\r\033[K%s: %s", tool, text);
    progress_shown = true;
}

void progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
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

void *xaligned(size_t size)
{
    void *p = NULL;

    if (posix_memalign(&p, 64, size ? size : 64) != 0)
        p = NULL;
    return allocated(p, size ? size : 64);
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
