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

# begin GOAL...: a run of slow jobs in the background, its process in $make.
begin() {
    cluster LAUNCH='srun -n1 -Q ./slowly' "$@" &>log 3>&- &
    make=$!
}

# restart NODE: kills its daemon, as if the host had died, and starts it again.
restart() {
    kill -9 "$(cat "$BATS_FILE_TMPDIR/slurm/$1.pid")"
    "${@:2}"
    slurmd -N "$1"
}

@test "a job cancelled, a node drained and brought back, one's daemon killed: the next run goes on to the same bytes" {
    begin all
    scancel "$(job 'slowly node')"
    wait "$make" && status=0 || status=$?
    [ "$status" -ne 0 ]
    scontrol update nodename=node2 state=drain reason=test
    slurm_wait 1
    cluster stage-1.safetensors.zst
    equal "$(squeue -h -w node2)" ''
    scontrol update nodename=node2 state=resume
    slurm_wait 2
    begin features
    [ -n "$(job 'slowly node1')" ]
    restart node1 wait "$make" || true
    slurm_wait 2
    cluster all
    same_results one out
}

# befall: one of what befalls a run, drawn at random.
befall() {
    local node=node$((RANDOM % 2 + 1))
    case $((RANDOM % 5)) in
    0) scancel "$(squeue -h -o %i | shuf -n 1 --random-source=<(yes $RANDOM))" ;;
    1) scancel -u root ;;
    2) restart $node ;;
    3) kill -TERM "$make" ;;
    4) kill -KILL -- "-$make" ;;
    esac 2>/dev/null || true
}

@test "whatever befalls a run at random moments, KILLS times: the next goes on to the same bytes" {
    [ -n "${KILLS-}" ] || skip 'make cluster-check runs it, 20 times'
    local kills=0 runs=0 began ms whole
    began=$(date +%s%3N)
    cluster all &>log
    whole=$(($(date +%s%3N) - began))
    rm -rf out
    echo "KASANE_TEST_SEED=$KASANE_TEST_SEED repeats these moments" # shown where the test fails
    while ((kills < KILLS)); do
        ((++runs <= 5 * KILLS))
        setsid make -f "$ROOT/Makefile.pipeline" CONFIG=conf OUT=out BIN="$BIN" DATA=images -j4 \
            SHARDS=4 LAUNCH='srun -n1 -Q' FLAGS='--threads 1' all &>>log 3>&- &
        make=$!
        ms=$((RANDOM % whole)) # while it runs
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        befall
        if timeout 120 tail -s 0.2 --pid="$make" -f /dev/null && wait "$make" 2>/dev/null; then
            same_results one out
            rm -rf out
        else
            kills=$((kills + 1))
        fi
        run -1 kill -0 "$make" # none hangs
        slurm_wait 2
        while kill -0 -- "-$make" 2>/dev/null; do sleep 0.1; done
    done
    cluster all
    same_results one out
    cluster audit
    echo "# $kills kills in $runs runs, KASANE_TEST_SEED=$KASANE_TEST_SEED" >&3
    equal "$(find out -name '*.shard-*' -o -name '*.tmp*' -o -name '*.part')" ''
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
