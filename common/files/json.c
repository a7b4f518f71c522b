#include "files/json.h"

#include <stdbool.h>

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
