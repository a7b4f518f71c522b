# The formats, byte for byte: what FORMATS.md says.

load helper
load files

@test "zstdcat gives the NPY file: version 1.0, header of 128 bytes, data in C order" {
    counting x
    zstdcat x.npy.zst | cmp - x.npy
    equal "$(head -c 10 x.npy | od -An -tx1)" " 93 4e 55 4d 50 59 01 00 76 00"
    equal "$(head -c 128 x.npy | tail -c 118 | tr -d '\n' | sed 's/ *$//')" \
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"
    equal "$(wc -c <x.npy)" 176
}

@test "a small tensor is one zstd frame with its content size and checksum, so that readers of one frame read it whole" {
    counting x
    run -0 zstd -lv x.npy.zst
    [[ $output == *"# Zstandard Frames: 1"* ]]
    [[ $output == *"# Skippable Frames: 2"* ]]
    [[ $output == *"Decompressed Size: 176 B"* ]]
    [[ $output == *"Check: XXH64"* ]]
}

@test "frames hold whole rows, about 2 MiB of them, the header with the first" {
    large x
    run -0 zstd -lv x.npy.zst
    [[ $output == *"# Zstandard Frames: 2"* ]]
    # 682 rows of 3072 bytes are the last to fit 2 MiB; entries of 12 bytes, the second field is the
    # content's length.
    table=$(tail -c $((3 * 12 + 9)) x.npy.zst | od -An -v -tu4 -w12 -N36 | awk '{print $2}' |
        tr '\n' ' ')
    equal "$table" "$((128 + 682 * 3072)) $((318 * 3072)) 0 "
}

@test "--level 0 stores the content as it is: frames of raw blocks, which zstd reads and tests" {
    large x
    tensor from-npy --level 0 x.npy -o stored.npy.zst
    zstdcat stored.npy.zst | cmp - x.npy
    zstd -q -t stored.npy.zst
    # The head of a frame (10), a block of each 128 KiB behind its header (3), the checksum (4).
    equal "$(head -c 13 stored.npy.zst | od -An -tx1)" " 28 b5 2f fd 84 38 80 f8 1f 00 00 00 10"
    cmp -n 131072 -i 13:0 stored.npy.zst x.npy
    table=$(tail -c $((3 * 12 + 9)) stored.npy.zst | od -An -v -tu4 -w12 -N24 | awk '{print $1 - $2}')
    equal "$table" "$((14 + 16 * 3))
$((14 + 8 * 3))"
    cat stored.npy.zst | tensor npy - | cmp - x.npy
    tensor npy stored.npy.zst | cmp - x.npy
}

@test "the file ends with the seek table of the zstd seekable format, over the data frames and the record frame" {
    counting x
    table=$(tail -c 41 x.npy.zst | od -An -v -tx1 -w41)
    length=$(wc -c <x.npy.zst)
    equal "${table:0:24}" " 5e 2a 4d 18 21 00 00 00"
    equal "${table: -27}" " 02 00 00 00 80 b1 ea 92 8f"
    run -0 od -An -v -tu4 -j $((length - 33)) -N 24 -w12 x.npy.zst
    read -r stored content checksum <<<"${lines[0]}"
    read -r record nothing empty <<<"${lines[1]}"
    equal "$content $nothing $empty" "176 0 $((0x51d8e999))"
    equal "$((stored + record + 41))" "$length"
    # The checksum is the one that zstd itself put at the end of the frame, and the record frame
    # begins behind it.
    equal "$checksum" "$(od -An -tu4 -j $((stored - 4)) -N 4 x.npy.zst | tr -d ' ')"
    equal "$(od -An -tx1 -j "$stored" -N 4 x.npy.zst)" " 5a 2a 4d 18"
    equal "$(od -An -c -j $((stored + 8)) -N 4 x.npy.zst)" "   K   S   N   H"
}

