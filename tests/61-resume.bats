# Training that is stopped or killed goes on where it stood, and ends with the bytes of a run that
# was never stopped.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 20 -o drawings
    import-images drawings --size 32 --test 0.1 --index images.tsv -o images.npy.zst
    augment images.npy.zst --index images.tsv --split train --margin 8 -o train.npy.zst
    augment images.npy.zst --index images.tsv --split test --margin 0 -o test.npy.zst
    run= train ref
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o faults.so "$BATS_TEST_DIRNAME/faults.c" -ldl
    export FAULTS=$PWD/faults.so
}

# NAME, then more options: with all that has a state of its own, noise, running averages, the best
# weights. With run=exec the process that is started with & is the program itself, and can be
# killed.
train() {
    local name=$1
    shift
    $run train-stage train.npy.zst test.npy.zst --kernel 3 --filters 4 --epochs 4 --batch 16 \
        --noise 0.05 --patience 3 --batch-norm yes \
        --checkpoint 0.02s --log "$name.tsv" -o "$name.safetensors.zst" "$@"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.{zst,tsv} .
}

same_as_reference() {
    cmp ref.safetensors.zst "$1.safetensors.zst"
    cmp <(cut -f 1-4 ref.tsv) <(cut -f 1-4 "$1.tsv")
    [ ! -e "$1.safetensors.zst.checkpoint" ]
    [ ! -e "$1.safetensors.zst.checkpoint.before" ]
}

# faulty FAULT SIGNAL NAME [OPTION]...: a training with a checkpoint after every batch that gets
# this signal before that call (faults.c).
faulty() {
    local fault=$1 signal=$2
    shift 2
    FAULT=$fault FAULT_SIGNAL=$signal LD_PRELOAD=$FAULTS train "$@" --checkpoint 0.000001s
}

# Two checkpoints of a training in its second epoch that was killed.
two_checkpoints() {
    run -137 faulty 'fsync 82' 9 k   # before the folder is flushed
    cp k.safetensors.zst.checkpoint newest
    cp k.safetensors.zst.checkpoint.before before
    run -1 cmp -s newest before
}

# flip FILE PLACE: the lowest bit of that byte.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# edited SED MODEL: the model as plain safetensors with its header edited, on standard output.
edited() {
    local i n
    zstdcat "$2" >plain
    n=$(od -An -tu8 -N 8 plain)
    head -c $((8 + n)) plain | tail -c +9 | LC_ALL=C sed "$1" >header
    run -1 cmp -s header <(head -c $((8 + n)) plain | tail -c +9)
    for i in {0..7}; do printf "\\x$(printf %02x $(($(stat -c %s header) >> 8 * i & 255)))"; done
    cat header
    tail -c +$((9 + n)) plain
}

ASIDE="train-stage: 'k.safetensors.zst.checkpoint': %s, set aside as 'k.safetensors.zst.checkpoint.old'"

# Whether the log of k has this many lines.
logged() {
    [ "$(wc -l 2>/dev/null <k.tsv.part || echo 0)" -ge "$1" ]
}

stamp() {
    stat -c '%i %y' k.safetensors.zst.checkpoint 2>/dev/null || echo none
}

# Four runs are ended by SIGNAL, each once it has written a checkpoint of its own; the next may end.
# On a busy machine some end before they are seen to have written one: they begin again.
interrupted() {
    local signal=$1 stopped=0 tries=0 before pid status
    while [ $stopped -lt 4 ]; do
        tries=$((tries + 1))
        [ $tries -le 40 ]
        before=$(stamp)
        # The shell has what is in the background ignore it.
        run="exec env --default-signal=INT" train k --checkpoint 0.001s 2>>err &
        pid=$!
        while [ "$(stamp)" = "$before" ] && kill -0 $pid; do sleep 0.01; done
        kill -"$signal" $pid || true
        status=0
        wait $pid || status=$?
        if [ $status -eq 0 ]; then
            same_as_reference k
            rm k.*
        else
            equal "$status" $((128 + $(kill -l "$signal")))
            stopped=$((stopped + 1))
        fi
    done
    train k 2>>err
}

@test "killed at several moments and started again, training ends with the same bytes" {
    interrupted KILL
    same_as_reference k
}

@test "ended by SIGTERM it saves where it stands, and goes on from there" {
    interrupted TERM
    same_as_reference k
    grep -q '^train-stage: stopped in epoch [0-9]*; the same command goes on from there$' err
    grep -q '^train-stage: goes on in epoch [0-9]* after [0-9]* rows$' err
}

