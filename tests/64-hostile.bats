# Hostile names and files: a message, in bounded memory and time, or the right result.

load helper
load files

CHECK="$BUILD/tests/check-image"

@test "control characters of a file's name are escaped in messages and reports, UTF-8 stays as it is" {
    name=$'a\nb\tc\e[31m\x7f\xc2\x9b\r犬'
    shown='a\nb\tc\x1b[31m\x7f\xc2\x9b\x0d犬'
    run -1 --separate-stderr tensor info "$name"
    fails 1 "tensor: '$shown': No such file or directory"
    counting x
    mv x.npy.zst "$name"
    run -0 tensor verify "$name"
    equal "$output" "$shown: undamaged"
    run -0 tensor info "$name" x.npy
    equal "${lines[0]}" "$shown:"
    run -2 --separate-stderr tensor info --"$name" x
    fails 2 "tensor: unknown option '--$shown'"
    printf '%s = 1\n' "${name//$'\n'/}" >x.conf
    run -2 --separate-stderr train-stage -c x.conf a b
    fails 2 "train-stage: 'x.conf' line 1: unknown setting '${shown/\\n/}'"
    mkdir -p photos/b photos/$'\e'
    echo GIF89a >photos/$'\e'/$'\n.png'
    "$CHECK" png 8 8 1 photos/b/1.png
    run -0 --separate-stderr import-images photos --max-bad 1 --size 8 -o i.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'photos/\\x1b/\\n.png': skipped: cut short"
}

@test "a history with a zero byte in it, and checksums that fit, is no history" {
    printf '\x93NUMPY\1\0\x76\0%-117s\n\1\2' "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }" >x.npy
    tensor from-npy x.npy -o x.npy.zst
    "$BUILD/tests/check-damage" zero x.npy.zst >zero.npy.zst
    run -1 --separate-stderr tensor info zero.npy.zst
    fails 1 "tensor: 'zero.npy.zst': damaged record: a zero byte in its history"
    run -1 --separate-stderr tensor info - <zero.npy.zst
    fails 1 "tensor: standard input: damaged record: a zero byte in its history"
}

@test "a message about paths of 4,000 bytes is whole" {
    name=$(printf '%0200d/' {1..19})x
    run -1 --separate-stderr tensor info "$name"
    fails 1 "tensor: '$name': No such file or directory"
}

@test "a setting of any length decides whether a file is up to date" {
    bytes 16 | npy '|u1' '(4, 4)' >x.npy
    printf 'row\tsplit\tclass\tpath\n' >x.tsv
    name=$(printf '%0200d' 0)
    list=$(printf "$name%d," {1..30})
    for i in {1..4}; do printf "$((i - 1))\ttrain\t$name$i\t$i.png\n"; done >>x.tsv
    for i in {5..30}; do list=${list/"$name$i,"/"$name$((i % 4 + 1)),"}; done
    pca x.npy --index x.tsv --components 1 --classes "$list" -o y.npy.zst
    run -0 --separate-stderr pca x.npy --index x.tsv --components 1 --classes "$list" -o y.npy.zst
    equal "$stderr" "pca: 'y.npy.zst' is up to date: same inputs, same settings"
    run -1 pca x.npy --index x.tsv --components 1 --classes "$list${name}1" -o y.npy.zst --why
    equal "$output" "classes $list -> $list${name}1"
}

@test "folders that link to one another end in a message, soon" {
    mkdir -p maze/{1..20}
    for i in {1..20}; do
        for j in {1..20}; do ln -s ../$j maze/$i/to-$j; done
        "$CHECK" png 2 2 $i maze/$i/1.png
    done
    run -1 --separate-stderr timeout 60 import-images maze -o x.npy.zst
    [[ ${stderr_lines[-1]} == "import-images: 'maze/"*"': reached by more than 1000 paths: links between folders" ]]
    [ ! -e x.npy.zst ]
}

