# A small experiment that runs through all of the pipeline in seconds: `load tiny`.

# Writes its settings to the folder $1.
tiny_config() {
    mkdir -p "$1"
    printf 'count = 12\n' >"$1/draw.conf"
    printf 'size = 24\n' >"$1/import.conf"
    printf 'margin = 6\n' >"$1/augment.conf"
    printf 'kernel = 5\nfilters = 6\nepochs = 2\nbatch = 20\nnoise = 0.02\n' >"$1/stage-1.conf"
    printf '%s\n' 'kernel = 3' 'filters = 9' 'epochs = 2' 'batch = 20' \
        'output-activation = linear' 'loss = mean-squared-error' 'batch-norm = yes' \
        >"$1/stage-2.conf"
    printf 'epochs = 2\nbatch = 20\n' >"$1/finetune.conf"
    printf 'count = 3\n' >"$1/reconstruct.conf"
}

# tiny_run CONFIG OUT [VARIABLE=VALUE]...: the whole pipeline; what it says goes to OUT.err, and is
# shown where it fails.
tiny_run() {
    local config=$1 out=$2
    shift 2
    make -s -f "$ROOT/Makefile.pipeline" all BIN="$BIN" CONFIG="$config" OUT="$out" "$@" \
        2>"${out//\//_}.err" || { cat "${out//\//_}.err" >&2; return 1; }
}

# tiny_same A B: every file of folder A is in folder B, with the same bytes; of logs all but the
# seconds.
tiny_same() {
    local file n=0
    for file in "$1"/* "$1"/.*.history; do
        case $file in
        *.safetensors.zst | *.npy.zst | *.png | *.svg | *.history) cmp "$file" "$2/${file##*/}"; n=$((n + 1)) ;;
        *stage-*.tsv | */deep.tsv) cmp <(cut -f 1-4 "$file") <(cut -f 1-4 "$2/${file##*/}") ;;
        *.tsv) cmp "$file" "$2/${file##*/}" ;;
        esac
    done
    [ "$n" -ge 27 ]
}
