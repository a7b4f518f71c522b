#include "files/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/json.h"
#include "base/report.h"
#include "files/whole.h"
#include "files/zio.h"

enum { MAX_RECORDS = 4096 }; /* a history of more is damage: each is held against all before it */

struct history {
    const struct cli *cli;
    json_t *records; /* of the inputs, none twice */
    json_t *own;     /* the record of this run, its output not yet known */
};

static json_t *checked(json_t *value)
{
    if (!value)
        die("out of memory: a history wanted");
    return value;
}

/* JSON wants UTF-8, which a file name need not be: bytes that are not are written \xNN. */
static json_t *text_value(const char *text)
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
    value = checked(json_string(escaped));
    free(escaped);
    return value;
}

static void add_setting(void *settings, const char *key, const char *value)
{
    json_object_set_new(settings, key, text_value(value));
}

/* Records of TEXT as an array of objects, or NULL. */
static json_t *parse(const char *text)
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

static const char *string_of(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text ? text : "";
}

static const json_t *last_of(const json_t *records)
{
    return json_array_get(records, json_array_size(records) - 1); /* NULL where there is none */
}

/* --- reading the history of any file of ours --- */

/* The value of "history" in the __metadata__ of a safetensors header that starts the content. */
static const char *read_model(struct zio_reader *r, char **text, char error[ZIO_ERROR])
{
    unsigned char head[8];
    uint64_t len = 0;
    char *header;
    json_t *root;
    const char *found;

    if (zio_length(r) < 8)
        return NULL;
    if (zio_try_read_at(r, head, 8, 0, error))
        return error;
    for (int i = 0; i < 8; i++)
        len |= (uint64_t)head[i] << 8 * i;
    if (len > JSON_MAX_TEXT || len > zio_length(r) - 8)
        return NULL; /* no model */
    header = xmalloc(len + 1);
    if (zio_try_read_at(r, header, len, 8, error)) {
        free(header);
        return error;
    }
    root = json_parse(header, len);
    free(header);
    found = json_string_value(json_object_get(json_object_get(root, "__metadata__"), "history"));
    *text = found ? xstrdup(found) : NULL;
    json_decref(root);
    return NULL;
}

