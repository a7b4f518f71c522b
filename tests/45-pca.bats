# pca: principal components, their coordinates, and what keeps them the same.
load helper
load matrices

fading='int((i*i*7 + j*j*13 + i*j*3 + i*11) % 251 / 2^(j % 6))'

# near GOT WANT: two tables with the same header and shape; each number of a column within 1e-4 of
# the column's largest.
near() {
    awk -F '\t' '
    function abs(x) { return x < 0 ? -x : x }
    NR == FNR { n = FNR
        for (k = 1; k <= NF; k++) {
            want[FNR, k] = $k
            if (FNR > 1 && abs($k) > largest[k]) largest[k] = abs($k)
        }
        next }
    { m = FNR
        for (k = 1; k <= NF; k++)
            if (FNR == 1 ? $k != want[1, k] : abs($k - want[FNR, k]) > 1e-4 * largest[k]) {
                print FILENAME ": line " FNR ": " $k ", want " want[FNR, k]; bad = 1 } }
    END { exit bad || m != n }' "$2" "$1"
}

@test "coordinates are those of scikit-learn's exact solver, rows more or fewer than columns" {
    for shape in 40x12 12x40; do
        make_npy x.npy ${shape/x/ } "$fading"
        pca x.npy --components 8 --tsv -o got.tsv 2>/dev/null
        near got.tsv "$ROOT/tests/data/pca-$shape.tsv"
    done
}

@test "every component of float32, float64, int64 and uint8 agrees with scikit-learn where it is installed" {
    need_python numpy sklearn
    /usr/bin/python3 - <<'EOF'
import subprocess, numpy as np
from sklearn.decomposition import PCA
rng = np.random.default_rng(1)
for n, d, P, dtype in (50, 20, 20, 'f4'), (20, 50, 19, 'f8'), (700, 300, 40, 'f4'), (300, 1500, 64,
    'u1'), (600, 2, 2, 'i8'):
    m = min(n, d)
    x = rng.standard_normal((n, m)) * np.geomspace(100, .01, m) @ rng.standard_normal((m, d)) + 120
    x = (np.clip(x, 0, 255) if dtype == 'u1' else x).astype(dtype)
    np.save('x.npy', x)
    subprocess.run('pca x.npy --components %d 2>/dev/null | zstdcat >y.npy' % P, shell=True,
        check=True)
    got, want = np.load('y.npy'), PCA(P, svd_solver='full').fit_transform(x.astype('f8'))
    error = (np.abs(got - want) / np.abs(want).max(0)).max()
    assert got.dtype == np.float32 and error < 1e-4, (n, d, P, dtype, error)
EOF
}

@test "the same bytes for 1, 2, 3 and 8 threads, from memory or from disk, from a file or from a pipe" {
    # by the matrix of columns, of rows, and by passes
    for shape in '700 400' '400 700' '1030 1100'; do
        make_npy x.npy $shape "$fading"
        run() {
            pca "${@:2}" --components 3 --table "$1.tsv" --basis "$1.safetensors.zst" \
                -o "$1.npy.zst" 2>/dev/null
        }
        run 1 x.npy --threads 1
        for threads in 2 3 8; do run $threads x.npy --threads $threads; done
        run memory x.npy --memory 64M
        run pipe - <x.npy
        for other in 2 3 8 memory pipe; do
            for suffix in tsv safetensors.zst npy.zst; do cmp 1.$suffix $other.$suffix; done
        done
    done
}

@test "data over half of the memory are kept on disk" {
    { npy_header '|u1' '340000, 100'; yes "$(seq 300)" | head -c 34000000; } >x.npy
    TMPDIR=/nonexistent run -1 --separate-stderr pca x.npy --memory 64M -o y.npy.zst
    fails 1 "pca: '/nonexistent': no temporary file: No such file or directory"
    pca x.npy --memory 64M -o small.npy.zst 2>/dev/null
    TMPDIR=/nonexistent pca x.npy -o large.npy.zst 2>/dev/null
    cmp small.npy.zst large.npy.zst
}

