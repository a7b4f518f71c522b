# --profile: where the time of a process went.
load helper

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 6 -o images
    import-images images --size 32 --test 0.3 --index images.tsv -o images.npy.zst
    for k in 1 2 3; do
        train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs $k --batch 8 --seed $k -o model-$k.safetensors.zst
    done
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

PARTS='start reading arithmetic writing waiting disk checkpoint other'

# profiled PROGRAM ARGUMENT...: runs it with --profile; every part has its line, and they add up to the total, which is no longer than
# the program ran. The lines go to the file `profile`, but for those of layers.
profiled() {
    local began=${EPOCHREALTIME/./} ended
    "$@" --profile >/dev/null 2>notes || { cat notes >&2; return 1; }
    ended=${EPOCHREALTIME/./}
    sed -n "s/^$1: //p" notes | sed -n '/^profile: /,$p' | sed '/^layer /d' >profile
    equal "$(sed '1,2d' profile | cut -d ' ' -f 1 | paste -sd ' ')" "$PARTS total"
    awk -v wall=$((ended - began)) '
        NR > 2 && $1 != "total" { sum += $2; shares += $3; bad += $2 < 0 }
        $1 == "total" { total = $2 }
        END { exit !(!bad && total > 0 && sum - total < 0.0055 && total - sum < 0.0055 && shares > 99.5 && shares < 100.5 && total <= wall / 1e6 + 0.001) }
    ' profile || { cat profile >&2; return 1; }
}

# seconds PART: of the main thread, in the last profile
seconds() {
    awk -v part="$1" '$1 == part { print $2 }' profile
}

@test "every program that works on rows or images says where its time went, and the parts add up" {
    profiled draw-samples --count 2 -o more
    profiled import-images images --size 16 -o small.npy.zst
    profiled augment images.npy.zst --margin 4 -o augmented.npy.zst
    profiled train-stage augmented.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 1 -o model.safetensors.zst
    profiled encode-stage model.safetensors.zst images.npy.zst -o codes.npy.zst
    profiled assemble-deep model.safetensors.zst -o deep-init.safetensors.zst
    profiled finetune deep-init.safetensors.zst augmented.npy.zst images.npy.zst --epochs 1 -o deep.safetensors.zst
    profiled extract deep.safetensors.zst images.npy.zst -o features.npy.zst
    profiled pca features.npy.zst -o pca.npy.zst
    profiled neighbours features.npy.zst --index images.tsv
    profiled reconstruct deep.safetensors.zst images.npy.zst -o sheet.png
    profiled tensor info features.npy.zst
}

# slices THREADS BATCH: those of a batch, and how many a thread has
slices() {
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 2 --epochs 0 --threads "$1" --batch "$2" --profile -o net.safetensors.zst 2>&1 |
        sed -n 's/.*, \([0-9]*\) slices of a batch, \([0-9]*\) for a thread$/\1 \2/p'
    rm net.safetensors.zst
}

@test "the work of a thread falls with the threads, up to 8 for a batch of 128, and one more for each 16 rows beyond" {
    equal "$(slices 8 128) $(slices 16 128)" '8 1 8 1'
    equal "$(slices 8 200) $(slices 16 200)" '16 2 16 1'
    equal "$(slices 8 512) $(slices 16 512) $(slices 32 512)" '32 4 32 2 32 1'
    train-stage --help | grep -q 'up to 128 keep 8 threads busy, each 16 beyond one more'
}

@test "all cores are used, also where the environment binds threads to cores" {
    local bound
    draw-samples --count 2 -o samples
    threads() { rm -f one.npy.zst; env "$@" import-images samples -o one.npy.zst --profile 2>&1 | sed -n 's/.*profile: \([0-9]*\) thread.*/\1/p'; }
    equal "$(threads)" "$(nproc)"
    for bound in OMP_PROC_BIND=true OMP_PROC_BIND=close OMP_PLACES=cores GOMP_CPU_AFFINITY=0-99; do
        equal "$bound: $(threads "$bound")" "$bound: $(nproc)"
    done
    equal "$(threads taskset -c 0)" 1
}

@test "the profile names the instruction set, the threads and the size of the net's scratch" {
    local isa
    for isa in $(each_isa echo); do
        profiled train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 1 --threads 1 --isa "$isa" -o isa.safetensors.zst
        grep -qxE "profile: 1 thread, $isa, [0-9]+\.[0-9] MiB of scratch, 8 slices of a batch, 8 for a thread" profile
        profiled extract isa.safetensors.zst images.npy.zst --threads 2 --isa "$isa" -o isa.npy.zst
        grep -qxE "profile: 2 threads, $isa, [0-9]+\.[0-9] MiB of scratch" profile
        rm isa.*
    done
    profiled pca images.npy.zst -o coordinates.npy.zst
    grep -qE '^profile: .*, OpenBLAS [A-Za-z]+$' profile
}

