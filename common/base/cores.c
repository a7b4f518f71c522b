#include "base/cores.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

/* The text of FOLDER/NAME below ROOT; NULL where it cannot be read. The caller frees it. */
static char *read_text(const char *root, const char *folder, const char *name)
{
    char *path = xformat("%s%s/%s", root, folder, name), *text = NULL;
    FILE *f = fopen(path, "r");
    size_t size = 0;

    if (f && getdelim(&text, &size, '\0', f) < 0) {
        free(text);
        text = NULL;
    }
    if (f)
        fclose(f);
    free(path);
    return text;
}

static double read_number(const char *root, const char *folder, const char *name)
{
    char *text = read_text(root, folder, name);
    double value = text ? strtod(text, NULL) : 0;

    free(text);
    return value;
}

/* The quota of the group in FOLDER, in cores. */
static double quota_of(const char *root, const char *folder)
{
    char *text = read_text(root, folder, "cpu.max");
    double quota = 0, period = 0;

    if (!text) {
        quota = read_number(root, folder, "cpu.cfs_quota_us"); /* -1: none */
        period = read_number(root, folder, "cpu.cfs_period_us");
    } else if (sscanf(text, "%lf %lf", &quota, &period) != 2) { /* "max 100000" */
        quota = 0;
    }
    free(text);
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The least quota of GROUP, a path below the folder MOUNT, and of all groups above it. */
static double least_quota(const char *root, const char *mount, const char *group)
{
    char *folder = xformat("%s%s", mount, group), *end = folder + strlen(folder);
    double least = INFINITY;

    for (; end && end >= folder + strlen(mount); end = strrchr(folder, '/')) {
        *end = '\0';
        least = fmin(least, quota_of(root, folder));
    }
    free(folder);
    return least;
}

/* Whether LIST, parted by commas, names WORD. */
static bool names(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
        if (strncmp(list, word, n) == 0 && strchr(",", list[n]))
            return true;
    return false;
}

/* The group of this process, from CGROUP, lines of "number:controllers:path": of version 2, or that
 * of version 1 which has its quota. A new string, or NULL. */
static char *find_group(const char *cgroup, bool version2)
{
    char *text = xstrdup(cgroup), *rest = text, *line, *found = NULL;

    while (!found && (line = strsep(&rest, "\n"))) {
        char *controllers, *path = line;

        strsep(&path, ":");
        controllers = strsep(&path, ":");
        if (path && (version2 ? !*controllers : names(controllers, "cpu")))
            found = xstrdup(path);
    }
    free(text);
    return found;
}

/* The quota that a line of mountinfo, "id parent device root mount options ... - type source
 * options", leads to. */
static double mount_quota(const char *root, char *line, const char *cgroup)
{
    char *fields[5], *rest = strstr(line, " - "), type[16], options[256], *group;
    double quota = INFINITY;
    size_t n;

    if (!rest || sscanf(rest, " - %15s %*s %255s", type, options) != 2
        || (strcmp(type, "cgroup2") != 0
            && (strcmp(type, "cgroup") != 0 || !names(options, "cpu"))))
        return INFINITY;
    for (int i = 0; i < 5; i++)
        if (!(fields[i] = strsep(&line, " ")))
            return INFINITY;
    group = find_group(cgroup, strcmp(type, "cgroup2") == 0);
    n = strcmp(fields[3], "/") == 0 ? 0 : strlen(fields[3]);
    if (group && strncmp(group, fields[3], n) == 0 && strchr("/", group[n]) && !strstr(group, ".."))
        quota = least_quota(root, fields[4], strcmp(group, "/") == 0 ? "" : group + n);
    else if (group) /* seen from outside of what is mounted */
        quota = least_quota(root, fields[4], "");
    free(group);
    return quota;
}

int cores_quota(const char *root)
{
    char *mounts = read_text(root, "/proc/self", "mountinfo"), *rest = mounts, *line;
    char *cgroup = read_text(root, "/proc/self", "cgroup");
    double least = INFINITY;

    while (cgroup && rest && (line = strsep(&rest, "\n")))
        least = fmin(least, mount_quota(root, line, cgroup));
    free(mounts);
    free(cgroup);
    return least < INT_MAX ? (int)ceil(least) : INT_MAX;
}

int cores_available(void)
{
    int n = omp_get_num_procs(), /* even where OpenMP has bound this thread to one */
        quota = cores_quota("");

    return n < quota ? n : quota;
}