@test "a basis applied to the rows it was fitted to gives the same coordinates" {
    make_npy x.npy 40 12 "$fading"
    pca x.npy --components 5 --basis basis.safetensors.zst --tsv -o fitted.tsv 2>/dev/null
    pca x.npy --apply basis.safetensors.zst --tsv -o applied.tsv
    cmp fitted.tsv applied.tsv
    pca x.npy --apply basis.safetensors.zst --components 2 --tsv -o applied.tsv
    cut -f 1,2 fitted.tsv | cmp - applied.tsv
}

@test "a basis of some rows gives other rows the coordinates by its mean and components" {
    need_python numpy
    make_npy x.npy 40 12 "$fading"
    make_npy y.npy 30 12 '(i*31 + j*17) % 256'
    pca x.npy --components 4 --basis basis.safetensors.zst -o /dev/null 2>/dev/null
    pca y.npy --apply basis.safetensors.zst | zstdcat >got.npy
    zstdcat basis.safetensors.zst >basis.safetensors
    /usr/bin/python3 - <<'EOF'
import json, numpy as np
raw = open('basis.safetensors', 'rb').read()
n = int.from_bytes(raw[:8], 'little')
head = json.loads(raw[8:8 + n])
read = lambda name: np.frombuffer(raw[8 + n:][slice(*head[name]['data_offsets'])],
    '<f4').reshape(head[name]['shape']).astype('f8')
x, y = np.load('x.npy').astype('f8'), np.load('y.npy').astype('f8')
assert np.abs(read('mean') + read('mean.rest') - x.mean(0)).max() < 1e-12
assert np.abs(read('mean') - x.mean(0)).max() < 1e-5
want = (y - x.mean(0)) @ read('components').T
assert np.abs(np.load('got.npy') - want).max() < 1e-4 * np.abs(want).max()
values = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2 / 39
assert np.allclose(read('variance'), values[:4], rtol=1e-6)
assert np.allclose(read('share'), values[:4] / values.sum(), rtol=1e-6)
about = head['__metadata__']
assert about['rows'] == '40' and json.loads(about['history'])[-1]['tool'] == 'pca'
EOF
}

@test "the largest coordinate of each component is positive, or the largest entry of its axis" {
    make_npy x.npy 40 12 "$fading"
    pca x.npy --components 8 --tsv -o u.tsv 2>/dev/null
    awk 'NR > 1 { for (k = 1; k <= NF; k++) { a = $k < 0 ? -$k : $k; if (a > m[k]) { m[k] = a; sign[k] = $k > 0 } } }
         END { for (k = 1; k <= 8; k++) if (!sign[k]) exit 1 }' u.tsv
    pca x.npy --components 8 --sign v --basis v.safetensors.zst --tsv -o v.tsv 2>/dev/null
    tr -d - <u.tsv >u.abs
    tr -d - <v.tsv | cmp u.abs -
    run -1 cmp -s u.tsv v.tsv
    zstdcat v.safetensors.zst | tail -c $((4 * (8 * 12 * 2 + 8 * 2))) | od -An -v -t f4 -w48 |
        head -n 8 |
        awk '{ m = 0; for (k = 1; k <= NF; k++) { a = $k < 0 ? -$k : $k; if (a > m) { m = a; sign = $k > 0 } } if (!sign) exit 1 }'
}

@test "of two equally large coordinates the first decides the sign" {
    make_npy x.npy 2 3 'i * 10 + j'
    pca x.npy --components 1 --tsv -o got.tsv 2>/dev/null
    equal "$(cat got.tsv)" $'pc1\n8.66025448\n-8.66025448'
}

@test "the variance explained is a table on standard error" {
    make_npy x.npy 4 2 'i < 2 ? (j == 0) * i * 8 : (j == 1) * (i - 2) * 4'
    run -0 --separate-stderr pca x.npy --tsv -o got.tsv
    equal "$stderr" "pca: component     variance   share   together
pca:         1      16.5659  82.83%     82.83%
pca:         2      3.43409  17.17%    100.00%"
}

