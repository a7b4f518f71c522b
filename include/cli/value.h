/* value: an option, and its value as text.
 *
 * The text of a value is what stands on the command line, in a .conf file, in --help and in the
 * history of an output. value_format writes the canonical form: numbers in the shortest form that
 * reads back equal, choices as the table spells them.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_type {
    CLI_INT,    /* int64_t, min..max inclusive; a default beyond them is none: it has no text */
    CLI_REAL,   /* double, min..max inclusive; finite */
    CLI_BOOL,   /* bool; yes or no */
    CLI_FLAG,   /* bool; takes no value on the command line ("--tsv"); yes or no in a file */
    CLI_CHOICE, /* int: the position in `choices`, "a|b-c|d"; dashes and underscores of a choice do
                   not matter: b_c is b-c */
    CLI_TEXT,   /* const char *, never NULL unless that is the default */
    CLI_SIZE,   /* int64_t bytes: 512M, 1G, 1GiB, 4096; min..max in bytes */
    CLI_TIME,   /* double seconds: 90, 60s, 5m, 1h; min..max in seconds */
    CLI_COLOUR, /* uint8_t[3]: white, black, #rrggbb */
};

/* Flags. */
enum {
    CLI_SETTING = 1, /* the value decides the bytes of the output */
    CLI_INPUT = 2,   /* text: a file that is read, recorded like an argument; empty or NULL: none */
    /* With CLI_SETTING: histories record the value only where it is not the default. Of a setting
     * that came later: what was made before stays true. Its default may then not change without the
     * program's revision. */
    CLI_LATER = 8,
    CLI_OUTPUT = 4, /* text: a file written beside the one at -o; empty or NULL: none */
};

struct cli_option {
    const char *name; /* long name without the dashes; a NULL name ends a table */
    enum cli_type type;
    void *value;         /* where the value goes; what stands there before is the default */
    double min, max;     /* CLI_INT, CLI_REAL, CLI_SIZE; both 0: any */
    const char *choices; /* CLI_CHOICE: "relu|linear"; otherwise what --help calls the value, such
                            as "FILE" (NULL: from the type) */
    unsigned flags;
    const char *help; /* one line; the default is appended */
};

/* Stores TEXT as the value of O; false where it is no such value or out of range. TEXT must outlive
 * the process. */
bool value_parse(const struct cli_option *o, const char *text);
/* The canonical text of the value, cut at SIZE bytes, which 64 are enough for but CLI_TEXT. */
void value_format(char *text, size_t size, const struct cli_option *o);
/* What a good value would be: "a number from 0 to 1". */
const char *value_wanted(const struct cli_option *o);

/* Lists of choices, "a|b|c": the name at POSITION, *length bytes of it; the position of the name
 * TEXT of LENGTH bytes, -1: none. */
const char *value_choice(const char *choices, int position, int *length);
int value_find_choice(const char *choices, const char *text, size_t length);
/* Lists of numbers, "7,5,3", each from LOW to HIGH, MOST of them at most: how many; 0 where TEXT is
 * no such list. */
size_t value_numbers(int64_t *numbers, size_t most, const char *text, int64_t low, int64_t high);

#endif
