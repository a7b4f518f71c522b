/* progress: how far a stage is, in a line on standard error, with the time left:
 *
 *     encode-stage: 'train-1.npy.zst': 1200 of 6000 rows, 0:00:12 left
 *
 * On a terminal the line is rewritten, ten times a second at most, from the first second of the
 * process on. Elsewhere, and below a make that runs several jobs, it is a line of its own: the
 * first after 10 s, later ones after 10 s and a fifth of the time passed, 10 minutes at most, and
 * none within 10 s of any other message. Each line is one write, so that those of several processes
 * do not mix. A short run says nothing.
 *
 * To be called as often as there is something new, by one thread at a time. A phase begins with the
 * first call, with another total, and behind progress_end; the time left is of the phase, from what
 * was done since it began.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* At the start of the process: OUTPUT, whose last part names the stage; NULL or "-": no name. It
 * must outlive the process. */
void progress_start(const char *output);
/* DONE of TOTAL steps; the text says it in words. Where no line is due, a look at the clock. */
void progress_show(size_t done, size_t total, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same in two steps, where the words are dear: whether a line is due, and the line. */
bool progress_due(size_t done, size_t total);
void progress_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The phase is over: clears the line of a terminal. */
void progress_end(void);

/* "1:02:03", from 100 hours on "5 days", from 10000 days on "over 10000 days". */
enum { PROGRESS_TIME_SIZE = 24 };
void progress_time(char text[PROGRESS_TIME_SIZE], double seconds);

/* Seconds on a clock that only moves forward; a test has its own. */
extern double (*progress_clock)(void);

#endif
