/* check-progress terminal|elsewhere: what progress.h says on standard error, by a clock of its own,
 * and whether the text of a time is true.
 *
 * terminal: a stage of 3 s, of which 300 steps are told. elsewhere: one of 2 h in steps of a
 * second, with a message at 100 s; then one of 9 s.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/progress.h"
#include "base/report.h"

static double now;

static double clock_of_test(void)
{
    return now;
}

static int check_time(void)
{
    static const struct {
        double seconds;
        const char *want;
    } cases[] = {
        {0, "0:00:00"},
        {59.9, "0:00:59"},
        {3723, "1:02:03"},
        {359999.5, "99:59:59"},
        {360000, "4 days"},
        {86400 * 5.5, "5 days"},
        {86400 * 9999.9, "9999 days"},
        {86400 * 1e4, "over 10000 days"},
        {2147483648.0 * 60, "over 10000 days"},
        {1e300, "over 10000 days"},
        {INFINITY, "over 10000 days"},
        {NAN, "over 10000 days"},
    };
    int n_bad = 0;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[PROGRESS_TIME_SIZE];

        progress_time(got, cases[i].seconds);
        if (strcmp(got, cases[i].want) == 0)
            continue;
        printf("%g seconds: got '%s', want '%s'\n", cases[i].seconds, got, cases[i].want);
        n_bad++;
    }
    return n_bad;
}

/* N steps of STEP seconds each. */
static void run(size_t n, double step, size_t message_at)
{
    for (size_t i = 0; i <= n; i++) {
        if (i > 0 && i == message_at)
            note("a message");
        progress_show(i, n, "%zu of %zu rows at %g s", i, n, now);
        now += step;
    }
    progress_end();
}

int main(int argc, char **argv)
{
    report_init("check");
    progress_clock = clock_of_test;
    if (argc == 2 && strcmp(argv[1], "terminal") == 0) {
        progress_start("out/x.npy.zst");
        run(300, 1. / 128, 0);
        note("done");
    } else {
        progress_start("-");
        run(7200, 1, 100);
        progress_start(NULL);
        run(9, 1, 0);
    }
    return check_time() > 0;
}
