#include "files/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/report.h"
#include "files/keep.h"
#include "files/reasons.h"
#include "files/record.h"

struct history {
    const struct cli *cli;
    json_t *records; /* of the inputs, none twice */
    json_t *own;     /* the record of this run, its output not yet known */
};

static void add_setting(void *settings, const char *key, const char *value)
{
    json_object_set_new(settings, key, json_text(value));
}

_Noreturn static void answer(const struct history *h)
{
    const struct cli *cli = h->cli;
    struct reasons r = {.cli = cli};
    char error[ZIO_ERROR], *text;
    json_t *records;
    struct stat st;

    if (stat(cli->output, &st) != 0 && errno == ENOENT) {
        reasons_add(&r, "missing");
    } else if (keep_try_read(cli->output, &text, error)) {
        reasons_add(&r, strncmp(error, "damaged", 7) == 0 ? "%s" : "damaged: %s", error);
    } else {
        records = record_parse_for(cli, text);
        if (json_array_size(records) > 0)
            r = cli->audit ? reasons_of(cli, record_last(records), h->own)
                           : reasons_of_nearest(cli, records, h->own);
        else
            reasons_add(&r, text ? "damaged: its history" : "no history");
        reasons_add_beside(&r, cli->output);
    }
    fputs(r.n ? r.text : "", stdout);
    exit(r.n > 0);
}

