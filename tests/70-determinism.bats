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
