# Loaded by the tests of the pipeline, after helper: a small experiment, and what Make says and does about it.

# settings FOLDER: two stages on images of 16x16, done in about a second.
settings() {
    mkdir -p "$1"
    printf 'count = 3\n' >"$1/draw.conf"
    printf 'size = 16\ntest = 0.3\n' >"$1/import.conf"
    printf 'margin = 3\n' >"$1/augment.conf"
    printf 'filters = 4\nkernel = 3\nepochs = 2\nbatch = 16\n' | tee "$1/stage-1.conf" >"$1/stage-2.conf"
    printf 'output-activation = linear\nloss = mean-squared-error\n' >>"$1/stage-2.conf"
    printf 'transfer = all\n' >"$1/assemble.conf"
    printf 'epochs = 2\nbatch = 16\n' >"$1/finetune.conf"
}

# The pipeline of the test's own folder; its programs may be replaced by setting bin.
pipeline() {
    make -f "$ROOT/Makefile.pipeline" CONFIG=conf OUT=out BIN="${bin:-$BIN}" ${images:+"DATA=$images"} "$@"
}

# ready: gives the test a finished experiment, made once per file, from images that no test changes.
make_ready() {
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 5 -o images
    settings conf
    images=images pipeline all
}
ready() {
    cp -a "$BATS_FILE_TMPDIR/conf" "$BATS_FILE_TMPDIR/out" .
    ln -s "$BATS_FILE_TMPDIR/images" images
    images=images
}

# own_images: the images become the test's own, and all is up to date with them.
own_images() {
    rm images
    cp -a "$BATS_FILE_TMPDIR/images" .
    pipeline features
}

# Names in one line, sorted, without their endings.
bare() {
    sed 's/\.npy\.zst$//; s/\.safetensors\.zst$//' | sort | paste -sd ' '
}

# Reads what Make prints, gives the names of the files that are made.
made_files() {
    sed -n 's/.* -o out\/\([^ ]*\).*/\1/p' | bare
}

# All files of settings and results, with their inodes and dates.
listing() {
    find out conf -printf '%p %i %s %T@ %C@\n' 2>/dev/null | sort
}

# reruns "FILES" [ARGUMENT]...: make -n names exactly these and writes nothing, make makes exactly these, and nothing is left; the same with
# -j4, from where it began, with the same bytes.
reruns() {
    local wanted
    wanted=$(tr -s ' ' '\n' <<<"$1" | bare)
    shift
    asked "$wanted" "$@"
    equal "$(pipeline -n -j4 "$@" | made_files)" "$wanted"
    if [ -z "$wanted" ]; then
        made '' -j4 "$@"
        return
    fi
    rm -rf once began
    [ ! -e out ] || cp -a out began
    made "$wanted" -j4 "$@"
    mv out once
    [ ! -e began ] || mv began out
    made "$wanted" "$@"
    same_results once out
}

# asked "FILES" [ARGUMENT]...: what only asks.
asked() {
    local wanted=$1 before
    shift
    before=$(listing)
    equal "$(pipeline -n "$@" | made_files)" "$wanted"
    if [ -n "$wanted" ]; then
        run -1 pipeline -q "$@"
    else
        pipeline -q "$@"
    fi
    equal "$(listing)" "$before"
}

made() {
    local wanted=$1
    shift
    pipeline "$@" >log 2>notes || { cat log notes >&2; return 1; }
    equal "$(made_files <log)" "$wanted"
    pipeline -q "$@"
}

# same_results A B: the same files, with the same bytes; of logs all but the seconds. Of who is near
# whom, which is there with SHARDS alone, nothing.
same_results() {
    local file
    equal "$(cd "$1" && ls -I 'near-*')" "$(cd "$2" && ls -I 'near-*')"
    for file in "$1"/* "$1"/.*.history; do
        case $file in
        */near-*) ;;
        */stage-*.tsv | */deep.tsv) cmp <(cut -f 1-4 "$file") <(cut -f 1-4 "$2/${file##*/}") ;;
        *.zst | *.tsv | *.png | *.svg | *.html | *.history) cmp "$file" "$2/${file##*/}" ;;
        esac
    done
}

# The files that the last run found to be the same, and only dated anew.
found_same() {
    sed -n "s/.*: 'out\/\(.*\)' is up to date: .*/\1/p" notes | bare
}

EVERYTHING='images train-0 test-0 stage-1 train-1 test-1 stage-2 deep-init deep features'
AFTER_IMAGES='train-0 test-0 stage-1 train-1 test-1 stage-2 deep-init deep features'
AFTER_STAGE_1='train-1 test-1 stage-2 deep-init deep features'
