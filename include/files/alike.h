/* alike: the ranks of one run (ranks.h) work on the same files with the same settings, or not at
 * all: otherwise they would wait for one another in vain. Of one process there is nothing to say.
 */
#ifndef ALIKE_H
#define ALIKE_H

#include <stdbool.h>

#include "cli/options.h"
#include "files/history.h"

/* Dies where an input of several ranks can be read only once, such as standard input. */
void alike_want_files(const struct cli *cli);
/* Dies where TEXT is not that of rank 0: "WHAT not those of rank 0". */
void alike_want(const char *text, const char *what);
/* The same of the records H; then history_is_current, as rank 0 finds. */
bool alike_is_current(const struct history *h, const struct cli *cli);

#endif