@test "links that lead to themselves, to one another and to nothing are passed over or named" {
    mkdir -p photos/a photos/b
    "$CHECK" png 2 2 1 photos/a/1.png photos/b/1.png
    ln -s self photos/self
    ln -s pong photos/a/ping
    ln -s ping photos/a/pong
    ln -s loop.png photos/b/loop.png
    ln -s /dev/zero photos/b/zero.png
    ln -s . photos/b/dot
    ln -s ../a photos/b/a
    run -0 --separate-stderr import-images photos --max-bad 1 --test 0 --index x.tsv -o x.npy.zst
    equal "$stderr" "import-images: 'photos/b/dot': a link to a folder above it, passed over
import-images: 'photos/b/loop.png': skipped: Too many levels of symbolic links
import-images: 'photos/b/zero.png': skipped: not a regular file
import-images: passed over: 5 without an ending
import-images: 3 images of 2 classes, 0 of them to test on; 2 of 5 files skipped"
    equal "$(cut -f 4 x.tsv | tr '\n' ' ')" "path a/1.png b/1.png b/a/1.png "
}

@test "an output's name may be as long as the file system lets it; a longer one is refused before work begins" {
    counting x
    name=$(printf '%0255d' 7)
    for n in 1 2; do   # the second stands where the first stood
        tensor rows 0:$n x.npy.zst -o "$name"
        tensor verify "$name"
    done
    equal "$(ls | grep -c 0007$)" 1
    run -1 --separate-stderr tensor rows 0:1 x.npy.zst -o "0$name"
    fails 1 "tensor: '0$name': File name too long"
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    run -1 --separate-stderr train-stage i.npy i.npy --epochs 1 --kernel 1 --filters 1 -o "m${name:5}"
    fails 1 "train-stage: 'm${name:5}.checkpoint': File name too long; with --checkpoint 0 there is no such file"
    train-stage i.npy i.npy --epochs 1 --kernel 1 --filters 1 --checkpoint 0 -o "m${name:5}" 2>err
    equal "$(grep -c epoch err)" "$(wc -l <err)"
    tensor verify "m${name:5}"
}

