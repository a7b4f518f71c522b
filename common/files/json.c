#include "files/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

/* What stands in strings does not count. Every value but the first of its container follows one of
 * "[{,:". */
static bool is_bounded(const char *text, size_t len)
{
    size_t depth = 0, n_values = 0;
    bool in_string = false;

    for (size_t i = 0; i < len && depth <= JSON_MAX_DEPTH && n_values <= JSON_MAX_VALUES; i++) {
        char c = text[i];

        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '[' || c == '{')
            depth++;
        else if (c == ']' || c == '}')
            depth -= depth > 0;
        n_values += !in_string && (c == '[' || c == '{' || c == ',' || c == ':');
    }
    return depth <= JSON_MAX_DEPTH && n_values <= JSON_MAX_VALUES;
}

json_t *json_parse(const char *text, size_t len)
{
    if (len > JSON_MAX_TEXT || !is_bounded(text, len))
        return NULL;
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

json_t *json_checked(json_t *value)
{
    if (!value)
        die("out of memory: JSON wanted");
    return value;
}

json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    char *escaped, *p;

    if (value)
        return value;
    p = escaped = xmalloc(4 * strlen(text) + 1);
    for (; *text; text++)
        p += (unsigned char)*text < 0x80 ? sprintf(p, "%c", *text)
                                         : sprintf(p, "\\x%02x", (unsigned char)*text);
    *p = '\0';
    value = json_checked(json_string(escaped));
    free(escaped);
    return value;
}

char *json_format(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);

    if (!text)
        die("out of memory: JSON wanted");
    return text;
}
