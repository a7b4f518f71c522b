/* options: the options of a program in one table, the single source of parsing, checking, --help,
 * --print-config, man pages and completion.
 *
 * Options marked CLI_SETTING decide the bytes of the output: they, and they alone, make the
 * canonical form, which --print-config prints and the history of every output records. All others
 * (threads, memory, file names) do not.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/value.h"

/* A former name of an option: still read in .conf files and histories, an error on the command
 * line. */
struct cli_renamed {
    const char *before, *now; /* a NULL `before` ends a list */
};

struct cli {
    const char *tool;                  /* program name */
    const char *synopsis;              /* "TRAIN TEST -o MODEL" */
    const char *summary;               /* one or two lines: what goes in, what comes out */
    const char *example;               /* command lines that work, one a line */
    const struct cli_option *options;  /* the program's own; the common ones below are added */
    const struct cli_option *more;     /* a second table, shared between programs; or NULL */
    const struct cli_renamed *renamed; /* or NULL */
    int min_arguments, max_arguments;  /* positional; max < 0: any number */
    bool no_output;                    /* program has no -o */
    bool makes_folder;                 /* -o is a folder, made with those above it */
    bool uses_seed;                    /* adds --seed as a CLI_SETTING */

    /* filled by cli_parse */
    char **arguments; /* positional, n_arguments of them, NULL at the end */
    int n_arguments;
    const char *output; /* -o; NULL: standard output */
    int64_t threads;    /* --threads; default: cores.h */
    int64_t memory;     /* --memory in bytes; default 1 GiB */
    int64_t seed;       /* --seed; default 0 */
    bool profile;       /* --profile: at the end say where the time went (profile.h) */
    bool why;           /* --why: only say whether the output at -o was made with these settings
                           (history_start answers); arguments may then be missing */
    char **defaults; /* of the options in the order of the table, as text; NULL: recorded anyway */
    bool audit;      /* --audit: only say whether it was made from what the inputs hold
                        (history_is_current answers) */
};

/* All options of a program: its own, then the common ones. */
enum { CLI_MAX_OPTIONS = 64 };
struct cli_table {
    const struct cli *cli;
    struct cli_option options[CLI_MAX_OPTIONS];
    int n;
};
void cli_table_init(struct cli_table *t, const struct cli *cli);
/* The position of the option KEY, -1: none. */
int cli_find(const struct cli_table *t, const char *key);
/* ", nearest is 'epochs'", or "" where no name is near KEY. */
const char *cli_nearest(const struct cli_table *t, const char *key);
/* What the option is called whose former name is KEY; KEY itself where it is no former name. */
const char *cli_current_name(const struct cli *cli, const char *key);

/* The settings in canonical form, one call per setting in table order: the key and the value as it
 * would be written in a .conf file. `seed` last where it is used. */
void cli_each_setting(const struct cli *cli,
                      void (*each)(void *context, const char *key, const char *value),
                      void *context);
/* Those of them that a history records: without those CLI_LATER that have their default. */
void cli_each_recorded(const struct cli *cli,
                       void (*each)(void *context, const char *key, const char *value),
                       void *context);
/* The default of the option KEY, which a history does not record; NULL: none such. */
const char *cli_unrecorded(const struct cli *cli, const char *key);
/* Notes the defaults, before a value is set. */
void cli_note_defaults(struct cli *cli);

/* The files that the command line names: FLAG CLI_INPUT, the arguments and then the options so
 * marked; CLI_OUTPUT, the options. */
void cli_each_file(const struct cli *cli, unsigned flag,
                   void (*each)(void *context, const char *path), void *context);

#endif
