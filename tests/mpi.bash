# Ranks of Open MPI on this machine, however few cores it has and whoever runs the test: load mpi.

# Skips the test where MPI is absent.
mpi_or_skip() {
    command -v mpirun >/dev/null || skip 'no mpirun'
    [ -x "$BUILD/mpi/finetune" ] || skip 'no mpicc'
}

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# As --oversubscribe and --bind-to none. A container may forbid one process to read another's
# memory.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_btl_vader_single_copy_mechanism=none

# ranks N PROGRAM [ARGUMENT]...; with run=exec the process that is started with & is mpirun itself.
ranks() {
    local n=$1 program=$2
    shift 2
    ${run-} mpirun -n "$n" "$BUILD/mpi/$program" "$@"
}

# rank_of PID R: the process of rank R below that mpirun.
rank_of() {
    local process
    for process in $(pgrep -P "$1"); do
        ! grep -qzx "OMPI_COMM_WORLD_RANK=$2" "/proc/$process/environ" || echo "$process"
    done
}
