/* record: what a history says.
 *
 * A history is JSON text, an array of records, ancestors first, the file's own record last; no
 * record twice:
 *
 *     {"tool":"train-stage","revision":1,"settings":{"epochs":"100",...},
 *      "inputs":["xxh128:...","xxh128:..."],"output":"xxh128:..."}
 *
 * Settings are the canonical form of the program's settings; inputs are the digests of the contents
 * of its inputs, in order of the arguments; output is the digest of the content of what it wrote.
 * `derived` holds what else decides the content and is no option; absent where there is nothing. No
 * dates, hosts or paths: the same inputs and settings give the same bytes. `revision` is a number
 * in each program, raised when its arithmetic changes.
 *
 * Anybody may have written a history: all functions take any text, and NULL.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "files/json.h"

/* The records of TEXT, an array of objects, which the caller owns; NULL where it is none, or over
 * the limits of json.h and 4,096 records. */
json_t *record_parse(const char *text);
/* The same, to be compared with what the program of CLI records: its settings, where they have
 * former names (cli->renamed), by the present ones. */
json_t *record_parse_for(const struct cli *cli, const char *text);
/* The last of RECORDS; NULL where there is none. */
const json_t *record_last(const json_t *records);
/* The text under KEY; "" where there is none. */
const char *record_string(const json_t *record, const char *key);
/* Whether two records are of one run: equal in all but what was written. */
bool record_same_run(const json_t *a, const json_t *b);
/* The digest that the last record of TEXT gives for its own content; false where there is none. */
bool record_digest(const char *text, char *digest, size_t size);
/* Digest of the last record in TEXT made by TOOL (such as "finetune"), to compare origins; false
 * where there is none. */
bool record_find(const char *text, const char *tool, char *digest, size_t size);
/* The first input of the last record in TEXT made by one of TOOLS, whose last is NULL: what such a
 * tool applied, a model; "" where there is none. False where TEXT is no history. */
bool record_first_input(const char *text, const char *const *tools, char *digest, size_t size);
/* The value of the setting KEY in the last record in TEXT made by TOOL; "" where there is none. */
void record_setting(const char *text, const char *tool, const char *key, char *value, size_t size);
/* Readable form, a few lines per record, to standard output. */
void record_print(const char *text);

#endif
