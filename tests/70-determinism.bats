# The same inputs, settings and seed give the same bytes: for any number of threads, with any memory, in any folder, through files or pipes.
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

@test "the pipeline gives the same bytes in another folder, with the least memory" {
    mkdir -p elsewhere/deeper
    tiny_run conf elsewhere/deeper/out FLAGS="--memory 64M"
    tiny_same one elsewhere/deeper/out
}

@test "training from disk gives the bytes of training from memory" {
    cd "$BATS_TEST_TMPDIR"
    draw-samples --count 60 -o drawings
    import-images drawings --size 160 --test 0 -o large.npy.zst
    augment large.npy.zst --margin 20 -o rows.npy.zst   # 1440 rows of 76,800 bytes: over 64 MiB
    augment large.npy.zst --margin 0 -o test.npy.zst
    settings="--kernel 1 --filters 1 --epochs 1 --batch 64"
    train-stage rows.npy.zst test.npy.zst $settings --memory 1G -o memory.safetensors.zst
    train-stage rows.npy.zst test.npy.zst $settings --memory 64M -o disk.safetensors.zst
    cmp memory.safetensors.zst disk.safetensors.zst
}

@test "an instruction set that is not there is refused, by option and by environment, naming those that are" {
    local names
    names="auto|$(each_isa echo | paste -sd '|')"
    run -2 --separate-stderr encode-stage --isa sse9 model.safetensors.zst rows.npy.zst
    fails 2 "encode-stage: --isa 'sse9', want one of $names"
    tiny_rows 2
    train-stage rows.npy.zst rows.npy.zst --kernel 3 --filters 2 --epochs 1 -o model.safetensors.zst
    KASANE_ISA=sse9 run -2 --separate-stderr encode-stage model.safetensors.zst rows.npy.zst -o codes.npy.zst
    fails 2 "encode-stage: KASANE_ISA 'sse9', want one of $names"
}

@test "the option --isa wins over the environment; AVX2 and AVX-512 give the same bytes; neither makes a file out of date" {
    tiny_rows 6
    local isa train="train-stage rows.npy.zst rows.npy.zst --kernel 3 --filters 5 --epochs 2 --batch 4"
    for isa in $(each_isa echo); do
        KASANE_ISA=sse9 $train --isa "$isa" -o "$isa.safetensors.zst"
        KASANE_ISA=sse9 encode-stage "$isa.safetensors.zst" rows.npy.zst --isa "$isa" -o "$isa.npy.zst"
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
