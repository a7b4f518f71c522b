# finetune --objective views: two views of each image are trained to agree.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 10 -o drawings
    import-images drawings --size 16 --test 0.2 --index images.tsv -o images.npy.zst
    augment images.npy.zst --index images.tsv --split train --margin 0 -o train.npy.zst
    augment images.npy.zst --index images.tsv --split test --margin 0 -o test.npy.zst
    start-net images.npy.zst --filters 8,12 --kernels 5,3 --batch-norm yes -o start.safetensors.zst
    run= train ref
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o faults.so "$BATS_TEST_DIRNAME/faults.c" -ldl
    export FAULTS=$PWD/faults.so
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.{zst,tsv} .
}

# NAME, then more options.
train() {
    local name=$1
    shift
    $run finetune start.safetensors.zst train.npy.zst test.npy.zst --objective views \
        --head 24,20 --pool 2 --epochs 3 --batch 12 --patience 3 \
        --log "$name.tsv" -o "$name.safetensors.zst" "$@"
}

# The logs without their seconds.
same_log() {
    cmp <(cut -f 1-8 "$1") <(cut -f 1-8 "$2")
}

@test "products, NT-Xent, views, and the gradients of net and head agree with double precision, on every instruction set" {
    each_isa "$BUILD/tests/check-views"
}

@test "any number of threads and both widths of vectors give the same bytes" {
    for n in 1 2 3 5; do
        train "t$n" --threads "$n"
        cmp ref.safetensors.zst "t$n.safetensors.zst"
        same_log ref.tsv "t$n.tsv"
    done
    if grep -qw avx512f /proc/cpuinfo; then
        train narrow --isa avx2
        cmp ref.safetensors.zst narrow.safetensors.zst
    fi
}

@test "killed anywhere, a training of views goes on to the same bytes" {
    for signal in 9 15; do
        for n in 5 18; do
            FAULT="fsync $n" FAULT_SIGNAL=$signal LD_PRELOAD=$FAULTS run -$((128 + signal)) \
                train "k$n" --checkpoint 0.000001s
            [ -e "k$n.safetensors.zst.checkpoint" ]
            run -0 train "k$n"
            [[ $output == *"goes on in epoch "* ]]
            cmp ref.safetensors.zst "k$n.safetensors.zst"
            same_log ref.tsv "k$n.tsv"
            rm "k$n".*
        done
    done
}

@test "more epochs go on from a finished model, with its head" {
    train more --epochs 2
    run -0 train more
    [[ $output == *"goes on in epoch 3 after 0 rows"* ]]
    cmp ref.safetensors.zst more.safetensors.zst
}

@test "with a cosine more epochs train anew, and --why says so" {
    train cosine --schedule cosine --epochs 2 --warm-up 0.5
    run -1 train cosine --schedule cosine --warm-up 0.5 --why
    equal "$output" "epochs 2 -> 3
training anew, for a cosine over epochs 2 -> 3"
    run -0 train cosine --schedule cosine --warm-up 0.5
    [[ $output != *"goes on"* ]]
    train fresh --schedule cosine --warm-up 0.5
    cmp cosine.safetensors.zst fresh.safetensors.zst
    run -0 train fresh --schedule cosine --warm-up 0.5 --why
    equal "$output" ""
}

@test "rates: constant, a cosine to 0, a warm-up over the first epochs" {
    rates() { train r --patience 0 --batch 64 "$@"; cut -f 4 r.tsv | tail -n +2 | paste -sd ' '; }
    equal "$(rates --schedule constant)" "0.001 0.001 0.001"
    equal "$(rates --schedule cosine)" "0.001 0.00075 0.00025"
    equal "$(rates --schedule constant --warm-up 2)" "0.0005 0.001 0.001"
}

@test "the log tells the parts of the loss, which without penalties are the loss" {
    train plain --l2 0 --reconstruction 3
    equal "$(head -n 1 plain.tsv)" \
        "$(printf '%s\t' epoch loss val_loss learning_rate nt_xent reconstruction val_nt_xent val_reconstruction)seconds"
    awk 'function off(a, b) { return (a - b) / b > 1e-6 || (b - a) / b > 1e-6 }
        NR > 1 && (off($5 + 3 * $6, $2) || off($7 + 3 * $8, $3)) { exit 1 }' plain.tsv
    train alone --l2 0 --reconstruction 0
    awk 'NR > 1 && ($5 != $2 || $7 != $3 || $6 != 0 || $8 != 0) { exit 1 }' alone.tsv
}

