#include "analysis/quadtree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"
#include "base/sizes.h"
#include "base/vectors.h"

enum {
    LANES = 8,  /* points that walk together */
    DEPTH = 16, /* bits of each coordinate in a code */
    FEW = 400,  /* points, which one thread is quicker with */
    DIGIT = 11, /* bits that are sorted by at once; three times */
};

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t lane_masks __attribute__((vector_size(LANES * sizeof(int64_t))));

/* A square, or a point. */
struct node {
    double x, y;   /* the middle of its points */
    double n;      /* of them */
    double square; /* s^2; 0: one place */
    size_t next;   /* the first node that is not in it */
};

struct quadtree {
    size_t n, n_nodes;
    double side;             /* of the whole square */
    uint64_t *order, *spare; /* (n): a code, and below it the number of a point; ascending */
    double *y;               /* (n,2) in that order */
    struct node *nodes;      /* (2n) at most: each square has two parts at least */
    double *sums;            /* of z, of each group of LANES */
};

static size_t n_groups(size_t n)
{
    return divide_up(n, LANES);
}

double quadtree_memory(size_t n)
{
    return (double)n * (2 * sizeof(uint64_t) + 2 * sizeof(double) + 2 * sizeof(struct node) + 1);
}

struct quadtree *quadtree_new(size_t n)
{
    struct quadtree *t = xcalloc(1, sizeof *t);

    t->n = n;
    t->order = xcalloc(n, sizeof *t->order);
    t->spare = xcalloc(n, sizeof *t->spare);
    t->y = xcalloc(2 * n, sizeof *t->y);
    t->nodes = xcalloc(2 * n, sizeof *t->nodes);
    t->sums = xcalloc(n_groups(n), sizeof *t->sums);
    return t;
}

void quadtree_free(struct quadtree *t)
{
    free(t->order);
    free(t->spare);
    free(t->y);
    free(t->nodes);
    free(t->sums);
    free(t);
}

/* --- the order --- */

/* The bits of x, each before a 0. */
static uint64_t spread(uint64_t x)
{
    x = (x | x << 8) & 0x00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f;
    x = (x | x << 2) & 0x33333333;
    return (x | x << 1) & 0x55555555;
}

static void sort(struct quadtree *t, int shift)
{
    size_t place[1 << DIGIT] = {0}, before = 0;
    uint64_t *sorted = t->spare, mask = ((uint64_t)1 << DIGIT) - 1;

    for (size_t i = 0; i < t->n; i++)
        place[t->order[i] >> shift & mask]++;
    for (size_t d = 0; d < (size_t)1 << DIGIT; d++) {
        size_t here = place[d];

        place[d] = before;
        before += here;
    }
    for (size_t i = 0; i < t->n; i++)
        sorted[place[t->order[i] >> shift & mask]++] = t->order[i];
    t->spare = t->order;
    t->order = sorted;
}

static void find_order(struct quadtree *t, const double *y)
{
    double low[2] = {y[0], y[1]}, high[2] = {y[0], y[1]};
    double scale;

    for (size_t i = 0; i < t->n; i++)
        for (size_t c = 0; c < 2; c++) {
            double v = y[2 * i + c];

            low[c] = v < low[c] ? v : low[c];
            high[c] = v > high[c] ? v : high[c];
        }
    t->side = fmax(high[0] - low[0], high[1] - low[1]);
    scale = t->side > 0 ? ((1 << DEPTH) - 1) / t->side : 0;
#pragma omp parallel for schedule(static) if (t->n > FEW)
    for (size_t i = 0; i < t->n; i++) {
        uint64_t code = spread((uint64_t)((y[2 * i] - low[0]) * scale))
            | spread((uint64_t)((y[2 * i + 1] - low[1]) * scale)) << 1;

        t->order[i] = code << 32 | i;
    }
    for (int shift = 32; shift < 64; shift += DIGIT)
        sort(t, shift);
#pragma omp parallel for schedule(static) if (t->n > FEW)
    for (size_t i = 0; i < t->n; i++)
        memcpy(t->y + 2 * i, y + 2 * (uint32_t)t->order[i], 2 * sizeof *y);
}

/* --- the squares --- */