@test "ended by SIGHUP likewise" {
    interrupted HUP
    same_as_reference k
    grep -q '^train-stage: stopped in epoch [0-9]*; the same command goes on from there$' err
}

@test "ended by SIGINT likewise" {
    interrupted INT
    same_as_reference k
    grep -q '^train-stage: stopped in epoch [0-9]*; the same command goes on from there$' err
}

@test "a signal ends the program by that signal, between two checkpoints too" {
    for signal in TERM INT; do
        run="exec env --default-signal=INT" train k --epochs 100000 --patience 0 \
            --checkpoint 1h 2>err &
        pid=$!
        await $pid logged 2
        [ ! -e k.safetensors.zst.checkpoint ]
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        equal "$status" $((128 + $(kill -l $signal)))
        [ ! -e k.safetensors.zst ]
        rm k.safetensors.zst.checkpoint k.tsv.part
    done
}

@test "a signal that was ignored from the start, as under nohup, stays ignored" {
    run="exec env --ignore-signal=HUP" train k --epochs 100000 --patience 0 --checkpoint 1h 2>err &
    pid=$!
    lines() { wc -l <k.tsv.part 2>/dev/null || echo 0; }
    await $pid logged 2
    kill -HUP $pid
    before=$(lines)
    await $pid logged $((before + 2))
    kill -KILL $pid
    wait $pid || true
}

@test "a signal while rows are loaded ends the program at once" {
    zstdcat train.npy.zst >plain   # which no thread reads ahead
    mv plain train.npy.zst
    FAULT_LOG=calls LD_PRELOAD=$FAULTS train none --epochs 0 2>/dev/null   # loads none
    for signal in HUP INT TERM; do
        run -$((128 + $(kill -l $signal))) --separate-stderr faulty \
            "pread $(($(grep -c '^pread$' calls) + 1))" "$(kill -l $signal)" k
        equal "$stderr" ""
        equal "$(compgen -G 'k.safetensors.zst*')" ""
    done
}

@test "a second SIGINT, while the first one's checkpoint is written, ends the program at once and leaves no hidden file" {
    n_at_once=0
    export NO_TMPFILE=1
    for n in 11 12 13 14 15 16; do
        rm -f k.*
        run -130 --separate-stderr faulty "write $n 2" 2 k
        [[ $stderr = *stopped* ]] || n_at_once=$((n_at_once + 1))
        equal "$(find . -name '.*.tmp')" ""
        train k 2>err
        same_as_reference k
    done
    [ "$n_at_once" -ge 1 ]
}

@test "a second SIGINT does not wait for the end of a batch" {
    # A batch of 6e12 operations: 256 kernels of 15x15x64 on 32 images.
    { printf '\x93NUMPY\x01\x00v\x00%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 64, 64, 64), }";
        head -c 8388608 /dev/zero; } >large.npy
    env --default-signal=INT train-stage large.npy large.npy --kernel 15 --filters 256 --batch 32 \
        --memory 4G -o k.safetensors.zst 2>err &
    pid=$!
    has_sigint() { (($(sed -n "s/^$1:\t/0x/p" /proc/$pid/status) & 2)); }   # bit 2 - 1
    await $pid has_sigint SigCgt
    kill -INT $pid
    while has_sigint ShdPnd; do sleep 0.02; done   # two that wait are one
    kill -INT $pid
    for ((i = 0; i < 200; i++)); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
    kill -KILL $pid 2>/dev/null || true
    status=0
    wait $pid || status=$?
    equal "$status" 130
    equal "$(compgen -G 'k.safetensors.zst*')" ""
}

@test "killed before any call that names or removes a checkpoint, training ends with the same bytes" {
    local call n n_kills=0
    for call in unlink linkat rename fsync; do
        for n in 1 2 3 4; do
            rm -f k.*
            run -137 faulty "$call $n" 9 k
            train k 2>err
            same_as_reference k
            n_kills=$((n_kills + 1))
        done
    done
    equal "$n_kills" 16
}

@test "where there are no hard links, two checkpoints are kept all the same" {
    NO_TMPFILE=1 FAULT='linkat 1 1000000' LD_PRELOAD=$FAULTS train k --checkpoint 0.000001s 2>err
    same_as_reference k
}

