/* The targets run on one thread: a die() in another could not be caught. */
#ifndef OMP_H
#define OMP_H

static inline int omp_get_max_threads(void)
{
    return 1;
}
static inline int omp_get_num_threads(void)
{
    return 1;
}
static inline int omp_get_num_procs(void)
{
    return 1;
}
static inline int omp_get_thread_num(void)
{
    return 0;
}
static inline void omp_set_num_threads(int n)
{
    (void)n;
}

#endif
