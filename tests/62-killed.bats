# The pipeline killed at any moment and started again ends with the same bytes. KILLS is how often;
# `make soak` says 200. KASANE_TEST_SEED, which a failure prints, draws the moments.
load helper
load tiny

KILLS=${KILLS:-7}

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_config conf
    sed -i 's/epochs = 2/epochs = 5\ncheckpoint = 0.01s/' conf/stage-?.conf conf/finetune.conf
    echo 'count = 4' >conf/draw.conf   # or a quarter of a run would be drawing
    SECONDS=0
    tiny_run conf reference
    export LONGEST=$((SECONDS + 1))   # the moments are spread over the time of a run
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# Sets `moment` to a random fraction of LONGEST, in seconds; a subshell would have another $RANDOM.
draw_moment() {
    local ms=$((LONGEST * 1000 * RANDOM / 32768))
    printf -v moment '%d.%03d' $((ms / 1000)) $((ms % 1000))
}

# Starts the pipeline in a group of its own again and again, each time ended by `end PID` after a
# moment, KILLS times in all; whenever a run gets through, its files are held against the reference
# and the next one starts from nothing.
killed_by() {
    local end=$1 kills=0 runs=0 moment pid status
    echo "KASANE_TEST_SEED=$KASANE_TEST_SEED repeats these moments"   # shown where the test fails
    rm -rf out said
    while [ $kills -lt "$KILLS" ]; do
        runs=$((runs + 1))
        [ $runs -le $((20 * KILLS)) ]   # some runs end before their moment, but not all
        draw_moment
        setsid make -s -f "$ROOT/Makefile.pipeline" all BIN="$BIN" CONFIG=conf OUT=out >out.err \
            2>&1 &
        pid=$!
        sleep "$moment"
        "$end" $pid || true
        cat out.err >>said
        status=0
        wait $pid 2>/dev/null || status=$?
        # the lock dies with the last process of the group
        while kill -0 -- -$pid 2>/dev/null; do sleep 0.05; done
        if [ $status -eq 0 ]; then
            tiny_same reference out
            rm -rf out
        else
            kills=$((kills + 1))
        fi
    done
    tiny_run conf out
    tiny_same reference out
    make -s -f "$ROOT/Makefile.pipeline" audit BIN="$BIN" CONFIG=conf OUT=out
    echo "# $kills kills in $runs runs; training went on from a checkpoint $(grep -c ': goes on in epoch' said) times" >&3
    [ -z "$(find out -name '*.checkpoint*' -o -name '*.tmp*' -o -name '*.part')" ]
}

whole_group() { kill -KILL -- -"$1" 2>/dev/null; }

one_stage() {   # the newest program of ours in that group
    local pid
    pid=$(pgrep -n -g "$1" -f "^$BIN/") && kill -KILL "$pid"
}

@test "the whole process group killed at random moments: the same bytes in every file" {
    killed_by whole_group
}

@test "one stage killed at random moments: the same bytes in every file" {
    killed_by one_stage
}
