#include "fuzz.h"

#include <fcntl.h>
#include <sanitizer/allocator_interface.h>
#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What the target has allocated and not freed, and where to find it: open addressing, 1 + the
 * position in blocks. */
struct block {
    const volatile void *at;
    size_t size;
};
enum { SLOTS = 1 << 20, FILES = 64 };

static struct block blocks[SLOTS / 2];
static uint32_t slots[SLOTS];
static size_t n_blocks, live, most_one, most_all;
static _Thread_local bool counting; /* libFuzzer has threads of its own */
static jmp_buf out;
static bool inside;
bool fuzz_other_threads;

static void report(const char *what, size_t got, size_t want)
{
    char text[200];
    int n = snprintf(text, sizeof text, "fuzz: %s: %zu, at most %zu\n", what, got, want);

    counting = false;
    if (write(STDERR_FILENO, text, (size_t)n) < n)
        _exit(1);
    abort();
}

void fuzz_check(bool right, const char *what)
{
    if (!right)
        report(what, 1, 0);
}

/* --- allocation --- */

static size_t hash_of(const volatile void *p)
{
    return ((uintptr_t)p >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 44;
}

/* Where P stands, or may stand. */
static size_t slot_of(const volatile void *p)
{
    size_t i = hash_of(p);

    while (slots[i] && blocks[slots[i] - 1].at != p)
        i = (i + 1) % SLOTS;
    return i;
}

static void on_malloc(const volatile void *p, size_t size)
{
    if (!counting || !p)
        return;
    if (size > most_one)
        report("bytes in one piece", size, most_one);
    live += size;
    if (live > most_all)
        report("bytes in all", live, most_all);
    if (n_blocks == SLOTS / 2)
        report("blocks", n_blocks + 1, SLOTS / 2);
    blocks[n_blocks] = (struct block){p, size};
    slots[slot_of(p)] = (uint32_t)++n_blocks;
}

/* Moves back what follows, so that no search ends before it. */
static void empty_slot(size_t hole)
{
    for (size_t i = hole; slots[i = (i + 1) % SLOTS];)
        if ((i - hash_of(blocks[slots[i] - 1].at)) % SLOTS >= (i - hole) % SLOTS) {
            slots[hole] = slots[i];
            hole = i;
        }
    slots[hole] = 0;
}

static void on_free(const volatile void *p)
{
    uint32_t block;
    size_t i;

    if (!counting || !p || !slots[i = slot_of(p)])
        return; /* older than this input */
    block = slots[i] - 1;
    live -= blocks[block].size;
    empty_slot(i);
    if (block < --n_blocks) {
        slots[slot_of(blocks[n_blocks].at)] = block + 1;
        blocks[block] = blocks[n_blocks];
    }
}

static void free_all(void)
{
    counting = false;
    for (; n_blocks > 0; n_blocks--) {
        empty_slot(slot_of(blocks[n_blocks - 1].at));
        free((void *)(uintptr_t)blocks[n_blocks - 1].at);
    }
    live = 0;
}

/* --- files --- */

static FILE *opened[FILES];
FILE *__real_fopen(const char *path, const char *mode);
int __real_fclose(FILE *f);
FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_fclose(FILE *f);

FILE *__wrap_fopen(const char *path, const char *mode)
{
    FILE *f = __real_fopen(path, mode);

    for (int i = 0; inside && f; i++)
        if (!opened[i]) {
            opened[i] = f;
            break;
        }
    return f;
}

int __wrap_fclose(FILE *f)
{
    for (int i = 0; i < FILES; i++)
        if (opened[i] == f)
            opened[i] = NULL;
    return __real_fclose(f);
}

static void close_files(void)
{
    for (int i = 0; i < FILES; i++)
        if (opened[i])
            __wrap_fclose(opened[i]);
}

/* Which of the first FILES descriptors are open; those that are not in BEFORE are closed. */
static uint64_t descriptors(uint64_t before, bool close_new)
{
    uint64_t now = 0;

    for (int fd = 0; fd < FILES; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            now |= UINT64_C(1) << fd;
            if (close_new && !(before >> fd & 1))
                close(fd);
        }
    return now;
}

const char *fuzz_file(const unsigned char *data, size_t len)
{
    static char name[40];
    static int fd = -1;

    if (fd < 0) {
        fd = fcntl(memfd_create("input", MFD_CLOEXEC), F_DUPFD_CLOEXEC, FILES);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
        report("bytes not written", len, 0);
    return name;
}

bool fuzz_pipe(const unsigned char *data, size_t len)
{
    int ends[2];
    bool fits;

    if (pipe(ends) != 0)
        return false;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    fits = len == 0 || write(ends[1], data, len) == (ssize_t)len;
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return fits;
}

/* --- the end of a program --- */

_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

_Noreturn void __wrap_exit(int status)
{
    if (!inside)
        __real_exit(status);
    longjmp(out, 1);
}

bool fuzz_survives(void (*work)(void *context), void *context)
{
    uint64_t before = descriptors(0, false);
    bool survived;

    inside = true;
    counting = !fuzz_other_threads;
    survived = setjmp(out) == 0;
    if (survived)
        work(context);
    inside = false;
    close_files();
    if (survived && n_blocks > 0)
        __asan_describe_address((void *)(uintptr_t)blocks[0].at); /* who allocated it */
    if (survived && n_blocks > 0)
        report("blocks leaked", n_blocks, 0);
    free_all();
    if (survived && descriptors(before, false) != before)
        report("descriptors leaked", 1, 0);
    descriptors(before, true);
    return survived;
}

/* --- libFuzzer --- */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the programs print goes nowhere; sanitizers and libFuzzer write to the descriptor or kept
 * the stream. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char buffer[BUFSIZ];
    (void)argc;
    (void)argv;

    stdout = fopen("/dev/null", "w");
    stderr = fopen("/dev/null", "w");
    setvbuf(stdout, buffer, _IOFBF,
            sizeof buffer); /* of ours: one of its own would be taken for the target's */
    setvbuf(stderr, NULL, _IONBF, 0);
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    tzset(); /* the C library keeps what it read of the time zone: no leak of the target's */
    target_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    most_one = FUZZ_MOST + 4 * len;
    most_all = FUZZ_ALL + 4 * len;
    target(data, len);
    return 0;
}
