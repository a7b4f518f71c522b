#include "kernels/processor.h"

#include <string.h>

extern const struct kernels kernels_table_base;
#if defined(__x86_64__)
extern const struct kernels kernels_table_avx2, kernels_table_avx512;
#endif

static const struct kernels *runnable[4]; /* best first; NULL ends */
static const struct kernels *chosen;

/* Before main, so that no thread writes what another reads. */
__attribute__((constructor)) static void find_runnable(void)
{
    int n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        runnable[n++] = &kernels_table_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        runnable[n++] = &kernels_table_avx2;
#endif
    runnable[n] = &kernels_table_base;
}

const struct kernels *const *kernels_all(void)
{
    return runnable;
}

bool kernels_select(const char *name)
{
    for (const struct kernels *const *k = kernels_all(); *k != NULL; k++)
        if (strcmp((*k)->name, name) == 0) {
            chosen = *k;
            return true;
        }
    return false;
}

const struct kernels *kernels_get(void)
{
    return chosen != NULL ? chosen : runnable[0];
}