# safetensors HEADER N: a file with this header and N zero bytes, on standard output.
safetensors() {
    local i n=${#1} length=
    for ((i = 0; i < 8; i++)); do length+=$(printf '\\x%02x' $((n >> (8 * i) & 255))); done
    printf "$length"
    printf '%s' "$1"
    head -c "$2" /dev/zero
}

# bounded COMMAND...: `run` of it with 500 MB of address space, which is too little for sanitizers, and a minute.
bounded() {
    local memory=500000
    [ -z "${ASAN_OPTIONS-}" ] || memory=unlimited
    run --separate-stderr timeout 60 bash -c "ulimit -v $memory"'; exec "$0" "$@"' "$@" --threads 1
}

@test "a few bytes that decompress to any number are refused, whether a model, a basis or an index, of a file or of a pipe" {
    { safetensors '{"a":{"dtype":"F32","shape":[100000000],"data_offsets":[0,400000000]}}' 0; head -c 400000000 /dev/zero; } >plain
    "$BUILD/tests/check-damage" graft plain plain >bomb
    zstd -q plain -o bomb.zst
    n=$(stat -c %s bomb)
    [ "$n" -lt 100000 ]
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    said="'bomb': 400000078 bytes of content in a file of $n, want at most $((64 * 1048576 + 4 * n))"
    bounded extract bomb i.npy -o y
    fails 1 "extract: $said"
    for command in info verify; do
        bounded tensor $command bomb
        fails 1 "tensor: $said"
    done
    bounded pca i.npy --apply bomb -o y
    fails 1 "pca: $said"
    bounded pca i.npy --index bomb -o y
    fails 1 "pca: $said"
    bounded tensor info - < <(cat bomb.zst)
    [[ $stderr == "tensor: standard input: over "*" bytes of content in the first "*" of the file" ]]
    bounded extract - i.npy -o y < <(cat bomb.zst)
    [[ $stderr == "extract: standard input: over "*" bytes of content in the first "*" of the file" ]]
    [ ! -e y ]
}

@test "a tensor of a pipe that claims any number of rows takes no memory for them" {
    bytes 800 | npy '<f4' '(1000000000000, 20)' >x.npy
    bounded tensor rows 0:-1 - -o y < <(cat x.npy)
    fails 1 "tensor: standard input: cut short: ends in row 10 of 1000000000000"
    bounded pca - --memory 100M -o y < <(cat x.npy)
    fails 1 "pca: standard input: cut short: ends in row 10 of 1000000000000"
    bytes 480 | npy '|u1' '(4000000000, 4, 4, 3)' >x.npy
    bounded train-stage - x.npy --memory 100M -o y < <(cat x.npy)
    [ "$status" -eq 1 ]
    [ ! -e y ]
}

@test "rows without numbers are refused, at once, however many" {
    for shape in '(5, 0, 7)' '(4000000000000000000, 0)' '(0, 0)'; do
        npy '<f4' "$shape" </dev/null >x.npy
        for command in info verify tsv npy; do
            bounded tensor $command x.npy
            fails 1 "tensor: 'x.npy': shape ${shape// /}: rows without numbers"
        done
    done
    npy '<f4' '(0, 5)' </dev/null >x.npy
    tensor verify x.npy
}

@test "a large blank picture is imported by rows; whole it is refused where it takes much more memory than its file" {
    mkdir -p photos/a photos/b
    "$CHECK" blank 8000 8000 photos/a/huge.png
    "$CHECK" blank 4000 4000 photos/b/large.png
    bounded import-images photos --size 8 --test 0 -o x.npy.zst
    equal "$stderr" "import-images: 2 images of 2 classes, 0 of them to test on; 0 of 2 files skipped"
    bounded import-images photos --max-bad 1 --size 8 --max-pixels 16M -o x.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'photos/a/huge.png': skipped: too large: 8000 x 8000 pixels, \
want at most 16777216 (--max-pixels)"
    bounded tensor verify photos/a/huge.png
    fails 1 "tensor: 'photos/a/huge.png': too large: 8000 x 8000 pixels in a file of $(stat -c %s photos/a/huge.png) bytes"
}

# refused REASON: what stands in `bad` is no model, for this reason, to every program that reads models.
refused() {
    bounded extract bad i.npy -o y
    fails 1 "extract: 'bad': $1"
    bounded extract - i.npy -o y < <(cat bad)
    fails 1 "extract: standard input: $1"
    bounded reconstruct bad i.npy -o y
    fails 1 "reconstruct: 'bad': $1"
    bounded train-stage i.npy i.npy --init bad -o y
    fails 1 "train-stage: 'bad': $1"
    [ ! -e y ]
}

@test "headers of models that lie: lengths, shapes, offsets, doubled and missing tensors, depth" {
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    printf '\0\0\0\0\0\0\0\x80{}' >bad
    refused "no model: a header longer than the file"
    printf '\xff\xff\xff\xff\xff\xff\xff\xff{}' >bad
    refused "no model: a header longer than the file"
    printf '\0\0' >bad
    refused "no model: shorter than a safetensors header"
    safetensors "$(printf '%5000000s' '{}')" 0 >bad
    refused "no model: a header over 4 MiB"
    tensor_of() { safetensors "{\"a\":{\"dtype\":\"F32\",\"shape\":$1,\"data_offsets\":$2}}" "$3" >bad; }
    tensor_of '[4611686018427387904,4]' '[0,0]' 0
    refused "no model: shape overflows"
    tensor_of '[0,4611686018427387904,4]' '[0,0]' 0
    refused "no model: shape overflows"
    tensor_of '[2]' '[0,16]' 8
    refused "no model: an offset outside the data"
    tensor_of '[2]' '[-8,0]' 8
    refused "no model: an offset outside the data"
    tensor_of '[2]' '[8,0]' 8
    refused "no model: an offset outside the data"
    tensor_of '[2]' '[0,4]' 8
    refused "no model: offsets that do not fit the shape"
    tensor_of '[1]' '[4,8]' 8
    refused "no model: tensors overlap or leave a hole"
    tensor_of '[1]' '[0,4]' 8
    refused "no model: data longer than the tensors"
    tensor_of '[1e300]' '[0,4]' 4
    refused "no model: a dimension that is no whole number"
    tensor_of '[99999999999999999999]' '[0,4]' 4
    refused "no model: a header that is no JSON object"
    tensor_of "$(printf '[%.0s' {1..100000})" '[0,4]' 4
    refused "no model: a header that is no JSON object"
    tensor_of "[$(printf '{},%.0s' {1..100000})1]" '[0,4]' 4
    refused "no model: a header that is no JSON object"
    safetensors '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' 4 >bad
    refused "no model: tensors overlap or leave a hole"
}

@test "a model with a tensor missing, doubled, too many, of zeros in its shape, or with numbers that are none is refused" {
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --epochs 0 --kernel 1 --filters 2 -o m 2>/dev/null
    zstdcat m >plain
    extract plain i.npy -o y
    rm y
    change() { LC_ALL=C sed "s/$1/$2/" plain >bad; run -1 cmp -s plain bad; equal "$(stat -c %s bad)" "$(stat -c %s plain)"; }
    change encoder.1.bias encoder.1.bia2
    refused "no tensor 'encoder.1.bias'"
    change decoder.1.bias encoder.1.bias
    refused "no model: a header that is no JSON object"
    change '1,1,3,2' '1,0,3,2'
    refused "no model: offsets that do not fit the shape"
    change '"input":"8,8,3"' '"input":"8,8,9"'
    refused "encoder.1.kernel has shape (1,1,3,2), want (1,1,9,2)"
    change '"input":"8,8,3"' '"input":"8,0,3"'
    refused "height, width and channels must be at least 1"
    for number in '\0\0\xc0\x7f' '\0\0\x80\xff'; do
            cp plain bad
        printf "$number" | dd of=bad bs=1 seek=$((8 + $(od -An -tu8 -N8 plain))) conv=notrunc status=none
        refused "encoder.1.kernel holds a value that is not finite"
    done
}

@test "kernels of no numbers claim no net that the file does not hold" {
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    all='"__metadata__":{"input":"2,2,2000","activations":"sigmoid","batch_norm":"no","loss":"binary-crossentropy"}'
    for name in encoder.1.kernel encoder.1.bias decoder.1.kernel decoder.1.bias; do
        all+=",\"$name\":{\"dtype\":\"F32\",\"shape\":[15,0,0,4096],\"data_offsets\":[0,0]}"
    done
    safetensors "{$all}" 0 >bad
    refused "0 numbers, want $((2 * 225 * 2000 * 4096 + 4096 + 2000)) for its net"
}

@test "a history nested deep, or of many values, is damaged, and costs nothing" {
    counting x
    deep=$(printf '[%.0s' {1..100000})
    for text in "$deep" "[$(printf '{},%.0s' {1..100000}){}]"; do
        safetensors "{\"__metadata__\":{\"history\":\"$text\"},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}" 4 >bad
        bounded tensor info bad
        equal "$status ${lines[-1]}" "0 history     damaged"
    done
}

@test "a history beyond the bounds names no model that a basis could be held to" {
    bytes 80 | npy '<f4' '(10, 2)' >x.npy
    record='{"tool":"extract","revision":1,"settings":{},"inputs":["xxh128:0123"],"output":"xxh128:4567"}'
    printf '[%s]' "$record" >text
    "$BUILD/tests/check-damage" history x.npy text >made
    pca made --basis basis -o y.npy.zst 2>/dev/null
    pca made --apply basis -o y.npy.zst
    record=${record/0123/9999}
    for text in "$record,$(printf '[%.0s' {1..20})$(printf ']%.0s' {1..20})" "$record$(printf ',{}%.0s' {1..70000})" \
        "{\"tool\":\"tensor\",${record#?}"; do
        printf '[%s]' "$text" >text
        "$BUILD/tests/check-damage" history x.npy text >hostile
        run -0 pca hostile --apply basis -o y.npy.zst
    done
}

@test "ten thousand classes are imported, listed and chosen" {
    mkdir photos
    "$CHECK" png 2 2 1 one.png
    seq -f 'photos/class %.0f' 10000 | tr '\n' '\0' | xargs -0 mkdir
    seq -f 'photos/class %.0f/1.png' 10000 | tr '\n' '\0' |
        xargs -0 -n 500 sh -c 'tee "$@" <one.png >/dev/null' tee
    run -0 --separate-stderr timeout 60 import-images photos --size 2 --test 0 --index x.tsv -o x.npy.zst
    equal "$stderr" "import-images: 10000 images of 10000 classes, 0 of them to test on; 0 of 10000 files skipped"
    tail -n +2 x.tsv | cut -f 3 | paste -sd, >list
    timeout 60 tensor tsv x.npy.zst --index x.tsv >all.tsv
    equal "$(wc -l <all.tsv)" 10001
    timeout 60 pca x.npy.zst --index x.tsv --classes "$(cat list)" --components 1 --tsv -o y.tsv
    equal "$(wc -l <y.tsv)" 10001
}

@test "a picture at a path of 4,000 bytes is imported, one that no path leads to is named" {
    mkdir photos
    "$CHECK" png 2 2 1 one.png
    name=$(printf 'd%0249d' 0)
    (cd photos && mkdir b && cp ../one.png b && for i in {1..15}; do mkdir $name && cd $name; done && cp "$BATS_TEST_TMPDIR/one.png" $name.png)
    run -0 --separate-stderr import-images photos --size 2 --test 0 --index x.tsv -o x.npy.zst
    equal "$stderr" "import-images: 2 images of 2 classes, 0 of them to test on; 0 of 2 files skipped"
    [ "$(sed -n 3p x.tsv | cut -f 4 | wc -c)" -gt 4000 ]
    (cd photos && for i in {1..15}; do cd $name; done && mkdir $name && cp $name.png $name)
    run -0 --separate-stderr import-images photos --max-bad 1 --size 2 -o y.npy.zst
    [[ ${stderr_lines[0]} == "import-images: 'photos/$name/"*"/$name.png': skipped: File name too long" ]]
    equal "${stderr_lines[-1]##*; }" "1 of 3 files skipped"
}

@test "--init, -c and all other paths are taken with any bytes: blanks, quotes, newlines, dashes, no UTF-8" {
    local odd=$'-a  b\'"`c\nd\t$e#%f,\\g=\xff\xfe*?~ '
    mkdir -- "$odd"
    draw-samples --count 2 -o "./$odd/$odd"
    printf 'size = 16\n' >"$odd/$odd.conf"
    printf 'kernel = 3\nfilters = 2\nepochs = 1\n' >"$odd/$odd.net"
    cd -- "$odd"
    import-images -c "$odd.conf" --index "$odd.tsv" -o "$odd.images" "./$odd"
    cp -- "$odd.tsv" "$odd.csv"
    import-images --labels="$odd.csv" "-c$odd.conf" -o "$odd.again" "./$odd"
    cmp <(zstdcat -- "$odd.images") <(zstdcat -- "$odd.again")
    train-stage "./$odd.images" "./$odd.images" -c "$odd.net" -o "$odd.model"
    train-stage -c "$odd.net" --init "$odd.model" --log "$odd.log" -o "$odd.two" -- "$odd.images" "$odd.images"
    train-stage -c "$odd.net" --init="$odd.model" -o "$odd.three" -- "$odd.images" "$odd.images"
    run -0 train-stage -c "$odd.net" --init="$odd.model" -o "$odd.two" --log "$odd.log" --why -- "$odd.images" "$odd.images"
    cmp <(zstdcat -- "$odd.two") <(zstdcat -- "$odd.three")
    [ -s "./$odd.log" ]
    echo nonsense >"./$odd.model"
    run -1 --separate-stderr train-stage -c "$odd.net" --init "$odd.model" -o x -- "$odd.images" "$odd.images"
    equal "${#stderr_lines[@]}" 1
    [[ $stderr = *'no model: '* ]]
}
