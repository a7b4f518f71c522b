# What a program keeps in memory does not grow with its data.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    gcc -std=c11 -D_GNU_SOURCE -O1 -o peak "$ROOT/bench/peak.c"
    draw-samples --count 25 -o drawn
    import-images drawn --size 80 -o few.npy.zst
    zstdcat few.npy.zst | tail -c +129 >pixels
    train-stage few.npy.zst few.npy.zst --kernel 3 --filters 4 --epochs 0 -o model.safetensors.zst
    for n in 1000 4000; do   # 19 and 77 MB
        { printf '\x93NUMPY\1\0\x76\0%-117s\n' \
            "{'descr': '|u1', 'fortran_order': False, 'shape': ($n, 80, 80, 3), }"
          for ((i = 0; i < n; i += 100)); do cat pixels; done; } | tensor from-npy - -o $n.npy.zst
        mkdir $n
        for ((i = 0; i < n; i += 100)); do cp -rl drawn $n/$i; done
    done
    export GOMP_SPINCOUNT=5000
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# flat COMMAND...: its peak, MiB, with 4000 for N is that with 1000, but for what allocators leave,
# and below 200.
flat() {
    local few many
    few=$(./peak "${@//N/1000}" 2>/dev/null | cut -f 1)
    many=$(./peak "${@//N/4000}" 2>/dev/null | cut -f 1)
    echo "$1: $few MiB, $many MiB" >&2
    [ "$many" -le $((few + 12)) ] && [ "$many" -lt 200 ]
}

@test "import-images, tensor, augment and encoding stream" {
    [ -z "${SAN-}" ] || skip "the sanitizers keep what is freed"
    flat import-images N --threads 2 -o /dev/null
    flat tensor rows 1: N.npy.zst --threads 2 -o /dev/null
    flat tensor npy N.npy.zst --threads 2 -o /dev/null
    flat augment N.npy.zst --threads 2 -o /dev/null
    flat encode-stage model.safetensors.zst N.npy.zst --threads 2 -o /dev/null
    flat extract model.safetensors.zst N.npy.zst --threads 2 -o /dev/null
}

@test "training from disk keeps a few batches, with its temporary file where TMPDIR says" {
    [ -z "${SAN-}" ] || skip "the sanitizers keep what is freed"
    few=$(./peak train-stage 1000.npy.zst few.npy.zst --kernel 1 --filters 1 --epochs 1 \
        --memory 110M --threads 2 -o none.zst 2>/dev/null | cut -f 1)
    many=$(./peak train-stage 4000.npy.zst few.npy.zst --kernel 1 --filters 1 --epochs 1 \
        --memory 110M --threads 2 -o none.zst 2>/dev/null | cut -f 1)
    echo "$few MiB, $many MiB" >&2
    [ "$many" -le $((few + 12)) ]   # 19 MB lie in memory, 77 MB do not
    [ "$many" -le 110 ]
    run -1 env TMPDIR=/nowhere train-stage 4000.npy.zst few.npy.zst --kernel 1 --filters 1 \
        --memory 110M --threads 2 -o none.zst
    [[ $output == *"'/nowhere': no temporary file: "* ]]
}

# refused COMMAND...: with 64 MiB it says before any work what it wants; that is left in $wanted,
# MiB.
refused() {
    rm -f none.zst
    run -1 --separate-stderr "$@" --memory 64M -o none.zst
    [[ $stderr =~ ^$1:\ the\ net\ with\ [0-9]+\ rows?\ at\ once\ wants\ ([0-9]+)\ MiB,\ --memory\ is\ 64\ MiB$ ]]
    wanted=${BASH_REMATCH[1]}
    [ ! -e none.zst ]
}

# held COMMAND...: with what it wanted it runs, and takes no more.
held() {
    local peak
    peak=$(./peak "$@" --memory "${wanted}M" -o /dev/null 2>said | cut -f 1) || cat said >&2
    echo "$1: $peak MiB, wanted $wanted MiB" >&2
    [ "$peak" -le "$wanted" ]
}

@test "the net counts: what does not hold it is refused before any work, and what does holds all" {
    [ -z "${SAN-}" ] || skip "the sanitizers keep what is freed"
    local net=(--kernel 3 --filters 8 --batch-norm yes --batch 96 --epochs 1 --threads 2)
    refused train-stage 1000.npy.zst few.npy.zst "${net[@]}"
    held train-stage 1000.npy.zst few.npy.zst "${net[@]}"
    train-stage few.npy.zst few.npy.zst --kernel 3 --filters 1600 --epochs 0 --batch 1 \
        -o wide.safetensors.zst
    refused encode-stage wide.safetensors.zst few.npy.zst --threads 2
    held encode-stage wide.safetensors.zst few.npy.zst --threads 2
    refused finetune wide.safetensors.zst 1000.npy.zst few.npy.zst --batch 4096 --threads 2
}

@test "a net of any size is refused in a line, not by an allocation" {
    run -1 --separate-stderr train-stage few.npy.zst few.npy.zst --kernel 15 --filters 4096 \
        --batch 65536 --batch-norm yes -o none.zst
    [[ $stderr == "train-stage: the net with 65536 rows at once wants "*" MiB, --memory is 1024 MiB" ]]
}