@test "without reconstruction the decoder stays as it was drawn" {
    train alone --reconstruction 0
    weights() { tensor info "$1.safetensors.zst" | grep "^$2\."; }
    equal "$(weights alone decoder)" "$(weights start decoder)"
    run -1 [ "$(weights alone encoder)" = "$(weights start encoder)" ]
    train first --reconstruction 0 --epochs 0
    run -1 [ "$(weights alone head)" = "$(weights first head)" ]
}

@test "the head is in the model's file; extract and reconstruct do not look at it" {
    [[ $(tensor info ref.safetensors.zst) == *"head.1.kernel         (48,24)"* ]]
    tensor verify ref.safetensors.zst
    extract ref.safetensors.zst images.npy.zst -o f.npy.zst
    [[ $(tensor info f.npy.zst) == *"(40,4,4,12)"* ]]
    reconstruct ref.safetensors.zst images.npy.zst --count 3 -o r.png
}

@test "a training from a model starts with the model's head, or draws one of another form" {
    from() { finetune ref.safetensors.zst train.npy.zst test.npy.zst --objective views --pool 2 \
        --epochs 0 -o "$@"; }
    heads() { tensor info "$1" | grep '^head'; }
    from a.safetensors.zst --head 24,20
    equal "$(heads a.safetensors.zst)" "$(heads ref.safetensors.zst)"
    from b.safetensors.zst --head 24,21
    from c.safetensors.zst --head 24,20 --initialiser he-normal
    run -1 [ "$(heads c.safetensors.zst)" = "$(heads ref.safetensors.zst)" ]
    [[ $(heads b.safetensors.zst) == *"(24,21)"* ]]
    finetune ref.safetensors.zst train.npy.zst test.npy.zst --epochs 1 -o d.safetensors.zst
    run -1 heads d.safetensors.zst
}

@test "the views of the first batch are written where that is asked: two of each image, from 0 to 1" {
    train v --epochs 0 --dump-views none.npy.zst
    train v --epochs 1 --dump-views v.npy.zst
    cmp none.npy.zst v.npy.zst
    [[ $(tensor info v.npy.zst) == *"(24,16,16,3)"* ]]
    train same --epochs 1 --shuffle no --batch 100 --zoom 1 --flip 0 --brightness 0 --contrast 0 \
        --saturation 0 --dump-views same.npy.zst
    tensor tsv train.npy.zst | tr '\t' '\n' >bytes
    cat bytes bytes | paste - <(tensor tsv same.npy.zst | tr '\t' '\n') |
        awk '{ d = $1 / 255 - $2; if (NF != 2 || d > 1e-7 || d < -1e-7) exit 1 }'
}

# Adam divides by the size of a gradient, which makes rounding visible in the smallest; a larger
# epsilon keeps updates in proportion.
@test "an epoch on the views that are written agrees with PyTorch in double precision" {
    need_python torch numpy
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    torch() {
        /usr/bin/python3 -B "$ROOT/tests/views_torch.py" first.safetensors.zst one.safetensors.zst \
            v.npy.zst one.tsv "$@"
    }
    once="--shuffle no --batch 100 --momentum 0.9 --epsilon 1e-3"
    for w in 2 0; do
        train first $once --reconstruction $w --epochs 0
        train one $once --reconstruction $w --epochs 1 --dump-views v.npy.zst
        torch 2 0.2 $w 0.0005 0.001 1e-3 0.9 0.999
    done
    train one $once --epochs 1 --temperature 0.21 --init first.safetensors.zst --dump-views v.npy.zst
    run -1 torch 2 0.2 2 0.0005 0.001 1e-3 0.9 0.999
}

@test "settings that are not those of views are not in the history of other models" {
    finetune start.safetensors.zst train.npy.zst test.npy.zst --epochs 0 -o m.safetensors.zst
    run -1 grep -E 'zoom|objective|schedule' <(tensor info m.safetensors.zst)
    run -0 grep -o 'objective [a-z]*' <(tensor info ref.safetensors.zst)
}

@test "settings that do not go together are named" {
    bad() { run -2 --separate-stderr train bad "${@:2}"; fails 2 "finetune: $1"; }
    bad "--head '12,', want 1 to 4 widths from 1 to 8192, such as 512,512" --head 12,
    bad "--head '9000', want 1 to 4 widths from 1 to 8192, such as 512,512" --head 9000
    bad "--pool 5, want at most the height and width of the code, 4 and 4" --pool 5
    bad "--noise 0.1, want 0 with --objective views" --noise 0.1
    bad "--l1 0.1, want 0 with --objective views" --l1 0.1
    bad "--batch 1, want 2 or more with --objective views: images that differ" --batch 1
    bad "--zoom '1.5', want a number from 0.01 to 1" --zoom 1.5
}
