# The pipeline of several hosts on a file system that they share: what is seen late, whose lock it
# is, and clocks that differ.
load helper
load pipeline

setup_file() { make_ready; }
setup() {
    cd "$BATS_TEST_TMPDIR"
    ready
    host=$ROOT/pipeline/host
    export KASANE_RENEW=1
}

# other N: the lock of out as another host leaves it, renewed N times.
other() {
    echo "77 elsewhere 0000pid:[1] $1" >out/.lock
}

ALSO="process 77 of another container or host, elsewhere"

@test "a lock that another host renews is held, though flock does not tell" {
    other 5
    (for i in 6 7 8 9; do sleep 0.5; other $i; done) 3>&- &
    run -1 --separate-stderr timeout 20 "$host" lock out echo ran
    equal "$output$stderr" "pipeline: 'out': watching for 3 s whether this still works here: $ALSO
pipeline: 'out': another one is at work here, $ALSO"
    wait $!
}

@test "a lock that another host left is taken when it was not renewed; one that it gave back, at once" {
    other 5
    run -0 --separate-stderr timeout 20 "$host" lock out echo ran
    equal "$output" ran
    pipeline -s features
    equal "$(cat out/.lock)" ''
    other 5
    (sleep 0.5; : >out/.lock) 3>&- &
    timeout 20 "$host" lock out echo ran
    wait $!
}

@test "who loses the lock to another host ends" {
    timeout 20 "$host" lock out sleep 20 2>said 3>&- &
    while ! grep -q 1 out/.lock; do sleep 0.05; done
    other 1
    wait $! && status=0 || status=$?
    equal "$status" 143
    equal "$(cat said)" "pipeline: 'out': the lease was not renewed in time, and now belongs to $ALSO"
    equal "$(cut -d ' ' -f 2 out/.lock)" elsewhere
}

@test "where there is no flock the lock is held all the same" {
    printf '#include <errno.h>\nint flock(int fd, int op) { (void)fd; (void)op; errno = ENOLCK; return -1; }\n' >f.c
    gcc -shared -fPIC -o f.so f.c
    export LD_PRELOAD=$PWD/f.so
    bash -c '"$1" lock out bash -c "echo >started; while [ ! -e go ]; do sleep 0.1; done"; true' - \
        "$host" 2>/dev/null 3>&- &
    while [ ! -e started ]; do sleep 0.05; done
    run -1 --separate-stderr timeout 20 "$host" lock out true
    [[ $stderr == "pipeline: 'out': another one is at work here, process "* ]]
    "$host" busy out
    touch go
    wait $!
    timeout 20 "$host" lock out true
}

@test "a file that another host wrote is waited for until it is seen, and a line says so" {
    rm out/images.npy.zst
    cat >late <<'SH'
#!/bin/sh
"$@"
mv out/images.npy.zst elsewhere
(sleep 1.5; mv elsewhere out/images.npy.zst) >/dev/null 2>&1 3>&- &
SH
    chmod +x late
    run -0 pipeline LAUNCH=./late images.npy.zst
    [[ $output == *"pipeline: 'out/images.npy.zst': not seen here yet: waiting up to 60 s"* ]]
    cmp out/images.npy.zst "$BATS_FILE_TMPDIR/out/images.npy.zst"
    printf '#!/bin/sh\n"$@"\nmv out/images.npy.zst elsewhere\n' >late
    rm out/images.npy.zst
    KASANE_WAIT=1 run -2 pipeline LAUNCH=./late images.npy.zst
    [[ $output == *"pipeline: 'out/images.npy.zst': not seen here after 1 s"* ]]
}

@test "so is an input, by the programs" {
    (sleep 0.5; mv out/features.npy.zst x.npy.zst) 3>&- &
    KASANE_WAIT=20 run -0 --separate-stderr tensor rows 0:1 x.npy.zst -o y.npy.zst
    equal "$stderr" "tensor: 'x.npy.zst': not seen here yet: waiting up to 20 s"
    KASANE_WAIT=20 run -1 encode-stage no.safetensors.zst no.npy.zst -o no --why
    equal "$output" missing
    run -1 tensor rows 0:1 no.npy.zst -o y.npy.zst
    equal "$output" "tensor: 'no.npy.zst': No such file or directory"
}

@test "clocks of hosts that differ decide nothing: what they date, before or after, is up to date" {
    rm -rf out
    cat >elsewhere <<'SH'
#!/bin/bash
touch began
"$@" || exit
for f in out/*; do
    [ ! "$f" -nt began ] || touch -d "$WHEN" "$f"
done
SH
    chmod +x elsewhere
    for WHEN in '1 hour ago' '1 hour'; do
        export WHEN
        pipeline SHARDS=2 LAUNCH=./elsewhere features >log
        asked '' features
        asked '' SHARDS=2 features
        rm out/train-0.npy.zst out/features.npy.zst out/stage-1.safetensors.zst
    done
}

@test "a pipeline that is told to end does so at once, with what it started" {
    rm out/features.npy.zst
    printf '#!/bin/sh\necho $$ >started\nexec sleep 60\n' >slowly
    chmod +x slowly
    KASANE_RENEW=50 make -f "$ROOT/Makefile.pipeline" CONFIG=conf OUT=out BIN="$BIN" DATA=images \
        LAUNCH=./slowly >/dev/null 2>&1 3>&- &
    while [ ! -s started ]; do sleep 0.05; done
    kill -TERM $!
    run -0 timeout 20 tail -s 0.1 --pid=$! -f /dev/null
    run -1 kill -0 "$(cat started)"
    equal "$(cat out/.lock)" ''
}
