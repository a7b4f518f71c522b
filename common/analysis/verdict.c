#include "analysis/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "files/index.h"

/* Of a class's name to read, characters; classes to read. */
enum { NAME = 24, CLASSES_SHOWN = 30, FIGURE = 64 };

const char *const verdict_names[N_VERDICTS] = {"features", "features-pca", "pixels", "pixels-pca",
                                               "random-net"};

void verdict_tell(const struct verdict *a, const char *format, ...)
{
    va_list arguments;
    char *text = NULL, *line;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        die("out of memory: a line wanted");
    line = printable(text);
    if (a->summary) {
        zio_write(a->summary, line, strlen(line));
        zio_write(a->summary, "\n", 1);
    } else {
        note("%s", line);
    }
    free(text);
    free(line);
}

/* --- the table --- */

void verdict_write_head(const struct verdict *a)
{
    static const char head[] = "what\tmeasure\trows_of\tclass\tpredicted\trows\tvalue\tlow\thigh\n";

    zio_write(a->table, head, sizeof head - 1);
}

void verdict_write_line(const struct verdict *a, const char *what, const char *measure,
                        const char *rows_of, const char *class_name, const char *predicted,
                        size_t n, const struct interval *v)
{
    char *head = xformat("%s\t%s\t%s\t", what, measure, rows_of);
    char *tail = v ? xformat("%zu\t%.6f\t%.6f\t%.6f\n", n, v->value, v->low, v->high)
                   : xformat("%zu\t\t\t\n", n);

    zio_write(a->table, head, strlen(head));
    index_write_text(a->table, class_name);
    index_write_text(a->table, predicted);
    zio_write(a->table, tail, strlen(tail));
    free(head);
    free(tail);
}

/* taken (n_classes,n_classes): how many rows of each class the probe takes for each; the caller
 * frees it. */
static size_t *count_taken(const struct labelled *l, const struct evaluation *e)
{
    size_t *taken = xcalloc(l->n_classes * l->n_classes, sizeof *taken);

    for (size_t i = 0; e->predicted && i < l->n; i++)
        if (e->predicted[i] < l->n_classes)
            taken[l->class_of[i] * l->n_classes + e->predicted[i]]++;
    return taken;
}

static struct interval of_class(const struct verdict *a, const struct evaluation *e, int measure,
                                size_t c)
{
    const struct labelled *l = a->l;
    uint32_t *rows = xmalloc(l->n * sizeof *rows);
    struct interval v;
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        if (l->class_of[i] == c)
            rows[n++] = (uint32_t)i;
    v = interval_mean(e->scores[measure], rows, n, a->seed);
    free(rows);
    return v;
}

static void write_classes(const struct verdict *a, const struct evaluation *e, const char *what)
{
    const struct labelled *l = a->l;
    size_t *taken = count_taken(l, e);

    for (int m = 0; m < N_MEASURES; m++) {
        if (!e->given[m])
            continue;
        verdict_write_line(a, what, measure_names[m], "all", "", "", l->n, &e->all[m]);
        if (l->n_test > 0 && (m != MEASURE_PROBE || l->n_train > 0))
            verdict_write_line(a, what, measure_names[m], "test", "", "", l->n_test, &e->test[m]);
        for (size_t c = 0; c < l->n_classes && m != MEASURE_CLUSTERS; c++) {
            struct interval v = of_class(a, e, m, c);

            verdict_write_line(a, what, measure_names[m], "all", l->classes[c], "", l->class_n[c],
                               &v);
        }
    }
    for (size_t c = 0; c < l->n_classes; c++)
        for (size_t p = 0; p < l->n_classes; p++)
            if (taken[c * l->n_classes + p] > 0)
                verdict_write_line(a, what, "confusion", "all", l->classes[c], l->classes[p],
                                   taken[c * l->n_classes + p], NULL);
    free(taken);
}

static void write_copies(const struct verdict *a, const struct retrieval *r, const char *what)
{
    for (int c = 0; c < COPY_KINDS; c++)
        for (int m = 0; m < N_RETRIEVALS; m++) {
            char *measure = xformat("%s-%s", copy_names[c], retrieval_names[m]);

            verdict_write_line(a, what, measure, "copies", "", "", r->n, &r->of[c][m]);
            free(measure);
        }
}

