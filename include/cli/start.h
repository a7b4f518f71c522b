/* start: the start of a process, from the command line to options, threads and profile.
 *
 * A setting is a long option, "--epochs 100" or "--epochs=100"; "-c FILE" reads a .conf file
 * (conf.h), and what stands on the command line wins over the file wherever it stands. "-" alone is
 * an argument (standard input); "--" ends the options. A bad value exits 2 and says what was got
 * and wanted.
 *
 * Every program takes --threads, --memory and --profile; KASANE_PROFILE in the environment names a
 * file for the figures of --profile.
 */
#ifndef START_H
#define START_H

#include "cli/options.h"

/* Parses argv into the options' values and the fields of CLI. Answers --help, --version,
 * --describe and --print-config itself and exits 0. Also sets report_init(tool), the number of
 * OpenMP threads and the profile. Dies (2) on a wrong option, value or number of arguments. */
void cli_parse(struct cli *cli, int argc, char **argv);

#endif
