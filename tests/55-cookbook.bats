# The recipes of COOKBOOK.md, run as they stand on a small experiment.
load helper

# What a reader has: photos, settings of his own size, the programs, and a finished run.
setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 4 -o photos
    mkdir -p configs/seed
    printf 'size = 80\ntest = 0.3\n' >configs/seed/import.conf
    printf 'kernel = 3\nfilters = 4\nepochs = 1\nbatch = 16\n' >configs/seed/stage-1.conf
    printf 'epochs = 1\nbatch = 16\n' >configs/seed/finetune.conf
    make -s -f "$ROOT/Makefile.pipeline" all BIN="$BIN" CONFIG=configs/seed DATA=photos OUT=out/photos-seed
}

# recipe TITLE: its commands, one a line.
recipe() {
    awk -v title="## $1" \
        '$0 == title {on = 1; next} /^## / {on = 0} on && /^    / {print substr($0, 5)}' \
        "$ROOT/COOKBOOK.md"
}

# Runs a recipe: `make -f Makefile.pipeline` in the reader's clone, anything else in the folder of
# the run.
follow() {
    local where=$1
    recipe "$2" >recipe
    [ -s recipe ]
    cp -r "$BATS_FILE_TMPDIR"/* .
    ln -s ../../photos out/photos-seed/
    ln -s ../../configs out/photos-seed/
    {
        echo 'set -eu -o pipefail; trap "" PIPE'
        echo "make() { command make -s BIN='$BIN' CONFIG=configs/seed -f '$ROOT/Makefile.pipeline' \"\${@:3}\"; }"
        cat recipe
    } >script
    (cd "$where" && bash "$BATS_TEST_TMPDIR/script") || { cat recipe >&2; return 1; }
}

@test "every recipe has a test here" {
    sed -n 's/^## //p' "$ROOT/COOKBOOK.md" | sort >recipes
    sed -n 's/^ *follow [^ ]* "\(.*\)".*/\1/p' "$BATS_TEST_FILENAME" | sort | diff recipes -
}

@test "change one number, and run what depends on it" {
    follow . "Change one number, and run what depends on it" >said 2>notes
    grep -q '^stage-1.safetensors.zst *would run: .*missing' said
    grep -q '^features.npy.zst .*up to date' said
    grep -q 'filters *= *20' mine/stage-1.conf
    [ -s out/photos-mine/features.npy.zst ]
}

@test "look into a file" {
    follow out/photos-seed "Look into a file" >said
    grep -q '^shape  *(' said
    grep -q 'train-stage, revision' said
}

@test "load features elsewhere" {
    need_python numpy
    follow out/photos-seed "Load features elsewhere" >said
    equal "$(cat said)" "(16, 40, 40, 4)"
    equal "$(wc -l <out/photos-seed/features.tsv)" 17
}

@test "features of new pictures" {
    follow out/photos-seed "Features of new pictures"
    cmp <(tensor tsv out/photos-seed/new.npy.zst) <(tensor tsv out/photos-seed/features.npy.zst)
}

@test "new pictures in an old plane" {
    follow out/photos-seed "New pictures in an old plane"
    cmp <(cut -f 5- out/photos-seed/new-plane.tsv | tail -n +2) <(tensor tsv out/photos-seed/plane.npy.zst)
}

@test "which pictures are near which" {
    follow out/photos-seed "Which pictures are near which" >said
    [ "$(wc -l <said)" -gt 8 ]
}

@test "find pictures like this one" {
    follow out/photos-seed "Find pictures like this one" >said
    equal "$(sed -n 2p said | cut -f 1-3)" $'0\t1\t0'
    equal "$(tail -n 2 said | cut -f 1-3,6)" $'0\t1\t0\t0\n1\t1\t1\t0'
    cd out/photos-seed
    equal "$(wc -l <near.tsv)" 11
    equal "$(cut -f 1 ren.tsv | sort -u | grep -c '[0-9]')" \
        "$(awk -F '\t' '$3 == "ren"' images.tsv | wc -l)"
    tensor verify near.png ren.png
}

# As a reader has it whose photos hold one picture seven times, in train and in test.
with_twins() {
    local k
    mkdir twins
    cp -r "$BATS_FILE_TMPDIR"/{photos,configs} twins
    cd twins
    for k in 1 2 3 4 5 6; do cp photos/ren/000.png photos/ren/copy-$k.png; done
    make -s -f "$ROOT/Makefile.pipeline" BIN="$BIN" CONFIG=configs/seed DATA=photos \
        OUT=out/photos-seed
    cd ..
    BATS_FILE_TMPDIR=$PWD/twins
}

@test "list near-duplicates" {
    with_twins
    follow out/photos-seed "List near-duplicates" >said
    equal "$(cut -f 9 said | paste -sd ' ')" 'distance 0 0 0'
    equal "$(tail -n +2 out/photos-seed/twins.tsv | cut -f 4,8 |
        grep -vc $'^ren/\\(000\\|copy-.\\).png\tren/copy-..png$')" 0
    equal "$(tail -n +2 out/photos-seed/twins.tsv | wc -l)" 21
    tensor verify out/photos-seed/twins.png
}

@test "drop leaks from train to test" {
    with_twins
    follow out/photos-seed "Drop leaks from train to test" 2>notes
    grep -x 'neighbours: [0-9]* pairs lie across train and test: a leak' notes
    cd out/photos-seed
    equal "$(sort leaks)" "$(awk -F '\t' '$2 == "test" && $4 ~ /ren\/(000|copy)/ { print $4 }' \
        images.tsv | sort)"
    awk -F '\t' 'FILENAME == "leaks" { leak[$1]; next } !($4 in leak)' leaks images.tsv |
        cut -f 2-4 | diff - <(cut -f 2-4 out/clean/images.tsv)
    [ -s leaks ]
}

@test "some classes only" {
    follow out/photos-seed "Some classes only"
    equal "$(cut -f 3 out/photos-seed/two.tsv | sort -u | paste -sd ' ')" "akane class ren"
    [ -s out/photos-seed/two.png ]
}

@test "one layer at a time, through pipes" {
    follow out/photos-seed "One layer at a time, through pipes" >said
    grep -q '^shape  *(16,40,40,8)' said
}

@test "arrays instead of pictures" {
    follow out/photos-seed "Arrays instead of pictures"
    [ -s out/photos-seed/out/arrays/features-test.npy.zst ]
}

@test "is everything what it says it is?" {
    follow . "Is everything what it says it is?" >said
    grep -q '^features.npy.zst .*as recorded' said
}

@test "settings" {
    follow . "Settings" >said
    grep -q '^filters = 4$' said
}

@test "into pandas" {
    need_python pandas
    follow out/photos-seed "Into pandas" >said
    grep -q '^akane *4$' said
}

@test "into R" {
    command -v Rscript >/dev/null || skip "no R"
    follow out/photos-seed "Into R" >said
    equal "$(tail -n 1 said | tr -s ' ')" ' 4 4 4 4 '
}

@test "into DuckDB" {
    need_node @duckdb/node-api
    follow out/photos-seed "Into DuckDB" >said
    grep -q "'akane'.*'4'" said
}

@test "into TensorBoard" {
    follow out/photos-seed "Into TensorBoard" >said
    equal "$(paste -sd ' ' said)" \
        'metadata.tsv projector_config.json projector_config.pbtxt sprite.png tensors.tsv'
}

@test "into programs that run nets" {
    need_node onnxruntime-node
    follow out/photos-seed "Into programs that run nets" >said
    equal "$(cat said)" "[ 'images' ] [ 'code' ]"
}