void verdict_write(const struct verdict *a)
{
    for (int k = 0; k < N_VERDICTS; k++) {
        if (a->classes[k].given[MEASURE_NEAREST_1])
            write_classes(a, &a->classes[k], verdict_names[k]);
        if (a->copies[k].n > 0)
            write_copies(a, &a->copies[k], verdict_names[k]);
    }
}

/* --- in words --- */

static double half_width(const struct interval *v)
{
    return (v->high - v->low) / 2;
}

/* "better than", "worse than" or "no better than": by the interval of the difference. */
static const char *compared(const struct verdict *a, const struct evaluation *x,
                            const struct evaluation *y)
{
    struct interval d = evaluation_difference(x, y, MEASURE_NEAREST_1, a->l, a->seed);

    return d.low > 0 ? "better than" : d.high < 0 ? "worse than" : "no better than";
}

/* "0.74 +- 0.02" in TEXT; with a third digit where two would say of a width that it is none. */
static const char *figure(char text[FIGURE], const struct interval *i)
{
    double width = half_width(i);
    int digits = width > 0 && width < 0.005 ? 3 : 2;

    snprintf(text, FIGURE, "%.*f +- %.*f", digits, i->value, digits, width);
    return text;
}

static void say_classes(const struct verdict *a)
{
    const struct evaluation *f = &a->classes[VERDICT_FEATURES], *p = &a->classes[VERDICT_PIXELS],
                            *random = &a->classes[VERDICT_RANDOM];
    const struct interval *own = &f->all[MEASURE_NEAREST_1];
    char one[FIGURE], two[FIGURE];

    if (p->given[MEASURE_NEAREST_1]) {
        if (p[1].all[MEASURE_NEAREST_1].value > p->all[MEASURE_NEAREST_1].value)
            p++; /* after PCA */
        verdict_tell(a, "The features tell the classes apart %s pixels: %s against %s.",
                     compared(a, f, p), figure(one, own), figure(two, &p->all[MEASURE_NEAREST_1]));
    } else {
        verdict_tell(a, "The nearest neighbour of a row has its class in %s of all rows.",
                     figure(one, own));
    }
    if (random->given[MEASURE_NEAREST_1])
        verdict_tell(a, "They are %s those of the same net with random weights: %s.",
                     compared(a, f, random), figure(one, &random->all[MEASURE_NEAREST_1]));
    if (f->given[MEASURE_PROBE])
        verdict_tell(a, "A linear probe tells the class of %s of the rows that it has not seen.",
                     figure(one, &f->all[MEASURE_PROBE]));
}

static void say_copies(const struct verdict *a)
{
    double pixels = fmax(a->copies[VERDICT_PIXELS].together.value,
                         a->copies[VERDICT_PIXELS_PCA].together.value);

    verdict_tell(a,
                 "An image finds its mirrored, cropped and recompressed copies: features %.2f, "
                 "pixels %.2f.",
                 a->copies[VERDICT_FEATURES].together.value, pixels);
    verdict_tell(a, "Features of the same net with random weights find %.2f of them.",
                 a->copies[VERDICT_RANDOM].together.value);
}

void verdict_say(const struct verdict *a)
{
    const bool classes = a->classes[VERDICT_FEATURES].given[MEASURE_NEAREST_1];

    if (classes)
        say_classes(a);
    if (a->copies[VERDICT_FEATURES].n > 0)
        say_copies(a);
    if (!classes)
        verdict_tell(a, "There are no classes to tell apart: %zu row%s of %zu class%s.", a->l->n,
                     a->l->n == 1 ? "" : "s", a->l->n_classes, a->l->n_classes == 1 ? "" : "es");
}

/* --- to read --- */

/* A line of the figures side by side, NULL: none; with the program's name 100 columns wide. */
static void show_line(const struct verdict *a, const char *name,
                      const struct interval *const values[N_VERDICTS])
{
    char line[N_VERDICTS * 16 + 1] = "", *end = line;

    for (int k = 0; k < N_VERDICTS; k++)
        end += values[k] ? sprintf(end, " %6.3f +-%.3f", values[k]->value, half_width(values[k]))
                         : sprintf(end, " %14s", "");
    verdict_tell(a, "%-15s%s", name, line);
}

