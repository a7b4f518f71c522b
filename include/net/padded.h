/* padded: images (places,H,W,C), each inside a margin of zeros that nothing ever writes to, so that
 * no convolution looks at borders.
 *
 * Row i of an image is W*C floats, data + place * size + i * row. Their places: most are only in
 * use while a thread works on a micro-batch, and each thread has MICRO_BATCH of them. A net whose
 * steps look at all of a batch (passes.h) keeps others, a place for each image of the batch.
 */
#ifndef PADDED_H
#define PADDED_H

#include "base/arena.h"
#include "net/batch.h"

struct padded {
    int H, W, C, margin; /* margin: rows above and below, columns left and right */
    bool of_batch;       /* work.batch_place counts, otherwise work.thread_place */
    size_t row;          /* floats from one row to the next */
    size_t size;         /* floats from one place to the next */
    float *data;         /* row 0, pixel 0 of place 0 */
};

void padded_take(struct padded *p, struct arena *arena, int H, int W, int C, int margin,
                 size_t places, bool of_batch);
/* Image m of the micro-batch, pixel (0,0). */
float *padded_image(const struct padded *p, const struct work *w, size_t m);

/* The images of the micro-batch, from or to those of all of the batch, (n,H,W,C). add: to what is
 * there. load returns how many there are before the first with a value that is not finite. */
size_t padded_load(const struct padded *p, const struct work *w, struct net_rows x);
void padded_add(const struct padded *p, const struct work *w, const float *x);
void padded_store(float *x, const struct padded *p, const struct work *w);

#endif
