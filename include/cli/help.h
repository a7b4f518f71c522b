/* help: the option table for people, on standard output. */
#ifndef HELP_H
#define HELP_H

#include "cli/options.h"

/* --help. KASANE_COMMAND in the environment, such as "kasane", stands in front of the program's
 * name: it is how the program was called. */
void help_print(const struct cli_table *t);
/* --describe: the same for programs, from which man pages and completion are made. Lines of fields
 * with tabs between them, which do not depend on the machine:
 *
 *     tool     NAME
 *     synopsis TEXT
 *     summary  TEXT                          one for each of its lines
 *     option   "--name VALUE" DEFAULT HELP   DEFAULT may be empty
 *     example  TEXT                          one for each command line
 */
void help_describe(const struct cli_table *t);
/* --print-config: the settings, a line each, as a .conf file. */
void help_settings(const struct cli *cli);

#endif
