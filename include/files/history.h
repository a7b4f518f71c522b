/* history: what made a file, and whether that is still true.
 *
 * record.h says what stands in a history, keep.h where a file keeps it.
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
#include "files/trailer.h"
#include "files/zio.h"

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
/* The same in two steps, for a program that knows what is derived before it is asked: history_new
 * starts the record, history_setting may follow, history_ask answers. */
struct history *history_new(const struct cli *cli, int revision);
void history_ask(const struct history *h);
/* Whether the run is an audit (cli->audit): an input's digest is then to be computed, not taken
 * from its own history. */
bool history_audits(const struct history *h);
/* Adds a record field that is derived, not an option (such as the stage number of a bundle); part
 * of the settings. VALUE NULL takes it away. */
void history_setting(struct history *h, const char *key, const char *value);
/* Between history_new and history_ask: where the file asked about records KEY as derived, it must
 * have this VALUE. Of a library that decides content, but not of every file. */
void history_if_recorded(struct history *h, const char *key, const char *value);
/* What the file at PATH records as derived under KEY: a new string, or NULL. */
char *history_recorded(const char *path, const char *key);
/* Adds an input: its DIGEST, and its history TEXT (NULL: none), whose records are copied. */
void history_input(struct history *h, const char *digest, const char *text);
/* Whether the file at PATH (NULL, "-" or no regular file: false) records exactly this run, tool,
 * revision, settings and inputs, and the files written beside it are there and of the same run.
 * Then the date of all of them becomes now, for Make to see, and a note says that nothing was to be
 * done; the caller returns 0. In an audit it answers as history_start does, but by the digests of
 * the inputs added, each in its place, and exits; nothing is written. */
bool history_is_current(const struct history *h, const char *path);
/* Whether the last record of TEXT is of a run as this one: NULL where tool, revision, inputs and
 * all settings but EXCEPT (NULL: all) are equal, otherwise what differs, a line of text that the
 * caller frees.
 */
char *history_difference(const struct history *h, const char *text, const char *except);
/* The same of part I of N, from 0, of what H records; its first input, which H lacks, is its own.
 */
char *history_part_difference(const struct history *h, const char *text, size_t i, size_t n);
/* The complete history as JSON text, one line, for an output with this content DIGEST; the caller
 * frees it. */
char *history_text(const struct history *h, const char *digest);
/* The history of a whole, of those of its N parts, TEXTS: each the same but for its output and
 * "shard", derived, which is "1/N" to "N/N" in this order. NULL, and *bad is the number of the
 * first that does not fit. The caller frees it. */
char *history_of_parts(char *const *texts, size_t n, const char *digest, size_t *bad);
/* Ends W, a table for PATH, and writes its history beside it; nothing beside what is no regular
 * file. Between whole_begin and whole_end of the main output, which may be the table itself. A
 * table with a column of seconds (table.h) is not for it. */
void history_commit_table(const struct history *h, struct zio_writer *w, const char *path);
/* The latter alone, for a table of this DIGEST. */
void history_keep_table(const struct history *h, const char *path, const char *digest);
/* Ends W, SVG or HTML, with its history as a comment. */
void history_commit_markup(const struct history *h, struct zio_writer *w);
/* Ends W, ONNX or Parquet (keep_trailer). */
void history_commit_trailer(const struct history *h, struct zio_writer *w, enum trailer_kind kind,
                            size_t footer_len);
void history_free(struct history *h);

#endif
