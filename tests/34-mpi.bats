# Training and pca by several processes of MPI, ranks: the same bytes as one, for any number of
# them.
load helper
load pipeline
load matrices
load mpi

setup_file() {
    PATH="$BIN:$PATH"
    mpi_or_skip
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 12 -o drawings
    import-images drawings --size 16 --test 0.2 --index images.tsv -o images.npy.zst
    augment images.npy.zst --index images.tsv --split train --margin 4 -o train.npy.zst
    augment images.npy.zst --index images.tsv --split test --margin 0 -o test.npy.zst
    start-net images.npy.zst --kernels 5,3 --filters 4,6 --batch-norm yes -o deep.safetensors.zst
}

setup() {
    mpi_or_skip
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/*.zst .
}

# any_ranks "RANKS/THREADS..." PROGRAM [ARGUMENT]...: the model and log of one process, each time.
any_ranks() {
    local numbers=$1 program=$2 n
    shift 2
    "$program" "$@" --log one.tsv -o one.safetensors.zst
    for n in $numbers; do
        ranks "${n%/*}" "$program" "$@" --threads "${n#*/}" --log n.tsv -o n.safetensors.zst
        cmp one.safetensors.zst n.safetensors.zst
        cmp <(rev one.tsv | cut -f 2- | rev) <(rev n.tsv | cut -f 2- | rev)
        rm n.*
    done
}

@test "ranks train to the bytes of one process: noise, penalties, the best epoch" {
    any_ranks '1/2 2/1 2/2 3/1 4/2 8/1' train-stage train.npy.zst test.npy.zst --kernel 3 \
        --filters 4 --epochs 2 --batch 140 --noise 0.05 --l1 0.001 --l2 0.001 --patience 2
}

@test "ranks train to the bytes of one process: batch normalisation, few rows" {
    any_ranks '2/1 3/2 8/1' finetune deep.safetensors.zst train.npy.zst test.npy.zst \
        --epochs 1 --batch 35
    any_ranks 4/1 train-stage test.npy.zst test.npy.zst --kernel 3 --filters 3 --batch-norm yes \
        --epochs 1 --batch 5
}

@test "ranks train to the bytes of one process: views" {
    any_ranks '2/1 3/2 8/1' finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 2 \
        --batch 50 --objective views --head 16,8 --rotation 10
    finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 0 --batch 50 \
        --objective views --dump-views one.npy.zst -o none.safetensors.zst
    ranks 3 finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 0 --batch 50 \
        --objective views --dump-views three.npy.zst -o three.safetensors.zst
    cmp one.npy.zst three.npy.zst
    cmp none.safetensors.zst three.safetensors.zst
}

# early PIECES PROGRAM...: a training of two batches by three ranks of two threads says that of so
# many pieces of the gradients all but one a batch set out while slices were still at work.
early() {
    ranks 3 "${@:2}" --epochs 1 --threads 2 --profile -o x.safetensors.zst 2>profile
    grep -q "exchange: $(($1 - 2)) of $1 pieces set out during the passes" profile
}

@test "gradients set out while those of lower layers are computed; the bytes stay" {
    local rows='all.npy.zst test.npy.zst'
    augment images.npy.zst --margin 4 -o all.npy.zst
    start-net all.npy.zst --kernels 5,3,3 --filters 4,6,6 -o three.safetensors.zst
    early 8 finetune three.safetensors.zst $rows --batch 150
    early 6 finetune deep.safetensors.zst $rows --batch 150
    early 4 finetune deep.safetensors.zst $rows --batch 150 --objective views --head 16,8 \
        --reconstruction 0
    early 4 train-stage $rows --kernel 3 --filters 4 --batch 150
    any_ranks '2/1 2/2' finetune three.safetensors.zst $rows --batch 280 --epochs 1
}

# long N: a training of N ranks that lasts some seconds.
long() {
    ranks "$1" train-stage train.npy.zst test.npy.zst --kernel 7 --filters 8 --epochs 80 \
        --batch 32 --threads 1 --patience 80 --checkpoint 0.05s --log k.tsv -o k.safetensors.zst
}

