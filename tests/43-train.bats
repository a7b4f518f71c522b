# train-stage and finetune: the training loop, its settings, its log, and what a model file holds.
load helper
load files

setup_file() {
    local there="$BATS_FILE_TMPDIR"
    PATH="$BIN:$PATH"
    cd "$there"
    draw-samples --count 6 -o drawings
    import-images drawings --size 16 --test 0 -o train.npy.zst
    draw-samples --count 2 --seed 9 -o others
    import-images others --size 16 --test 0 -o test.npy.zst
    import-images others --size 24 --test 0 -o large.npy.zst
    train-stage train.npy.zst test.npy.zst --kernel 5 --filters 4 --epochs 2 --batch 8 \
        -o one.safetensors.zst
    encode-stage one.safetensors.zst train.npy.zst -o codes.npy.zst
    encode-stage one.safetensors.zst test.npy.zst -o test-codes.npy.zst
    train-stage codes.npy.zst test-codes.npy.zst --stage 2 --kernel 3 --filters 6 \
        --output-activation linear --loss mean-squared-error \
        --epochs 1 --batch 8 -o two.safetensors.zst
    assemble-deep one.safetensors.zst two.safetensors.zst -o deep.safetensors.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/*.zst .
}

# Trains quickly; more options follow.
train() {
    train-stage train.npy.zst test.npy.zst --kernel 3 --filters 4 --batch 8 --epochs 2 "$@"
}

# What the encoder of a model makes of the test rows: equal for equal weights.
codes() {
    encode-stage "$1" test.npy.zst | zstdcat
}

loss() {   # of the last epoch in a log
    tail -n 1 "$1" | cut -f "${2:-2}"
}

@test "the log is a TSV line an epoch, with losses, learning rate and seconds" {
    train --log log.tsv -o m.safetensors.zst
    run -0 cat log.tsv
    equal "${lines[0]}" $'epoch\tloss\tval_loss\tlearning_rate\tseconds'
    equal "${#lines[@]}" 3
    [[ ${lines[2]} =~ ^2$'\t'0\.[0-9]+$'\t'0\.[0-9]+$'\t'0\.000[0-9]+$'\t'[0-9.]+$ ]]
}

@test "the learning rate in the log is that of the epoch's last update" {
    train --learning-rate 0.01 --decay 0.5 --log log.tsv -o m.safetensors.zst
    # 18 rows, batches of 8: 3 updates an epoch; the last of epoch 2 has i = 5
    equal "$(loss log.tsv 4)" "$(awk 'BEGIN { printf "%.9g", 0.01 / (1 + 0.5 * 5) }')"
}

@test "elsewhere than on a terminal there is one line an epoch on standard error" {
    run -0 --separate-stderr train -o m.safetensors.zst
    equal "$output" ""
    equal "$(grep -cE '^train-stage: epoch [12]/2  loss 0\.[0-9]+  val_loss 0\.[0-9]+  [0-9.]+ s$' <<<"$stderr")" 2
    equal "$(wc -l <<<"$stderr")" 2
}

@test "on a terminal a line moves with the batches and says the time left" {
    local line='epoch [0-9]+/99999  batch [0-9]+/24  loss [0-9.]+  [0-9]+ images/s, [0-9]+:[0-5][0-9]:[0-5][0-9] left'
    script -qec "exec train-stage train.npy.zst test.npy.zst --kernel 3 --filters 4 --batch 1 \
        --epochs 99999 -o m.safetensors.zst" /dev/null >said 3>&- &
    await $! grep -qE "train-stage: 'm.safetensors.zst': $line" said
    kill $!
}

@test "training makes the loss smaller" {
    train --epochs 8 --learning-rate 0.01 --log log.tsv -o m.safetensors.zst
    awk -F'\t' 'NR == 2 { first = $2 } END { exit !($2 < 0.95 * first) }' log.tsv
}

@test "the model goes to standard output without -o" {
    train >m1
    train -o m2.safetensors.zst
    cmp m1 m2.safetensors.zst
}

@test "the training rows may come from a pipe, and give the same bytes" {
    train -o a.safetensors.zst
    train-stage - test.npy.zst --kernel 3 --filters 4 --batch 8 --epochs 2 \
        -o b.safetensors.zst <train.npy.zst
    cat train.npy.zst >p
    cmp a.safetensors.zst b.safetensors.zst
}

@test "another seed gives other weights, the same seed the same" {
    train -o a.safetensors.zst
    train -o b.safetensors.zst --seed 0
    train -o c.safetensors.zst --seed 1
    cmp a.safetensors.zst b.safetensors.zst
    run -1 cmp -s a.safetensors.zst c.safetensors.zst
}

@test "every training setting changes the result" {
    train -o plain.safetensors.zst
    codes plain.safetensors.zst >a
    for option in "--shuffle no" "--learning-rate 0.002" "--decay 0.1" "--beta1 0.8" \
        "--beta2 0.99" "--epsilon 0.01" "--l2 0.01" \
                  "--l1 0.01" "--noise 0.1" "--batch 7" "--kernel 5" "--filters 5" \
                  "--batch-norm yes" "--output-activation linear --loss mean-squared-error" \
                  "--initialiser glorot-normal" "--initialiser he-normal" "--epochs 3"; do
        # shellcheck disable=SC2086
        train $option -o other.safetensors.zst
        codes other.safetensors.zst >b
        if cmp -s a b; then echo "no effect: $option"; return 1; fi
    done
}

@test "epochs 0 writes the initial weights, within the limits of glorot_uniform" {
    train --epochs 0 --kernel 7 --filters 16 -o m.safetensors.zst
    tensor info m.safetensors.zst >info
    # 7x7x3x16: sqrt(6 / (147 + 784)) = 0.080279
    run -0 awk '$1 == "encoder.1.kernel" { print }' info
    [[ $output == *7*7*3*16* ]]
    awk '$1 == "encoder.1.kernel" { for (i = 2; i < NF; i++) { if ($i == "min") low = $(i + 1); if ($i == "max") high = $(i + 1) } }
         $1 == "encoder.1.kernel" && NF { if (match($0, /max *=? *[-0-9.e]+/)) high = substr($0,
             RSTART + 3); gsub(/[= ]/, "", high)
         exit !(high > 0.078 && high <= 0.080279) }' info
}

@test "init starts from given weights, which become an input" {
    train --epochs 0 --seed 5 -o start.safetensors.zst
    train --epochs 0 --init start.safetensors.zst -o same.safetensors.zst
    cmp <(codes start.safetensors.zst) <(codes same.safetensors.zst)
    [[ $(tensor info same.safetensors.zst) == *"seed"*"5"* ]]
}

@test "init of another shape names both" {
    run -1 --separate-stderr train --init one.safetensors.zst -o m.safetensors.zst
    fails 1 "train-stage: 'one.safetensors.zst': encoder.1.kernel of shape (5,5,3,4), want encoder.1.kernel (3,3,3,4)"
    [ ! -e m.safetensors.zst ]
}

@test "patience stops early and keeps the best weights" {
    run -0 --separate-stderr train --epochs 60 --patience 2 --learning-rate 0.05 --batch 2 \
        --log log.tsv -o m.safetensors.zst
    [[ $stderr == *"stopped: no lower val_loss since epoch "* ]]
    epochs=$(($(wc -l <log.tsv) - 1))
    best=$(tail -n +2 log.tsv | sort -t $'\t' -k3,3g | head -n 1 | cut -f 1)
    equal "$epochs" "$((best + 2))"
    train --epochs "$best" --learning-rate 0.05 --batch 2 -o best.safetensors.zst
    cmp <(codes best.safetensors.zst) <(codes m.safetensors.zst)
    train --epochs $((best + 2)) --learning-rate 0.05 --batch 2 -o last.safetensors.zst
    run -1 cmp -s <(codes last.safetensors.zst) <(codes m.safetensors.zst)
}

@test "finetune starts from the deep model and keeps its form" {
    finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 2 --batch 8 --log log.tsv \
        -o tuned.safetensors.zst
    tensor info tuned.safetensors.zst >a
    equal "$(grep -cE '^ *(encoder|decoder)\.[12]\.(kernel|bias)' a)" 8
    equal "$(wc -l <log.tsv)" 3
}

@test "finetune with epochs 0 gives the weights of the deep model" {
    finetune deep.safetensors.zst train.npy.zst test.npy.zst --epochs 0 -o same.safetensors.zst
    extract deep.safetensors.zst test.npy.zst -o a.npy.zst
    extract same.safetensors.zst test.npy.zst -o b.npy.zst
    cmp <(zstdcat a.npy.zst) <(zstdcat b.npy.zst)
}

@test "train and test rows of different shapes are refused" {
    run -1 --separate-stderr train-stage train.npy.zst large.npy.zst -o m.safetensors.zst
    fails 1 "train-stage: 'large.npy.zst': shape (N,24,24,3), want (N,16,16,3) as 'train.npy.zst'"
    [ ! -e m.safetensors.zst ]
}

@test "rows of another shape than the model's are refused" {
    run -1 --separate-stderr finetune deep.safetensors.zst large.npy.zst large.npy.zst \
        -o m.safetensors.zst
    fails 1 "finetune: 'large.npy.zst': shape (N,24,24,3), want (N,16,16,3) for 'deep.safetensors.zst'"
    run -1 --separate-stderr extract deep.safetensors.zst large.npy.zst -o m.npy.zst
    fails 1 "extract: 'large.npy.zst': shape (N,24,24,3), want (N,16,16,3) for 'deep.safetensors.zst'"
    [ ! -e m.safetensors.zst ]
    [ ! -e m.npy.zst ]
}

@test "an image that cannot be halved is refused" {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 5, 6, 1), }" >odd.npy
    head -c 60 /dev/zero >>odd.npy
    run -1 --separate-stderr train-stage odd.npy odd.npy -o m.safetensors.zst
    [[ $stderr == "train-stage: 'odd.npy': shape (N,5,6,1): "* ]]
    [ ! -e m.safetensors.zst ]
}

@test "a value that is not finite is named with its row" {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2, 1), }" >nan.npy
    head -c 36 /dev/zero >>nan.npy
    printf '\x00\x00\xc0\x7f' >>nan.npy
    head -c 8 /dev/zero >>nan.npy
    run -1 --separate-stderr train-stage nan.npy nan.npy --output-activation linear \
        --loss mean-squared-error -o m.safetensors.zst
    fails 1 "train-stage: 'nan.npy': row 2 holds a value that is not finite"
    [ ! -e m.safetensors.zst ]
}

@test "a loss that is not finite stops with epoch and step, and no model is written" {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, 2, 1), }" >huge.npy
    for _ in {1..12}; do printf '\xca\xf2\x49\x71'; done >>huge.npy   # 1e30, twelve times
    run -1 --separate-stderr train-stage huge.npy huge.npy --output-activation linear \
        --loss mean-squared-error --batch 2 -o m.safetensors.zst
    [[ $stderr =~ ^"train-stage: epoch 1, step "[0-9]+": the loss is not finite; try a lower --learning-rate"$ ]]
    [ ! -e m.safetensors.zst ]
}

@test "binary cross-entropy wants a sigmoid" {
    run -1 --separate-stderr train --output-activation linear -o m.safetensors.zst
    [[ $stderr == *"binary cross-entropy"* ]]
    [ ! -e m.safetensors.zst ]
}

# floats NAME BYTES...: NAME.npy is (2,2,2,1) float32, its first numbers these, little-endian, in
# printf's escapes; the others are 1.
floats() {
    {
        printf "$2"
        for ((i = ${#2} / 16; i < 8; i++)); do printf '\x00\x00\x80\x3f'; done
    } | npy '<f4' '(2, 2, 2, 1)' >"$1.npy"
}

# wants_unit NAME HELD: the last run was refused for this value.
wants_unit() {
    fails 1 "train-stage: $1: row 1 holds $2, and binary cross-entropy wants values from 0 to 1:\
 divide images by 255 or give uint8, train codes with mean squared error"
    [ ! -e m.safetensors.zst ]
}

@test "binary cross-entropy takes floats from 0 to 1 without a word, and refuses others with row and value" {
    local zeros='\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00'
    local options=(--kernel 3 --filters 2 --epochs 1 -o m.safetensors.zst)
    floats unit "$zeros"'\x00\x00\x00\x3f'
    floats many "$zeros"'\x00\x00\x7f\x43'
    floats less "$zeros"'\x00\x00\x80\xbf'
    run -1 --separate-stderr train-stage many.npy unit.npy "${options[@]}"
    wants_unit "'many.npy'" 255
    run -1 --separate-stderr train-stage unit.npy less.npy "${options[@]}"
    wants_unit "'less.npy'" -1
    run -1 --separate-stderr train-stage - unit.npy "${options[@]}" <many.npy
    wants_unit 'standard input' 255
    run -0 --separate-stderr train-stage unit.npy unit.npy "${options[@]}"
    [[ $stderr =~ ^"train-stage: epoch 1/1  loss 0."[0-9]+"  val_loss 0."[0-9.]+"  "[0-9.]+" s"$ ]]
}

@test "finetune holds its rows to the loss of its model" {
    { head -c 3072 /dev/zero; printf '\x00\x00\x00\x40'; head -c 3068 /dev/zero; } |
        npy '<f4' '(2, 16, 16, 3)' >two.npy
    run -1 --separate-stderr finetune deep.safetensors.zst test.npy.zst two.npy -o m.safetensors.zst
    [[ $stderr == "finetune: 'two.npy': row 1 holds 2, and binary cross-entropy wants "* ]]
}

@test "a sigmoid warns of the first value that it cannot give, and of no file without one" {
    local options=(--loss mean-squared-error --kernel 3 --filters 2 --epochs 1 -o m.safetensors.zst)
    floats unit '\x00\x00\x00\x3f'
    floats many '\x00\x00\x7f\x43'
    run -0 --separate-stderr train-stage unit.npy many.npy "${options[@]}"
    equal "$(grep -v epoch <<<"$stderr")" "train-stage: 'many.npy': row 0 holds 255, but a sigmoid\
 gives values from 0 to 1 only; a linear output gives any"
    run -0 --separate-stderr train-stage many.npy many.npy "${options[@]}" --output-activation linear
    [[ $stderr != *holds* ]]
}

@test "a finished model is not made again from the same inputs and settings" {
    train -o m.safetensors.zst
    cp m.safetensors.zst before
    touch -d '2001-01-01' m.safetensors.zst
    run -0 --separate-stderr train -o m.safetensors.zst
    [[ $stderr != *epoch* ]]
    cmp m.safetensors.zst before
    [ m.safetensors.zst -nt before ]
}

@test "why names the settings that differ, old value and new" {
    train -o m.safetensors.zst
    run -0 train --why -o m.safetensors.zst
    equal "$output" ""
    run -1 train --epochs 3 --why -o m.safetensors.zst
    equal "$output" "epochs 2 -> 3"
}

@test "a model that records a setting by its former name is up to date" {
    local change=(--output-activation linear)
    train -o one.safetensors.zst
    zstdcat one.safetensors.zst | grep -aqF '\"output-activation\":\"sigmoid\"'
    zstdcat one.safetensors.zst |   # of the same length: the file says how long its header is
        LC_ALL=C sed 's/\\"output-activation\\":/\\"output\\":           /' >old.safetensors
    run -0 train --why -o old.safetensors
    equal "$output" ""
    run -0 --separate-stderr train -o old.safetensors
    fails 0 "train-stage: 'old.safetensors' is up to date: same inputs, same settings"
    run -1 train "${change[@]}" --why -o old.safetensors
    equal "$output" "output-activation sigmoid -> linear"
}
