/* The quota of CPU time that control groups leave to a process, of made-up machines: the folder
 * that is the argument stands for the root of the file system; prints the cores. */
#include <stdio.h>

#include "base/cores.h"
#include "base/report.h"

int main(int argc, char **argv)
{
    report_init("check-cores");
    if (argc != 2)
        die("want a folder");
    printf("%d\n", cores_quota(argv[1]));
    return 0;
}
