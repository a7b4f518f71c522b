# The pipeline on three hosts that share a folder, each with its own late view of it.
load helper
load pipeline
load shared
load mpi

setup_file() {
    shared_or_skip
    make_ready
}

setup() {
    export KASANE_RENEW=1
    for host in host1 host2 host3; do host_start "$BATS_TEST_TMPDIR" $host; done
    cd "$BATS_TEST_TMPDIR/server"
    cp -r "$BATS_FILE_TMPDIR"/{conf,images} .
    cp -r "$BATS_FILE_TMPDIR/out" one
    # A job: its host is host2 or host3.
    printf '#!/bin/bash\nexec ../on host$((2 + $$ %% 2)) "$@"\n' >job
    chmod +x job
}
teardown() { for host in host1 host2 host3; do host_dies "$BATS_TEST_TMPDIR" $host; done; }

# on HOST ARGUMENT...: the pipeline there.
on() {
    ../on "$1" make -f "$ROOT/Makefile.pipeline" CONFIG=conf OUT=out BIN="$BIN" DATA=images "${@:2}"
}

@test "parts that two hosts make are joined by a third to the same bytes, and all find them up to date" {
    on host1 -j4 SHARDS=4 LAUNCH=./job all &>log || { cat log; false; }
    same_results one out
    for host in host1 host2 host3; do on $host -q all; done
}

@test "a pipeline on another host is named; when that host dies the next goes on to the same bytes" {
    printf '#!/bin/sh\nsleep 2\nexec "$@"\n' >slowly
    chmod +x slowly
    on host2 LAUNCH=./slowly all &>log 3>&- &
    disown
    until [ -e out/train-0.npy.zst ]; do sleep 0.1; done
    run on host3 all
    [[ $output == *"pipeline: 'out': another one is at work here, process "*" of another container or host, host2"* ]]
    host_dies "$BATS_TEST_TMPDIR" host2
    on host3 all
    same_results one out
    host_start "$BATS_TEST_TMPDIR" host2
    on host2 -q all
}

@test "ranks on two hosts train and find components to the same bytes" {
    mpi_or_skip
    mkdir ../bin
    ln -s "$BIN"/* ../bin
    ln -sf "$BUILD"/mpi/{train-stage,finetune,pca} ../bin
    printf 'host2 slots=1\nhost3 slots=1\n' >hosts
    printf '#!/bin/sh\nhost=$1\nshift\nexec %s/on $host sh -c "$*"\n' "$BATS_TEST_TMPDIR" >rsh
    chmod +x rsh
    export OMPI_MCA_plm_rsh_agent=$PWD/rsh
    BIN=$BATS_TEST_TMPDIR/bin on host1 LAUNCH_TRAIN='mpirun --hostfile hosts --map-by ppr:1:node' all >log
    (($(grep -c '^mpirun ' log) >= 5))
    same_results one out
}