@test "the profile says by which algorithms each layer computes" {
    profiled train-stage images.npy.zst images.npy.zst --kernel 5 --filters 24 --epochs 1 -o layer.safetensors.zst
    run -0 grep -o 'layer 1.*' notes
    equal "$output" "layer 1: code winograd F(4,5), decoder dot
layer 1 in training: code winograd F(4,5), gradients of the decoder winograd F(4,3), of the encoder sparse"
    profiled encode-stage layer.safetensors.zst images.npy.zst -o codes.npy.zst
    run -0 grep -c 'layer 1.*' notes
    equal "$output" 1
    rm layer.* codes.npy.zst
}

@test "the deep net of 80x80 images needs under 200 MiB of scratch to train at batch 128 on 2 threads" {
    import-images images --size 80 --test 0 -o large.npy.zst
    augment large.npy.zst --margin 8 -o rows.npy.zst
    local k=0 kernel filters inputs=rows
    while read -r kernel filters; do
        k=$((k + 1))
        train-stage $inputs.npy.zst $inputs.npy.zst --stage $k --kernel "$kernel" --filters "$filters" --epochs 0 -o stage-$k.safetensors.zst
        encode-stage stage-$k.safetensors.zst $inputs.npy.zst -o codes-$k.npy.zst
        inputs=codes-$k
    done <<<$'7 16\n5 32\n3 64\n3 128'
    assemble-deep stage-{1,2,3,4}.safetensors.zst -o deep-init.safetensors.zst
    profiled finetune deep-init.safetensors.zst rows.npy.zst large.npy.zst --epochs 0 --batch 128 --threads 2 -o tuned.safetensors.zst
    run -0 sed -n 's/.*, \([0-9]*\)\.[0-9] MiB of scratch.*/\1/p' profile
    [ "$output" -gt 10 ]
    [ "$output" -lt 200 ]
}

@test "waiting for a slow pipe is counted as such" {
    local pause
    for pause in 0.5 2 8 30; do   # what the program's start takes of it on a busy machine is not waiting
        { sleep $pause; cat images.npy.zst; } | profiled encode-stage model-1.safetensors.zst - -o piped.npy.zst --threads 2
        if awk -v r="$(seconds reading)" -v w="$(seconds waiting)" -v a="$(seconds arithmetic)" -v pause=$pause 'BEGIN { exit !(r + w > pause / 2 && a > 0) }'; then
            return 0
        fi
    done
    return 1
}

@test "checkpoints have their own line" {
    profiled train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 6 --batch 2 --checkpoint 0.000001 -o often.safetensors.zst
    [ "$(seconds checkpoint)" != 0.000 ]
    profiled train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 6 --batch 2 --checkpoint 0 -o never.safetensors.zst
    equal "$(seconds checkpoint)" 0.000
}

@test "without --profile nothing is said, and the same bytes are written" {
    rm -f quiet.npy.zst told.npy.zst
    run -0 --separate-stderr encode-stage model-2.safetensors.zst images.npy.zst -o quiet.npy.zst
    equal "$stderr" ""
    profiled encode-stage model-2.safetensors.zst images.npy.zst -o told.npy.zst
    cmp quiet.npy.zst told.npy.zst
    encode-stage --print-config >settings
    equal "$(cat settings)" ""
}

@test "the pipeline keeps the profiles of what made its files, not of what found them up to date" {
    mkdir conf
    printf 'size = 16\n' >conf/import.conf
    printf 'margin = 3\n' >conf/augment.conf
    printf 'filters = 4\nkernel = 3\nepochs = 1\n' | tee conf/stage-1.conf >conf/finetune.conf
    sed -i /filters/d\;/kernel/d conf/finetune.conf
    run -2 make -s -f "$ROOT/Makefile.pipeline" profile CONFIG=conf OUT=out
    [[ $output == *"nothing was made here yet"* ]]
    make -s -f "$ROOT/Makefile.pipeline" features CONFIG=conf OUT=out DATA=images
    run -0 make -s -f "$ROOT/Makefile.pipeline" profile CONFIG=conf OUT=out
    equal "$(cut -d ' ' -f 1 <<<"$output" | paste -sd ' ')" \
        "file images.npy.zst train-0.npy.zst test-0.npy.zst stage-1.safetensors.zst deep-init.safetensors.zst deep.safetensors.zst features.npy.zst total"
    awk '$1 == "file" { n = NF; next } { for (i = 5; i < NF; i++) sum += $i; if (sum - $2 > 0.05 || $2 - sum > 0.05) exit 1; sum = 0 }' <<<"$output"
    before=$output
    touch -d '+1 second' out/images.npy.zst
    make -s -f "$ROOT/Makefile.pipeline" features CONFIG=conf OUT=out DATA=images
    run -0 make -s -f "$ROOT/Makefile.pipeline" profile CONFIG=conf OUT=out
    equal "$output" "$before"
    make -s -f "$ROOT/Makefile.pipeline" clean CONFIG=conf OUT=out DATA=images
    [ ! -e out ]
}
