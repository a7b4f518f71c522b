#include "report/images.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/profile.h"
#include "base/progress.h"
#include "base/report.h"
#include "base/sizes.h"
#include "net/dataset.h"
#include "pictures/resize.h"
#include "report/mosaic.h"

enum { RGB = 3, BATCH = 32, QUALITY = 80, RECONSTRUCTION_QUALITY = 60 };

struct work {
    struct page *page;
    const struct tensor_reader *images;
    struct net *net; /* NULL: none */
    struct mosaic thumbnails, reconstructions;
    size_t H, W, C, items, h, w; /* h, w: as they are compared */
    struct rows *compared;
    float *x, *y;         /* (BATCH,H,W,C) */
    uint8_t *rgb, *small; /* (H,W,3), (h,w,3) */
    unsigned char *error; /* (n) float32 */
    size_t n, n_batch;    /* rows done; in x */
};

/* rgb (H,W,3) of x (H,W,C). */
static void to_rgb(const struct work *w, const float *x)
{
    for (size_t i = 0; i < w->H * w->W; i++)
        for (size_t c = 0; c < RGB; c++) {
            float v = x[i * w->C + (w->C == RGB ? c : 0)];

            w->rgb[i * RGB + c] = v >= 1 ? 255 : v > 0 ? (uint8_t)(v * 255 + 0.5f) : 0;
        }
}

static void add_error(struct work *w, size_t i)
{
    const float *x = w->x + i * w->items, *y = w->y + i * w->items;
    double sum = 0;
    float mean;
    uint32_t bits;

    for (size_t k = 0; k < w->items; k++)
        sum += ((double)y[k] - x[k]) * ((double)y[k] - x[k]);
    mean = (float)(sum / (double)w->items);
    memcpy(&bits, &mean, sizeof bits);
    put_le32(w->error + 4 * (w->n + i), bits);
}

static void end_batch(struct work *w)
{
    if (w->net && w->n_batch > 0) {
        enum profile_part before = profile_enter(PROFILE_ARITHMETIC);

        net_reconstruct(w->net, w->y, w->x, w->n_batch);
        profile_leave(before);
        for (size_t i = 0; i < w->n_batch; i++) {
            add_error(w, i);
            to_rgb(w, w->y + i * w->items);
            mosaic_add(&w->reconstructions, w->page, w->rgb);
        }
    }
    w->n += w->n_batch;
    w->n_batch = 0;
}

/* Of what is in w->rgb. */
static void add_compared(struct work *w)
{
    resize_area(w->small, w->h, w->w, w->rgb, w->H, w->W, w->W * RGB);
    for (size_t i = 0; w->C == 1 && i < w->h * w->w; i++)
        w->small[i] = w->small[i * RGB];
    rows_append(w->compared, w->small, 1);
}

static void add_row(struct work *w, const uint8_t *row, size_t number)
{
    float *x = w->x + w->n_batch * w->items;

    if (w->images->header.dtype == NPY_U8)
        net_scale(x, row, w->items);
    else
        memcpy(x, row, w->items * sizeof *x);
    if (dataset_not_finite(x, w->items) < w->items)
        die_file(tensor_path(w->images), "row %zu holds a value that is not finite", number);
    to_rgb(w, x);
    mosaic_add(&w->thumbnails, w->page, w->rgb);
    add_compared(w);
    if (++w->n_batch == BATCH)
        end_batch(w);
}

static void read_all(struct work *w, struct tensor_reader *t, const size_t *rows, size_t n)
{
    size_t block = tensor_block(t), first = 0, next = 0;
    uint8_t *data = xaligned(block * t->row_bytes);

    for (size_t got; (got = tensor_read(t, data, block)) > 0; first += got) {
        for (; next < n && rows[next] < first + got; next++)
            add_row(w, data + (rows[next] - first) * t->row_bytes, rows[next]);
        progress_show(next, n, "images: %zu of %zu", next, n);
    }
    end_batch(w);
    progress_end();
    free(data);
}

