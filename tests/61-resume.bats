# Training that is stopped or killed goes on where it stood, and ends with the bytes of a run that was never stopped.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 20 -o drawings
    import-images drawings --size 32 --test 0.1 --index images.tsv -o images.npy.zst
    augment images.npy.zst --index images.tsv --split train --margin 8 -o train.npy.zst
    augment images.npy.zst --index images.tsv --split test --margin 0 -o test.npy.zst
    run= train ref
}

# NAME, then more options: with all that has a state of its own, noise, running averages, the best weights. With run=exec the process that
# is started with & is the program itself, and can be killed.
train() {
    local name=$1
    shift
    $run train-stage train.npy.zst test.npy.zst --kernel 3 --filters 4 --epochs 4 --batch 16 --noise 0.05 --patience 3 --batch-norm yes \
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
}

stamp() {
    stat -c '%i %y' k.safetensors.zst.checkpoint 2>/dev/null || echo none
}

# Six runs are ended by SIGNAL, each once it has written a checkpoint of its own; the seventh may end.
interrupted() {
    local signal=$1 stopped=0 before pid status
    for _ in 1 2 3 4 5 6; do
        before=$(stamp)
        run="exec env --default-signal=INT" train k --checkpoint 0.001s 2>>err &   # the shell has what is in the background ignore it
        pid=$!
        while [ "$(stamp)" = "$before" ] && kill -0 $pid; do sleep 0.01; done
        kill -"$signal" $pid || true
        status=0
        wait $pid || status=$?
        [ $status -le 128 ] || stopped=$((stopped + 1))
    done
    [ $stopped -ge 2 ]
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

@test "ended by SIGINT likewise" {
    interrupted INT
    same_as_reference k
    grep -q '^train-stage: stopped in epoch [0-9]*; the same command goes on from there$' err
}

@test "a signal ends the program by that signal, between two checkpoints too" {
    for signal in TERM INT; do
        run="exec env --default-signal=INT" train k --epochs 100000 --patience 0 --checkpoint 1h 2>err &
        pid=$!
        until [ "$(wc -l <k.tsv.part 2>/dev/null || echo 0)" -ge 2 ]; do sleep 0.05; done
        [ ! -e k.safetensors.zst.checkpoint ]
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        equal "$status" $((128 + $(kill -l $signal)))
        [ ! -e k.safetensors.zst ]
        rm k.safetensors.zst.checkpoint k.tsv.part
    done
}

@test "finetune goes on likewise, killed and with more epochs" {
    train stage --epochs 1
    tune() {
        local name=$1
        shift
        $run finetune stage.safetensors.zst train.npy.zst test.npy.zst --batch 16 --log "$name.tsv" -o "$name.safetensors.zst" "$@"
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
    until [ -e k.safetensors.zst.checkpoint ]; do sleep 0.05; done
    kill -KILL $pid
    wait $pid || true
    run -0 --separate-stderr train k
    [[ $stderr == *"train-stage: 'k.safetensors.zst.checkpoint': is of another run (patience 0 -> 3), set aside as 'k.safetensors.zst.checkpoint.old'"* ]]
    same_as_reference k
    [ -e k.safetensors.zst.checkpoint.old ]
}

@test "a checkpoint is a model: it can be used as it is" {
    run=exec train k --epochs 100000 --patience 0 2>err &
    pid=$!
    until [ -e k.safetensors.zst.checkpoint ]; do sleep 0.05; done
    kill -KILL $pid
    wait $pid || true
    extract k.safetensors.zst.checkpoint test.npy.zst -o features.npy.zst
    tensor verify features.npy.zst
}

@test "checkpoint 0s writes none" {
    run=exec train k --checkpoint 0 --epochs 100000 --patience 0 2>err &
    pid=$!
    until [ "$(wc -l <k.tsv.part 2>/dev/null || echo 0)" -ge 3 ]; do sleep 0.05; done
    [ ! -e k.safetensors.zst.checkpoint ]
    kill -KILL $pid
    wait $pid || true
}

@test "the log of the model that stands stays with it, until another model does" {
    cp ref.safetensors.zst k.safetensors.zst
    cp ref.tsv k.tsv
    run=exec train k --seed 1 --epochs 100000 --patience 0 2>err &
    pid=$!
    until [ "$(wc -l <k.tsv.part 2>/dev/null || echo 0)" -ge 3 ]; do sleep 0.05; done
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
    fails 1 "train-stage: 'none/k.tsv.part': No such file or directory"
    run -1 --separate-stderr train k --log /dev/full
    fails 1 "train-stage: '/dev/full': No space left on device"
}

@test "a checkpoint whose log has no end is refused before it is read" {
    run=exec train k --epochs 100000 --patience 0 2>err &
    pid=$!
    until [ "$(wc -l <k.tsv.part 2>/dev/null || echo 0)" -ge 3 ] && [ -e k.safetensors.zst.checkpoint ]; do sleep 0.05; done
    kill -KILL $pid
    wait $pid || true
    zstdcat k.safetensors.zst.checkpoint >whole
    LC_ALL=C sed 's/\(training\.log":"[^"]*\)\\n"/\1  "/' whole >k.safetensors.zst.checkpoint   # plain, of the same length
    run -1 cmp -s whole k.safetensors.zst.checkpoint
    run -1 --separate-stderr train k --patience 0
    fails 1 "train-stage: 'k.safetensors.zst.checkpoint': a training position that cannot be read"
}
