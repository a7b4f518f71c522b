#include "base/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"

/* Seconds: on a terminal until the first line, and between two; elsewhere, least and most. */
static const double short_run = 1, between = 0.1, least_silence = 10, most_silence = 600;

double (*progress_clock)(void) = profile_seconds;

static struct {
    const char *output; /* NULL: no name */
    bool rewrites;
    double began, said;        /* the process; the last line of any kind */
    unsigned n_messages;       /* when that was looked at */
    bool is_phase;             /* one is under way: */
    double phase, now;         /* when it began; at the last call */
    size_t first, done, total; /* steps: at its begin, now, in all */
} p;

void progress_start(const char *output)
{
    const char *jobs = getenv("MAKEFLAGS"), *slash = output ? strrchr(output, '/') : NULL;

    p.output = output && strcmp(output, "-") != 0 ? (slash ? slash + 1 : output) : NULL;
    p.rewrites = report_is_terminal() && !(jobs && strstr(jobs, "jobserver"));
    p.began = p.said = progress_clock();
    p.is_phase = false;
}

bool progress_due(size_t done, size_t total)
{
    unsigned n_messages = report_n_messages();
    double silence;

    p.now = progress_clock();
    if (!p.is_phase || total != p.total || done < p.done) {
        p.is_phase = true;
        p.phase = p.now;
        p.first = done;
        p.total = total;
    }
    p.done = done;
    if (p.rewrites)
        return p.now - p.began >= short_run && p.now - p.said >= between;
    if (n_messages != p.n_messages)
        p.said = p.now;
    p.n_messages = n_messages;
    silence = (p.now - p.began) / 5;
    silence = silence < least_silence ? least_silence
        : silence > most_silence      ? most_silence
                                      : silence;
    return p.now - p.said >= silence;
}

static void say(const char *format, va_list arguments)
{
    char text[512], left[PROGRESS_TIME_SIZE];
    double rate = (double)(p.done - p.first) / (p.now - p.phase);

    vsnprintf(text, sizeof text, format, arguments);
    progress_time(left, (double)(p.total - p.done) / rate);
    report_progress(p.rewrites, "%s%s%s%s%s%s%s", p.output ? "'" : "", p.output ? p.output : "",
                    p.output ? "': " : "", text, rate > 0 ? ", " : "", rate > 0 ? left : "",
                    rate > 0 ? " left" : "");
    p.n_messages = report_n_messages();
    p.said = p.now;
}

void progress_say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void progress_show(size_t done, size_t total, const char *format, ...)
{
    va_list arguments;

    if (!progress_due(done, total))
        return;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

void progress_end(void)
{
    report_progress_end();
    p.is_phase = false;
}

void progress_time(char text[PROGRESS_TIME_SIZE], double seconds)
{
    const double hour = 3600, day = 24 * hour;

    if (seconds < 100 * hour)
        snprintf(text, PROGRESS_TIME_SIZE, "%d:%02d:%02d", (int)(seconds / hour),
                 (int)(seconds / 60) % 60, (int)seconds % 60);
    else if (seconds < 10000 * day)
        snprintf(text, PROGRESS_TIME_SIZE, "%d days", (int)(seconds / day));
    else
        snprintf(text, PROGRESS_TIME_SIZE, "over 10000 days");
}
