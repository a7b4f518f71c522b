# assemble-deep, start-net, encode-stage and extract.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 3 -o drawings
    import-images drawings --size 16 --test 0 -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --kernel 5 --filters 4 --epochs 1 \
        -o one.safetensors.zst
    encode-stage one.safetensors.zst images.npy.zst -o codes.npy.zst
    train-stage codes.npy.zst codes.npy.zst --stage 2 --kernel 3 --filters 6 \
        --output-activation linear --loss mean-squared-error \
        --epochs 1 -o two.safetensors.zst
    assemble-deep one.safetensors.zst two.safetensors.zst -o deep.safetensors.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/*.zst .
}

content() { zstdcat "$1"; }

@test "the deep net's code is the code of the stages, one after the other" {
    encode-stage two.safetensors.zst codes.npy.zst -o stagewise.npy.zst
    extract deep.safetensors.zst images.npy.zst -o features.npy.zst
    cmp <(content stagewise.npy.zst) <(content features.npy.zst)
}

@test "the first row with a value that is not finite is named, whichever thread meets it" {
    rows() {   # BYTES ROW...: 700 rows of zeros, whose last number has these bytes in these rows
        local bytes=$1 row
        shift
        { printf '\x93NUMPY\1\0v\0%-117s\n' \
            "{'descr': '<f4', 'fortran_order': False, 'shape': (700, 8, 8, 4), }"
            head -c $((700 * 1024)) /dev/zero; } >rows.npy
        for row; do
            printf "$bytes" | dd of=rows.npy bs=1 seek=$((128 + row * 1024 + 1020)) conv=notrunc \
                status=none
        done
    }
    for bytes in '\0\0\xc0\x7f' '\0\0\x80\x7f' '\0\0\x80\xff'; do   # nan, inf, -inf
        for wanted in 0 3 127 128 699; do
            rows "$bytes" 699 $((wanted < 600 ? wanted + 90 : 699)) "$wanted"
            for threads in 1 3; do
                run -1 --separate-stderr encode-stage two.safetensors.zst rows.npy \
                    --threads $threads -o none.npy.zst
                fails 1 "encode-stage: 'rows.npy': row $wanted holds a value that is not finite"
                [ ! -e none.npy.zst ]
            done
        done
    done
    rows '\xff\xff\x7f\x7f' 5   # the largest number
    encode-stage two.safetensors.zst rows.npy -o some.npy.zst
}

@test "features have the shape (N,h,w,C), flattened (N,h*w*C), and the same values in the same order" {
    extract deep.safetensors.zst images.npy.zst -o a.npy.zst
    extract deep.safetensors.zst images.npy.zst --flatten -o b.npy.zst
    [[ $(tensor info a.npy.zst) == *"(12,4,4,6)"* ]]
    [[ $(tensor info b.npy.zst) == *"(12,96)"* ]]
    cmp <(content a.npy.zst | tail -c +129) <(content b.npy.zst | tail -c +129)
}

@test "--pool averages each channel to so many places, as PyTorch's AdaptiveAvgPool2d" {
    need_python numpy torch
    extract deep.safetensors.zst images.npy.zst | zstdcat >whole.npy
    for P in 1 2 3 4; do
        extract deep.safetensors.zst images.npy.zst --pool $P | zstdcat >pool-$P.npy
        extract deep.safetensors.zst images.npy.zst --pool $P --flatten | zstdcat >flat-$P.npy
    done
    import-images "$BATS_FILE_TMPDIR/drawings" --size 28 -o odd.npy.zst   # codes of 7x7
    start-net odd.npy.zst --kernels 3,3 --filters 4,5 -o odd.safetensors.zst
    extract odd.safetensors.zst odd.npy.zst | zstdcat >odd.npy
    extract odd.safetensors.zst odd.npy.zst --pool 3 | zstdcat >odd-3.npy
    /usr/bin/python3 - <<'EOF'
import numpy as np, torch
def want(file, P):
    x = torch.from_numpy(np.load(file)).double().permute(0, 3, 1, 2)
    return torch.nn.AdaptiveAvgPool2d(P)(x).permute(0, 2, 3, 1).numpy()
for P in 1, 2, 3, 4:
    y = want('whole.npy', P)
    assert np.abs(np.load('pool-%d.npy' % P) - y).max() < 1e-6 and y.any()
    assert np.abs(np.load('flat-%d.npy' % P) - y.reshape(len(y), -1)).max() < 1e-6
assert np.abs(np.load('odd-3.npy') - want('odd.npy', 3)).max() < 1e-6
EOF
}

@test "--normalise makes features of length 1, a row of zeros stays; neither is the default" {
    need_python numpy
    extract deep.safetensors.zst images.npy.zst | zstdcat >whole.npy
    extract deep.safetensors.zst images.npy.zst -o plain.npy.zst
    extract deep.safetensors.zst images.npy.zst --pool 0 | cmp - plain.npy.zst
    run -1 grep -c pool <(tensor info plain.npy.zst)   # files of before are as good as new
    run -1 extract deep.safetensors.zst images.npy.zst --pool 2 -o plain.npy.zst --why
    equal "$output" 'pool 0 -> 2'
    extract deep.safetensors.zst images.npy.zst --pool 2 -o less.npy.zst
    run -1 extract deep.safetensors.zst images.npy.zst -o less.npy.zst --why
    equal "$output" 'pool 2 -> 0'
    extract deep.safetensors.zst images.npy.zst --normalise | zstdcat >unit.npy
    extract deep.safetensors.zst images.npy.zst --normalise --pool 2 | zstdcat >small.npy
    extract deep.safetensors.zst images.npy.zst --normalise --pool 2 --threads 3 | zstdcat |
        cmp - small.npy
    extract deep.safetensors.zst images.npy.zst --normalise-places | zstdcat >places.npy
    extract deep.safetensors.zst images.npy.zst --normalise-places --pool 2 | zstdcat >few.npy
    run -2 extract deep.safetensors.zst images.npy.zst --normalise-places --normalise
    equal "$output" 'extract: --normalise and --normalise-places: want one of them'
    /usr/bin/python3 - <<'EOF'
import numpy as np
x = np.load('whole.npy').astype('f8')
y = np.load('unit.npy')
assert np.abs(y - x / np.sqrt((x ** 2).sum((1, 2, 3), keepdims=True))).max() < 1e-7
lengths = np.sqrt((x ** 2).sum(3, keepdims=True))
assert np.abs(np.load('places.npy') - x / np.where(lengths, lengths, 1)).max() < 1e-7
few = np.sqrt((np.load('few.npy') ** 2).sum(3))
assert few.any() and few.shape[1:] == (2, 2) and (np.minimum(np.abs(few - 1), few) < 1e-6).all()
assert np.abs(np.sqrt((np.load('small.npy') ** 2).sum((1, 2, 3))) - 1).max() < 1e-6
np.save('black.npy', np.full((2, 16, 16, 3), -100, 'f4'))   # where every relu gives 0
EOF
    start-net images.npy.zst --kernels 1 --filters 1 --seed 1 -o one.net
    extract one.net black.npy | zstdcat >a
    extract one.net black.npy --normalise | zstdcat >b
    extract one.net images.npy.zst | zstdcat >c
    /usr/bin/python3 -c "
import numpy as np
a, b, c = (np.load(f) for f in 'abc')
assert not a.any() and not b.any() and c.any()"
}

@test "more places than the code has are refused" {
    run -2 --separate-stderr extract deep.safetensors.zst images.npy.zst --pool 5 -o x.npy.zst
    fails 2 "extract: --pool 5 of codes of 4x4 places, want 4 or less"
    [ ! -e x.npy.zst ]
}

@test "extract is a filter" {
    extract deep.safetensors.zst images.npy.zst -o a.npy.zst
    extract deep.safetensors.zst - <images.npy.zst >b.npy.zst
    cmp a.npy.zst b.npy.zst
    zstdcat images.npy.zst >images.npy
    extract deep.safetensors.zst images.npy >c.npy.zst
    cmp <(content a.npy.zst) <(content c.npy.zst)
    bash -c 'set -o pipefail; zstdcat images.npy.zst | extract deep.safetensors.zst - | zstdcat >d'
    cmp d <(content a.npy.zst)
}

@test "the model may be what comes from the pipe" {
    extract deep.safetensors.zst images.npy.zst -o a.npy.zst
    extract - images.npy.zst <deep.safetensors.zst >b.npy.zst
    cmp a.npy.zst b.npy.zst
}

@test "transfer none draws the weights anew and keeps the form" {
    assemble-deep --transfer none one.safetensors.zst two.safetensors.zst -o random.safetensors.zst
    assemble-deep --transfer none --seed 1 one.safetensors.zst two.safetensors.zst \
        -o other.safetensors.zst
    equal "$(tensor info random.safetensors.zst | grep -cE '^ *(en|de)coder\.')" 8
    run -1 cmp -s random.safetensors.zst deep.safetensors.zst
    run -1 cmp -s random.safetensors.zst other.safetensors.zst
}

@test "the reference's deep net has 214,979 parameters" {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 80, 80, 3), }" >x0.npy
    head -c 19200 /dev/zero >>x0.npy
    k=0
    for layer in 7,16 5,32 3,64 3,128; do
        train-stage "x$k.npy" "x$k.npy" --stage $((k + 1)) --epochs 0 --kernel "${layer%,*}" \
            --filters "${layer#*,}" \
            --output-activation "$([ $k = 0 ] && echo sigmoid || echo linear)" \
            --loss "$([ $k = 0 ] && echo binary-crossentropy || echo mean-squared-error)" \
            -o "s$k.safetensors.zst"
        encode-stage "s$k.safetensors.zst" "x$k.npy" | zstdcat >"x$((k + 1)).npy"
        k=$((k + 1))
    done
    assemble-deep s0.safetensors.zst s1.safetensors.zst s2.safetensors.zst s3.safetensors.zst \
        -o all.safetensors.zst
    [[ $(tensor info all.safetensors.zst) == *214979* ]]
}

@test "start-net makes the net of assemble-deep --transfer none, weights too, without stages" {
    assemble-deep --transfer none --seed 3 one.safetensors.zst two.safetensors.zst \
        -o assembled.safetensors.zst
    start-net images.npy.zst --kernels 5,3 --filters 4,6 --seed 3 -o started.safetensors.zst
    for model in assembled started; do
        extract $model.safetensors.zst images.npy.zst -o $model.npy.zst
        tensor info $model.safetensors.zst | grep -E '^ *(en|de)coder\.' >$model
        equal "$(wc -l <$model)" 8
    done
    cmp assembled started
    cmp <(content assembled.npy.zst) <(content started.npy.zst)
    start-net - --kernels 5,3 --filters 4,6 --seed 3 <images.npy.zst >piped.safetensors.zst
    cmp started.safetensors.zst piped.safetensors.zst
}

@test "start-net's net without settings is the reference's, batch-norm is in all its encoders" {
    import-images "$BATS_FILE_TMPDIR/drawings" --size 80 -o large.npy.zst
    start-net large.npy.zst -o reference.safetensors.zst
    [[ $(tensor info reference.safetensors.zst) == *214979* ]]
    start-net images.npy.zst --kernels 5,3 --filters 4,6 --batch-norm yes -o normal.safetensors.zst
    equal "$(tensor info normal.safetensors.zst | grep -c 'encoder\..\.gamma')" 2
}

@test "start-net refuses lists of numbers that are none, and images that its layers do not halve" {
    for list in '' 5, ,5 5,x 5,,3 5,0 5,16 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1; do
        run -2 --separate-stderr start-net images.npy.zst --kernels "$list" -o m.safetensors.zst
        fails 2 "start-net: --kernels '$list', want numbers from 1 to 15, 16 at most"
    done
    run -2 --separate-stderr start-net images.npy.zst --kernels 5,3 --filters 4 -o m.safetensors.zst
    fails 2 "start-net: --filters '4', want 2 numbers from 1 to 4096, one for each of --kernels"
    run -1 --separate-stderr start-net images.npy.zst --kernels 3,3,3,3,3 --filters 2,2,2,2,2 \
        -o m.safetensors.zst
    fails 1 "start-net: 'images.npy.zst': shape (N,16,16,3): height or width is not a multiple of 2^layers"
    [ ! -e m.safetensors.zst ]
}

@test "stages that do not fit one another are refused with both shapes" {
    train-stage images.npy.zst images.npy.zst --stage 2 --kernel 3 --filters 4 --epochs 0 \
        -o misfit.safetensors.zst
    run -1 --separate-stderr assemble-deep one.safetensors.zst misfit.safetensors.zst \
        -o m.safetensors.zst
    fails 1 "assemble-deep: 'misfit.safetensors.zst': takes (N,16,16,3), but 'one.safetensors.zst' gives (N,8,8,4)"
    [ ! -e m.safetensors.zst ]
}

@test "stages in the wrong order are refused" {
    run -1 --separate-stderr assemble-deep two.safetensors.zst one.safetensors.zst \
        -o m.safetensors.zst
    fails 1 "assemble-deep: 'two.safetensors.zst': layers 2 to 2, want the model of stage 1 alone"
}

@test "a tensor is no model, a model is no tensor" {
    run -1 --separate-stderr extract images.npy.zst images.npy.zst -o x.npy.zst
    [[ $stderr == "extract: 'images.npy.zst': no model: "* ]]
    run -1 --separate-stderr extract deep.safetensors.zst deep.safetensors.zst -o x.npy.zst
    [[ $stderr == "extract: 'deep.safetensors.zst': "* ]]
    [ ! -e x.npy.zst ]
}

@test "codes with another number of dimensions are refused" {
    extract deep.safetensors.zst images.npy.zst --flatten -o flat.npy.zst
    run -1 --separate-stderr encode-stage one.safetensors.zst flat.npy.zst -o x.npy.zst
    fails 1 "encode-stage: 'flat.npy.zst': shape (N,96), want (N,*,*,*)"
    [ ! -e x.npy.zst ]
}

@test "features keep their history: the digests of model and images, and how they were made" {
    extract deep.safetensors.zst images.npy.zst -o a.npy.zst
    run -0 tensor info a.npy.zst
    for tool in import-images train-stage encode-stage assemble-deep extract; do
        [[ $output == *"$tool"* ]]
    done
}

@test "an output that stands is kept when its making fails" {
    echo precious >x.npy.zst
    run -1 extract one.safetensors.zst codes.npy.zst -o x.npy.zst
    equal "$(cat x.npy.zst)" precious
}