@test "features of any rank are vectors: (N,h,w,C) gives what (N,h*w*C) gives" {
    need_python numpy
    make_npy x.npy 40 12 "$fading"
    /usr/bin/python3 \
        -c "import numpy as np; np.save('y.npy', np.load('x.npy').reshape(40, 2, 2, 3))"
    pca x.npy --tsv -o x.tsv 2>/dev/null
    pca y.npy --tsv -o y.tsv 2>/dev/null
    cmp x.tsv y.tsv
}

@test "a table starts with the columns of the index, of the classes and the split that are wanted" {
    make_npy x.npy 24 5 "$fading"
    make_index 24 >images.tsv
    pca x.npy --index images.tsv --classes "a c" --split train --table got.tsv \
        -o got.npy.zst 2>/dev/null
    equal "$(head -n 1 got.tsv)" $'row\tsplit\tclass\tpath\tpc1\tpc2'
    awk '$3 != "b" && $2 != "test"' images.tsv | cmp - <(cut -f 1-4 got.tsv)
    awk -F '\t' 'NR == 1 || ($3 != "b" && $2 != "test")' images.tsv >cut.tsv
    pca x.npy --index cut.tsv --tsv -o other.tsv 2>/dev/null
    cmp got.tsv other.tsv
    tensor tsv got.npy.zst | cmp - <(tail -n +2 got.tsv | cut -f 5-)
}

@test "rows that vary in fewer directions have components that are 0, with a warning" {
    make_npy x.npy 6 4 'i * (j + 1)'
    run -0 --separate-stderr pca x.npy --components 3 --tsv -o got.tsv
    equal "${stderr_lines[4]}" "pca: 'x.npy': the rows have rank 1: the other components are 0"
    equal "$(cut -f 2,3 got.tsv | sort -u)" $'0\t0\npc2\tpc3'
    make_npy x.npy 1030 1040 'i % 3 * (j % 50) + i % 2'     # by passes
    run -0 --separate-stderr pca x.npy --components 4 --tsv -o got.tsv
    equal "${stderr_lines[5]}" "pca: 'x.npy': the rows have rank 2: the other components are 0"
    make_npy x.npy 6 4 7
    run -0 --separate-stderr pca x.npy --tsv -o got.tsv
    equal "$(sort -u got.tsv)" $'0\t0\npc1\tpc2'
    equal "${stderr_lines[1]}" "pca:         1            0   0.00%      0.00%"
}

@test "N rows have rank N-1 at most: the last of N components is 0, of whichever shape the rows are" {
    for shape in '3 200' '3 3'; do
        make_npy x.npy $shape "$fading"
        run -0 --separate-stderr pca x.npy --components 3 --tsv -o got.tsv
        equal "${stderr_lines[4]}" "pca: 'x.npy': the rows have rank 2: the other components are 0"
        equal "$(cut -f 3 got.tsv | sort -u)" $'0\npc3'
    done
}

@test "2,000 random matrices agree with a singular value decomposition in double precision" {
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    "$BUILD/tests/check-pca"
}

@test "a basis of float64 is read with the 48 bits that a basis has, and what it has beyond is said" {
    need_python numpy
    make_npy x.npy 30 12 '(i * i * 7 + i * j * 5 + j * j) % 251'
    pca x.npy --components 3 --basis own --tsv -o own.tsv 2>/dev/null
    zstdcat own >pairs
    /usr/bin/python3 - <<'PY'
import json, numpy
data = open('pairs', 'rb').read()
start = 8 + int.from_bytes(data[:8], 'little')
header = json.loads(data[8:start])
numbers = {k: numpy.frombuffer(data[start + v['data_offsets'][0]:start + v['data_offsets'][1]], '<f4').astype('<f8')
           for k, v in header.items() if k != '__metadata__'}
def write(name):
    out = b''
    for key, x in numbers.items():
        header[key]['dtype'], header[key]['data_offsets'] = 'F64', [len(out), len(out) + x.nbytes]
        out += x.tobytes()
    text = json.dumps(header).encode()
    open(name, 'wb').write(len(text).to_bytes(8, 'little') + text + out)
for key in 'mean', 'components':
    numbers[key] = numbers[key] + numbers[key + '.rest']
    numbers[key + '.rest'] = 0 * numbers[key]
write('whole')
numbers['components'] = numbers['components'] * (1 + 2.0**-51)
write('longer')
PY
    run -0 --separate-stderr pca x.npy --apply whole --tsv -o whole.tsv
    equal "$stderr" ""
    cmp own.tsv whole.tsv
    run -0 --separate-stderr pca x.npy --apply longer --tsv -o longer.tsv
    equal "$stderr" "pca: 'longer': components is float64, rounded to 48 bits"
}

