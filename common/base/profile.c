#include "base/profile.h"

#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/report.h"

static const char *const names[PROFILE_PARTS] = {
    "other", "start", "reading", "arithmetic", "writing", "waiting", "disk", "checkpoint",
};
static const enum profile_part order[PROFILE_PARTS] = {
    PROFILE_START,   PROFILE_READING, PROFILE_ARITHMETIC, PROFILE_WRITING,
    PROFILE_WAITING, PROFILE_DISK,    PROFILE_CHECKPOINT, PROFILE_OTHER,
};

static struct {
    bool on, prints;
    const char *tool, *output, *table;
    char head[200];
    char *notes; /* lines below the table */
    pid_t process;
    double began;                 /* seconds, as now() */
    double own[PROFILE_PARTS];    /* of the main thread */
    double others[PROFILE_PARTS]; /* of all others together; the mutex is theirs */
    pthread_mutex_t mutex;
} profile = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    bool is_main;
    enum profile_part part;
    double since;
} here;

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double profile_seconds(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static void change(enum profile_part part)
{
    double t = profile_seconds();

    if (here.is_main) {
        profile.own[here.part] += t - here.since;
    } else if (here.part != PROFILE_OTHER) {
        pthread_mutex_lock(&profile.mutex);
        profile.others[here.part] += t - here.since;
        pthread_mutex_unlock(&profile.mutex);
    }
    here.part = part;
    here.since = t;
}

enum profile_part profile_enter(enum profile_part part)
{
    enum profile_part before = here.part;

    if (profile.on && before != PROFILE_CHECKPOINT && before != part)
        change(part);
    return before;
}

void profile_leave(enum profile_part before)
{
    if (profile.on && here.part != before)
        change(before);
}

void profile_head(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(profile.head, sizeof profile.head, format, arguments);
    va_end(arguments);
    free(profile.notes);
    profile.notes = NULL;
}

void profile_note(const char *line)
{
    char *before = profile.notes;

    profile.notes = xformat("%s%s%s", before ? before : "", before ? "\n" : "", line);
    free(before);
}

static void print(double total)
{
    note("profile: %d thread%s%s%s", omp_get_max_threads(), omp_get_max_threads() == 1 ? "" : "s",
         *profile.head ? ", " : "", profile.head);
    note("%-10s %10s %8s %14s", "part", "seconds", "share", "other threads");
    for (int i = 0; i < PROFILE_PARTS; i++) {
        double own = profile.own[order[i]], others = profile.others[order[i]];
        note("%-10s %10.3f %6.1f %% %14.3f", names[order[i]], own, 100 * own / total, others);
    }
    note("%-10s %10.3f %6.1f %%", "total", total, 100.0);
    for (const char *line = profile.notes; line;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        note("%.*s", (int)strcspn(line, "\n"), line);
}

/* In one write, so that programs that end at once do not mix. A profile that cannot be kept spoils
 * nothing. */
static void append(void)
{
    char *text = xstrdup("");
    FILE *file = fopen(profile.table, "ae");

    for (int i = 0; i < PROFILE_PARTS; i++) {
        char *longer = xformat("%s%s\t%s\t%s\t%.4f\t%.4f\n", text, profile.tool,
                               profile.output ? profile.output : "-", names[order[i]],
                               profile.own[order[i]], profile.others[order[i]]);
        free(text);
        text = longer;
    }
    if (file) {
        fputs(text, file);
        fclose(file);
    }
    free(text);
}

/* What is left of the wall clock is in no part, also where a thread beside the main one ends the
 * process. */
static void finish(void)
{
    double total, parts = 0;

    if (getpid() != profile.process) /* a child's end is not ours */
        return;
    if (here.is_main)
        change(PROFILE_OTHER);
    total = seconds(CLOCK_MONOTONIC) - profile.began;
    for (int i = 0; i < PROFILE_PARTS; i++)
        parts += i == PROFILE_OTHER ? 0 : profile.own[i];
    profile.own[PROFILE_OTHER] = total - parts;
    if (profile.prints)
        print(total);
    if (profile.table && profile.own[PROFILE_WRITING] + profile.own[PROFILE_CHECKPOINT] > 0)
        append();
}

void profile_start(const char *tool, const char *output, bool prints, const char *table)
{
    double used =
        seconds(CLOCK_PROCESS_CPUTIME_ID); /* also before the program started itself again */

    profile.tool = tool;
    profile.output = output;
    profile.prints = prints;
    profile.table = table && *table ? table : NULL;
    if (!prints && !profile.table)
        return;
    profile.on = true;
    profile.process = getpid();
    profile.began = seconds(CLOCK_MONOTONIC) - used;
    profile.own[PROFILE_START] = used;
    here.is_main = true;
    here.since = profile.began + used;
    atexit(finish);
}
