#include "pictures/folder.h"

#include <dirent.h>
#include <errno.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "pictures/image.h"
#include "base/report.h"

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

static bool is_png_name(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcasecmp(name + len - 4, ".png") == 0;
}

static void add_file(struct folder *f, char *file)
{
    if ((f->n & (f->n - 1)) == 0) /* full at every power of two */
        f->files = xrealloc(f->files, f->n ? 2 * f->n : 1, sizeof *f->files);
    f->files[f->n++] = file;
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
        bool is_png, exists;
        char *file, *full;
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        is_png = is_png_name(entry->d_name);
        if (entry->d_type == DT_REG) { /* most are: no need to ask again */
            if (is_png)
                add_file(f, xformat("%s%s%s", inside, slash, entry->d_name));
            continue;
        }
        file = xformat("%s%s%s", inside, slash, entry->d_name);
        full = xformat("%s/%s", f->path, file);
        exists = stat(full, &st) == 0;
        if (!exists && !is_png && errno != ENOENT && errno != ELOOP)
            die_file(full, "%s", strerror(errno)); /* it may be a folder */
        if (exists && S_ISDIR(st.st_mode)) {
            struct level below = {level, st.st_dev, st.st_ino};
            if (is_above(level, &st))
                warn_file(full, "a link to a folder above it, passed over");
            else if (!count_visit(visits, &st))
                die_file(full, "reached by more than %d paths: links between folders", MAX_VISITS);
            else
                list(f, file, &below, visits);
        } else if (is_png) {
            add_file(f,
                     file); /* one that does not exist, a broken link, is told of when it is read */
            file = NULL;
        }
        free(file);
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
    struct stat st;
    struct level top;
    void *visits = NULL;
    *f = (struct folder){.path = path};
    if (stat(path, &st) < 0)
        die_file(path, "%s", strerror(errno));
    if (!S_ISDIR(st.st_mode))
        die_file(path, "not a folder");
    top = (struct level){NULL, st.st_dev, st.st_ino};
    list(f, "", &top, &visits);
    tdestroy(visits, free);
    if (f->n == 0)
        die_file(path, "no PNG files in this folder or below");
    qsort(f->files, f->n, sizeof *f->files, compare);
}

void folder_close(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->files[i]);
    free(f->files);
    *f = (struct folder){0};
}

char *folder_path(const struct folder *f, size_t i)
{
    return xformat("%s/%s", f->path, f->files[i]);
}

/* How many bytes of the path the class takes; 0: the folder itself. */
static size_t class_len(const char *file)
{
    const char *slash = strchr(file, '/');
    return slash ? (size_t)(slash - file) : 0;
}

char *folder_class(const struct folder *f, size_t i)
{
    size_t len = class_len(f->files[i]);
    return len ? xformat("%.*s", (int)len, f->files[i]) : xstrdup(".");
}

size_t folder_n_classes(const struct folder *f)
{
    size_t n = 0;
    bool loose = false;
    for (size_t i = 0; i < f->n; i++) {
        size_t len = class_len(f->files[i]);
        if (len == 0)
            loose = true; /* these may lie scattered between the folders */
        else if (i == 0 || len != class_len(f->files[i - 1])
                 || memcmp(f->files[i], f->files[i - 1], len) != 0)
            n++;
    }
    return n + loose;
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

void folder_digest(const struct folder *f, char digest[DIGEST_SIZE])
{
    struct digest *contents = xcalloc(f->n, sizeof *contents);
    struct folder_digest *d;
#pragma omp parallel for schedule(dynamic, 16)
    for (size_t i = 0; i < f->n; i++) {
        char error[IMAGE_ERROR], *path = folder_path(f, i);
        image_file_digest(path, &contents[i], error);
        free(path);
    }
    d = folder_digest_new();
    for (size_t i = 0; i < f->n; i++)
        folder_digest_add(d, f->files[i], contents[i]);
    folder_digest_end(d, digest);
    free(contents);
}
