/* profile: where the time of a process goes, by the parts of its work.
 *
 * A thread is in one part at a time. Those of the main thread add up to the wall clock of the
 * process, from its start to its end: the processor time that it used until profile_start is the
 * part `start`. Those of threads that work meanwhile (frames, batches, PNG files) are summed beside
 * them; what such a thread does outside of any part is not counted, nor are OpenMP's threads within
 * the main thread's arithmetic. While nobody asks, a call costs a test.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdbool.h>

enum profile_part {
    PROFILE_OTHER, /* main thread: settings, histories, whatever is no part; other threads: idle,
                      not counted */
    PROFILE_START,
    PROFILE_READING, /* files, decompression, PNG, hashes; rows to batches */
    PROFILE_ARITHMETIC,
    PROFILE_WRITING,    /* hashes, compression, files */
    PROFILE_WAITING,    /* for other threads */
    PROFILE_DISK,       /* until what was written is on the disk */
    PROFILE_CHECKPOINT, /* and all parts within it */
    PROFILE_PARTS
};

/* Counts from here on, for the tool at work on OUTPUT. At the end of the process: with PRINTS a
 * table on standard error; with TABLE, unless NULL, appended to that file where anything was
 * written, a line a part: tool, output, part, seconds, seconds of other threads. The texts must
 * outlive the process. */
void profile_start(const char *tool, const char *output, bool prints, const char *table);
/* What stands above the table beside the threads: what the arithmetic runs on, the size of its
 * scratch. */
void profile_head(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that stands below the table, after those before it; profile_head takes them away. */
void profile_note(const char *line);

/* This thread is in PART from here on. Returns where it was, for profile_leave. */
enum profile_part profile_enter(enum profile_part part);
void profile_leave(enum profile_part before);
/* Seconds on a clock that only moves forward; from when is not said. */
double profile_seconds(void);

#endif