@test "the digest is what zstdcat and xxh128sum give" {
    counting x
    # From xxh128sum 0.8.1, of the 176 bytes of x.npy.
    equal "$(tensor info x.npy.zst | awk '$1 == "digest" {print $2}')" \
        "xxh128:2c7edfc4def9368f0ede95830592563c"
    command -v xxh128sum >/dev/null || skip "no xxh128sum"
    large y
    equal "$(tensor info y.npy.zst | awk '$1 == "digest" {print $2}')" \
        "xxh128:$(zstdcat y.npy.zst | xxh128sum | cut -d' ' -f1)"
}

@test "the history says the program, its settings, and the digests of inputs and output" {
    counting x
    tensor rows 1:-1 x.npy.zst -o y.npy.zst
    run -0 tensor info y.npy.zst
    equal "$(sed -n '/^history/,$p' <<<"$output")" "history
tensor, revision 1
    input  xxh128:2c7edfc4def9368f0ede95830592563c
    output xxh128:2c7edfc4def9368f0ede95830592563c
tensor, revision 1
    rows = 1:2
    input  xxh128:2c7edfc4def9368f0ede95830592563c
    output xxh128:b5e3672602be212fb04f3be46508e050"
    # It is JSON text in the record frame, ancestors first.
    grep -a -o '\[{"tool":.*\]' y.npy.zst >json
    equal "$(cat json)" \
        '[{"tool":"tensor","revision":1,"settings":{},"inputs":["xxh128:2c7edfc4def9368f0ede95830592563c"],"output":"xxh128:2c7edfc4def9368f0ede95830592563c"},{"tool":"tensor","revision":1,"settings":{},"inputs":["xxh128:2c7edfc4def9368f0ede95830592563c"],"derived":{"rows":"1:2"},"output":"xxh128:b5e3672602be212fb04f3be46508e050"}]'
}

@test "a file written by an earlier build is read" {
    base64 -d "$BATS_TEST_DIRNAME/data/counting.npy.zst.base64" >x.npy.zst
    run -0 tensor verify x.npy.zst
    equal "$output" "x.npy.zst: undamaged"
    equal "$(tensor tsv x.npy.zst | tail -n 1)" "8	9	10	11"
}

@test "the bytes do not depend on the number of threads, nor on whether the input is a file or a pipe" {
    large x
    for threads in 1 2 3 8; do
        tensor from-npy --threads $threads x.npy -o y.npy.zst
        cmp x.npy.zst y.npy.zst
        rm y.npy.zst
        tensor from-npy --threads $threads - <x.npy >y.npy.zst
        cmp x.npy.zst y.npy.zst
        cat x.npy | tensor from-npy --threads $threads - >y.npy.zst
        cmp x.npy.zst y.npy.zst
    done
}

@test "tensors of every shape and type come back, in order and at random, and an unknown number of rows changes nothing" {
    "$BUILD/tests/check-tensor"
}

@test "a stream of plain zstd, of one frame or several, is read from a pipe, and held to its shape" {
    large x
    zstd -q -f x.npy
    cat x.npy.zst | tensor npy - | cmp - x.npy
    head -c 1000000 x.npy | zstd -q >y.zst
    tail -c +1000001 x.npy | zstd -q >>y.zst
    cat y.zst | tensor npy - | cmp - x.npy
    head -c 1000000 x.npy | zstd -q >y.zst
    run -1 --separate-stderr tensor npy - < <(cat y.zst)
    fails 1 "tensor: standard input: cut short: ends in row 325 of 1000"
    (cat x.npy; echo) | zstd -q >y.zst
    run -1 --separate-stderr tensor npy - < <(cat y.zst)
    fails 1 "tensor: standard input: more data than its shape says"
}

@test "a regular file without a seek table is refused: it may be cut at the end of a frame" {
    counting x
    zstd -q x.npy -o y.npy.zst
    run -1 --separate-stderr tensor npy y.npy.zst
    fails 1 "tensor: 'y.npy.zst': no seek table at its end: cut short, or not written by kasane"
    run -1 --separate-stderr tensor npy - <y.npy.zst
    fails 1 "tensor: standard input: no seek table at its end: cut short, or not written by kasane"
}