@test "fewer rows than components leave the others 0" {
    make_npy x.npy 2 4 'i * i + j'
    run -0 --separate-stderr pca x.npy --components 4 --tsv -o y.tsv
    equal "${stderr_lines[-1]}" "pca: 'x.npy': the rows have rank 1: the other components are 0"
    equal "$(tail -n +2 y.tsv)" $'1\t0\t0\t0\n-1\t0\t0\t0'
}

@test "too few rows, and more components than there are, are refused" {
    make_npy x.npy 1 4 j
    run -1 --separate-stderr pca x.npy --components 1 -o y.npy.zst
    fails 1 "pca: 'x.npy': 1 row, want at least 2"
    make_npy x.npy 3 4 'i * i + j'
    run -1 --separate-stderr pca x.npy --components 5 -o y.npy.zst
    fails 1 "pca: 'x.npy': rows of 4 numbers have no more than 4 components, got --components 5"
    pca x.npy --components 3 --basis b.safetensors.zst -o /dev/null 2>/dev/null
    run -1 --separate-stderr pca x.npy --apply b.safetensors.zst --components 4 -o y.npy.zst
    fails 1 "pca: 'b.safetensors.zst': has 3 components, got --components 4"
    make_npy x.npy 3 5 'i * i + j'
    run -1 --separate-stderr pca x.npy --apply b.safetensors.zst -o y.npy.zst
    fails 1 "pca: 'x.npy': rows of 5 numbers, but the basis 'b.safetensors.zst' is for 4"
    { npy_header '|u1' '3,'; printf 123; } >x.npy
    run -1 --separate-stderr pca x.npy -o y.npy.zst
    fails 1 "pca: 'x.npy': rows of one number, want at least two dimensions"
    [ ! -e y.npy.zst ]
}

@test "a value that is not finite is refused with its row" {
    { npy_header '<f4' '3, 2'; printf '\0\0\x80\x3f%.0s' 1 2 3; printf '\0\0\xc0\x7f'
      printf '\0\0\x80\x3f%.0s' 1 2; } >x.npy
    run -1 --separate-stderr pca x.npy -o y.npy.zst
    fails 1 "pca: 'x.npy': row 1 holds a value that is not finite"
}

@test "numbers too large for coordinates in float32 are refused, wherever they are" {
    large='\x5a\x62\xd7\xd7\x18\xe7\x74\x69' zero='\0\0\0\0\0\0\0\0'
    for rows in "$large$zero$zero" "$zero$zero$large" "$large$large$large"; do
        { npy_header '<f8' '3, 1'; printf "$rows"; } >x.npy
        run -1 --separate-stderr pca x.npy --components 1 -o y.npy.zst
        fails 1 "pca: 'x.npy': numbers too large: a mean or the sum of squares is over 3.40282e+38"
    done
}

@test "options that do not go together are refused" {
    make_npy x.npy 3 4 'i * i + j'
    run -2 --separate-stderr pca x.npy --classes a -o y
    fails 2 "pca: --classes needs --index"
    run -2 --separate-stderr pca x.npy --basis a --apply b -o y
    fails 2 "pca: --basis keeps a new basis, --apply takes an old one: want one of them"
    run -2 --separate-stderr pca x.npy --table - -o -
    fails 2 "pca: --table - and the output both go to standard output"
    run -1 --separate-stderr pca x.npy --apply x.npy -o y
    fails 1 "pca: 'x.npy': no basis: a header longer than the file"
    [ ! -e y ]
}