/* Where the quarter ends that the point FROM lies in; points of the same code are one by one. */
static size_t find_end(const uint64_t *order, size_t from, size_t end, int level)
{
    size_t low = from + 1, high = end;
    int shift = 30 + 2 * level;

    while (level > 0 && low < high) {
        size_t middle = low + (high - low) / 2;

        if (order[middle] >> shift == order[from] >> shift)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Adds the square of the sorted points first..end-1, whose codes differ in the lowest 2*level bits
 * alone, and all within it. */
static void add(struct quadtree *t, size_t first, size_t end, int level)
{
    struct node *node = t->nodes + t->n_nodes++;
    double sums[2] = {0, 0}, side;
    bool apart = false;

    if (end - first == 1) {
        *node = (struct node){t->y[2 * first], t->y[2 * first + 1], 1, 0, t->n_nodes};
        return;
    }
    while (level > 0 && (t->order[first] ^ t->order[end - 1]) >> (30 + 2 * level) == 0)
        level--; /* a square with one quarter in use needs no node */
    for (size_t from = first, to; from < end; from = to) {
        const struct node *part = t->nodes + t->n_nodes;

        to = find_end(t->order, from, end, level);
        add(t, from, to, level > 0 ? level - 1 : 0);
        sums[0] += part->n * part->x;
        sums[1] += part->n * part->y;
        apart = apart || part->square > 0 || t->y[2 * from] != t->y[2 * first]
            || t->y[2 * from + 1] != t->y[2 * first + 1];
    }
    side = apart ? ldexp(t->side, level - DEPTH) : 0;
    *node = (struct node){.n = (double)(end - first), .square = side * side, .next = t->n_nodes};
    node->x = sums[0] / node->n;
    node->y = sums[1] / node->n;
}

void quadtree_build(struct quadtree *t, const double *y)
{
    find_order(t, y);
    t->n_nodes = 0;
    add(t, 0, t->n, DEPTH);
}

/* --- the forces --- */

/* By address: how a vector is passed depends on the instruction set. */
static bool any(const lane_masks *m)
{
    int64_t found = 0;

    for (size_t l = 0; l < LANES; l++)
        found |= (*m)[l];
    return found != 0;
}

/* force (LANES,2) of the points y (LANES,2), z (LANES). */
VECTORS static void walk(const struct node *nodes, size_t n_nodes, const double *y, double *force,
                         double *z, double theta)
{
    lanes x0 = {0}, x1 = {0}, f0 = {0}, f1 = {0}, sum = {0};

    for (size_t l = 0; l < LANES; l++) {
        x0[l] = y[2 * l];
        x1[l] = y[2 * l + 1];
    }
    for (size_t i = 0; i < n_nodes;) {
        const struct node *c = nodes + i;
        lanes d0 = x0 - c->x, d1 = x1 - c->y, square = d0 * d0 + d1 * d1, q, nq;
        lane_masks near = square * (theta * theta) < c->square;

        if (c->square > 0 && any(&near)) {
            i++;
            continue;
        }
        q = 1 / (1 + square);
        nq = c->n * q;
        sum += nq;
        nq *= q;
        f0 += nq * d0;
        f1 += nq * d1;
        i = c->next;
    }
    for (size_t l = 0; l < LANES; l++) {
        force[2 * l] = f0[l];
        force[2 * l + 1] = f1[l];
        z[l] = sum[l];
    }
}

double quadtree_forces(struct quadtree *t, double *force, double theta)
{
    size_t groups = n_groups(t->n);
    double total = 0;

#pragma omp parallel for schedule(dynamic, 8) if (t->n > FEW)
    for (size_t g = 0; g < groups; g++) {
        size_t first = g * LANES, got = t->n - first < LANES ? t->n - first : LANES;
        double y[2 * LANES], f[2 * LANES], z[LANES];

        for (size_t l = 0; l < LANES; l++) /* lanes beyond the end repeat the last point */
            memcpy(y + 2 * l, t->y + 2 * (first + smaller(l, got - 1)), 2 * sizeof *y);
        walk(t->nodes, t->n_nodes, y, f, z, theta);
        t->sums[g] = 0;
        for (size_t l = 0; l < got; l++) {
            memcpy(force + 2 * (uint32_t)t->order[first + l], f + 2 * l, 2 * sizeof *f);
            t->sums[g] += z[l] - 1; /* without itself */
        }
    }
    for (size_t g = 0; g < groups; g++)
        total += t->sums[g];
    return total;
}
