/* The time left, as a training tells it: whatever its length, a text that is true. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/log.h"

int main(void)
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
        char got[LOG_TIME_SIZE];

        log_time(got, cases[i].seconds);
        if (strcmp(got, cases[i].want) == 0)
            continue;
        printf("%g seconds: got '%s', want '%s'\n", cases[i].seconds, got, cases[i].want);
        n_bad++;
    }
    return n_bad > 0;
}
