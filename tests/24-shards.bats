# Parts of a tensor by --shard, and tensor join: the bytes of one process.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 25 -o drawings
    import-images drawings --index images.tsv -o images.npy.zst
    augment images.npy.zst -o crops.npy.zst
    train-stage crops.npy.zst images.npy.zst --epochs 0 -o model.safetensors.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{images.tsv,*.zst} .
}

# in_parts N COMMAND...: its output, made in N parts and joined, is whole.npy.zst to the byte
in_parts() {
    local n=$1 i
    shift
    for ((i = 1; i <= n; i++)); do
        "$@" --shard "$i/$n" -o "part-$i.npy.zst"
    done
    tensor join $(seq -f 'part-%.0f.npy.zst' "$n") -o "joined-$n.npy.zst"
    cmp "joined-$n.npy.zst" whole.npy.zst
}

@test "parts of codes, joined, are the bytes of one process, for any number of parts" {
    encode-stage model.safetensors.zst crops.npy.zst -o whole.npy.zst
    (($(tensor info whole.npy.zst | awk '/^frames/ {print $2}') > 20))
    for n in 1 2 3 7; do
        in_parts "$n" encode-stage model.safetensors.zst crops.npy.zst
    done
}

@test "so are parts of features, of fewer frames than parts too" {
    extract model.safetensors.zst images.npy.zst -o whole.npy.zst
    in_parts 3 extract model.safetensors.zst images.npy.zst
    tensor rows 0:5 images.npy.zst -o few.npy.zst
    extract model.safetensors.zst few.npy.zst -o whole.npy.zst
    in_parts 4 extract model.safetensors.zst few.npy.zst
}

@test "so are parts of crops, cut within the crops of an image, and of one split alone" {
    augment images.npy.zst -o whole.npy.zst
    for n in 2 5; do
        in_parts "$n" augment images.npy.zst
    done
    augment images.npy.zst --index images.tsv --split train -o whole.npy.zst
    in_parts 4 augment images.npy.zst --index images.tsv --split train
    augment images.npy.zst --margin 0 --index images.tsv --split test -o whole.npy.zst
    in_parts 2 augment images.npy.zst --margin 0 --index images.tsv --split test
}

@test "the whole that was joined is up to date for one process, and a part knows which it is" {
    encode-stage model.safetensors.zst images.npy.zst -o whole.npy.zst
    in_parts 2 encode-stage model.safetensors.zst images.npy.zst
    encode-stage model.safetensors.zst images.npy.zst -o joined-2.npy.zst --why
    encode-stage model.safetensors.zst images.npy.zst --shard 1/2 -o part-1.npy.zst --why
    run -1 encode-stage model.safetensors.zst images.npy.zst --shard 1/3 -o part-1.npy.zst --why
    equal "$output" 'shard 1/2 -> 1/3'
    tensor verify joined-2.npy.zst part-1.npy.zst
}

@test "parts in another order, too few, or of other settings are refused by name" {
    for i in 1 2; do
        augment images.npy.zst --shard "$i/2" -o "$i.npy.zst"
    done
    run -1 tensor join 2.npy.zst 1.npy.zst -o x.npy.zst
    equal "$output" "tensor: '2.npy.zst': not part 1 of 2, by its history"
    run -1 tensor join 1.npy.zst -o x.npy.zst
    equal "$output" "tensor: '1.npy.zst': not part 1 of 1, by its history"
    augment images.npy.zst --margin 10 --shard 2/2 -o 2.npy.zst
    run -1 tensor join 1.npy.zst 2.npy.zst -o x.npy.zst
    equal "$output" "tensor: '2.npy.zst': not part 2 of 2 of what '1.npy.zst' is a part of"
    [ ! -e x.npy.zst ]
}

@test "a part that is damaged is refused, and nothing is written" {
    for i in 1 2; do
        encode-stage model.safetensors.zst images.npy.zst --shard "$i/2" -o "$i.npy.zst"
    done
    printf '\xff' | dd of=2.npy.zst bs=1 seek=5000 conv=notrunc status=none
    run -1 tensor join 1.npy.zst 2.npy.zst -o x.npy.zst
    [[ $output == *"'2.npy.zst': damaged"* ]]
    [ ! -e x.npy.zst ]
}

@test "a shard that is none, and a part of what comes through a pipe, are refused" {
    for shard in 0/2 3/2 1 1/ a/b 1/2x -1/2; do
        run -2 augment images.npy.zst --shard "$shard" -o x.npy.zst
        [[ $output == "augment: --shard '$shard', want I/N, such as 1/8 to 8/8"* ]]
    done
    run -1 bash -c 'cat images.npy.zst | augment - --shard 1/2 -o x.npy.zst'
    equal "$output" "augment: standard input: a pipe, want a file for --shard"
}

