# The pipeline killed at any moment and started again ends with the same bytes. KILLS is how often; `make soak` says 200.
load helper
load tiny

KILLS=${KILLS:-10}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_config conf
    SECONDS=0
    tiny_run conf reference
    export LONGEST=$((SECONDS + 1))   # the moments are spread over the time of a run
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# A random fraction of LONGEST, in seconds.
moment() {
    awk -v r="$RANDOM" -v t="$LONGEST" 'BEGIN { printf "%.3f", t * r / 32768 }'
}

# Starts the pipeline in a group of its own again and again, each time ended by `end PID` after a moment, KILLS times in all; whenever a run
# gets through, its files are held against the reference and the next one starts from nothing.
killed_by() {
    local end=$1 kills=0 pid status
    rm -rf out
    while [ $kills -lt "$KILLS" ]; do
        setsid make -s -f "$ROOT/Makefile.pipeline" all CONFIG=conf OUT=out >out.err 2>&1 &
        pid=$!
        sleep "$(moment)"
        "$end" $pid || true
        status=0
        wait $pid 2>/dev/null || status=$?
        if [ $status -eq 0 ]; then
            tiny_same reference out
            rm -rf out
        else
            kills=$((kills + 1))
        fi
    done
    until_free
    tiny_run conf out
    tiny_same reference out
    [ -z "$(find out -name '*.checkpoint*' -o -name '*.tmp*')" ]
}

# The processes with this in their command line that work in this folder, and no others of the machine.
ours() {
    local pid
    for pid in $(pgrep -f -- "$1"); do
        [ ! "/proc/$pid/cwd" -ef . ] || echo "$pid"
    done
}

# The lock dies with its process: at once, once the last process of the group is gone.
until_free() {
    while [ -n "$(ours OUT=out)" ]; do sleep 0.05; done
}

whole_group() { kill -KILL -- -"$1"; }

one_stage() {   # the newest program of that make
    local pid
    pid=$(ours "^$ROOT/bin/" | tail -n 1)
    [ -n "$pid" ] && kill -KILL "$pid"
}

@test "the whole process group killed at random moments: the same bytes in every file" {
    killed_by whole_group
}

@test "one stage killed at random moments: the same bytes in every file" {
    killed_by one_stage
}
