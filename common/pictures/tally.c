#include "pictures/tally.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "pictures/picture.h"

enum { MAX_KINDS = 32, SHOWN = 8 };

struct kind {
    char *name;
    char *example; /* the name of a file that is not what its ending says; NULL: no need */
    size_t n;
};

struct tally {
    size_t n_kinds, n;
    struct kind kinds[MAX_KINDS]; /* the last: all others */
};

struct tally *tally_new(void)
{
    return xcalloc(1, sizeof(struct tally));
}

static struct kind *find(struct tally *t, const char *name)
{
    size_t i = 0;

    while (i < t->n_kinds && strcmp(t->kinds[i].name, name) != 0)
        i++;
    if (i == MAX_KINDS)
        return &t->kinds[MAX_KINDS - 1];
    if (i == t->n_kinds)
        t->kinds[t->n_kinds++] =
            (struct kind){.name = xstrdup(i == MAX_KINDS - 1 ? "others" : name)};
    return &t->kinds[i];
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');

    return slash ? slash + 1 : file;
}

/* ".txt", in small letters; "without an ending" where there is none, or no short one. */
static char *ending(const char *file)
{
    const char *dot = strrchr(base_name(file), '.');
    size_t len = dot ? strlen(dot) : 0;
    char *text;

    if (len < 2 || len > 12)
        return xstrdup("without an ending");
    text = xstrdup(dot);
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

void tally_add(struct tally *t, const char *file, const char *what)
{
    bool misnamed = picture_is_name(file);
    char *by_ending = what || misnamed ? NULL : ending(file);
    struct kind *kind = find(t, by_ending ? by_ending : what ? what : "of unknown kind");

    if (misnamed && !kind->example)
        kind->example = xstrdup(base_name(file));
    kind->n++;
    t->n++;
    free(by_ending);
}

void tally_add_many(struct tally *t, const char *kind, size_t n)
{
    find(t, kind)->n += n;
    t->n += n;
}

static int compare(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;

    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->name, y->name);
}

/* "3 git-lfs pointers", "1 HTML named x.jpg". */
static char *kind_text(const struct kind *k)
{
    static const char *const countable[] = {"pointer", "file", "picture"};
    bool counts = false;
    char *name, *text;

    for (size_t i = 0; i < sizeof countable / sizeof *countable; i++) {
        size_t len = strlen(countable[i]), all = strlen(k->name);

        counts = counts || (all >= len && strcmp(k->name + all - len, countable[i]) == 0);
    }
    name = xformat("%zu %s%s", k->n, k->name, counts && k->n > 1 ? "s" : "");
    if (!k->example)
        return name;
    text = xformat("%s named %s%s", name, k->example, k->n > 1 ? " and the like" : "");
    free(name);
    return text;
}

/* The line, most frequent kinds first, or "nothing"; a new string. */
static char *line(const struct tally *t)
{
    struct kind kinds[MAX_KINDS];
    char *text = NULL;
    size_t left = t->n;

    memcpy(kinds, t->kinds, sizeof kinds);
    qsort(kinds, t->n_kinds, sizeof *kinds, compare);
    for (size_t i = 0; i < t->n_kinds && i < SHOWN; i++) {
        char *kind = kind_text(&kinds[i]),
             *longer = xformat("%s%s%s", text ? text : "", text ? ", " : "", kind);

        free(kind);
        free(text);
        text = longer;
        left -= kinds[i].n;
    }
    if (left > 0) {
        char *longer = xformat("%s, %zu others", text, left);

        free(text);
        text = longer;
    }
    return text ? text : xstrdup("nothing");
}

void tally_tell(const struct tally *t, const char *what)
{
    char *text = line(t);

    if (t->n > 0)
        note("%s: %s", what, text);
    free(text);
}

void tally_free(struct tally *t)
{
    for (size_t i = 0; i < t->n_kinds; i++) {
        free(t->kinds[i].name);
        free(t->kinds[i].example);
    }
    free(t);
}