# pictures: a folder with files that are skipped, passed over, and named for what they are not.
pictures() {
    cp -r "$BATS_FILE_TMPDIR/drawings" photos
    echo broken >"$(find photos -name '*.png' | sort | sed -n 30p)"
    truncate -s 300 "$(find photos -name '*.png' | sort | sed -n 60p)"
    echo notes | tee photos/0.txt >photos/zz.txt
    cp photos/aoi/003.png photos/oddly.jpg
}

# imported N: what import-images writes of photos in N parts is what it writes in one.
imported() {
    local i
    for ((i = 1; i <= $1; i++)); do
        import-images photos --size 160 --shard "$i/$1" -o "part-$i.npy.zst"
    done
    import-images photos --size 160 $(seq -f 'part-%.0f.npy.zst' "$1") --index joined.tsv \
        --skipped joined-skipped.tsv -o joined.npy.zst 2>said
    cmp joined.npy.zst whole.npy.zst
    for name in '' -skipped; do
        cmp "joined$name.tsv" "whole$name.tsv"
        cmp ".joined$name.tsv.history" ".whole$name.tsv.history"
    done
    equal "$(cat said)" "$(grep -v ' skipped: ' one)"
}

@test "parts of a folder, joined, are the images, index and report of one process" {
    pictures
    import-images photos --size 160 --index whole.tsv --skipped whole-skipped.tsv \
        -o whole.npy.zst 2>one
    grep -q '1 of .* skipped' one
    equal "$(tensor info whole.npy.zst | awk '/^frames/ {print $2}')" 4
    for n in 1 2 5; do
        imported "$n"
    done
    import-images photos --size 160 --index joined.tsv --skipped joined-skipped.tsv \
        -o joined.npy.zst --why
}

@test "whatever hangs on all pictures is decided of the whole: their number, split and share that is bad" {
    mkdir photos
    cp "$BATS_FILE_TMPDIR"/drawings/aoi/00[12].png photos
    echo broken >photos/000.png
    import-images photos --max-bad 0.4 --index whole.tsv --skipped whole-skipped.tsv -o whole.npy.zst 2>one
    equal "$(cut -f 2 whole.tsv | sort | uniq -c | tr -s ' ' | paste -sd ,)" ' 1 split, 1 test, 1 train'
    for i in 1 2 3; do
        import-images photos --max-bad 0.4 --shard "$i/3" -o "part-$i.npy.zst"
    done
    import-images photos part-{1,2,3}.npy.zst --max-bad 0.4 --index joined.tsv -o joined.npy.zst
    cmp joined.tsv whole.tsv
    run -1 import-images photos part-{1,2,3}.npy.zst --max-bad 0.1 -o x.npy.zst
    equal "$output" "import-images: 'part-1.npy.zst': max-bad 0.4 -> 0.1"
    for i in 1 2 3; do
        import-images photos --max-bad 0.1 --shard "$i/3" -o "part-$i.npy.zst"
    done
    run -1 import-images photos part-{1,2,3}.npy.zst --max-bad 0.1 -o x.npy.zst
    equal "${lines[-1]}" \
        "import-images: 'photos': 1 of 3 pictures cannot be read, want at most 0.1 of them (--max-bad)"
    [ ! -e x.npy.zst ]
}

@test "a part of a folder knows when a picture of it changed, and the whole refuses it" {
    pictures
    for i in 1 2; do
        import-images photos --size 160 --shard "$i/2" -o "$i.npy.zst"
        import-images photos --size 160 --shard "$i/2" -o "$i.npy.zst" --why
    done
    cp 2.npy.zst other.npy.zst
    run -1 import-images photos --size 160 2.npy.zst 1.npy.zst -o x.npy.zst
    equal "$output" "import-images: '2.npy.zst': not part 1 of 2, by its history"
    first=$(find photos -name '*.png' | sort | head -n 1)
    touch "$first"
    run -1 import-images photos --size 160 1.npy.zst 2.npy.zst -o x.npy.zst
    equal "$output" "import-images: '1.npy.zst.tsv': '${first#*/}' was changed since: this part is to be made again"
    run -1 import-images photos --size 160 --shard 1/2 -o 1.npy.zst --why
    equal "$output" "'${first#*/}' was changed since"
    import-images photos --size 160 --shard 2/2 -o 2.npy.zst --why
    import-images photos --size 160 --shard 1/2 -o 1.npy.zst
    import-images photos --size 160 1.npy.zst 2.npy.zst -o x.npy.zst
    rm photos/zz.txt
    run -1 import-images photos --size 160 --shard 2/2 -o 2.npy.zst --why
    equal "$output" "'zz.txt' was not there, or is no more"
    sed -i 's/PNG/GIF/' 1.npy.zst.tsv
    run -1 import-images photos --size 160 1.npy.zst 2.npy.zst -o x.npy.zst
    equal "$output" "import-images: '1.npy.zst.tsv': not as it was written with '1.npy.zst'"
}