# same_as_never_stopped: what `long` made has the bytes of one process that was never stopped.
same_as_never_stopped() {
    train-stage train.npy.zst test.npy.zst --kernel 7 --filters 8 --epochs 80 --batch 32 \
        --patience 80 --log ref.tsv -o ref.safetensors.zst
    cmp ref.safetensors.zst k.safetensors.zst
    cmp <(cut -f 1-4 ref.tsv) <(cut -f 1-4 k.tsv)
    [ ! -e k.safetensors.zst.checkpoint ]
}

@test "a run ends where a rank is killed, and stops where one gets a signal; others go on" {
    run=exec long 3 2>first &
    mpirun=$!
    await "$mpirun" [ -e k.safetensors.zst.checkpoint ]
    kill -9 "$(rank_of "$mpirun" 1)"
    wait "$mpirun" && status=0 || status=$?
    equal "$status" 137
    grep -q 'rank 1 .* signal 9 (Killed)' first
    run=exec long 2 2>second &
    mpirun=$!
    await "$mpirun" grep -q 'goes on in epoch' second
    await "$mpirun" grep -q 'loss' second
    kill -TERM "$(rank_of "$mpirun" 1)"
    wait "$mpirun" && status=0 || status=$?
    equal "$status" 143
    equal "$(grep -c 'stopped in epoch' second)" 1
    long 4 2>third
    [ "$(grep -c 'goes on in epoch' third)" = 1 ]
    same_as_never_stopped
}

# said STATUS LINE: the last `run` ended so, and said this once.
said() {
    equal "$status" "$1"
    equal "$(grep -c '^train-stage: ' <<<"$stderr")" 1
    grep -qxF "$2" <<<"$stderr"
}

# any_components "RANKS/THREADS..." FEATURES [ARGUMENT]...: what pca writes and says, each time.
any_components() {
    local numbers=$1 n suffix
    shift
    pca "$@" --basis one.safetensors.zst --table one.tsv -o one.npy.zst 2>one.said
    for n in $numbers; do
        ranks "${n%/*}" pca "$@" --threads "${n#*/}" --basis n.safetensors.zst --table n.tsv \
            -o n.npy.zst 2>n.said
        for suffix in safetensors.zst tsv npy.zst said; do cmp one.$suffix n.$suffix; done
        rm n.*
    done
}

@test "pca in ranks writes the bytes of one process: by passes, by the matrix, of few rows" {
    rows() { { npy_header '|u1' "$2, $3"; yes "$(seq 3001)" | head -c $(($2 * $3)); } >"$1.npy"; }
    rows passes 17000 1024
    any_components '2/1 3/2' passes.npy --components 3
    rows columns 2000 600
    any_components 4/1 columns.npy --components 9 --sign v
    rows rows 120 40000 # in blocks of 52
    any_components 3/2 rows.npy --components 4
    rows few 3 200
    any_components 18/1 few.npy --components 3
}

@test "a build with MPI started without mpirun is one process like any other" {
    "$BUILD/mpi/pca" images.npy.zst --components 3 --basis b.safetensors.zst -o c.npy.zst
    pca images.npy.zst --components 3 --basis one.safetensors.zst -o one.npy.zst
    cmp b.safetensors.zst one.safetensors.zst
    cmp c.npy.zst one.npy.zst
    "$BUILD/mpi/finetune" deep.safetensors.zst train.npy.zst test.npy.zst --epochs 1 \
        -o d.safetensors.zst
    finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 1 -o one.safetensors.zst
    cmp d.safetensors.zst one.safetensors.zst
}

@test "pca in ranks writes the bytes of one process: some rows of a joined file, an applied basis" {
    start-net images.npy.zst --kernels 3 --filters 4 -o net.safetensors.zst
    for i in 1 2 3; do
        extract net.safetensors.zst train.npy.zst --shard $i/3 -o part-$i.npy.zst
    done
    tensor join part-[1-3].npy.zst -o features.npy.zst
    make_index "$(tensor info features.npy.zst | sed -n 's/^shape *(\([0-9]*\),.*/\1/p')" \
        >index.tsv
    any_components 3/2 features.npy.zst --index index.tsv --classes 'a c' --split train
    pca features.npy.zst --apply one.safetensors.zst --tsv -o one.tsv
    ranks 3 pca features.npy.zst --apply one.safetensors.zst --tsv -o n.tsv
    cmp one.tsv n.tsv
}