@test "the newest checkpoint damaged, wherever: it is set aside, and training goes on from the one before, to the same bytes" {
    two_checkpoints
    size=$(stat -c %s newest)
    for place in 2 40 $((size / 2)) $((size - 300)) $((size - 5)); do
        rm -f k.*
        cp newest k.safetensors.zst.checkpoint
        cp before k.safetensors.zst.checkpoint.before
        flip k.safetensors.zst.checkpoint $place
        cp k.safetensors.zst.checkpoint damaged
        run -0 --separate-stderr train k
        [[ ${stderr_lines[0]} == $(printf "$ASIDE" '*') ]]
        [[ ${stderr_lines[1]} == "train-stage: goes on in epoch 2 after "*" rows" ]]
        same_as_reference k
        cmp damaged k.safetensors.zst.checkpoint.old
    done
}

@test "both checkpoints damaged: both are set aside, and training begins anew" {
    two_checkpoints
    size=$(stat -c %s newest)
    flip k.safetensors.zst.checkpoint $((size / 2))
    truncate -s $((size / 3)) k.safetensors.zst.checkpoint.before
    run -0 --separate-stderr train k
    [[ ${stderr_lines[0]} == $(printf "$ASIDE" 'damaged: frame * of *') ]]
    [[ ${stderr_lines[1]} == "train-stage: 'k.safetensors.zst.checkpoint.before': "*", set aside as 'k.safetensors.zst.checkpoint.before.old'" ]]
    equal "${stderr_lines[2]}" \
        "train-stage: no checkpoint is left to go on from: training begins anew"
    [[ ${stderr_lines[3]} == "train-stage: epoch 1/4  "* ]]
    same_as_reference k
    [ -e k.safetensors.zst.checkpoint.old ]
    [ -e k.safetensors.zst.checkpoint.before.old ]
}

@test "a checkpoint with a position that no such training has is damaged, with what is wrong" {
    two_checkpoints
    refused() {
        rm -f k.*
        edited "$1" newest >k.safetensors.zst.checkpoint
        cp before k.safetensors.zst.checkpoint.before
        run -0 --separate-stderr train k
        equal "${stderr_lines[0]}" "$(printf "$ASIDE" "damaged: $2")"
        [[ ${stderr_lines[1]} == "train-stage: goes on in epoch 2 after "*" rows" ]]
        same_as_reference k
    }
    refused 's/"training.rows":"[0-9]*"/"training.rows":"160000016"/' \
        "160000016 rows of its epoch done, of 432"
    refused 's/"training.rows":"[0-9]*"/"training.rows":"4611686018427387888"/' \
        "4611686018427387888 rows of its epoch done, of 432"
    refused 's/"training.rows":"[0-9]*"/"training.rows":"17"/' \
        "17 rows of its epoch done, in batches of 16"
    refused 's/"training.updates":"[0-9]*"/"training.updates":"3"/' \
        "3 updates done, want $(zstdcat newest | grep -ao '"training.updates":"[0-9]*' | grep -o '[0-9]*$')"
    refused 's/"training.best_epoch":"[0-9]*"/"training.best_epoch":"2"/' "the log of its 1 epochs"
    refused 's/"training.log":"[^"]*"/"training.log":""/' "the log of its 1 epochs"
}

@test "finetune goes on likewise, killed and with more epochs" {
    train stage --epochs 1
    tune() {
        local name=$1
        shift
        $run finetune stage.safetensors.zst train.npy.zst test.npy.zst --batch 16 \
            --log "$name.tsv" -o "$name.safetensors.zst" "$@"
    }
    tune ref --epochs 4 2>/dev/null
    for n in 1 2 3; do
        before=$(stamp)
        run=exec tune k --epochs 4 --checkpoint 0.001s 2>>err &
        pid=$!
        while [ "$(stamp)" = "$before" ] && kill -0 $pid; do sleep 0.01; done
        kill -KILL $pid || true
        wait $pid || true
    done
    tune k --epochs 3 2>>err
    tune k --epochs 4 2>>err
    same_as_reference k
    grep '^finetune: goes on in epoch 4 after 0 rows$' err
}

@test "a checkpoint of other inputs is set aside, and says so" {
    train k --epochs 1 --checkpoint 0
    mv k.safetensors.zst k.safetensors.zst.checkpoint
    cp test.npy.zst train.npy.zst
    run -0 --separate-stderr train k --epochs 1
    [[ $stderr == *"train-stage: 'k.safetensors.zst.checkpoint': is of another run ("*"), set aside as 'k.safetensors.zst.checkpoint.old'"* ]]
    [[ $stderr == *'(other inputs)'* ]]
}

