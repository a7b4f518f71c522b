#include "pictures/folder.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/report.h"
#include "pictures/picture.h"

/* --- listing --- */

/* A folder on the way down. */
struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
};

static bool is_above(const struct level *level, const struct stat *st)
{
    for (; level; level = level->above)
        if (level->device == st->st_dev && level->inode == st->st_ino)
            return true;
    return false;
}

/* A folder that was come upon, and how often. Links of n folders to one another make n! paths. */
struct visit {
    dev_t device;
    ino_t inode;
    size_t n;
};
enum { MAX_VISITS = 1000 };

static int compare_visits(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return (x->inode > y->inode) - (x->inode < y->inode);
}

/* Counts in the tree VISITS; false where there were too many. */
static bool count_visit(void **visits, const struct stat *st)
{
    struct visit key = {st->st_dev, st->st_ino, 0}, *visit,
                 **found = tfind(&key, visits, compare_visits);
    if (found)
        return ++(*found)->n <= MAX_VISITS;
    visit = xcalloc(1, sizeof *visit);
    *visit = key;
    if (!tsearch(visit, visits, compare_visits))
        die("out of memory");
    return true;
}

/* Makes room for one more behind the N of a list, full at every power of two. */
static char **grown(char **list, size_t n)
{
    return (n & (n - 1)) == 0 ? xrealloc(list, n ? 2 * n : 1, sizeof *list) : list;
}

static void add_file(struct folder *f, char *file)
{
    f->files = grown(f->files, f->n);
    f->files[f->n++] = file;
}

static void list(struct folder *f, const char *inside, const struct level *level, void **visits);

static void list_below(struct folder *f, char *inside, const struct stat *st,
                       const struct level *level, void **visits)
{
    struct level below = {level, st->st_dev, st->st_ino};
    char *full = xformat("%s/%s", f->path, inside);

    if (is_above(level, st)) {
        warn_file(full, "a link to a folder above it, passed over");
        free(inside);
    } else if (!count_visit(visits, st)) {
        die_file(full, "reached by more than %d paths: links between folders", MAX_VISITS);
    } else {
        f->folders = grown(f->folders, f->n_folders);
        f->folders[f->n_folders++] = inside;
        list(f, inside, &below, visits);
    }
    free(full);
}

/* Lists the folder INSIDE (relative; empty: the folder itself) at this level. */
static void list(struct folder *f, const char *inside, const struct level *level, void **visits)
{
    const char *slash = *inside ? "/" : "";
    char *path = xformat("%s%s%s", f->path, slash, inside);
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir)
        die_file(path, "%s", strerror(errno));
    while (errno = 0, (entry = readdir(dir))) {
        char *file, *full;
        struct stat st;
        bool exists;

        if (entry->d_name[0] == '.')
            continue;
        file = xformat("%s%s%s", inside, slash, entry->d_name);
        if (entry->d_type == DT_REG) { /* most are: no need to ask again */
            add_file(f, file);
            continue;
        }
        full = xformat("%s/%s", f->path, file);
        exists = stat(full, &st) == 0;
        if (!exists && !picture_is_name(file) && errno != ENOENT && errno != ELOOP)
            die_file(full, "%s", strerror(errno)); /* it may be a folder */
        if (exists && S_ISDIR(st.st_mode))
            list_below(f, file, &st, level, visits);
        else
            add_file(f, file); /* a broken link is told of when it is read */
        free(full);
    }
    if (errno)
        die_file(path, "%s", strerror(errno));
    closedir(dir);
    free(path);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void folder_open(struct folder *f, const char *path)
{
    struct level top = {NULL, 0, 0};
    void *visits = NULL;
    struct stat st;

    *f = (struct folder){.path = path};
    if (stat(path, &st) < 0)
        die_file(path, "%s", strerror(errno));
    if (!S_ISDIR(st.st_mode))
        die_file(path, "not a folder");
    top.device = st.st_dev;
    top.inode = st.st_ino;
    list(f, "", &top, &visits);
    tdestroy(visits, free);
    if (f->n > 0)
        qsort(f->files, f->n, sizeof *f->files, compare);
    if (f->n_folders > 0)
        qsort(f->folders, f->n_folders, sizeof *f->folders, compare);
    f->kind = xcalloc(f->n + 1, sizeof *f->kind);
}

void folder_keep(struct folder *f, bool (*wanted)(const void *context, const char *file),
                 const void *context)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        if (wanted(context, f->files[i]))
            f->files[n++] = f->files[i];
        else
            free(f->files[i]);
    f->n = n;
}

