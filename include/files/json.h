/* json: JSON text that anybody may have written: refused before it is parsed where it would take
 * more memory and time than ours ever does. Depth counts arrays and objects inside one another;
 * values all there are, keys too.
 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stddef.h>

enum { JSON_MAX_TEXT = 4 << 20, JSON_MAX_DEPTH = 16, JSON_MAX_VALUES = 1 << 16 };

/* The value in the LEN bytes of TEXT, an array or an object, no key in it twice; NULL where it is
 * none, or over these limits. */
json_t *json_parse(const char *text, size_t len);

/* To write. VALUE, where it is not NULL; otherwise the process ends, for there is no memory. */
json_t *json_checked(json_t *value);
/* TEXT as a value. JSON wants UTF-8, which a file name need not be: of such a text all bytes from
 * 128 on are written \xNN. */
json_t *json_text(const char *text);
/* VALUE without blanks, a new string. */
char *json_format(const json_t *value);

#endif
