# Every parser under libFuzzer, for a while: no crash, no leak, no undefined behaviour, no allocation that the input does not pay for.
# make fuzz does the same for longer.

load helper

setup_file() {
    env -u SAN -u BUILD -u BIN make -s -C "$ROOT" fuzzers >"$BATS_FILE_TMPDIR/log" 2>&1 || { cat "$BATS_FILE_TMPDIR/log" >&2; return 1; }
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
@test "pictures" { fuzz png; }

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