@test "pca ends where a rank is killed, which is named, and leaves no output" {
    KASANE_WAIT=60 exec mpirun -n 2 "$BUILD/mpi/pca" train.npy.zst --table x.tsv -o x.npy.zst : \
        -n 1 "$BUILD/mpi/pca" late.npy.zst --table x.tsv -o x.npy.zst 2>said &
    mpirun=$!
    there() { rank=$(rank_of "$mpirun" 2) && [ -n "$rank" ]; }
    await "$mpirun" there
    sleep 2 # mpirun may hang where one dies while MPI starts
    kill -9 "$rank"
    wait "$mpirun" && status=0 || status=$?
    equal "$status" 137
    grep -q 'rank 2 .* signal 9 (Killed)' said
    equal "$(find . -name 'x.*')" ''
}

@test "an error is said once, by rank 0 or the one that has it alone" {
    local rest='--epochs 1 --kernel 3 --filters 2 -o x.safetensors.zst'
    run --separate-stderr ranks 3 train-stage train.npy.zst test.npy.zst --epochs many
    said 2 "train-stage: --epochs 'many', want a whole number from 0 to 1000000000"
    run --separate-stderr ranks 2 train-stage - test.npy.zst $rest <train.npy.zst
    said 1 'train-stage: standard input: read once, want a file that all 2 ranks can read'
    run --separate-stderr mpirun -n 1 "$BUILD/mpi/train-stage" train.npy.zst test.npy.zst $rest : \
        -n 1 "$BUILD/mpi/train-stage" train.npy.zst none.npy.zst $rest
    said 1 "train-stage: rank 1: 'none.npy.zst': No such file or directory"
    run --separate-stderr mpirun -n 1 "$BUILD/mpi/train-stage" train.npy.zst test.npy.zst $rest : \
        -n 1 "$BUILD/mpi/train-stage" train.npy.zst train.npy.zst $rest
    said 1 'train-stage: rank 1: files or settings that are not those of rank 0'
    run --separate-stderr mpirun -n 2 train-stage train.npy.zst test.npy.zst $rest
    said 2 'train-stage: 2 processes at once, want a build with make MPI=1'
    [ ! -e x.safetensors.zst ]
}

@test "ranks answer as one process does: what is up to date, and why not" {
    local settings='train.npy.zst test.npy.zst --kernel 3 --filters 2 -o x.safetensors.zst'
    train-stage $settings --epochs 1
    run -0 --separate-stderr ranks 2 train-stage $settings --epochs 1
    fails 0 "train-stage: 'x.safetensors.zst' is up to date: same inputs, same settings"
    run -1 --separate-stderr ranks 2 train-stage $settings --epochs 2 --why
    equal "$output" 'epochs 1 -> 2'
    run -1 --separate-stderr ranks 2 train-stage $settings --epochs 2 --audit
    equal "$output" 'epochs 1 -> 2'
    run -0 ranks 2 train-stage --version
    equal "$output" "$(train-stage --version)"
}

@test "the pipeline trains and finds components in ranks with LAUNCH_TRAIN, to the same files" {
    settings conf
    pipeline features out/pca-2.tsv
    mv out one
    mkdir bin
    ln -s "$BIN"/* bin
    ln -sf "$BUILD"/mpi/{train-stage,finetune,pca} bin
    bin=bin pipeline features out/pca-2.tsv LAUNCH_TRAIN='mpirun -n 2' >log
    equal "$(grep -c '^mpirun -n 2 ' log)" 4
    same_results one out
    bin=bin pipeline -q features out/pca-2.tsv LAUNCH_TRAIN='mpirun -n 3'
}
