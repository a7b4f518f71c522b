# import-keras: nets that Keras 1 and 2 kept become our models.
load helper

LAYOUTS='keras1-tensorflow keras1-theano keras1-theano-th keras1-tensorflow-th keras2-theano
    keras1-tensorflow-th-weights keras1-tensorflow-norm keras2-norm'

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    ! /usr/bin/python3 -c 'import h5py' 2>/dev/null ||
        /usr/bin/python3 "$BATS_TEST_DIRNAME/keras_h5.py" make $LAYOUTS
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    run import-keras "$BATS_TEST_FILENAME" -o x
    [[ $output != *'built without libhdf5'* ]] || skip "built without libhdf5"
}

# kept LAYOUT...: LAYOUT/net.h5, as a Keras keeps it, and what it makes of LAYOUT/images.npy.
kept() {
    local layout
    need_python h5py
    for layout in "$@"; do
        cp -r "$BATS_FILE_TMPDIR/$layout" .
    done
}

# imported LAYOUT [OPTION]...: the model; extract must give the code of Keras.
imported() {
    import-keras "$1/net.h5" "${@:2}" -o "$1/model.safetensors.zst"
    tensor verify "$1/model.safetensors.zst"
    zstdcat "$1/model.safetensors.zst" >"$1/model.safetensors"
    extract "$1/model.safetensors.zst" "$1/images.npy" -o got.npy
    paste <(tensor tsv got.npy | tr '\t' '\n') <(tensor tsv "$1/code.npy" | tr '\t' '\n') |
        awk '{ d = $1 - $2; worst = d > worst ? d : -d > worst ? -d : worst } END { exit !(NR > 0 && worst < 1e-5) }'
}

# same LAYOUT...: what the models say of themselves, and whether code and reconstruction are Keras's.
same() { /usr/bin/python3 "$BATS_TEST_DIRNAME/keras_h5.py" check "$@"; }

@test "a model of Keras 1 on TensorFlow is ours: sizes, activations and loss from its configuration" {
    kept keras1-tensorflow
    imported keras1-tensorflow
    equal "$(same keras1-tensorflow)" 'keras1-tensorflow 8,12,3 sigmoid,relu no,no binary-crossentropy True True'
    cd keras1-tensorflow
    finetune model.safetensors.zst images.npy images.npy --epochs 1 -o tuned.safetensors.zst
    tensor info tuned.safetensors.zst | grep -q '^import-keras, revision 1'
}

@test "kernels of the ordering th are turned to ours, those of Theano's convolution about both axes" {
    layouts='keras1-theano keras1-theano-th keras1-tensorflow-th keras2-theano'
    kept $layouts
    for layout in $layouts; do
        imported $layout
    done
    equal "$(same $layouts)" "$(printf '%s 8,12,3 sigmoid,relu no,no binary-crossentropy True True\n' $layouts)"
}

@test "weights alone want the size of the images; the ordering is told by their shapes" {
    layout=keras1-tensorflow-th-weights
    kept $layout
    run -1 --separate-stderr import-keras $layout/net.h5 -o model.safetensors.zst
    fails 1 "import-keras: '$layout/net.h5': does not tell the size of its images, want --height and --width"
    imported $layout --height 8 --width 12
    equal "$(same $layout)" "$layout 8,12,3 sigmoid,relu no,no binary-crossentropy True True"
    import-keras $layout/net.h5 --height 8 --width 12 --hidden linear --loss mean-squared-error -o linear.safetensors.zst
    equal "$(tensor info linear.safetensors.zst | sed -n 's/^\(activations\|loss\) *//p' | paste -sd ' ')" \
        'sigmoid,linear mean-squared-error'
}

@test "batch normalisation comes along, of Keras 1 and 2" {
    kept keras1-tensorflow-norm keras2-norm
    imported keras1-tensorflow-norm
    imported keras2-norm
    equal "$(same keras1-tensorflow-norm keras2-norm)" \
        "$(printf '%s 8,12,3 sigmoid,relu yes,no binary-crossentropy True True\n' keras1-tensorflow-norm keras2-norm)"
}

