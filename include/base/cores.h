/* cores: how many threads help this process.
 *
 * Its affinity tells on which cores it may run; the quotas of its control group and of those above
 * it, for how much of their time: cpu.max of version 2, cpu.cfs_quota_us by cpu.cfs_period_us of
 * version 1. /proc/self/cgroup and /proc/self/mountinfo tell where these stand. Source: Linux,
 * Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
 */
#ifndef CORES_H
#define CORES_H

/* The cores that it may use, at least 1: by affinity, and by quota, rounded up. */
int cores_available(void);
/* The least of the quotas in the files below ROOT, in cores, rounded up; INT_MAX where there is
 * none. ROOT: "", but for tests. */
int cores_quota(const char *root);

#endif