/* A pipe has no content to come back to. */
static void want_file(void *context, const char *path)
{
    struct stat st;

    (void)context;
    if (strcmp(path, "-") == 0
        || (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        die_file(path, "no file, want one for --audit");
}

struct history *history_new(const struct cli *cli, int revision)
{
    struct history *h = xcalloc(1, sizeof *h);
    json_t *settings = json_checked(json_object());

    h->cli = cli;
    cli_each_recorded(cli, add_setting, settings);
    h->records = json_checked(json_array());
    h->own = json_checked(json_pack("{s:s, s:i, s:o, s:[]}", "tool", cli->tool, "revision",
                                    revision, "settings", settings, "inputs"));
    return h;
}

void history_ask(const struct history *h)
{
    if (h->cli->why)
        answer(h);
    json_object_del(h->own, "if recorded");
    if (h->cli->audit)
        cli_each_file(h->cli, CLI_INPUT, want_file, NULL);
}

struct history *history_start(const struct cli *cli, int revision)
{
    struct history *h = history_new(cli, revision);

    history_ask(h);
    return h;
}

bool history_audits(const struct history *h)
{
    return h->cli->audit;
}

static void add_under(struct history *h, const char *kind, const char *key, const char *value)
{
    json_t *settings = json_object_get(h->own, kind);

    if (!settings) {
        settings = json_checked(json_object());
        json_object_set_new(h->own, kind, settings);
    }
    add_setting(settings, key, value);
}

void history_setting(struct history *h, const char *key, const char *value)
{
    if (value)
        add_under(h, "derived", key, value);
    else
        json_object_del(json_object_get(h->own, "derived"), key);
}

char *history_recorded(const char *path, const char *key)
{
    char error[ZIO_ERROR], *text = NULL, *value = NULL;
    json_t *records;
    const char *found;

    if (!path || keep_try_read(path, &text, error))
        return NULL;
    records = record_parse(text);
    found =
        json_string_value(json_object_get(json_object_get(record_last(records), "derived"), key));
    value = found ? xstrdup(found) : NULL;
    json_decref(records);
    free(text);
    return value;
}

void history_if_recorded(struct history *h, const char *key, const char *value)
{
    add_under(h, "if recorded", key, value);
}

static bool contains(const json_t *records, const json_t *wanted)
{
    size_t i;
    json_t *record;

    json_array_foreach(records, i, record) if (json_equal(record, wanted)) return true;
    return false;
}

void history_input(struct history *h, const char *digest, const char *text)
{
    json_t *records = record_parse(text), *record;
    size_t i;

    json_array_append_new(json_object_get(h->own, "inputs"), json_text(digest));
    json_array_foreach(records, i, record) if (!contains(h->records, record))
        json_array_append(h->records, record);
    json_decref(records);
}

static void make_current(void *context, const char *path)
{
    (void)context;
    if (utimensat(AT_FDCWD, path, NULL, 0) != 0)
        die_file(path, "%s", strerror(errno));
}

bool history_is_current(const struct history *h, const char *path)
{
    struct reasons r = {.cli = h->cli};
    char error[ZIO_ERROR], *text = NULL;
    json_t *records;

    if (h->cli->audit)
        answer(h);
    if (!path || keep_try_read(path, &text, error))
        return false;
    records = record_parse_for(h->cli, text);
    free(text);
    r.old = record_last(records);
    if (!record_same_run(r.old, h->own))
        reasons_add(&r, "of another run");
    reasons_add_beside(&r, path);
    json_decref(records);
    free(r.text);
    if (r.n > 0)
        return false;
    cli_each_file(h->cli, CLI_OUTPUT, make_current, NULL);
    make_current(NULL, path);
    note("'%s' is up to date: same inputs, same settings", path);
    return true;
}

/* In what the record OLD differs from OWN; both are freed. */
static char *difference(json_t *old, json_t *own)
{
    struct reasons r = {.old = old, .own = own};

    if (!old)
        reasons_add(&r, "no history");
    else if (strcmp(record_string(old, "tool"), record_string(own, "tool")) != 0)
        reasons_add(&r, "tool %s -> %s", record_string(old, "tool"), record_string(own, "tool"));
    else if (!json_equal(json_object_get(old, "revision"), json_object_get(own, "revision")))
        reasons_add(&r, "another revision of %s", record_string(own, "tool"));
    else
        reasons_of_settings(&r, "settings", false);
    if (r.n == 0 && !json_equal(json_object_get(old, "inputs"), json_object_get(own, "inputs")))
        reasons_add(&r, "other inputs");
    json_decref(old);
    json_decref(own);
    if (r.n > 0)
        r.text[strcspn(r.text, "\n")] = '\0';
    return r.n > 0 ? r.text : NULL;
}

char *history_difference(const struct history *h, const char *text, const char *except)
{
    json_t *records = record_parse_for(h->cli, text), *old = json_deep_copy(record_last(records)),
           *own = json_checked(json_deep_copy(h->own));

    json_decref(records);
    if (except) {
        json_object_del(json_object_get(old, "settings"), except);
        json_object_del(json_object_get(own, "settings"), except);
    }
    return difference(old, own);
}

char *history_part_difference(const struct history *h, const char *text, size_t i, size_t n)
{
    json_t *records = record_parse_for(h->cli, text), *old = json_deep_copy(record_last(records));
    char *shard = xformat("%zu/%zu", i + 1, n);
    bool fits = strcmp(record_string(json_object_get(old, "derived"), "shard"), shard) == 0;

    json_decref(records);
    free(shard);
    if (!fits) {
        json_decref(old);
        return xformat("not part %zu of %zu, by its history", i + 1, n);
    }
    json_array_remove(json_object_get(old, "inputs"), 0);
    return difference(old, json_checked(json_deep_copy(h->own)));
}

/* ALL as text, which is freed. */
static char *format_records(json_t *all)
{
    char *text = json_format(all);

    json_decref(all);
    if (!(all = record_parse(text)))
        die("a history of %zu bytes is longer than may be read back", strlen(text));
    json_decref(all);
    return text;
}

char *history_text(const struct history *h, const char *digest)
{
    json_t *all = json_checked(json_copy(h->records)), *own = json_checked(json_copy(h->own));

    json_object_set_new(own, "output", json_text(digest));
    json_array_append_new(all, own);
    return format_records(all);
}

/* The history TEXT of part I of N as that of the whole, whose DIGEST it is; NULL where it is none.
 */
static json_t *whole_of_part(const char *text, size_t i, size_t n, const char *digest)
{
    json_t *all = record_parse(text), *own = json_deep_copy(record_last(all)),
           *derived = json_object_get(own, "derived");
    char *shard = xformat("%zu/%zu", i + 1, n);
    bool fits = derived && strcmp(record_string(derived, "shard"), shard) == 0;

    free(shard);
    if (!fits) {
        json_decref(own);
        json_decref(all);
        return NULL;
    }
    json_object_del(derived, "shard");
    if (json_object_size(derived) == 0)
        json_object_del(own, "derived");
    json_object_set_new(own, "output", json_text(digest));
    json_array_remove(all, json_array_size(all) - 1);
    json_array_append_new(all, own);
    return all;
}

char *history_of_parts(char *const *texts, size_t n, const char *digest, size_t *bad)
{
    json_t *whole = NULL;

    for (*bad = 0; *bad < n; ++*bad) {
        json_t *this = whole_of_part(texts[*bad], *bad, n, digest);
        bool fits = this && (!whole || json_equal(whole, this));

        whole = whole ? whole : json_incref(this);
        json_decref(this);
        if (!fits)
            break;
    }
    if (*bad == n && whole)
        return format_records(whole);
    json_decref(whole);
    return NULL;
}

void history_keep_table(const struct history *h, const char *path, const char *digest)
{
    char *text = history_text(h, digest);

    keep_beside(path, text);
    free(text);
}

void history_commit_table(const struct history *h, struct zio_writer *w, const char *path)
{
    char digest[DIGEST_SIZE];

    zio_writer_digest(w, digest);
    zio_commit(w, NULL);
    history_keep_table(h, path, digest);
}

void history_commit_markup(const struct history *h, struct zio_writer *w)
{
    char digest[DIGEST_SIZE], *text;

    zio_writer_digest(w, digest);
    text = history_text(h, digest);
    keep_behind(w, text);
    zio_commit(w, NULL);
    free(text);
}

void history_commit_trailer(const struct history *h, struct zio_writer *w, enum trailer_kind kind,
                            size_t footer_len)
{
    char digest[DIGEST_SIZE], *text;

    zio_writer_digest(w, digest);
    text = history_text(h, digest);
    keep_trailer(w, kind, text, footer_len);
    zio_commit(w, NULL);
    free(text);
}

void history_free(struct history *h)
{
    json_decref(h->records);
    json_decref(h->own);
    free(h);
}
