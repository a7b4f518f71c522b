/* cli: one table of options per program is the single source of parsing, checking, --help and
 * --print-config.
 *
 * A setting is a long option, "--epochs 100" or "--epochs=100"; a .conf file is the same options,
 * "epochs = 100", one a line, "#" starts a comment; "-c FILE" reads it, and what stands on the
 * command line wins over the file wherever it stands. An unknown key names the file, the line and
 * the nearest known key; a key given twice in one file is an error.
 * "-" alone is an argument (standard input); "--" ends the options. A bad value exits 2 and says
 * what was got and wanted.
 *
 * Every program takes --threads, --memory and --profile; KASANE_PROFILE in the environment names a
 * file for the same figures.
 *
 * Options marked CLI_SETTING decide the bytes of the output: they, and they alone, make the
 * canonical form, which
 * --print-config prints and the history of every output records. All others (threads, memory, file
 * names) do not.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cli_type {
    CLI_INT,    /* int64_t, min..max inclusive */
    CLI_REAL,   /* double, min..max inclusive; finite */
    CLI_BOOL,   /* bool; yes or no */
    CLI_FLAG,   /* bool; takes no value on the command line ("--tsv"); yes or no in a file */
    CLI_CHOICE, /* int: the position in `choices`, "a|b|c" */
    CLI_TEXT,   /* const char *, never NULL unless that is the default */
    CLI_SIZE,   /* int64_t bytes: 512M, 1G, 1GiB, 4096; min..max in bytes */
    CLI_TIME,   /* double seconds: 90, 60s, 5m, 1h; min..max in seconds */
    CLI_COLOUR, /* uint8_t[3]: white, black, #rrggbb */
};

enum {                  /* flags */
       CLI_SETTING = 1, /* the value decides the bytes of the output */
       CLI_INPUT =
           2, /* text: a file that is read, recorded like an argument; empty or NULL: none */
       CLI_OUTPUT = 4, /* text: a file that is written beside the one at -o; empty or NULL: none */
};

struct cli_option {
    const char *name; /* long name without the dashes; a NULL name ends the table */
    enum cli_type type;
    void *value;         /* where the value goes; what stands there before is the default */
    double min, max;     /* CLI_INT, CLI_REAL, CLI_SIZE; both 0: any */
    const char *choices; /* CLI_CHOICE: "relu|linear"; otherwise what --help calls the value, such
                            as "FILE" (NULL: from the type) */
    unsigned flags;
    const char *help; /* one line; the default is appended */
};

struct cli {
    const char *tool;                 /* program name */
    const char *synopsis;             /* "TRAIN TEST -o MODEL" */
    const char *summary;              /* one or two lines: what goes in, what comes out */
    const char *example;              /* one command line that works, or a few */
    const struct cli_option *options; /* the program's own; the common ones below are added */
    const struct cli_option *more;    /* a second table, shared between programs; or NULL */
    int min_arguments, max_arguments; /* positional; max < 0: any number */
    bool no_output;                   /* program has no -o */
    bool uses_seed;                   /* adds --seed as a CLI_SETTING */

    /* filled by cli_parse */
    char **arguments; /* positional, n_arguments of them, NULL at the end */
    int n_arguments;
    const char *output; /* -o; NULL: standard output */
    int64_t threads;    /* --threads; default: the cores this process may use */
    int64_t memory;     /* --memory in bytes; default 1 GiB */
    int64_t seed;       /* --seed; default 0 */
    bool profile;       /* --profile: at the end say where the time went (profile.h) */
    bool why;           /* --why: only say whether the output at -o was made with these settings
                           (history_start answers) */
    bool audit;         /* --audit: only say whether it was made from what the inputs hold
                           (history_is_current answers) */
};

/* Parses argv. Answers --help, --version and --print-config itself and exits 0. Also sets
 * report_init(tool) and the number of OpenMP threads. Dies (2) on a wrong option, value or number
 * of arguments. */
void cli_parse(struct cli *cli, int argc, char **argv);

/* The settings in canonical form, one call per setting in table order: the key and the value as it
 * would be written in a .conf file, numbers in the shortest form that reads back equal. `seed` last
 * where it is used. */
void cli_each_setting(const struct cli *cli,
                      void (*each)(void *context, const char *key, const char *value),
                      void *context);

/* Lists of choices, "a|b|c": the name at POSITION, *length bytes of it; the position of the name
 * TEXT of LENGTH bytes, -1: none. */
const char *cli_choice(const char *choices, int position, int *length);
int cli_find_choice(const char *choices, const char *text, size_t length);

/* The files that the command line names: FLAG CLI_INPUT, the arguments and then the options so
 * marked; CLI_OUTPUT, the options. */
void cli_each_file(const struct cli *cli, unsigned flag,
                   void (*each)(void *context, const char *path), void *context);

#endif