@test "more epochs go on from the finished model, and equal that many from the start" {
    train k --epochs 2
    run -0 --separate-stderr train k
    [[ ${stderr_lines[0]} == "train-stage: goes on in epoch 3 after 0 rows" ]]
    same_as_reference k
}

@test "fewer epochs train from the start" {
    train two --epochs 2
    cp ref.safetensors.zst k.safetensors.zst
    run -0 --separate-stderr train k --epochs 2
    cmp two.safetensors.zst k.safetensors.zst
}

@test "a checkpoint of another run is set aside, with what differs" {
    run=exec train k --epochs 100000 --patience 0 2>err &
    pid=$!
    await $pid test -e k.safetensors.zst.checkpoint
    kill -KILL $pid
    wait $pid || true
    run -0 --separate-stderr train k
    [[ $stderr == *"train-stage: 'k.safetensors.zst.checkpoint': is of another run (patience 0 -> 3), set aside as 'k.safetensors.zst.checkpoint.old'"* ]]
    same_as_reference k
    [ -e k.safetensors.zst.checkpoint.old ]
}

@test "each checkpoint that is set aside has a name of its own" {
    two_checkpoints
    echo first >k.safetensors.zst.checkpoint.old
    echo second >k.safetensors.zst.checkpoint.old.2
    run -0 --separate-stderr train k --seed 1
    [[ ${stderr_lines[0]} == *"': is of another run (seed 0 -> 1), set aside as 'k.safetensors.zst.checkpoint.old.3'" ]]
    [[ ${stderr_lines[1]} == *"': is of another run (seed 0 -> 1), set aside as 'k.safetensors.zst.checkpoint.before.old'" ]]
    equal "$(cat k.safetensors.zst.checkpoint.old k.safetensors.zst.checkpoint.old.2)" \
        $'first\nsecond'
    cmp newest k.safetensors.zst.checkpoint.old.3
    cmp before k.safetensors.zst.checkpoint.before.old
}

@test "a checkpoint of more epochs than wanted is set aside" {
    two_checkpoints
    train one --epochs 1
    run -0 --separate-stderr train k --epochs 1
    equal "${stderr_lines[0]}" \
        "$(printf "$ASIDE" "is of another run (2 epochs begun, want at most 1)")"
    cmp one.safetensors.zst k.safetensors.zst
    cmp newest k.safetensors.zst.checkpoint.old
}

@test "a checkpoint is a model: it can be used as it is" {
    run=exec train k --epochs 100000 --patience 0 2>err &
    pid=$!
    await $pid test -e k.safetensors.zst.checkpoint
    kill -KILL $pid
    wait $pid || true
    extract k.safetensors.zst.checkpoint test.npy.zst -o features.npy.zst
    tensor verify features.npy.zst
}

@test "checkpoint 0s writes none" {
    run=exec train k --checkpoint 0 --epochs 100000 --patience 0 2>err &
    pid=$!
    await $pid logged 3
    [ ! -e k.safetensors.zst.checkpoint ]
    kill -KILL $pid
    wait $pid || true
}

@test "the log of the model that stands stays with it, until another model does" {
    cp ref.safetensors.zst k.safetensors.zst
    cp ref.tsv k.tsv
    run=exec train k --seed 1 --epochs 100000 --patience 0 2>err &
    pid=$!
    await $pid logged 3
    cmp ref.tsv k.tsv
    kill -KILL $pid
    wait $pid || true
    cmp ref.tsv k.tsv
    rm k.safetensors.zst.checkpoint
    train k --seed 1 --epochs 5
    equal "$(wc -l <k.tsv)" 6
    [ ! -e k.tsv.part ]
}

@test "a log that cannot be written is told before the training" {
    touch k.tsv
    run -1 --separate-stderr train none/k
    fails 1 "train-stage: 'none/k.safetensors.zst': No such file or directory"
    run -1 --separate-stderr train k --log /dev/full
    fails 1 "train-stage: '/dev/full': No space left on device"
}

@test "a checkpoint whose log has no end is damaged" {
    two_checkpoints
    edited 's/\(training.log":"[^"]*\)\\n"/\1"/' newest >k.safetensors.zst.checkpoint
    run -0 --separate-stderr train k
    equal "${stderr_lines[0]}" "$(printf "$ASIDE" "a training position that cannot be read")"
    same_as_reference k
}
