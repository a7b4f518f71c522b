#include "files/reasons.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/report.h"
#include "files/keep.h"
#include "files/table.h"
#include "files/whole.h"

void reasons_add(struct reasons *r, const char *format, ...)
{
    va_list arguments;
    char *text, *line;
    size_t size;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        die("out of memory: a reason wanted");
    va_end(arguments);
    line = printable(text);
    size = strlen(line);
    free(text);
    r->text = xrealloc(r->text, r->size + size + 2, 1);
    memcpy(r->text + r->size, line, size);
    memcpy(r->text + r->size + size, "\n", 2);
    r->size += size + 1;
    r->n++;
    free(line);
}

void reasons_of_settings(struct reasons *r, const char *kind, bool only_own)
{
    json_t *old = json_object_get(r->old, kind), *own = json_object_get(r->own, kind), *value;
    const char *key;

    json_object_foreach(own, key, value)
    {
        const char *before = json_string_value(json_object_get(old, key));

        if (!before && r->cli)
            before = cli_unrecorded(r->cli, key);
        if (!before)
            reasons_add(r, "%s (none) -> %s", key, json_string_value(value));
        else if (strcmp(before, json_string_value(value)) != 0)
            reasons_add(r, "%s %s -> %s", key, before, json_string_value(value));
    }
    json_object_foreach(old, key, value) if (!only_own && !json_object_get(own, key))
    {
        const char *now = r->cli ? cli_unrecorded(r->cli, key) : NULL;

        reasons_add(r, "%s %s -> %s", key,
                    json_string_value(value) ? json_string_value(value) : "(damaged)",
                    now ? now : "(none)");
    }
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static const char *input_of(const json_t *record, size_t i)
{
    const char *digest = json_string_value(json_array_get(json_object_get(record, "inputs"), i));

    return digest ? digest : "nothing";
}

/* The digest of an input's content must be the one recorded in its place. */
static void audit_input(void *context, const char *path)
{
    struct reasons *r = context;
    const char *before = input_of(r->old, r->n_inputs), *now = input_of(r->own, r->n_inputs);

    r->n_inputs++;
    if (strcmp(before, now) != 0)
        reasons_add(r, "'%s' is not what it was made from: it holds %s, recorded is %s",
                    name_of(path), now, before);
}

static bool is_input(const json_t *record, const char *digest)
{
    const json_t *inputs = json_object_get(record, "inputs");

    for (size_t i = 0; i < json_array_size(inputs); i++)
        if (strcmp(input_of(record, i), digest) == 0)
            return true;
    return false;
}

static void compare_input(void *context, const char *path)
{
    struct reasons *r = context;
    char error[ZIO_ERROR], digest[DIGEST_SIZE], *text = NULL;
    bool known, found;

    r->n_inputs++;
    known = strcmp(path, "-") != 0 && !keep_try_read(path, &text, error)
        && record_digest(text, digest, sizeof digest);
    free(text);
    if (!known)
        return;
    found = is_input(r->old, digest);
    if (!found && keep_is_beside(path)) {
        table_digest_file(path, digest);
        found = is_input(r->old, digest);
    }
    if (!found)
        reasons_add(r, "'%s' is not what it was made from", name_of(path));
}

static void compare_if_recorded(struct reasons *r)
{
    json_t *old = json_object_get(r->old, "derived"), *value;
    const char *key;

    json_object_foreach(json_object_get(r->own, "if recorded"), key, value)
    {
        const char *before = json_string_value(json_object_get(old, key));

        if (before && strcmp(before, json_string_value(value)) != 0)
            reasons_add(r, "%s %s -> %s", key, before, json_string_value(value));
    }
}

struct reasons reasons_of(const struct cli *cli, const json_t *old, const json_t *own)
{
    struct reasons r = {.old = old, .own = own, .cli = cli};
    long long before = json_integer_value(json_object_get(old, "revision")),
              now = json_integer_value(json_object_get(own, "revision"));
    size_t n_inputs = json_array_size(json_object_get(old, "inputs"));

    if (strcmp(record_string(old, "tool"), record_string(own, "tool")) != 0) {
        reasons_add(&r, "tool %s -> %s", record_string(old, "tool"), record_string(own, "tool"));
        return r;
    }
    if (before != now)
        reasons_add(&r, "revision %lld -> %lld", before, now);
    reasons_of_settings(&r, "settings", false);
    reasons_of_settings(&r, "derived", !cli->audit);
    compare_if_recorded(&r);
    cli_each_file(cli, CLI_INPUT, cli->audit ? audit_input : compare_input, &r);
    if (cli->n_arguments > 0 && r.n_inputs != n_inputs)
        reasons_add(&r, "inputs %zu -> %zu", n_inputs, r.n_inputs);
    return r;
}

struct reasons reasons_of_nearest(const struct cli *cli, const json_t *records, const json_t *own)
{
    struct reasons best = reasons_of(cli, record_last(records), own);
    const json_t *record;
    size_t i;

    if (strcmp(record_string(best.old, "tool"), cli->tool) == 0)
        return best;
    json_array_foreach(records, i,
                       record) if (strcmp(record_string(record, "tool"), cli->tool) == 0)
    {
        struct reasons r = reasons_of(cli, record, own);
        if (r.n < best.n || strcmp(record_string(best.old, "tool"), cli->tool) != 0)
            best = r;
    }
    return best;
}

/* A table must hold what its own history says. */
static void check_table(struct reasons *r, const char *path, const char *text)
{
    char digest[DIGEST_SIZE], recorded[DIGEST_SIZE];

    if (!text) {
        reasons_add(r, "'%s' has no history", name_of(path));
    } else if (!record_digest(text, recorded, sizeof recorded)) {
        reasons_add(r, "'%s': damaged history", name_of(path));
    } else if (keep_is_beside(path)) {
        table_digest_file(path, digest);
        if (strcmp(digest, recorded) != 0)
            reasons_add(r, "'%s' holds %s, its history says %s", name_of(path), digest, recorded);
    }
}

static void compare_beside(void *context, const char *path)
{
    struct reasons *r = context;
    char error[ZIO_ERROR], *text;
    const char *bad = keep_try_read(path, &text, error);
    json_t *records = record_parse_for(r->cli, text);
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT)
        reasons_add(r, "missing '%s'", name_of(path));
    else if (r->unfinished)
        reasons_add(r, "'%s' may be of another run", name_of(path));
    else if (r->old && records && !record_same_run(r->old, record_last(records)))
        reasons_add(r, "'%s' is of another run", name_of(path));
    else if (!bad && r->cli->audit)
        check_table(r, path, text);
    json_decref(records);
    free(text);
}

void reasons_add_beside(struct reasons *r, const char *path)
{
    char error[ZIO_ERROR], *text;

    r->unfinished = whole_is_unfinished(path);
    cli_each_file(r->cli, CLI_OUTPUT, compare_beside, r);
    if (!keep_is_beside(path))
        return;
    if (r->unfinished)
        reasons_add(r, "'%s' may be of another run", name_of(path));
    else if (!keep_try_read(path, &text, error))
        check_table(r, path, text);
}
