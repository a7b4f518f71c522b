#include "analysis/like.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/profile.h"
#include "base/report.h"
#include "cli/value.h"
#include "files/keep.h"
#include "files/record.h"
#include "net/net.h"
#include "net/pool.h"
#include "pictures/import.h"

enum { RGB = 3 };

/* --- what is meant --- */

static const char *const kinds[] = {
    [LIKE_ROW] = "row:", [LIKE_PATH] = "path:", [LIKE_CLASS] = "class:", [LIKE_FILE] = "file:"};

static bool is_file(const char *text)
{
    struct stat st;

    return strcmp(text, "-") == 0 || (stat(text, &st) == 0 && !S_ISDIR(st.st_mode));
}

struct like like_parse(const char *text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i] && strncmp(text, kinds[i], strlen(kinds[i])) == 0)
            return (struct like){(enum like_kind)i, text + strlen(kinds[i])};
    return (struct like){text[strspn(text, "0123456789")] == '\0' ? LIKE_ROW
                             : is_file(text)                      ? LIKE_FILE
                                                                  : LIKE_NAME,
                         text};
}

static size_t *one_row(const struct like *l, const struct tensor_reader *t, size_t *n)
{
    size_t *rows = xmalloc(sizeof *rows);
    char *end;
    unsigned long long row;

    errno = 0;
    row = strtoull(l->text, &end, 10);
    if (*l->text < '0' || *l->text > '9' || *end)
        die_usage("--like 'row:%s', want the number of a row", l->text);
    if (errno || row >= t->n_rows)
        die_file(tensor_path(t), "row %s of --like, but there are %zu rows", l->text, t->n_rows);
    *n = 1;
    *rows = (size_t)row;
    return rows;
}

size_t *like_rows(const struct like *l, const struct index *ix, const struct tensor_reader *t,
                  size_t *n)
{
    size_t *rows;

    if (l->kind == LIKE_ROW)
        return one_row(l, t, n);
    if (!ix)
        die_usage("--like '%s' is no file, and paths and classes need --index", l->text);
    rows = xcalloc(ix->n, sizeof *rows);
    *n = 0;
    for (size_t i = 0; i < ix->n && l->kind != LIKE_CLASS; i++)
        if (strcmp(ix->rows[i].path, l->text) == 0)
            rows[(*n)++] = ix->rows[i].row;
    for (size_t i = 0; i < ix->n && *n == 0 && l->kind != LIKE_PATH; i++) {
        if (strcmp(ix->classes[ix->rows[i].class_number], l->text) != 0)
            continue;
        for (size_t k = i; k < ix->n; k++)
            if (ix->rows[k].class_number == ix->rows[i].class_number)
                rows[(*n)++] = ix->rows[k].row;
    }
    if (*n == 0)
        die_usage("--like '%s' is no %s", l->text,
                  l->kind == LIKE_PATH        ? "path of the index"
                      : l->kind == LIKE_CLASS ? "class of the index"
                                              : "file, and no path or class of the index");
    return rows;
}

/* --- a picture --- */

bool like_is_picture(const char *path, char digest[DIGEST_SIZE])
{
    static const struct picture_settings settings = {.max_pixels = UINT64_MAX};
    struct picture *p;
    struct digest d;
    struct stat st;
    const char *bad;
    char *history;
    bool is_picture;

    if (strcmp(path, "-") == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
        return false;
    p = xmalloc(sizeof *p);
    p->settings = &settings;
    bad = picture_look(p, path, true);
    is_picture = p->format;
    if (bad && is_picture)
        die_file(path, "%s", bad);
    bad = picture_close(p, &d);
    if (bad && is_picture)
        die_file(path, "%s", bad);
    digest_format(digest, d);
    if (is_picture && (history = keep_read(path))) { /* ours: the digest of its pixels */
        record_digest(history, digest, DIGEST_SIZE);
        free(history);
    }
    free(p);
    return is_picture;
}

static bool are_images(const struct tensor_reader *t)
{
    return t->header.dtype == NPY_U8 && t->header.rank == 4 && t->header.shape[3] == RGB;
}

static const char ending[] = ".safetensors.zst";

static int is_model(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), end = sizeof ending - 1;

    return len > end && strcmp(entry->d_name + len - end, ending) == 0;
}