static struct mosaic thumbnails_new(const struct tensor_reader *t, size_t n,
                                    const struct images_settings *s)
{
    return mosaic_new("thumbnails", n, t->header.shape[1], t->header.shape[2], s->side, s->page,
                      QUALITY);
}

static struct mosaic reconstructions_new(const struct tensor_reader *t, size_t n,
                                         const struct images_settings *s)
{
    return mosaic_new("reconstructions", n, t->header.shape[1], t->header.shape[2], s->side,
                      s->page, RECONSTRUCTION_QUALITY);
}

static void set(json_t *facts, const char *key, json_t *value)
{
    if (json_object_set_new(facts, key, json_checked(value)) != 0)
        die("out of memory: a fact wanted");
}

struct rows *images_write(struct page *p, json_t *facts, struct tensor_reader *t,
                          const size_t *rows, size_t n, const struct model *m,
                          const struct images_settings *s)
{
    size_t H = t->header.shape[1], W = t->header.shape[2], longer = larger(H, W);
    struct work w = {.page = p,
                     .images = t,
                     .H = H,
                     .W = W,
                     .C = t->header.shape[3],
                     .items = t->row_items,
                     .h = mosaic_shrink(H, longer, s->compare),
                     .w = mosaic_shrink(W, longer, s->compare)};

    w.net = m ? model_net(m, BATCH, false) : NULL;
    w.x = xcalloc(BATCH * w.items, sizeof *w.x);
    w.y = xcalloc(BATCH * w.items, sizeof *w.y);
    w.rgb = xmalloc(w.H * w.W * RGB);
    w.small = xmalloc(w.h * w.w * RGB);
    w.compared = rows_create(tensor_path(t), NPY_U8, n, w.h * w.w * w.C, s->memory);
    w.error = xcalloc(n + 1, 4);
    w.thumbnails = thumbnails_new(t, n, s);
    mosaic_start(&w.thumbnails);
    w.reconstructions = reconstructions_new(t, n, s);
    if (m)
        mosaic_start(&w.reconstructions);
    read_all(&w, t, rows, n);
    mosaic_end(&w.thumbnails, p);
    set(facts, "thumbnails", mosaic_facts(&w.thumbnails));
    set(facts, "compared", json_pack("[I,I]", (json_int_t)w.h, (json_int_t)w.w));
    set(facts, "image", json_pack("[I,I,I]", (json_int_t)w.H, (json_int_t)w.W, (json_int_t)w.C));
    if (m) {
        mosaic_end(&w.reconstructions, p);
        set(facts, "reconstructions", mosaic_facts(&w.reconstructions));
        page_add_block(p, "error", w.error, 4 * n);
        net_profile(w.net);
        net_free(w.net);
    }
    free(w.x);
    free(w.y);
    free(w.rgb);
    free(w.small);
    free(w.error);
    return w.compared;
}

void images_write_kernels(struct page *p, json_t *facts, const struct model *m)
{
    struct net *net = model_net(m, 1, false);
    size_t n_parameters, n_weights;
    const struct net_parameter *list = net_parameters(net, &n_parameters);
    const float *weights = net_weights(net, &n_weights);

    for (size_t i = 0; i < n_parameters && m->first == 1; i++)
        if (strcmp(list[i].name, "encoder.1.kernel") == 0) {
            const size_t *s = list[i].shape;

            page_add_block(p, "kernels", weights + list[i].offset, 4 * list[i].count);
            set(facts, "kernels",
                json_pack("[I,I,I,I]", (json_int_t)s[0], (json_int_t)s[1], (json_int_t)s[2],
                          (json_int_t)s[3]));
        }
    net_free(net);
}

size_t images_memory(const struct tensor_reader *t, size_t n, const struct model *m,
                     const struct images_settings *s)
{
    struct mosaic thumbnails = thumbnails_new(t, n, s),
                  reconstructions = reconstructions_new(t, n, s);

    return mosaic_memory(&thumbnails) + (m ? mosaic_memory(&reconstructions) : 0)
        + tensor_memory(t->row_bytes) + 2 * BATCH * t->row_items * sizeof(float)
        + (m ? net_memory(&m->spec, BATCH, false) + model_memory(m) : 0);
}
