/* conf: settings from a file.
 *
 * A .conf file holds options, "epochs = 100", one a line; "#" starts a comment at the start of a
 * line or behind a blank; blank lines and the order do not matter, nor do a byte order mark, CR LF
 * at the ends of lines, and ":" for "=". An unknown key names the file, the line and the nearest
 * known key; a key given twice, a line without "=", a bad value, a NUL byte and UTF-16 are errors
 * too (exit 2).
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>

#include "cli/options.h"

/* Reads the file at PATH into the options of T. Those that are GIVEN keep their value; what the
 * file says of them is checked all the same. */
void conf_read(const char *path, const struct cli_table *t, const bool given[CLI_MAX_OPTIONS]);

#endif
