/* history: what made a file, and whether that is still true.
 *
 * A history is JSON text, an array of records, ancestors first, the file's own record last; no
 * record twice:
 *
 *     {"tool":"train-stage","revision":1,"settings":{"epochs":"100",...},
 *      "inputs":["xxh128:...","xxh128:..."],"output":"xxh128:..."}
 *
 * Settings are the canonical form of the program's settings; inputs are the digests of the contents
 * of its inputs, in order of the arguments; output is the digest of the content of what it wrote.
 * No dates, hosts or paths: the same inputs and settings give the same bytes. `revision` is a
 * number in each program, raised when its arithmetic changes.
 *
 * Use: history_start, history_input for each input, history_is_current to find that nothing needs
 * doing, and history_text when the output's digest is known. An input without a history (a plain
 * file) has only its digest.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

struct history;

/* Starts the record of this run. Where cli->why is set it instead answers for the file at
 * cli->output and exits: with no output and status 0 where it was made by this tool at this
 * revision with these settings; otherwise with status 1 and one line per reason on standard output,
 * "missing", "revision 1 -> 2", "epochs 100 -> 120", "inputs 4 -> 3", "'train-0.npy.zst' is not
 * what it was made from", "damaged: ...", or of a file written beside it "missing 'pca-2.tsv'",
 * "'pca-2.tsv' may be of another run" (whole_begin). Of an input it reads no more than the digest
 * in its history; where the input is missing, or has no history, nothing is said of it. Asked about
 * a file by another tool it answers for the nearest record of this tool among the ancestors: what a
 * file now missing was, the files made from it still know. */
struct history *history_start(const struct cli *cli, int revision);
/* Whether the run is an audit (cli->audit): an input's digest is then to be computed, not taken
 * from its own history. */
bool history_audits(const struct history *h);
/* Adds a record field that is derived, not an option (such as the stage number of a bundle); part
 * of the settings. */
void history_setting(struct history *h, const char *key, const char *value);
/* Adds an input: its DIGEST, and its history TEXT (NULL: none), whose records are copied. */
void history_input(struct history *h, const char *digest, const char *text);
/* Whether the file at PATH (NULL, "-" or no regular file: false) records exactly this run, tool,
 * revision, settings and inputs, and the files written beside it are there and of the same run.
 * Then the date of all of them becomes now, for Make to see, and a note says that nothing was to be
 * done; the caller returns 0. In an audit it answers as history_start does, but by the digests of
 * the inputs added, each in its place, and exits; nothing is written. */
bool history_is_current(const struct history *h, const char *path);
/* Whether the last record of TEXT is of a run as this one: NULL where tool, revision, inputs and
 * all settings but EXCEPT are equal, otherwise what differs, a line of text that the caller frees.
 */
char *history_difference(const struct history *h, const char *text, const char *except);
/* The complete history as JSON text, one line, for an output with this content DIGEST; the caller
 * frees it. */
char *history_text(const struct history *h, const char *digest);
void history_free(struct history *h);

/* The history text of any file of ours (tensor, model, PNG), or NULL; the caller frees it. Damage
 * is no error here: NULL. */
char *history_read(const char *path);
/* The digest that the last record of TEXT gives for its own content; false where there is none. */
bool history_digest(const char *text, char *digest, size_t size);
/* Digest of the last record in TEXT made by TOOL (such as "finetune"), to compare origins; false
 * where there is none. */
bool history_find(const char *text, const char *tool, char *digest, size_t size);
/* Readable form, a few lines per record, to standard output. */
void history_print(const char *text);

#endif
