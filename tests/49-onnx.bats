# export-onnx: a net for programs that run ONNX.
load helper

# A deep net with batch normalisation in its first layer, on images that are not square.
setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    "$BUILD/tests/check-image" npy 7 24 16 3 >images.npy
    train-stage images.npy images.npy --kernel 5 --filters 9 --epochs 2 --batch 4 \
        --batch-norm yes -o one.safetensors.zst 2>/dev/null
    encode-stage one.safetensors.zst images.npy -o codes.npy
    train-stage codes.npy codes.npy --stage 2 --kernel 3 --filters 17 --epochs 2 --batch 4 \
        --output-activation linear --loss mean-squared-error -o two.safetensors.zst 2>/dev/null
    assemble-deep one.safetensors.zst two.safetensors.zst -o deep.safetensors.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.{npy,zst} .
}

run_onnx() { node "$BATS_TEST_DIRNAME/run_onnx.js" "$@"; }

@test "onnxruntime gives the features of extract to 1e-5, of bytes and of numbers, for any number of rows" {
    need_node onnxruntime-node
    extract deep.safetensors.zst images.npy -o features.npy
    export-onnx deep.safetensors.zst -o encoder.onnx
    equal "$(run_onnx encoder.onnx images.npy features.npy)" 'images -> code (7,6,4,17)'
    "$BUILD/tests/check-image" floats 7 24 16 3 >floats.npy
    extract deep.safetensors.zst floats.npy -o features.npy
    export-onnx deep.safetensors.zst --input float32 -o floats.onnx
    equal "$(run_onnx floats.onnx floats.npy features.npy)" 'images -> code (7,6,4,17)'
}

@test "onnxruntime gives the reconstructions of reconstruct to 1e-5" {
    need_node onnxruntime-node
    reconstruct deep.safetensors.zst images.npy --rows 0:7 --columns 1 -o sheet.png
    "$BUILD/tests/check-image" ppm sheet.png >sheet.ppm
    export-onnx deep.safetensors.zst --part autoencoder -o autoencoder.onnx
    equal "$(run_onnx autoencoder.onnx images.npy sheet.ppm)" 'images -> reconstruction (7,24,16,3)'
}

@test "the model of a later stage takes codes, which are float32" {
    need_node onnxruntime-node
    encode-stage two.safetensors.zst codes.npy -o want.npy
    export-onnx two.safetensors.zst -o two.onnx
    equal "$(run_onnx two.onnx codes.npy want.npy)" 'images -> code (7,6,4,17)'
}

@test "the checker of the format finds nothing, and the operators of version 13 that were promised" {
    need_python onnx
    export-onnx deep.safetensors.zst --part autoencoder -o autoencoder.onnx
    /usr/bin/python3 - >got <<'END'
import onnx
m = onnx.load("autoencoder.onnx")
onnx.checker.check_model(m, full_check=True)
print(m.opset_import[0].version, m.metadata_props[0].key, *[n.op_type for n in m.graph.node])
print(*[t.name for t in m.graph.initializer])
END
    equal "$(head -n 1 got)" '13 kasane-history Cast Div Transpose Conv BatchNormalization Relu MaxPool Conv Relu MaxPool Resize Conv Relu Resize Conv Sigmoid Transpose'
    grep -q ' encoder.1.gamma .* decoder.2.bias$' got
}

@test "it knows what made it: nothing is done twice, and why says what would be other" {
    export-onnx deep.safetensors.zst -o encoder.onnx
    cp encoder.onnx before
    run -0 --separate-stderr export-onnx deep.safetensors.zst -o encoder.onnx
    equal "$stderr" "export-onnx: 'encoder.onnx' is up to date: same inputs, same settings"
    export-onnx deep.safetensors.zst -o encoder.onnx --why
    export-onnx deep.safetensors.zst -o encoder.onnx --audit
    run -1 export-onnx deep.safetensors.zst -o encoder.onnx --part autoencoder --why
    equal "$output" 'part encoder -> autoencoder'
    tensor info encoder.onnx | grep -q '^export-onnx, revision 1'
    export-onnx two.safetensors.zst -o encoder.onnx
    run -1 cmp -s encoder.onnx before
    export-onnx - <deep.safetensors.zst | cmp - before
}

@test "a bit turned over anywhere is found, and a file that was cut" {
    export-onnx deep.safetensors.zst -o encoder.onnx
    size=$(stat -c %s encoder.onnx)
    for byte in {0..10} $((size - 1)) $((size - 20)) $((size - 400)) $((size - 1000)) \
        $((RANDOM % size)) $((RANDOM % size)) $((RANDOM % size)) $((RANDOM % size)); do
        cp encoder.onnx bad.onnx
        one_bit bad.onnx "$byte" $((RANDOM % 8))
        run -1 tensor verify bad.onnx
    done
    head -c $((size - 1)) encoder.onnx >bad.onnx
    run -1 --separate-stderr tensor verify bad.onnx
    fails 1 "tensor: 'bad.onnx': no history of ours at its end: damaged, or of another program"
    run -1 --separate-stderr export-onnx encoder.onnx -o x.onnx
    [ ! -e x.onnx ]
}
