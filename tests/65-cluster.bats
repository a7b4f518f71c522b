# The pipeline on a cluster: two Slurm nodes on this machine.
load helper
load pipeline
load slurm
load mpi

setup_file() {
    slurm_or_skip
    make_ready
    slurm_start "$BATS_FILE_TMPDIR/slurm"
}

teardown_file() { slurm_stop "$BATS_FILE_TMPDIR/slurm"; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    ready
    mv out one
    printf '#!/bin/sh\nsleep 0.5\nexec "$@"\n' >slowly
    chmod +x slowly
}

# What a test left behind when it failed.
teardown() {
    scontrol update nodename=node1,node2 state=resume 2>/dev/null || true
}

# cluster GOAL...: the pipeline in four parts, each heavy command a job.
cluster() {
    pipeline -j4 SHARDS=4 LAUNCH='srun -n1 -Q' FLAGS='--threads 1' "$@"
}

# job PATTERN: waits until squeue lists a job so, and prints its number.
job() {
    local i
    for ((i = 0; i < 300; i++)); do
        squeue -h -o '%i %j %N' | grep -m 1 "$1" && return
        sleep 0.1
    done | cut -d ' ' -f 1
}

@test "the pipeline in jobs of a cluster makes the same bytes" {
    cluster all >log
    same_results one out
    (($(grep -c '^srun -n1 -Q .*--shard' log) >= 20))
}

@test "a job that is cancelled ends the run, and the next goes on to the same bytes" {
    cluster LAUNCH='srun -n1 -Q ./slowly' all &>log &
    make=$!
    scancel "$(job 'slowly node')"
    wait "$make" && status=0 || status=$?
    [ "$status" -ne 0 ]
    cluster all
    same_results one out
}

@test "a node that is drained gets no work, and the run goes on without it" {
    scontrol update nodename=node2 state=drain reason=test
    slurm_wait 1
    cluster features
    scontrol update nodename=node2 state=resume
    slurm_wait 2
    cluster all
    same_results one out
}

@test "a node's daemon that is killed in mid-job is survived: the next run completes" {
    cluster LAUNCH='srun -n1 -Q ./slowly' all &>log &
    make=$!
    [ -n "$(job 'slowly node1')" ]
    kill -9 "$(cat "$BATS_FILE_TMPDIR/slurm/node1.pid")"
    wait "$make" || true
    slurmd -N node1
    slurm_wait 2
    cluster all
    same_results one out
}

@test "an array of batch jobs makes parts that are joined" {
    encode-stage one/stage-1.safetensors.zst one/train-0.npy.zst -o whole.npy.zst
    printf '#!/bin/sh\nexec %s/encode-stage one/stage-1.safetensors.zst one/train-0.npy.zst %s\n' "$BIN" \
        '--shard "$SLURM_ARRAY_TASK_ID/3" -o "part-$SLURM_ARRAY_TASK_ID.npy.zst"' >job.sh
    sbatch -Q --wait --array=1-3 -n1 job.sh
    tensor join part-{1..3}.npy.zst -o joined.npy.zst
    cmp joined.npy.zst whole.npy.zst
}

@test "training in ranks makes the same bytes, started by srun or by mpirun in salloc" {
    mpi_or_skip
    srun --mpi=list 2>&1 | grep -qw pmix || skip 'srun has no pmix'
    mkdir bin
    ln -s "$BIN"/* bin
    ln -sf "$BUILD"/mpi/{train-stage,finetune} bin
    # On one node: the two are one host, which pmix does not expect.
    bin=bin pipeline LAUNCH_TRAIN='srun --mpi=pmix -N1 -n2 -Q' features >log
    equal "$(grep -c '^srun --mpi=pmix ' log)" 3
    cmp out/deep.safetensors.zst one/deep.safetensors.zst
    cmp out/features.npy.zst one/features.npy.zst
    rm out/deep.*
    bin=bin pipeline LAUNCH_TRAIN='salloc -Q -N1 -n2 mpirun -n 2' features
    cmp out/deep.safetensors.zst one/deep.safetensors.zst
}