@test "NPY headers of versions 1, 2 and 3, of any order of keys and any padding, are read" {
    header="{ 'shape':(2,3L) ,\"fortran_order\": False, 'descr' : '<i8'}"
    printf -v n '\\x%02x' $((${#header} + 1))
    for version in '\x01\x00'"$n"'\x00' '\x02\x00'"$n"'\x00\x00\x00' '\x03\x00'"$n"'\x00\x00\x00'; \
        do
        { printf '\x93NUMPY'"$version"'%s\n' "$header"; bytes 48; } >x.npy
        run -0 tensor info x.npy
        equal "${lines[0]} ${lines[1]}" "shape       (2,3) dtype       int64"
        tensor from-npy x.npy | tensor npy - | tail -c 48 | cmp - <(bytes 48)
    done
}

@test "NumPy loads every type and shape after zstdcat, and what NumPy writes is read" {
    need_python numpy
    cat >make.py <<'PY'
import numpy, sys
r = numpy.random.default_rng(0)
for i, (shape, dtype) in enumerate([((7,), 'u1'), ((5, 3), '<f4'), ((2, 3, 4), '<f8'),
        ((4, 1, 2, 3), '<i8'), ((0, 5), '<f4'), ((200, 70, 70), '<f4')]):
    numpy.save(f'{i}.npy', (r.normal(size=shape) * 100).astype(dtype))
PY
    cat >compare.py <<'PY'
import numpy, sys
a, b = numpy.load(sys.argv[1]), numpy.load(sys.argv[2])
sys.exit(not (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()))
PY
    /usr/bin/python3 make.py
    for i in 0 1 2 3 4 5; do
        tensor from-npy $i.npy -o $i.npy.zst
        zstdcat $i.npy.zst >back.npy
        /usr/bin/python3 compare.py $i.npy back.npy
    done
}

@test "plain NPY of other types is read as the type of ours that holds each value" {
    as() {   # DESCR BYTES: a row of two of these, read as TYPE, as these numbers
        printf "$2" | npy "$1" '(1, 2)' >x.npy
        equal "$(tensor info x.npy | awk '$1 == "dtype" {print $2}') $(tensor tsv x.npy)" "$3 $4"$'\t'"$5"
        tensor from-npy x.npy -o y.npy.zst
        cat x.npy | tensor from-npy - | cmp - y.npy.zst
        equal "$(tensor tsv y.npy.zst)" "$4"$'\t'"$5"
    }
    as '<f2' '\x00\x3e\x01\x80' float32 1.5 -5.96046448e-08
    as '>f2' '\x7b\xff\xfc\x00' float32 65504 -inf
    as '>f4' '\x3f\xc0\x00\x00\xbf\xc0\x00\x00' float32 1.5 -1.5
    as '>f8' '\x3f\xf8\x00\x00\x00\x00\x00\x00\xbf\xb9\x99\x99\x99\x99\x99\x9a' float64 1.5 -0.10000000000000001
    as '|i1' '\x7f\x80' int64 127 -128
    as '|b1' '\x00\x01' int64 0 1
    as '<i2' '\x01\x00\x00\x80' int64 1 -32768
    as '>i2' '\x00\x01\xff\xfe' int64 1 -2
    as '<u2' '\x01\x00\xff\xff' int64 1 65535
    as '<i4' '\x01\x00\x00\x00\xff\xff\xff\xff' int64 1 -1
    as '<u4' '\x01\x00\x00\x00\xff\xff\xff\xff' int64 1 4294967295
    as '>i8' '\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02' int64 -9223372036854775808 2
    as '<u8' '\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\x7f' int64 1 9223372036854775807
}

@test "stages take floats and integers of every size, and make of them what they make of float32" {
    need_python numpy
    cat >make.py <<'PY'
import numpy
x = numpy.random.default_rng(0).integers(0, 2, (12, 4, 4, 2))
for t in ['<f4', '<f2', '>f4', '<f8', '|i1', '>u2', '<i4', '<i8', '?']:
    numpy.save(t.strip('<|?') + '.npy', x.astype(t))
PY
    /usr/bin/python3 make.py
    mv .npy bool.npy
    made() {   # of these rows
        train-stage $1 $1 --kernel 3 --filters 3 --epochs 2 -o m.safetensors.zst 2>/dev/null
        extract m.safetensors.zst $1 -o f.npy
        cat $1 | extract m.safetensors.zst - | zstdcat | cmp - f.npy
        pca $1 --components 2 -o p.npy 2>/dev/null
        tensor info m.safetensors.zst | grep coder
        xxh128sum <f.npy
        xxh128sum <p.npy
    }
    made f4.npy >want
    for file in f2 '>f4' f8 i1 '>u2' i4 i8 bool; do
        made "$file.npy" >got
        cmp got want
    done
}

@test "models and bases of float16, bfloat16 and float64 are read as float32, of which float64 is said to be rounded" {
    need_python numpy
    bytes 384 | npy '|u1' '(2, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --kernel 3 --filters 2 --epochs 0 -o m.safetensors.zst
    zstdcat m.safetensors.zst >F32
    cat >make.py <<'PY'
import json, numpy, sys
data = open('F32', 'rb').read()
start = 8 + int.from_bytes(data[:8], 'little')
header = json.loads(data[8:start])
del header['__metadata__']['history']
def write(name, numbers):   # numbers: from a float32 array whose last 16 bits are 0 and that float16 holds
    at, out = 0, b''
    for key, tensor in header.items():
        if key != '__metadata__':
            begin, end = places[key]
            x = numpy.frombuffer(data[start + begin:start + end], '<f4')
            out += numbers(((x * 256).round() / 256).astype('<f4'))
            tensor['dtype'], tensor['data_offsets'], at = name, [at, len(out)], len(out)
    text = json.dumps(header).encode()
    open(name, 'wb').write(len(text).to_bytes(8, 'little') + text + out)
places = {k: v['data_offsets'] for k, v in header.items() if k != '__metadata__'}
write('F64', lambda x: x.astype('<f8').tobytes())
write('F16', lambda x: x.astype('<f2').tobytes())
write('BF16', lambda x: (x.view('<u4') >> 16).astype('<u2').tobytes())
write('I32', lambda x: x.astype('<i4').tobytes())
write('F32', lambda x: x.tobytes())
PY
    /usr/bin/python3 make.py
    tensor info F32 | grep coder >want
    for type in F16 BF16; do
        run -0 --separate-stderr extract $type i.npy -o $type.npy
        equal "$stderr" ""
        tensor info $type | grep coder | cmp - want
        tensor verify $type
    done
    run -0 --separate-stderr extract F64 i.npy -o F64.npy
    equal "$stderr" "extract: 'F64': encoder.1.kernel is float64, rounded to float32"
    extract F32 i.npy -o F32.npy
    cmp F32.npy F64.npy
    cmp F32.npy F16.npy
    cmp F32.npy BF16.npy
    run -1 --separate-stderr extract I32 i.npy -o I32.npy
    fails 1 "extract: 'I32': no model: tensor 'encoder.1.kernel' of dtype 'I32', want F32, F16, BF16 or F64"
}

@test "the commands in FORMATS.md print what it says" {
    awk '/^    [$] / {on = 1} !/^    / {on = 0} on {print substr($0, 5)}' "$ROOT/FORMATS.md" \
        >expected
    while IFS= read -r -u 9 line; do
        [[ $line == '$ '* ]] || continue
        printf '%s\n' "$line"
        eval "${line#??}" 2>&1
    done 9<expected >actual
    diff expected actual
    [ "$(grep -c '^[$]' expected)" -ge 15 ]
}
