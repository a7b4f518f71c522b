# Every parser under libFuzzer, for a while: no crash, no leak, no undefined behaviour, no
# allocation that the input does not pay for. make fuzz does the same for longer.

load helper

setup_file() {
    env -u SAN -u BUILD -u BIN make -s -C "$ROOT" fuzzers >"$BATS_FILE_TMPDIR/log" 2>&1 ||
        { cat "$BATS_FILE_TMPDIR/log" >&2; return 1; }
    "$ROOT/fuzz/corpus" "$BATS_FILE_TMPDIR/corpus"
}

# fuzz TARGET: the seeds, all of which are good files, then a fixed number of inputs made of them.
fuzz() {
    [ "$(ls "$BATS_FILE_TMPDIR/corpus/$1" | wc -l)" -ge 1 ]
    run -0 env CORPUS="$BATS_FILE_TMPDIR/corpus" SEED=1 "$ROOT/fuzz/run" -runs=3000 "$1"
    [[ $output == "$1: 3000 inputs, "* ]]
}

@test "NPY headers and plain tensors" { fuzz npy; }
@test "seek tables, records and frames" { fuzz frames; }
@test "safetensors headers" { fuzz safetensors; }
@test "models" { fuzz model; }
@test "checkpoints" { fuzz checkpoint; }
@test "bases" { fuzz basis; }
@test "histories" { fuzz history; }
@test "settings" { fuzz conf; }
@test "indexes" { fuzz index; }
@test "labels" { fuzz labels; }
@test "PNG" { fuzz png; }
@test "JPEG" { fuzz jpeg; }
@test "WebP" { fuzz webp; }
@test "GIF" { fuzz gif; }
@test "TIFF" { fuzz tiff; }
@test "BMP" { fuzz bmp; }

@test "the harness finds a leak, a descriptor left open, an allocation out of proportion, and an address out of bounds" {
    CORPUS=$PWD/corpus
    mkdir -p corpus/self
    for fault in leak descriptor large total beyond; do
        printf '%s' "$fault" >corpus/self/seed
        run -1 env CORPUS="$CORPUS" "$ROOT/fuzz/run" -runs=1 self
        case $fault in
        leak) [[ $output == *"fuzz: blocks leaked: 1, at most 0"* ]] ;;
        descriptor) [[ $output == *"fuzz: descriptors leaked: 1, at most 0"* ]] ;;
        large) [[ $output == *"fuzz: bytes in one piece: 67108885, at most 67108884"* ]] ;;
        total) [[ $output == *"fuzz: bytes in all: "* ]] ;;
        beyond) [[ $output == *"AddressSanitizer: heap-buffer-overflow"* ]] ;;
        esac
    done
    printf 'exit' >corpus/self/seed
    run -0 env CORPUS="$CORPUS" "$ROOT/fuzz/run" -runs=1 self
}

@test "what decompresses to frames, rows and pixels of 64 MiB and more stays within the bounds of every target" {
    load files
    CORPUS=$PWD/corpus
    mkdir -p corpus/{npy,frames,model,basis,history,index,png}
    head -c 134000000 /dev/zero | npy '|u1' '(2, 67000000)' >x.npy
    tensor from-npy x.npy -o bomb
    cat x.npy | zstd -q >plain
    for target in npy frames model basis history index; do
        cp bomb plain "corpus/$target/"
    done
    "$BUILD/tests/check-image" blank 4000 4000 corpus/png/read
    "$BUILD/tests/check-image" blank 8000 8000 corpus/png/refused
    for target in npy frames model basis history index png; do
        [ "$(cat "corpus/$target"/* | wc -c)" -lt 100000 ]
        run -0 env CORPUS="$CORPUS" SEED=1 "$ROOT/fuzz/run" -runs=2 "$target"
        [[ $output == "$target: "*" inputs, "* ]]
    done
}
