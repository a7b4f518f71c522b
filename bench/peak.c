/* peak COMMAND...: runs it, its output to nowhere, and prints its peak resident memory, MiB, and
 * the seconds it took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    double began = now();
    struct rusage used;
    int status;
    pid_t child = argc > 1 ? fork() : -1;

    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);

        if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
            exit(1);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        exit(1);
    }
    if (child < 0 || wait4(child, &status, 0, &used) < 0 || status != 0)
        return 1;
    printf("%ld\t%.1f\n", used.ru_maxrss / 1024, now() - began);
    return 0;
}
