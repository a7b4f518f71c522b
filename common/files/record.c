#include "files/record.h"

#include <stdio.h>
#include <string.h>

#include "base/report.h"

enum { MAX_RECORDS = 4096 }; /* a history of more is damage: each is held against all before it */

json_t *record_parse(const char *text)
{
    json_t *records = text ? json_parse(text, strlen(text)) : NULL;
    bool fits = json_is_array(records) && json_array_size(records) <= MAX_RECORDS;
    size_t i;
    json_t *record;

    json_array_foreach(records, i, record) fits = fits && json_is_object(record);
    if (!fits) {
        json_decref(records);
        return NULL;
    }
    return records;
}

static void rename_settings(json_t *settings, const struct cli_renamed *r)
{
    for (; r && r->before; r++) {
        json_t *value = json_object_get(settings, r->before);

        if (value && !json_object_get(settings, r->now))
            json_object_set(settings, r->now, value);
        json_object_del(settings, r->before);
    }
}

json_t *record_parse_for(const struct cli *cli, const char *text)
{
    json_t *records = record_parse(text), *record;
    size_t i;

    json_array_foreach(records, i,
                       record) if (strcmp(record_string(record, "tool"), cli->tool) == 0)
        rename_settings(json_object_get(record, "settings"), cli->renamed);
    return records;
}

const json_t *record_last(const json_t *records)
{
    return json_array_get(records, json_array_size(records) - 1); /* NULL where there is none */
}

const char *record_string(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text ? text : "";
}

bool record_same_run(const json_t *a, const json_t *b)
{
    static const char *const keys[] = {"tool", "revision", "settings", "derived", "inputs"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *x = json_object_get(a, keys[i]), *y = json_object_get(b, keys[i]);

        if (x != y && !json_equal(x, y)) /* both may be absent */
            return false;
    }
    return a && b;
}

static bool digest_of(const json_t *record, char *digest, size_t size)
{
    const char *text = record_string(record, "output");

    return *text && (size_t)snprintf(digest, size, "%s", text) < size;
}

bool record_digest(const char *text, char *digest, size_t size)
{
    json_t *records = record_parse(text);
    bool found = digest_of(record_last(records), digest, size);

    json_decref(records);
    return found;
}

bool record_find(const char *text, const char *tool, char *digest, size_t size)
{
    json_t *records = record_parse(text), *record;
    bool found = false;
    size_t i;

    json_array_foreach(records, i, record) if (strcmp(record_string(record, "tool"), tool) == 0)
        found = digest_of(record, digest, size);
    json_decref(records);
    return found;
}

static bool is_among(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

bool record_first_input(const char *text, const char *const *tools, char *digest, size_t size)
{
    json_t *records = record_parse(text), *record;
    const bool is_history = records;
    size_t i;

    *digest = '\0';
    json_array_foreach(records, i, record)
    {
        const json_t *inputs = json_object_get(record, "inputs");
        const char *input = json_string_value(json_array_get(inputs, 0));

        if (input && is_among(tools, record_string(record, "tool")))
            snprintf(digest, size, "%s", input);
    }
    json_decref(records);
    return is_history;
}

void record_setting(const char *text, const char *tool, const char *key, char *value, size_t size)
{
    json_t *records = record_parse(text), *record;
    size_t i;

    *value = '\0';
    json_array_foreach(records, i, record) if (strcmp(record_string(record, "tool"), tool) == 0)
        snprintf(value, size, "%s", record_string(json_object_get(record, "settings"), key));
    json_decref(records);
}

static void print_settings(const json_t *settings)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)settings, key, value) print_line(
        "    %s = %s", key, json_string_value(value) ? json_string_value(value) : "(damaged)");
}

void record_print(const char *text)
{
    json_t *records = record_parse(text), *record, *input;
    size_t i, k;

    json_array_foreach(records, i, record)
    {
        print_line("%s, revision %lld", record_string(record, "tool"),
                   (long long)json_integer_value(json_object_get(record, "revision")));
        print_settings(json_object_get(record, "settings"));
        print_settings(json_object_get(record, "derived"));
        json_array_foreach(json_object_get(record, "inputs"), k, input) print_line(
            "    input  %s", json_string_value(input) ? json_string_value(input) : "(damaged)");
        print_line("    output %s", record_string(record, "output"));
    }
    json_decref(records);
}