/* The text under "kasane-history" among the iTXt and tEXt chunks of a PNG file. */
static const char *read_png(struct zio_reader *r, char **text, char error[ZIO_ERROR])
{
    static const char keyword[] = "kasane-history";
    uint64_t at = 8;
    unsigned char head[8];

    while (at + 12 <= zio_length(r)) {
        size_t len;

        if (zio_try_read_at(r, head, 8, at, error))
            return error;
        len = (size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
        if (len > zio_length(r) - at - 12)
            return strcpy(error, "cut short: ends inside a PNG chunk");
        if (len < JSON_MAX_TEXT && len > sizeof keyword
            && (memcmp(head + 4, "iTXt", 4) == 0 || memcmp(head + 4, "tEXt", 4) == 0)) {
            char *chunk = xcalloc(len + 1, 1);
            size_t start = sizeof keyword;

            if (zio_try_read_at(r, chunk, len, at + 8, error)) {
                free(chunk);
                return error;
            }
            if (memcmp(chunk, keyword, sizeof keyword) == 0) {
                if (head[4]
                    == 'i') { /* compression flag and method, language, translated keyword */
                    start += 2;
                    start += start < len ? strlen(chunk + start) + 1 : 0;
                    start += start < len ? strlen(chunk + start) + 1 : 0;
                }
                *text = xstrdup(start < len ? chunk + start : "");
                free(chunk);
                return NULL;
            }
            free(chunk);
        }
        at += 12 + (uint64_t)len;
    }
    return NULL;
}

/* *text is the history of the file at PATH, NULL where it has none. NULL, or the reason why it
 * cannot be read. */
static const char *try_read(const char *path, char **text, char error[ZIO_ERROR])
{
    struct zio_reader *r;
    unsigned char head[8] = {0};
    struct stat st;
    const char *bad;

    *text = NULL;
    if (strcmp(path, "-") == 0
        || (stat(path, &st) == 0
            && !S_ISREG(st.st_mode))) /* opening a FIFO would wait for its writer */
        return strcpy(error, "not a regular file");
    bad = zio_try_open(&r, path, error);
    if (!bad && zio_history(r))
        *text = xstrdup(zio_history(r));
    else if (!bad && zio_length(r) >= sizeof head)
        bad = zio_try_read_at(r, head, sizeof head, 0, error);
    if (!bad && !*text)
        bad = memcmp(head, "\x89PNG\r\n\x1a\n", sizeof head) == 0 ? read_png(r, text, error)
                                                                  : read_model(r, text, error);
    zio_close(r);
    return bad;
}

char *history_read(const char *path)
{
    char error[ZIO_ERROR], *text;

    try_read(path, &text, error);
    return text;
}

/* --- this run's record --- */

/* Reasons why a record is not what this run would write: lines of text. */
struct reasons {
    const json_t *old, *own;
    char *text;
    size_t n, size, n_inputs;
    bool unfinished; /* the output, and what was written beside it */
};

static void add_reason(struct reasons *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_reason(struct reasons *r, const char *format, ...)
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

/* The objects under KIND, "settings" or "derived". */
static void compare_settings(struct reasons *r, const json_t *own, const char *kind)
{
    json_t *old_settings = json_object_get(r->old, kind), *settings = json_object_get(own, kind),
           *value;
    const char *key;

    json_object_foreach(settings, key, value)
    {
        const char *before = json_string_value(json_object_get(old_settings, key));

        if (!before)
            add_reason(r, "%s (none) -> %s", key, json_string_value(value));
        else if (strcmp(before, json_string_value(value)) != 0)
            add_reason(r, "%s %s -> %s", key, before, json_string_value(value));
    }
    json_object_foreach(old_settings, key, value) if (!json_object_get(settings, key))
        add_reason(r, "%s %s -> (none)", key,
                   json_string_value(value) ? json_string_value(value) : "(damaged)");
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
        add_reason(r, "'%s' is not what it was made from: it holds %s, recorded is %s",
                   name_of(path), now, before);
}

/* An input with a digest in its own history must be among the recorded inputs. */
static void compare_input(void *context, const char *path)
{
    struct reasons *r = context;
    char error[ZIO_ERROR], digest[ZIO_DIGEST_SIZE], *text;
    const json_t *input;
    bool found = false;
    size_t i;

    r->n_inputs++;
    if (strcmp(path, "-") == 0 || try_read(path, &text, error)
        || !history_digest(text, digest, sizeof digest))
        return;
    free(text);
    json_array_foreach(json_object_get(r->old, "inputs"), i, input) found =
        found || strcmp(json_string_value(input) ? json_string_value(input) : "", digest) == 0;
    if (!found)
        add_reason(r, "'%s' is not what it was made from", name_of(path));
}

static struct reasons compare(const struct history *h, const json_t *old)
{
    struct reasons r = {.old = old, .own = h->own};
    long long before = json_integer_value(json_object_get(old, "revision")),
              now = json_integer_value(json_object_get(h->own, "revision"));
    size_t n_inputs = json_array_size(json_object_get(old, "inputs"));

    if (strcmp(string_of(old, "tool"), string_of(h->own, "tool")) != 0) {
        add_reason(&r, "tool %s -> %s", string_of(old, "tool"), string_of(h->own, "tool"));
        return r;
    }
    if (before != now)
        add_reason(&r, "revision %lld -> %lld", before, now);
    compare_settings(&r, h->own, "settings");
    if (h->cli->audit)
        compare_settings(&r, h->own, "derived");
    cli_each_file(h->cli, CLI_INPUT, h->cli->audit ? audit_input : compare_input, &r);
    if (h->cli->n_arguments > 0 && r.n_inputs != n_inputs)
        add_reason(&r, "inputs %zu -> %zu", n_inputs, r.n_inputs);
    return r;
}

/* The reasons for the last of RECORDS; where that is by another tool, for the record by this one
 * with the fewest. */
static struct reasons compare_nearest(const struct history *h, const json_t *records)
{
    struct reasons best = compare(h, last_of(records));
    const json_t *record;
    size_t i;

    if (strcmp(string_of(best.old, "tool"), h->cli->tool) == 0)
        return best;
    json_array_foreach(records, i, record) if (strcmp(string_of(record, "tool"), h->cli->tool) == 0)
    {
        struct reasons r = compare(h, record);
        if (r.n < best.n || strcmp(string_of(best.old, "tool"), h->cli->tool) != 0)
            best = r;
    }
    return best;
}

/* A file written beside the output must be there, and of the same run. */
static void compare_beside(void *context, const char *path)
{
    struct reasons *r = context;
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT)
        add_reason(r, "missing '%s'", name_of(path));
    else if (r->unfinished)
        add_reason(r, "'%s' may be of another run", name_of(path));
}

_Noreturn static void answer(const struct history *h)
{
    const char *path = h->cli->output;
    struct reasons r = {0};
    char error[ZIO_ERROR], *text;
    json_t *records;
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT) {
        add_reason(&r, "missing");
    } else if (try_read(path, &text, error)) {
        add_reason(&r, "damaged: %s", error);
    } else {
        records = parse(text);
        if (json_array_size(records) > 0)
            r = h->cli->audit ? compare(h, last_of(records)) : compare_nearest(h, records);
        else
            add_reason(&r, text ? "damaged: its history" : "no history");
        r.unfinished = whole_is_unfinished(path);
        cli_each_file(h->cli, CLI_OUTPUT, compare_beside, &r);
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

struct history *history_start(const struct cli *cli, int revision)
{
    struct history *h = xcalloc(1, sizeof *h);
    json_t *settings = checked(json_object());

    h->cli = cli;
    cli_each_setting(cli, add_setting, settings);
    h->records = checked(json_array());
    h->own = checked(json_pack("{s:s, s:i, s:o, s:[]}", "tool", cli->tool, "revision", revision,
                               "settings", settings, "inputs"));
    if (cli->why)
        answer(h);
    if (cli->audit)
        cli_each_file(cli, CLI_INPUT, want_file, NULL);
    return h;
}

bool history_audits(const struct history *h)
{
    return h->cli->audit;
}

void history_setting(struct history *h, const char *key, const char *value)
{
    json_t *derived = json_object_get(h->own, "derived");

    if (!derived) {
        derived = checked(json_object());
        json_object_set_new(h->own, "derived", derived);
    }
    add_setting(derived, key, value);
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
    json_t *records = parse(text), *record;
    size_t i;

    json_array_append_new(json_object_get(h->own, "inputs"), text_value(digest));
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
    static const char *const keys[] = {"tool", "revision", "settings", "derived", "inputs"};
    char error[ZIO_ERROR], *text = NULL;
    struct reasons beside = {0};
    json_t *records;
    bool same;

    if (h->cli->audit)
        answer(h);
    if (!path || try_read(path, &text, error))
        return false;
    records = parse(text);
    free(text);
    same = json_array_size(records) > 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *before = json_object_get(last_of(records), keys[i]),
                     *now = json_object_get(h->own, keys[i]);

        same = same && (before == now || json_equal(before, now)); /* both may be absent */
    }
    json_decref(records);
    beside.unfinished = whole_is_unfinished(path);
    cli_each_file(h->cli, CLI_OUTPUT, compare_beside, &beside);
    free(beside.text);
    if (!same || beside.n > 0)
        return false;
    cli_each_file(h->cli, CLI_OUTPUT, make_current, NULL);
    make_current(NULL, path);
    note("'%s' is up to date: same inputs, same settings", path);
    return true;
}

char *history_difference(const struct history *h, const char *text, const char *except)
{
    json_t *records = parse(text), *old = json_deep_copy(last_of(records)),
           *own = checked(json_deep_copy(h->own));
    struct reasons r = {.old = old};

    json_object_del(json_object_get(old, "settings"), except);
    json_object_del(json_object_get(own, "settings"), except);
    if (!old)
        add_reason(&r, "no history");
    else if (strcmp(string_of(old, "tool"), string_of(own, "tool")) != 0)
        add_reason(&r, "tool %s -> %s", string_of(old, "tool"), string_of(own, "tool"));
    else if (!json_equal(json_object_get(old, "revision"), json_object_get(own, "revision")))
        add_reason(&r, "another revision of %s", string_of(own, "tool"));
    else
        compare_settings(&r, own, "settings");
    if (r.n == 0 && !json_equal(json_object_get(old, "inputs"), json_object_get(own, "inputs")))
        add_reason(&r, "other inputs");
    json_decref(records);
    json_decref(old);
    json_decref(own);
    if (r.n > 0)
        r.text[strcspn(r.text, "\n")] = '\0';
    return r.n > 0 ? r.text : NULL;
}

char *history_text(const struct history *h, const char *digest)
{
    json_t *all = checked(json_copy(h->records)), *own = checked(json_copy(h->own));
    char *text;

    json_object_set_new(own, "output", text_value(digest));
    json_array_append_new(all, own);
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    if (!text)
        die("out of memory: a history wanted");
    if (!(all = parse(text)))
        die("a history of %zu bytes is longer than may be read back", strlen(text));
    json_decref(all);
    return text;
}

void history_free(struct history *h)
{
    json_decref(h->records);
    json_decref(h->own);
    free(h);
}

/* --- asking a text --- */

static bool digest_of(const json_t *record, char *digest, size_t size)
{
    const char *text = string_of(record, "output");

    return *text && (size_t)snprintf(digest, size, "%s", text) < size;
}

bool history_digest(const char *text, char *digest, size_t size)
{
    json_t *records = parse(text);
    bool found = digest_of(last_of(records), digest, size);

    json_decref(records);
    return found;
}

bool history_find(const char *text, const char *tool, char *digest, size_t size)
{
    json_t *records = parse(text), *record;
    bool found = false;
    size_t i;

    json_array_foreach(records, i, record) if (strcmp(string_of(record, "tool"), tool) == 0) found =
        digest_of(record, digest, size);
    json_decref(records);
    return found;
}

static void print_settings(const json_t *settings)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)settings, key, value) print_line(
        "    %s = %s", key, json_string_value(value) ? json_string_value(value) : "(damaged)");
}

void history_print(const char *text)
{
    json_t *records = parse(text), *record, *input;
    size_t i, k;

    json_array_foreach(records, i, record)
    {
        print_line("%s, revision %lld", string_of(record, "tool"),
                   (long long)json_integer_value(json_object_get(record, "revision")));
        print_settings(json_object_get(record, "settings"));
        print_settings(json_object_get(record, "derived"));
        json_array_foreach(json_object_get(record, "inputs"), k, input) print_line(
            "    input  %s", json_string_value(input) ? json_string_value(input) : "(damaged)");
        print_line("    output %s", string_of(record, "output"));
    }
    json_decref(records);
}