void folder_slice(struct folder *f, size_t first, size_t n)
{
    char **files = xcalloc(n + 1, sizeof *files);

    memcpy(files, f->files + first, n * sizeof *files);
    for (size_t i = 0; i < f->n; i++)
        if (i < first || i - first >= n)
            free(f->files[i]);
    free(f->files);
    f->files = files;
    f->n = n;
}

void folder_close(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->files[i]);
    for (size_t i = 0; i < f->n_folders; i++)
        free(f->folders[i]);
    free(f->files);
    free(f->folders);
    free(f->kind);
    *f = (struct folder){0};
}

char *folder_path(const struct folder *f, size_t i)
{
    return xformat("%s/%s", f->path, f->files[i]);
}

size_t folder_pictures(const struct folder *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->kind[i] == FOLDER_UNKNOWN ? picture_is_name(f->files[i])
                                          : f->kind[i] >= FOLDER_PICTURE;
    return n;
}

/* --- digest --- */

struct folder_digest {
    struct digest_state *state;
};

struct folder_digest *folder_digest_new(void)
{
    struct folder_digest *d = xmalloc(sizeof *d);
    d->state = digest_new();
    return d;
}

void folder_digest_add(struct folder_digest *d, const char *file, struct digest content)
{
    unsigned char bytes[DIGEST_BYTES];
    digest_bytes(bytes, content);
    digest_add(d->state, file, strlen(file) + 1);
    digest_add(d->state, bytes, sizeof bytes);
}

void folder_digest_end(struct folder_digest *d, char digest[DIGEST_SIZE])
{
    digest_format(digest, digest_value(d->state));
    digest_free(d->state);
    free(d);
}

unsigned char folder_kind(const struct picture *p, const char *file)
{
    if (p->format)
        return (unsigned char)(FOLDER_PICTURE + picture_number(p->format));
    if (!picture_is_name(file))
        return FOLDER_OTHER;
    return p->source.buffer && !p->source.error ? FOLDER_MISNAMED : FOLDER_LOST;
}

/* Looks at file I; DIGEST (or NULL) becomes that of a picture's bytes. */
static unsigned char look(const struct folder *f, size_t i, struct digest *digest)
{
    char *path = folder_path(f, i);
    struct picture p;
    unsigned char kind;

    picture_look(&p, path, digest != NULL);
    kind = folder_kind(&p, f->files[i]);
    picture_close(&p, digest);
    free(path);
    return kind;
}

void folder_digest(struct folder *f, char digest[DIGEST_SIZE])
{
    struct digest *contents = xcalloc(f->n + 1, sizeof *contents);
    struct folder_digest *d;

#pragma omp parallel for schedule(dynamic, 16)
    for (size_t i = 0; i < f->n; i++)
        f->kind[i] = look(f, i, &contents[i]);
    d = folder_digest_new();
    for (size_t i = 0; i < f->n; i++)
        if (f->kind[i] != FOLDER_OTHER)
            folder_digest_add(d, f->files[i], contents[i]);
    folder_digest_end(d, digest);
    free(contents);
}

/* --- the list --- */

static void stamp_of(char stamp[FOLDER_STAMP], const struct stat *st)
{
    snprintf(stamp, FOLDER_STAMP, "%lld\t%lld.%09ld0\t%lld.%09ld0", (long long)st->st_size,
             (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
             st->st_ctim.tv_nsec);
}

void folder_stamp(const struct folder *f, size_t i, char stamp[FOLDER_STAMP])
{
    char *path = folder_path(f, i);
    struct stat st = {0};

    if (stat(path, &st) != 0) /* a link that leads nowhere */
        st = (struct stat){0};
    stamp_of(stamp, &st);
    free(path);
}

static void print_file(const char *file, const struct stat *st)
{
    char stamp[FOLDER_STAMP];

    stamp_of(stamp, st);
    printf("%s\t%s\n", file, stamp);
}

void folder_list(const struct folder *f, const char *labels, bool *listed)
{
    struct stat st;

    for (size_t i = 0; i < f->n; i++) {
        char *path = folder_path(f, i);

        listed[i] = (picture_is_name(f->files[i]) || look(f, i, NULL) >= FOLDER_PICTURE)
            && stat(path, &st) == 0;
        if (listed[i])
            print_file(f->files[i], &st);
        free(path);
    }
    if (labels && stat(labels, &st) == 0) {
        char *path = xformat("%s%s", *labels == '/' ? "" : "./", labels);

        print_file(path, &st);
        free(path);
    }
}
