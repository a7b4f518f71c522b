# The same inputs, settings and seed give the same bytes: for any number of threads, with any
# memory, in any folder, through files or pipes.
load helper
load tiny

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    tiny_config conf
    tiny_run conf one FLAGS="--threads 2"
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

@test "the pipeline gives the same bytes with 1, 3 and 8 threads" {
    for n in 1 3 8; do
        tiny_run conf "threads-$n" FLAGS="--threads $n"
        tiny_same one "threads-$n"
    done
}

# As tiny, with more images than 90 MiB have room for: 1,500 rows of 27,648 bytes, and codes of
# 36,864.
large_config() {
    tiny_config "$1"
    echo 'count = 72' >"$1/draw.conf"
    echo 'size = 96' >"$1/import.conf"
    printf 'kernel = 1\nfilters = 4\nepochs = 1\nbatch = 100\n' |
        tee "$1/stage-2.conf" >"$1/stage-1.conf"
    printf 'output-activation = linear\nloss = mean-squared-error\n' >>"$1/stage-2.conf"
    printf 'epochs = 1\nbatch = 100\n' >"$1/finetune.conf"
    echo 'components = 4' >"$1/evaluate.conf"   # 64 of 27,648 numbers want more memory
}

@test "the pipeline gives the same bytes in another folder, with memory for all data or for a few batches" {
    large_config large
    tiny_run large memory FLAGS="--memory 1G"
    mkdir -p elsewhere/deeper
    tiny_run large elsewhere/deeper/out FLAGS="--memory 90M --threads 2"
    tiny_same memory elsewhere/deeper/out
    for k in 0 1; do   # which is trained on from a file in TMPDIR
        run -1 env TMPDIR=/nowhere train-stage memory/train-$k.npy.zst memory/test-$k.npy.zst \
            --batch 100 --kernel 1 --filters 4 --memory 90M --threads 2 --epochs 1 -o none
        [[ $output == *"train-stage: '/nowhere': no temporary file: "* ]]
    done
    rm -rf memory elsewhere
}

# piped FILE COMMAND...: the command, which reads FILE from a pipe and writes to one, gives the
# bytes of the file $wanted.
piped() {
    local input=one/$1
    shift
    cat "$input" | "$@" 2>notes | cat >made || { cat notes >&2; return 1; }
    cmp made "one/$wanted"
}

@test "every stage gives the same bytes through pipes, whichever of its inputs comes from one" {
    wanted=images.npy.zst
    (cd one && import-images samples -c ../conf/import.conf --index "$BATS_TEST_TMPDIR/i.tsv" |
        cmp - images.npy.zst)
    cmp "$BATS_TEST_TMPDIR/i.tsv" one/images.tsv
    wanted=train-0.npy.zst
    piped images.npy.zst augment - --index one/images.tsv --split train -c conf/augment.conf
    piped images.tsv augment one/images.npy.zst --index - --split train -c conf/augment.conf
    for k in 1 2; do
        j=$((k - 1)) wanted=stage-$k.safetensors.zst
        piped train-$j.npy.zst train-stage - one/test-$j.npy.zst --stage $k -c conf/stage-$k.conf
        piped test-$j.npy.zst train-stage one/train-$j.npy.zst - --stage $k -c conf/stage-$k.conf
        wanted=train-$k.npy.zst
        [ -e one/$wanted ] || continue
        piped train-$j.npy.zst encode-stage one/stage-$k.safetensors.zst -
        piped stage-$k.safetensors.zst encode-stage - one/train-$j.npy.zst
    done
    wanted=deep-init.safetensors.zst
    piped stage-2.safetensors.zst assemble-deep one/stage-1.safetensors.zst -
    wanted=deep.safetensors.zst
    piped deep-init.safetensors.zst finetune - one/train-0.npy.zst one/test-0.npy.zst \
        -c conf/finetune.conf
    piped train-0.npy.zst finetune one/deep-init.safetensors.zst - one/test-0.npy.zst \
        -c conf/finetune.conf
    wanted=features.npy.zst
    piped images.npy.zst extract one/deep.safetensors.zst -
    wanted=pca-2.npy.zst
    piped features.npy.zst pca - --index one/images.tsv --components 2 --table table.tsv
    cmp table.tsv one/pca-2.tsv
    wanted=pca-3.npy.zst
    piped images.tsv pca one/features.npy.zst --index - --components 3
    wanted=map-2.npy.zst
    piped features.npy.zst map - --index one/images.tsv --table table.tsv
    cmp table.tsv one/map-2.tsv
    wanted=reconstruction.png
    piped images.npy.zst reconstruct one/deep.safetensors.zst - --index one/images.tsv \
        -c conf/reconstruct.conf
}

@test "an instruction set that is not there is refused, by option and by environment, naming those that are" {
    local names
    names="auto|$(each_isa echo | paste -sd '|')"
    run -2 --separate-stderr encode-stage --isa sse9 model.safetensors.zst rows.npy.zst
    [ "$(uname -m)" != x86_64 ] ||
        fails 2 "encode-stage: --isa 'sse9', want one of auto|avx512|avx2|base"
    tiny_rows 2
    train-stage rows.npy.zst rows.npy.zst --kernel 3 --filters 2 --epochs 1 -o model.safetensors.zst
    KASANE_ISA=sse9 run -2 --separate-stderr encode-stage model.safetensors.zst rows.npy.zst \
        -o codes.npy.zst
    fails 2 "encode-stage: KASANE_ISA 'sse9', want one of $names"
}

@test "the option --isa wins over the environment; AVX2 and AVX-512 give the same bytes; neither makes a file out of date" {
    tiny_rows 6
    local isa train="train-stage rows.npy.zst rows.npy.zst --kernel 3 --filters 5 --epochs 2 --batch 4 --noise 0.1 --batch-norm yes --l1 0.01"
    for isa in $(each_isa echo); do
        KASANE_ISA=sse9 $train --isa "$isa" -o "$isa.safetensors.zst"
        KASANE_ISA=sse9 encode-stage "$isa.safetensors.zst" rows.npy.zst --isa "$isa" \
            -o "$isa.npy.zst"
    done
    if [ -e avx512.npy.zst ]; then
        cmp avx2.safetensors.zst avx512.safetensors.zst
        cmp avx2.npy.zst avx512.npy.zst
    fi
    run -0 --separate-stderr $train --isa auto -o base.safetensors.zst
    equal "$stderr" "train-stage: 'base.safetensors.zst' is up to date: same inputs, same settings"
}

# tiny_rows N: rows.npy.zst, N drawings of 16x16.
tiny_rows() {
    draw-samples --count "$1" -o small
    import-images small --size 16 --test 0 -o rows.npy.zst
}
