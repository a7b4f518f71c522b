#include "net/share.h"

#include <stdlib.h>

#include "base/ranks.h"
#include "base/report.h"
#include "base/sizes.h"

size_t share_slice(size_t n, int r)
{
    return net_slices(n) * (size_t)r / (size_t)ranks_count();
}

size_t share_image(size_t n, int r)
{
    return net_slice_start(n, share_slice(n, r));
}

int share_owner(size_t n, size_t s)
{
    int r = 0;

    while (share_slice(n, r + 1) <= s)
        r++;
    return r;
}

size_t share_most(size_t max_n)
{
    size_t most = ranks_count() == 1 ? max_n : 0;

    for (size_t n = 1; ranks_count() > 1 && n <= max_n; n++)
        for (int r = 0; r < ranks_count(); r++)
            most = larger(most, share_image(n, r + 1) - share_image(n, r));
    return most;
}

static void gather(void *data, size_t size, size_t n, size_t (*start)(size_t n, int r))
{
    const int ranks = ranks_count();
    size_t *starts = xcalloc((size_t)ranks + 1, sizeof *starts);

    for (int r = 0; r <= ranks; r++)
        starts[r] = start(n, r);
    ranks_gather(data, size, starts);
    free(starts);
}

void share_gather_slices(void *data, size_t size, size_t n)
{
    gather(data, size, n, share_slice);
}

void share_gather_images(void *data, size_t size, size_t n)
{
    gather(data, size, n, share_image);
}