/* The path of the model in the folder of PATH that records this digest of itself; NULL: none. */
static char *find_model(const char *path, const char *digest)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? xformat("%.*s", (int)(slash - path + 1), path) : xstrdup("./");
    char *found = NULL;
    struct dirent **entries;
    int n = scandir(folder, &entries, is_model, alphasort);

    for (int i = 0; i < n; i++) {
        char *model = xformat("%s%s", folder, entries[i]->d_name), own[DIGEST_SIZE],
             *history = found ? NULL : keep_read(model);

        if (history && record_digest(history, own, sizeof own) && strcmp(own, digest) == 0)
            found = model;
        else
            free(model);
        free(history);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    free(folder);
    return found;
}

struct model *like_model(const char *path, struct tensor_reader *features)
{
    static const char *const encoders[] = {"extract", "encode-stage", NULL};
    char wanted[DIGEST_SIZE];
    const char *name = tensor_path(features);
    char *found = NULL;
    struct model *m;

    if (are_images(features))
        return NULL;
    record_first_input(tensor_history(features), encoders, wanted, sizeof wanted);
    if (!path && *wanted)
        path = found = find_model(name, wanted);
    if (!path)
        die_file(name, "no model beside it %s: give it as --model",
                 *wanted ? "is the one that made it" : "is named in its history");
    m = model_read(path);
    if (*wanted && strcmp(m->digest, wanted) != 0)
        die_file(path, "is not the model that made '%s'", name);
    free(found);
    return m;
}

/* The N options as TOOL took them, by HISTORY; those that it does not tell stay as they are. */
static void take_settings(const struct cli_option *options, size_t n, const char *history,
                          const char *tool)
{
    for (size_t i = 0; i < n; i++) {
        char value[64];

        record_setting(history, tool, options[i].name, value, sizeof value);
        if (*value && !value_parse(&options[i], value))
            die("the history says %s '%s' of %s, want %s", options[i].name, value, tool,
                value_wanted(&options[i]));
    }
}

/* The settings of import-images in HISTORY, for pictures of size x size. */
static struct import_settings settings_of(const char *history, size_t size)
{
    struct import_settings s = {.picture = {.background = {255, 255, 255}, .orient = true}};
    int way = FIT_STRETCH, icc = 0, truncated = 0;
    int64_t max_pixels = 256 << 20;
    const struct cli_option options[] = {
        {"fit", CLI_CHOICE, &way, 0, 0, "stretch|crop|pad", 0, NULL},
        {"background", CLI_COLOUR, s.picture.background, 0, 0, NULL, 0, NULL},
        {"orient", CLI_BOOL, &s.picture.orient, 0, 0, NULL, 0, NULL},
        {"icc", CLI_CHOICE, &icc, 0, 0, "ignore|srgb", 0, NULL},
        {"truncated", CLI_CHOICE, &truncated, 0, 0, "skip|accept", 0, NULL},
        {"max-pixels", CLI_SIZE, &max_pixels, 1, 1ll << 40, NULL, 0, NULL},
    };

    take_settings(options, sizeof options / sizeof *options, history, "import-images");
    s.picture.max_pixels = (uint64_t)max_pixels;
    s.picture.to_srgb = icc == 1;
    s.picture.accepts_truncated = truncated == 1;
    s.fit = (struct fit_settings){.size = size, .way = (enum fit_way)way};
    memcpy(s.fit.background, s.picture.background, RGB);
    return s;
}

/* How extract, by HISTORY, made features of codes. */
static struct pool pool_of(const char *history)
{
    struct pool p = {0};
    const struct cli_option options[] = {
        {"pool", CLI_INT, &p.places, 0, 64, NULL, 0, NULL},
        {"normalise-places", CLI_BOOL, &p.normalise_places, 0, 0, NULL, 0, NULL},
        {"normalise", CLI_BOOL, &p.normalise, 0, 0, NULL, 0, NULL},
    };

