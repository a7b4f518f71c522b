#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/report.h"
#include "base/scratch.h"

static int status_of(pid_t child, const char *what)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            die("no end of '%s': %s", what, strerror(errno));
    return status;
}

int child_run(char *const argv[], char *const environment[], const int *shared, int output,
              int errors)
{
    posix_spawn_file_actions_t actions;
    int bad, status;
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
    for (; shared && *shared >= 0; shared++) /* onto itself: it stays open in the child */
        posix_spawn_file_actions_adddup2(&actions, *shared, *shared);
    bad = posix_spawnp(&child, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (bad == ENOENT)
        return -1;
    if (bad)
        die("no process for '%s': %s", argv[0], strerror(bad));
    status = status_of(child, argv[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_try(void (*act)(void *context), void *context, unsigned seconds)
{
    const struct rlimit limit = {seconds, seconds + 1}, no_core = {0, 0};
    pid_t child = fork();
    int status;

    if (child < 0)
        die("no process: %s", strerror(errno));
    if (child == 0) {
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
        setrlimit(RLIMIT_CPU, &limit);
        setrlimit(RLIMIT_CORE, &no_core);
        act(context);
        _exit(0);
    }
    status = status_of(child, "a trial");
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

char *child_text(int fd, size_t *len)
{
    struct stat st;
    char *text;

    if (fstat(fd, &st) != 0)
        die("a temporary file: %s", strerror(errno));
    *len = (size_t)st.st_size;
    text = xmalloc(*len + 1);
    scratch_read(fd, text, *len, 0);
    text[*len] = '\0';
    return text;
}