@test "a matrix that does not fit the memory is refused with what it takes; a few components need none" {
    { npy_header '|u1' '3000, 3000'; yes "$(seq 3001)" | head -c 9000000; } >x.npy
    run -1 --separate-stderr pca x.npy --components 100 --memory 100M -o y.npy.zst
    stderr=$(sed 's/take [0-9]* MiB/take N MiB/' <<<"$stderr")
    fails 1 "pca: 'x.npy': 100 components of 3000 rows of 3000 numbers take N MiB of memory, --memory leaves 50 for them"
    pca x.npy --memory 100M -o y.npy.zst 2>/dev/null
}

@test "the way by passes over the rows and the way by the whole matrix agree" {
    for shape in '1100 1030' '1030 1100'; do
        make_npy x.npy $shape "$fading"
        # of 70 components, the passes would keep more than half as many vectors as there are
        pca x.npy --components 4 --tsv -o passes.tsv 2>/dev/null
        pca x.npy --components 70 --tsv 2>/dev/null | cut -f 1-4 >matrix.tsv
        near passes.tsv matrix.tsv
    done
    "$BUILD/tests/check-lanczos"
}

@test "a basis is refused for features of another model, and taken for other features of its own" {
    draw-samples --count 4 -o drawings
    import-images drawings --size 8 -o images.npy.zst
    import-images drawings --size 8 --test 0 --fit crop -o other.npy.zst
    for seed in 1 2; do
        train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 0 --seed $seed \
            -o m$seed.safetensors.zst
        extract m$seed.safetensors.zst images.npy.zst -o f$seed.npy.zst
    done
    pca f1.npy.zst --basis basis.safetensors.zst -o y.npy.zst 2>/dev/null
    extract m1.safetensors.zst other.npy.zst | pca - --apply basis.safetensors.zst -o z.npy.zst
    run -1 --separate-stderr pca f2.npy.zst --apply basis.safetensors.zst -o x.npy.zst
    stderr=$(sed 's/xxh128:[0-9a-f]\{32\}/DIGEST/g' <<<"$stderr")
    fails 1 "pca: 'f2.npy.zst': made by the model DIGEST, but the basis 'basis.safetensors.zst' is for what was made by the model DIGEST"
    [ ! -e x.npy.zst ]
}

@test "nothing is done again for the same input and settings; a lost table is" {
    make_npy x.npy 40 12 "$fading"
    pca x.npy --table t.tsv -o y.npy.zst 2>/dev/null
    cp y.npy.zst before.npy.zst
    touch -d 2020-01-01 y.npy.zst t.tsv
    pca x.npy --table t.tsv -o y.npy.zst 2>/dev/null
    [ -z "$(find . -name 't.tsv' ! -newermt 2021-01-01)" ]
    cmp y.npy.zst before.npy.zst
    rm t.tsv
    pca x.npy --table t.tsv -o y.npy.zst 2>/dev/null
    [ -s t.tsv ]
    run -0 pca x.npy --table t.tsv -o y.npy.zst --why
    run -1 pca x.npy --table t.tsv --components 3 -o y.npy.zst --why
    equal "$output" "components 0 -> 3"
}

@test "OpenBLAS runs on the kernels that fit this processor, and its products and eigenvectors are right" {
    grep -q '^flags.*' /proc/cpuinfo || skip "not x86-64"
    has() {
        local flag
        for flag; do grep -m 1 '^flags' /proc/cpuinfo | grep -qw "$flag" || return 1; done
    }
    unset OPENBLAS_CORETYPE
    run -0 "$BUILD/tests/check-blas"
    if has avx512f avx512dq avx512bw avx512vl avx512cd; then equal "$output" SkylakeX
    elif has avx2 fma; then [ "$output" = Zen ] || equal "$output" Haswell; fi
    if has avx2 fma; then
        OPENBLAS_CORETYPE=Haswell run -0 "$BUILD/tests/check-blas"
        equal "$output" Haswell
    fi
}
