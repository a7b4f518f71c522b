# Chaining stages with one another and with other tools, as a shell user would.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 12 -o drawings
    import-images drawings --size 16 -o images.npy.zst --index images.tsv
    augment images.npy.zst --index images.tsv --split train --margin 4 -o train-0.npy.zst
    train-stage train-0.npy.zst train-0.npy.zst --kernel 5 --filters 8 --epochs 1 \
        -o deep.safetensors.zst
    extract deep.safetensors.zst images.npy.zst -o features.npy.zst
    import-images drawings --size 16 | extract deep.safetensors.zst - >piped.npy.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.zst .
    ln -s "$BATS_FILE_TMPDIR/drawings" drawings
}

# The exit status of every part of a pipe must be 0.
pipe() { bash -c "set -o pipefail; $1"; }

@test "import-images | extract | pca --tsv | gnuplot draws a plot" {
    pipe "import-images drawings --size 16 | extract deep.safetensors.zst - | pca --components 2 --tsv - \
        | gnuplot -e \"set terminal svg; set key autotitle columnhead; plot '-' using 1:2\" >plot.svg"
    grep -q '<svg' plot.svg
    [ "$(grep -c '<use' plot.svg)" -ge 48 ]
}

@test "a pipe of stages gives the bytes that files in between give" {
    cmp "$BATS_FILE_TMPDIR/piped.npy.zst" features.npy.zst
}

@test "tensor tsv | head ends without a message" {
    run -0 --separate-stderr pipe "set +o pipefail; tensor tsv features.npy.zst | head -n 3"
    equal "$stderr" ""
    equal "${#lines[@]}" 3
}

@test "augment is a filter from standard input to standard output" {
    augment - --margin 4 <train-0.npy.zst >x.npy.zst
    augment train-0.npy.zst --margin 4 -o y.npy.zst
    cmp x.npy.zst y.npy.zst
    augment - <train-0.npy.zst >z.npy.zst || [ $? -eq 1 ]   # a margin of 20 needs larger images
}

@test "NumPy loads features from zstdcat" {
    need_python numpy
    run -0 pipe "zstdcat features.npy.zst | /usr/bin/python3 -c 'import io, sys, numpy as np; print(np.load(io.BytesIO(sys.stdin.buffer.read())).shape)'"
    equal "$output" "(48, 8, 8, 8)"
}

@test "a stage whose input stops short says so and writes nothing" {
    head -c 3000 features.npy.zst >short
    run -1 --separate-stderr bash -c 'pca --components 2 -o x.npy.zst - <short'
    [[ $stderr == "pca: standard input: "* ]]
    [ ! -e x.npy.zst ]
}

@test "a stage whose reader goes away ends quietly, by SIGPIPE" {
    run -0 --separate-stderr bash \
        -c 'tensor npy images.npy.zst | head -c 100 >/dev/null; echo "${PIPESTATUS[0]}"'
    equal "$stderr" ""
    [ "$output" = 141 ] || [ "$output" = 0 ]
}

@test "binary data does not go to a terminal" {
    run -2 script -qec "extract deep.safetensors.zst images.npy.zst" /dev/null
    [[ $output == *"extract: standard output is a terminal; use -o FILE"* ]]
}