@test "a stage of its own takes its number, and training goes on from it" {
    need_python h5py
    /usr/bin/python3 - <<'END'
import h5py, numpy as np
f = h5py.File('net.h5', 'w')
f.attrs['layer_names'] = [b'c1', b'p', b'c2']
rng = np.random.default_rng(1)
for name, shape in ('c1', (3, 3, 4, 6)), ('p', None), ('c2', (3, 3, 6, 4)):
    g = f.create_group(name)
    g.attrs['weight_names'] = [] if shape is None else [('%s_%s:0' % (name, p)).encode() for p in 'Wb']
    if shape:
        g[name + '_W:0'] = rng.normal(0, .1, shape).astype('f4')
        g[name + '_b:0'] = np.zeros(shape[3], 'f4')
END
    import-keras net.h5 --stage 2 --height 8 --width 8 -o two.safetensors.zst
    tensor info two.safetensors.zst >said
    grep -q '^activations *linear$' said
    grep -q '^encoder.2.kernel *(3,3,4,6)' said
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 8, 8, 4), }" >x.npy
    head -c 2048 /dev/zero >>x.npy
    train-stage x.npy x.npy --stage 2 --kernel 3 --filters 6 --output-activation linear \
        --loss mean-squared-error --init two.safetensors.zst --epochs 1 -o trained.safetensors.zst
}

@test "nothing is done twice; what is no such net is an error that says what was got and wanted" {
    kept keras1-tensorflow
    cp keras1-tensorflow/net.h5 .
    import-keras net.h5 -o model.safetensors.zst
    run -0 --separate-stderr import-keras net.h5 -o model.safetensors.zst
    equal "$stderr" "import-keras: 'model.safetensors.zst' is up to date: same inputs, same settings"
    rm model.safetensors.zst
    /usr/bin/python3 - <<'END'
import h5py, shutil
def change(name):
    shutil.copy('net.h5', name)
    return h5py.File(name, 'r+')
def config(f, before, after):
    f.attrs['model_config'] = f.attrs['model_config'].replace(before, after, 1)
del change('1.h5')['model_weights/convolution2d_4/convolution2d_4_W:0']
config(change('2.h5'), '"same"', '"valid"')
config(change('3.h5'), '"sigmoid"', '"tanh"')
config(change('6.h5'), '"activation": "relu"', '"activation": "linear"')
g = change('4.h5')['model_weights']
g.attrs['layer_names'] = g.attrs['layer_names'][:-1]
change('5.h5')['model_weights/convolution2d_1/convolution2d_1_b:0'][0] = float('nan')
END
    for k in 1 2 3 4 5 6; do
        run -1 --separate-stderr import-keras $k.h5 -o model.safetensors.zst
        echo "$stderr" >>errors
        [ ! -e model.safetensors.zst ]
    done
    run -1 --separate-stderr import-keras - -o model.safetensors.zst <net.h5
    fails 1 "import-keras: standard input: HDF5 must come from a file"
    head -c 3000 net.h5 >cut.h5
    run -1 --separate-stderr import-keras cut.h5 -o model.safetensors.zst
    echo "$stderr" >>errors
    diff errors - <<'END'
import-keras: '1.h5': '/model_weights/convolution2d_4/convolution2d_4_W:0': no array of at most 4 dimensions
import-keras: '2.h5': layer 'convolution2d_1': border_mode 'valid', want 'same'
import-keras: '3.h5': activation 'tanh', want linear, relu or sigmoid
import-keras: '4.h5': 3 convolutions, want encoders and as many decoders
import-keras: '5.h5': layer 'convolution2d_1' holds a value that is not finite
import-keras: '6.h5': layer 'convolution2d_1': activation linear, want relu
import-keras: 'cut.h5': no HDF5 file, or damaged
END
}

@test "a damaged file on which libhdf5 itself crashes is named, like any other" {
    [ -z "${SAN-}" ] || skip "which take the signal away"
    /usr/bin/python3 - <<'END'
import h5py
with h5py.File('net.h5', 'w') as f:
    f.attrs['layer_names'] = ['text of a length of its own']
data = bytearray(open('net.h5', 'rb').read())
size = data.index(b'GCOL') + 16 + 8   # of the first text in the global heap
data[size:size + 8] = (1 << 40).to_bytes(8, 'little')
open('net.h5', 'wb').write(data)
END
    run -1 --separate-stderr import-keras net.h5 -o model.safetensors.zst
    equal "$stderr" "import-keras: 'net.h5': damaged: libhdf5 fails on it (Segmentation fault)"
    [ ! -e model.safetensors.zst ]
}

@test "files that Keras itself wrote are read as far as they are autoencoders" {
    need_data keras
    for file in conv2d_tensorflow_1 conv2d_theano_1 cnn_tf_model cnn_tf_weights; do
        run -1 --separate-stderr import-keras "$DATA/keras/$file.h5" -o model.safetensors.zst
        echo "${stderr#*: *: }" >>errors
    done
    diff errors - <<'END'
layer 'convolution2d_1': border_mode 'valid', want 'same'
layer 'convolution2d_1': border_mode 'valid', want 'same'
layer 'convolution2d_1': kernel (3,2,3,2), want as many rows as columns
layer 'convolution2d_1': kernel (3,2,3,2), want as many rows as columns
END
}
