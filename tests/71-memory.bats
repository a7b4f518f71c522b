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
        { printf '\x93NUMPY\1\0\x76\0%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($n, 80, 80, 3), }"
          for ((i = 0; i < n; i += 100)); do cat pixels; done; } | tensor from-npy - -o $n.npy.zst
        mkdir $n
        for ((i = 0; i < n; i += 100)); do cp -rl drawn $n/$i; done
    done
    export GOMP_SPINCOUNT=5000
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# flat COMMAND...: its peak, MiB, with 4000 for N is that with 1000, but for what allocators leave, and below 200.
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
    few=$(./peak train-stage 1000.npy.zst few.npy.zst --kernel 1 --filters 1 --epochs 1 --memory 64M -o none.zst 2>/dev/null | cut -f 1)
    many=$(./peak train-stage 4000.npy.zst few.npy.zst --kernel 1 --filters 1 --epochs 1 --memory 64M -o none.zst 2>/dev/null | cut -f 1)
    echo "$few MiB, $many MiB" >&2
    [ "$many" -le $((few + 40)) ]   # 19 MB lie in memory, 77 MB do not
    [ "$many" -lt 100 ]
    run -1 env TMPDIR=/nowhere train-stage 4000.npy.zst few.npy.zst --memory 64M -o none.zst
    [[ $output == *"'/nowhere': no temporary file: "* ]]
}
