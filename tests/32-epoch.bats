# One unshuffled epoch from given weights, short last batch included, against the definition in
# double precision.
load helper

CHECK="$BUILD/tests/check-epoch"

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 8 -o drawings
    import-images drawings --size 80 --test 0 -o train-0.npy.zst
    draw-samples --count 2 --seed 1 -o others
    import-images others --size 80 --test 0 -o test-0.npy.zst
    for k in 1 2 3 4; do
        train-stage train-$((k - 1)).npy.zst test-$((k - 1)).npy.zst \
            -c "$ROOT/configs/seed/stage-$k.conf" --stage $k --epochs 0 -o init-$k.safetensors.zst
        for set in train test; do
            encode-stage init-$k.safetensors.zst $set-$((k - 1)).npy.zst -o $set-$k.npy.zst
        done
    done
    assemble-deep init-?.safetensors.zst -o init-deep.safetensors.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/*.zst .
}

once="--epochs 1 --batch 10 --shuffle no --log log.tsv -o trained.safetensors.zst"

@test "stage 1: an epoch agrees with the formulas in double precision" {
    train-stage train-0.npy.zst test-0.npy.zst -c "$ROOT/configs/seed/stage-1.conf" \
        --init init-1.safetensors.zst $once
    "$CHECK" init-1.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst log.tsv \
        10 0.001 0.005 1e-8 0 0.999
}

@test "stage 2: an epoch agrees with the formulas in double precision" {
    train-stage train-1.npy.zst test-1.npy.zst -c "$ROOT/configs/seed/stage-2.conf" --stage 2 \
        --init init-2.safetensors.zst $once
    "$CHECK" init-2.safetensors.zst trained.safetensors.zst train-1.npy.zst test-1.npy.zst log.tsv \
        10 0.0005 0.005 1e-8 0 0.999
}

@test "stage 1 with noise: an epoch agrees with the formulas in double precision, and not without the noise" {
    train-stage train-0.npy.zst test-0.npy.zst -c "$ROOT/configs/seed/stage-1.conf" \
        --init init-1.safetensors.zst $once --noise 0.1
    "$CHECK" init-1.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst log.tsv \
        10 0.001 0.005 1e-8 0 0.999 0.1
    run -1 "$CHECK" init-1.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst \
        log.tsv 10 0.001 0.005 1e-8 0 0.999
}

# The gradients of the deep net's first layers are so small that Adam, which divides by their size,
# turns float32's rounding into visible
# differences: with epsilon 1e-8 PyTorch's own float32 leaves 3 to 50 % of the weights further than
# 1e-4 from its float64. A larger epsilon keeps the updates in proportion to the gradients.
@test "deep: an epoch agrees with the formulas in double precision" {
    finetune init-deep.safetensors.zst train-0.npy.zst test-0.npy.zst \
        -c "$ROOT/configs/seed/finetune.conf" $once --epsilon 1e-3
    "$CHECK" init-deep.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst \
        log.tsv 10 0.001 0.005 1e-3 0.0005 0.999
}

@test "the comparison can fail: other settings do not agree" {
    train-stage train-1.npy.zst test-1.npy.zst -c "$ROOT/configs/seed/stage-2.conf" --stage 2 \
        --init init-2.safetensors.zst $once --beta1 0.89
    run -1 "$CHECK" init-2.safetensors.zst trained.safetensors.zst train-1.npy.zst test-1.npy.zst \
        log.tsv 10 0.0005 0.005 1e-8 0 0.999
}

@test "stage 1, stage 2 and deep: PyTorch's epoch in double precision agrees" {
    need_python torch numpy
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    torch() { /usr/bin/python3 -B "$ROOT/tests/epoch_torch.py" "$@"; }
    train-stage train-0.npy.zst test-0.npy.zst -c "$ROOT/configs/seed/stage-1.conf" \
        --init init-1.safetensors.zst $once
    torch init-1.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst log.tsv 10 \
        0.001 0.005 1e-8 0 0.999
    train-stage train-1.npy.zst test-1.npy.zst -c "$ROOT/configs/seed/stage-2.conf" --stage 2 \
        --init init-2.safetensors.zst $once
    torch init-2.safetensors.zst trained.safetensors.zst train-1.npy.zst test-1.npy.zst log.tsv 10 \
        0.0005 0.005 1e-8 0 0.999
    finetune init-deep.safetensors.zst train-0.npy.zst test-0.npy.zst \
        -c "$ROOT/configs/seed/finetune.conf" $once --epsilon 1e-3
    torch init-deep.safetensors.zst trained.safetensors.zst train-0.npy.zst test-0.npy.zst log.tsv \
        10 0.001 0.005 1e-3 0.0005 0.999
}
