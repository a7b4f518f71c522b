#include "net/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "files/table.h"
#include "files/whole.h"

struct train_log {
    const char *final; /* NULL: no file */
    FILE *file;        /* while training goes, at */
    char *path;        /* LOG.part, or LOG itself where that is no regular file */
    char *text;        /* so far */
    struct log_parts parts;
    double began;  /* when the first batch of this process was over, 0: it is not; seconds */
    uint64_t rows; /* of the run, that were trained on by then */
};

/* --- the file --- */

static void add_text(struct train_log *l, const char *line, double seconds)
{
    char *text;

    if (!l->file)
        return;
    text = xformat("%s%.*s\t%.3f\n", l->text, (int)strcspn(line, "\n"), line, seconds);
    if (fputs(text + strlen(l->text), l->file) < 0 || fflush(l->file) != 0)
        die_file(l->path, "%s", strerror(errno));
    free(l->text);
    l->text = text;
}

/* The seconds that TEXT, a log, gives for the line LINE; 0 where it has no such. */
static double seconds_of(const char *text, const char *line)
{
    size_t len = strcspn(line, "\n");

    for (const char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, line, len) == 0 && p[len] == '\t')
            return strtod(p + len + 1, NULL);
    return 0;
}

/* The text of a log that stands at PATH, or NULL. */
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (f && getdelim(&text, &size, '\0', f) < 0 && ferror(f))
        die_file(path, "%s", strerror(errno));
    if (f)
        fclose(f);
    return text;
}

/* What stands there of each part, WITH before its name. */
static char *columns(const struct train_log *l, const char *with)
{
    char *text = xstrdup("");

    for (int i = 0; i < l->parts.n; i++) {
        char *longer = xformat("%s\t%s%s", text, with, l->parts.names[i]);
        free(text);
        text = longer;
    }
    return text;
}

static char *numbers(const struct train_log *l, const double *parts)
{
    char *text = xstrdup("");

    for (int i = 0; i < l->parts.n; i++) {
        char *longer = xformat("%s\t%.9g", text, parts[i]);
        free(text);
        text = longer;
    }
    return text;
}

static void open_file(struct train_log *l, const char *done)
{
    char *parts = columns(l, ""), *val_parts = columns(l, "val_"), *before = NULL;
    struct stat st;

    l->path = xstrdup(l->final);
    l->text = xformat("epoch\tloss\tval_loss\tlearning_rate%s%s\tseconds\n", parts, val_parts);
    if (stat(l->final, &st) != 0 || S_ISREG(st.st_mode)) {
        free(l->path);
        l->path = xformat("%s.part", l->final);
        before = read_text(stat(l->path, &st) == 0 ? l->path : l->final);
        if (access(l->final, W_OK) != 0 && errno != ENOENT) /* now, not after the last epoch */
            die_file(l->final, "%s", strerror(errno));
    }
    l->file = fopen(l->path, "we");
    if (!l->file || fputs(l->text, l->file) < 0 || fflush(l->file) != 0)
        die_file(l->path, "%s", strerror(errno));
    for (const char *line = done; *line; line += strcspn(line, "\n") + 1)
        add_text(l, line, seconds_of(before, line));
    free(before);
    free(parts);
    free(val_parts);
}

struct train_log *log_open(const char *path, const char *done, struct log_parts parts)
{
    struct train_log *l = xcalloc(1, sizeof *l);

    l->final = path;
    l->parts = parts;
    if (path)
        open_file(l, done);
    return l;
}

char *log_add(struct train_log *l, const struct log_epoch *e)
{
    char *parts = numbers(l, e->parts), *val_parts = numbers(l, e->val_parts);
    char *line = xformat("%llu\t%.9g\t%.9g\t%.9g%s%s\n", (unsigned long long)e->epoch, e->loss,
                         e->val_loss, e->learning_rate, parts, val_parts);

    free(parts);
    free(val_parts);

    add_text(l, line, e->seconds);
    note("epoch %llu/%llu  loss %.6f  val_loss %.6f  %.1f s", (unsigned long long)e->epoch,
         (unsigned long long)e->epochs, e->loss, e->val_loss, e->seconds);
    return line;
}

void log_commit(struct train_log *l, const struct history *h)
{
    char digest[DIGEST_SIZE];
    struct whole *w;

    if (!l->file)
        return;
    if (fclose(l->file) != 0)
        die_file(l->path, "%s", strerror(errno));
    l->file = NULL;
    if (strcmp(l->path, l->final) == 0)
        return;
    w = whole_create(l->final);
    whole_write(w, l->text, strlen(l->text));
    whole_commit(w);
    table_digest_text(l->text, strlen(l->text), digest);
    history_keep_table(h, l->final, digest);
}

void log_close(struct train_log *l)
{
    if (l->path && strcmp(l->path, l->final) != 0 && unlink(l->path) != 0 && errno != ENOENT)
        warn_file(l->path, "%s", strerror(errno));
    free(l->path);
    free(l->text);
    free(l);
}

/* --- the line that moves --- */

void log_progress(struct train_log *l, const struct log_batch *b)
{
    uint64_t done = (b->epoch - 1) * b->n_rows + b->rows;
    double t = profile_seconds();

    if (l->began == 0) {
        l->began = t;
        l->rows = done;
    }
    if (!progress_due(done, b->epochs * b->n_rows))
        return;
    progress_say("epoch %llu/%llu  batch %llu/%llu  loss %.5f  %.0f images/s",
                 (unsigned long long)b->epoch, (unsigned long long)b->epochs,
                 (unsigned long long)((b->rows + b->batch - 1) / b->batch),
                 (unsigned long long)((b->n_rows + b->batch - 1) / b->batch), b->loss,
                 t > l->began ? (double)(done - l->rows) / (t - l->began) : 0);
}