    take_settings(options, sizeof options / sizeof *options, history, "extract");
    return p;
}

/* (size,size,3) */
static uint8_t *read_picture(const char *path, const struct import_settings *s, size_t memory)
{
    enum profile_part before = profile_enter(PROFILE_READING);
    uint8_t *pixels = xmalloc(s->fit.size * s->fit.size * RGB);
    struct picture *p = xmalloc(sizeof *p);
    struct fit fit = {0};
    const char *bad = picture_open(p, path, &s->picture, false);

    if (!bad)
        bad = fit_plan(&fit, p, &s->fit);
    if (!bad && fit.memory > memory)
        die_file(path, "takes %llu MiB to decode, --memory leaves %zu",
                 (unsigned long long)(fit.memory >> 20) + 1, memory >> 20);
    if (!bad)
        bad = fit_row(&fit, pixels);
    if (bad)
        die_file(path, "%s", bad);
    picture_close(p, NULL);
    free(p);
    profile_leave(before);
    return pixels;
}

/* Appends the features of one picture. */
static void encode(struct rows *to, const struct model *m, const struct pool *p,
                   const size_t shape[3], const uint8_t *pixels, size_t memory)
{
    struct net *net;
    float *code, *features;
    enum profile_part before;

    want_memory(PROCESS_MEMORY + net_memory(&m->spec, 1, false) + model_memory(m), 1, memory);
    net = model_net(m, 1, false);
    code = xmalloc(net_code_items(net) * sizeof *code);
    features = xmalloc(net_code_items(net) * sizeof *features);
    before = profile_enter(PROFILE_ARITHMETIC);
    net_encode_while(net, code, (struct net_rows){NULL, pixels}, 1, NULL, NULL);
    if (pool_changes(p))
        pool_rows(features, code, 1, shape, p);
    rows_append(to, pool_changes(p) ? features : code, 1);
    profile_leave(before);
    net_free(net);
    free(code);
    free(features);
}

/* The shape of a code, and how many numbers features of it have; 0: the pool does not fit it. */
static size_t code_shape(size_t shape[3], const struct net_spec *s, const struct pool *p)
{
    size_t pooled[3] = {(size_t)(s->height >> s->n_layers), (size_t)(s->width >> s->n_layers),
                        (size_t)s->layers[s->n_layers - 1].filters};

    memcpy(shape, pooled, sizeof pooled);
    return pool_shape(pooled, p) ? pooled[0] * pooled[1] * pooled[2] : 0;
}

struct rows *like_encode(const char *path, struct tensor_reader *features, const struct model *m,
                         size_t memory, uint8_t **pixels, size_t *size)
{
    size_t height = m ? (size_t)m->spec.height : features->header.shape[1];
    size_t width = m ? (size_t)m->spec.width : features->header.shape[2];
    struct import_settings s = settings_of(tensor_history(features), height);
    struct pool pool = pool_of(tensor_history(features));
    size_t shape[3], n = m ? code_shape(shape, &m->spec, &pool) : features->row_items;
    struct rows *r;

    if (m && m->spec.channels != RGB)
        die_file(m->path, "takes %d channels, a picture has %d", m->spec.channels, RGB);
    if (height != width)
        die_file(path, "becomes a square, want %zux%zu", height, width);
    if (n != features->row_items)
        die_file(m->path, "gives %zu numbers, the rows of '%s' have %zu", n, tensor_path(features),
                 features->row_items);
    *size = height;
    *pixels = read_picture(path, &s, memory);
    r = rows_create(path, m ? NPY_F32 : NPY_U8, 1, n, SIZE_MAX);
    if (m)
        encode(r, m, &pool, shape, *pixels, memory);
    else
        rows_append(r, *pixels, 1);
    return r;
}
