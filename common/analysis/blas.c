#include "analysis/blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/profile.h"
#include "base/report.h"

enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 }; /* of CBLAS */

static struct {
    void *handle;
    const char *(*corename)(void);
    void (*set_num_threads)(int);
    void (*dgemm)(int order, int ta, int tb, int M, int N, int K, double alpha, const double *a,
                  int lda, const double *b, int ldb, double beta, double *c, int ldc);
    void (*sgemm)(int order, int ta, int tb, int M, int N, int K, float alpha, const float *a,
                  int lda, const float *b, int ldb, float beta, float *c, int ldc);
    /* The lengths of the texts come last, as Fortran passes them. */
    void (*dsyevr)(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
                   const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
                   const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
                   double *work, const int *lwork, int *iwork, const int *liwork, int *info,
                   size_t jobz_len, size_t range_len, size_t uplo_len);
} lib;

/* NULL where the library should choose: elsewhere than on x86-64, and on processors without AVX2,
 * which every OpenBLAS knows. On a Zen 4 SkylakeX, Haswell and Zen are equally fast (52, 49, 50
 * GFLOP/s a core in double precision): so the vendor matters only without AVX-512. */
static const char *core_type(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512cd"))
        return "SkylakeX";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return __builtin_cpu_is("amd") ? "Zen" : "Haswell";
#endif
    return NULL;
}

/* Stores the address of a function; ISO C has no conversion from dlsym's object pointer. */
static void find(void *function, const char *name)
{
    void *address = dlsym(lib.handle, name);

    if (!address)
        die("the BLAS library has no %s: %s", name, dlerror());
    memcpy(function, &address, sizeof address);
}

void blas_open(void)
{
    const char *core = core_type();

    if (lib.handle)
        return;
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 0);
    unsetenv("OPENBLAS_BLOCK_FACTOR");      /* it decides the order of sums */
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* starts no threads of its own while it is loaded */
    lib.handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!lib.handle)
        die("OpenBLAS does not load: %s", dlerror());
    find(&lib.corename, "openblas_get_corename");
    find(&lib.set_num_threads, "openblas_set_num_threads");
    find(&lib.dgemm, "cblas_dgemm");
    find(&lib.sgemm, "cblas_sgemm");
    find(&lib.dsyevr, "dsyevr_");
    lib.set_num_threads(1);
    profile_head("OpenBLAS %s", lib.corename());
}

const char *blas_core(void)
{
    return lib.corename();
}

void blas_dgemm(bool ta, bool tb, size_t M, size_t N, size_t K, const double *a, size_t lda,
                const double *b, size_t ldb, double beta, double *c, size_t ldc)
{
    lib.dgemm(ROW_MAJOR, ta ? TRANSPOSE : NO_TRANSPOSE, tb ? TRANSPOSE : NO_TRANSPOSE, (int)M,
              (int)N, (int)K, 1, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

void blas_sgemm(bool ta, bool tb, size_t M, size_t N, size_t K, const float *a, size_t lda,
                const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
    lib.sgemm(ROW_MAJOR, ta ? TRANSPOSE : NO_TRANSPOSE, tb ? TRANSPOSE : NO_TRANSPOSE, (int)M,
              (int)N, (int)K, 1, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

void blas_eigen(size_t N, double *a, size_t P, double *values, double *vectors)
{
    const int n = (int)N, first = (int)(N - P + 1);
    const double none = 0;
    double *w = xmalloc(N * sizeof *w), *work, work_size;
    int *support = xmalloc(2 * N * sizeof *support), *iwork, iwork_size, found, info, query = -1;

    /* Row-major "above the diagonal" is Fortran's below; rows of vectors are Fortran's columns. */
    lib.dsyevr("V", "I", "L", &n, a, &n, &none, &none, &first, &n, &none, &found, w, vectors, &n,
               support, &work_size, &query, &iwork_size, &query, &info, 1, 1, 1);
    query = (int)work_size;
    work = xmalloc((size_t)query * sizeof *work);
    iwork = xmalloc((size_t)iwork_size * sizeof *iwork);
    lib.dsyevr("V", "I", "L", &n, a, &n, &none, &none, &first, &n, &none, &found, w, vectors, &n,
               support, work, &query, iwork, &iwork_size, &info, 1, 1, 1);
    if (info != 0 || found != (int)P)
        die("the eigenvalues of a matrix of %d rows were not found (dsyevr %d)", n, info);
    for (size_t p = 0; p < P; p++) /* LAPACK's order is ascending */
        values[p] = w[P - 1 - p];
    for (size_t p = 0; p < P / 2; p++)
        for (size_t i = 0; i < N; i++) {
            double swap = vectors[p * N + i];
            vectors[p * N + i] = vectors[(P - 1 - p) * N + i];
            vectors[(P - 1 - p) * N + i] = swap;
        }
    free(w);
    free(work);
    free(support);
    free(iwork);
}