static void show_classes(const struct verdict *a)
{
    static const char *const names[N_MEASURES] = {"nearest row",  "vote of 5",  "share of 10",
                                                  "linear probe", "silhouette", "clusters, NMI"};
    const struct interval *values[N_VERDICTS];

    for (int m = 0; m < N_MEASURES; m++) {
        for (int k = 0; k < N_VERDICTS; k++)
            values[k] = a->classes[k].given[m] ? &a->classes[k].all[m] : NULL;
        show_line(a, names[m], values);
        for (int k = 0; k < N_VERDICTS; k++)
            values[k] = a->classes[k].given[m] ? &a->classes[k].test[m] : NULL;
        if (m == MEASURE_PROBE && a->l->n_test > 0 && a->l->n_train > 0)
            show_line(a, "  of test rows", values);
    }
}

static void show_copies(const struct verdict *a)
{
    const struct interval *values[N_VERDICTS];

    for (int c = 0; c < COPY_KINDS; c++) {
        for (int k = 0; k < N_VERDICTS; k++)
            values[k] = a->copies[k].n > 0 ? &a->copies[k].of[c][RETRIEVAL_TOP_1] : NULL;
        show_line(a, copy_names[c], values);
    }
}

/* Where TEXT, in UTF-8, ends after NAME characters, of which there are *n. */
static size_t cut(const char *text, int *n)
{
    size_t end = 0;

    for (*n = 0; text[end] && (*n < NAME || (text[end] & 0xC0) == 0x80); end++)
        *n += (text[end] & 0xC0) != 0x80;
    return end;
}

/* The class that the probe takes most rows of class C for, wrongly; C: none. */
static size_t find_mistake(const size_t *taken, size_t c, size_t n_classes)
{
    size_t worst = c, most = 0;

    for (size_t p = 0; p < n_classes; p++)
        if (p != c && taken[c * n_classes + p] > most) {
            worst = p;
            most = taken[c * n_classes + p];
        }
    return worst;
}

static void show_class(const struct verdict *a, size_t c, const size_t *taken)
{
    const struct labelled *l = a->l;
    const struct evaluation *e = &a->classes[VERDICT_FEATURES];
    struct interval near = of_class(a, e, MEASURE_NEAREST_1, c),
                    probe = of_class(a, e, MEASURE_PROBE, c);
    size_t worst = find_mistake(taken, c, l->n_classes);
    int n, other;
    size_t end = cut(l->classes[c], &n), other_end = cut(l->classes[worst], &other);
    char *line = xformat("%.*s%*s %6zu %9.3f", (int)end, l->classes[c], NAME - n, "", l->class_n[c],
                         near.value);

    if (worst != c)
        verdict_tell(a, "%s %7.3f  %zu for %.*s", line, probe.value,
                     taken[c * l->n_classes + worst], (int)other_end, l->classes[worst]);
    else if (e->given[MEASURE_PROBE])
        verdict_tell(a, "%s %7.3f", line, probe.value);
    else
        verdict_tell(a, "%s", line);
    free(line);
}

static void show_each_class(const struct verdict *a)
{
    size_t *taken = count_taken(a->l, &a->classes[VERDICT_FEATURES]);
    size_t shown = smaller(a->l->n_classes, CLASSES_SHOWN);

    verdict_tell(a, "%-*s %6s %9s %7s  %s", NAME, "by class", "rows", "neighbour", "probe",
                 "most mistaken");
    for (size_t c = 0; c < shown; c++)
        show_class(a, c, taken);
    if (shown < a->l->n_classes)
        verdict_tell(a, "and %zu more", a->l->n_classes - shown);
    free(taken);
}

void verdict_show(const struct verdict *a)
{
    const bool classes = a->classes[VERDICT_FEATURES].given[MEASURE_NEAREST_1];
    const bool copies = a->copies[VERDICT_FEATURES].n > 0;
    char *reduced = xformat("PCA to %zu", a->components);

    if (classes || copies)
        verdict_tell(a, "%-15s %14s %14s %14s %14s %14s", "", "features", reduced, "pixels",
                     reduced, "random net");
    if (classes)
        show_classes(a);
    if (copies)
        show_copies(a);
    if (classes)
        show_each_class(a);
    free(reduced);
}
