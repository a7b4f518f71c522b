# neighbours as a search: rows near a picture, a row, a class, other rows; near-duplicates; sheets.
load helper
load matrices

# A collection: photos, images.tsv, images.npy.zst, deep.safetensors.zst, features.npy.zst. Some
# photos are stored as JPEG and WebP, and are not square.
setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 9 -o photos
    rm -f photos/*/.*
    magick() { /usr/bin/python3 -c 'import cv2, sys
image = cv2.imread(sys.argv[1])
cv2.imwrite(sys.argv[2], image[:-int(sys.argv[3])])' "$@"; }
    if /usr/bin/python3 -c 'import cv2' 2>/dev/null; then
        magick photos/akane/001.png photos/akane/wide.jpg 20
        magick photos/ren/001.png photos/ren/wide.webp 31
    fi
    import-images photos --size 24 --fit crop --test 0.3 --index images.tsv -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 1 \
        -o deep.safetensors.zst
    extract deep.safetensors.zst images.npy.zst -o features.npy.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp -r "$BATS_FILE_TMPDIR"/* .
}

# The row of a path.
row_of() {
    awk -F '\t' -v path="$1" '$4 == path { print $1 }' images.tsv
}

@test "a row, by number or path, is asked for its nearest others, ten or --k of them" {
    run -0 --separate-stderr neighbours features.npy.zst --index images.tsv --like 4
    equal "$stderr" ""
    equal "${lines[0]}" $'query\trank\trow\tclass\tpath\tdistance'
    equal "${#lines[@]}" 11
    equal "$(cut -f 1 <<<"$output" | tail -n +2 | sort -u)" 4
    equal "$(cut -f 3 <<<"$output" | grep -cx 4)" 0
    # As the list of all rows has it.
    neighbours features.npy.zst --index images.tsv --list --k 10 | awk -F '\t' '$1 == 4' |
        cut -f 5,9,10 >want
    diff want <(tail -n +2 <<<"$output" | awk -F '\t' -v OFS='\t' '{ print $3, $2, $6 }')
    equal "$(neighbours features.npy.zst --index images.tsv --like "$(sed -n 6p images.tsv |
        cut -f 4)")" "$output"
    equal "$(neighbours features.npy.zst --like row:4 --k 2 | cut -f 1-3,6)" \
        "$(cut -f 1-3,6 <<<"$output" | head -n 3)"
}

@test "a class is asked for by its rows; class: and path: say which is meant" {
    run -0 neighbours features.npy.zst --index images.tsv --like ren --k 1
    equal "$(tail -n +2 <<<"$output" | cut -f 1)" \
        "$(awk -F '\t' '$3 == "ren" { print $1 }' images.tsv)"
    equal "$(neighbours features.npy.zst --index images.tsv --like class:ren --k 1)" "$output"
    sed 's/\tren\t/\t7\t/' images.tsv >numbers.tsv
    equal "$(neighbours features.npy.zst --index numbers.tsv --like class:7 --k 1 | cut -f 1-3)" \
        "$(cut -f 1-3 <<<"$output")"
}

@test "answers are rows of the split and classes that are wanted, whichever row is asked for" {
    local row
    row=$(awk -F '\t' '$2 == "test" { print $1; exit }' images.tsv)
    neighbours features.npy.zst --index images.tsv --like "$row" --split train \
        --classes 'akane ren' --k 1000 >got
    neighbours features.npy.zst --index images.tsv --like "$row" --k 1000 |
        awk -F '\t' 'NR == FNR { split_of[$1] = $2; next }
            split_of[$3] == "train" && ($4 == "akane" || $4 == "ren")' images.tsv - |
        cut -f 3-6 | diff - <(tail -n +2 got | cut -f 3-6)
    equal "$(tail -n +2 got | wc -l)" \
        "$(awk -F '\t' '$2 == "train" && /\t(akane|ren)\t/' images.tsv | wc -l)"
}

@test "answers are those of a search by definition, Euclidean and cosine, also of zeros and twins" {
    need_python numpy
    /usr/bin/python3 - <<'EOP'
import subprocess, numpy as np
rng = np.random.default_rng(3)
for n, m, D, dtype in ((400, 30, 50, 'f4'), (50, 3, 7, 'u1'), (90, 9, 5, 'f8'), (300, 1, 4, 'f4')):
    x, q = (rng.standard_normal((r, D)) * 3 + 9 for r in (n, m))
    if dtype == 'f8':      # of very different lengths
        x, q = (a * 10.0 ** rng.integers(-170, 120, (len(a), 1)) for a in (x, q))
    if dtype == 'f4':      # in one direction almost, and beyond single precision's squares
        x, q = x * 1e-3 + 1e25, q * 1e-3 + 1e25
    x, q = x.astype(dtype), q.astype(dtype)
    x[::7] = 0
    x[5:9] = x[4]
    q[0] = 0
    np.save('x.npy', x), np.save('q.npy', q)
    x, q = x.astype('f8'), q.astype('f8')
    def unit(a):
        a = a / np.maximum(abs(a).max(1, keepdims=True), 1e-300)
        return a / np.maximum(np.sqrt((a * a).sum(1, keepdims=True)), 1e-300)
    with np.errstate(over='ignore'):
        e = np.sqrt(((q[:, None] - x[None]) ** 2).sum(2))
    c = ((unit(q)[:, None] - unit(x)[None]) ** 2).sum(2) / 2
    c[(q == 0).all(1)[:, None] | (x == 0).all(1)[None]] = 1
    for metric, want in ('euclidean', e), ('cosine', c):
        for k in 3, 30:
            out = subprocess.run(['neighbours', 'x.npy', '--like', 'q.npy', '--metric', metric,
                '--k', str(k)], check=True, stdout=subprocess.PIPE, text=True).stdout
            got = np.array([l.split('\t') for l in out.splitlines()[1:]])
            d = got[:, 5].astype(float).reshape(m, k)
            best = np.sort(want, 1)[:, :k]
            rows = got[:, 2].astype(int).reshape(m, k)
            of_rows = np.take_along_axis(want, rows, 1)
            ok = np.isfinite(best)
            assert np.allclose(d[ok], best[ok], rtol=1e-7, atol=1e-13), (n, dtype, metric, k)
            assert np.allclose(of_rows[ok], best[ok], rtol=1e-7, atol=1e-13), (n, dtype, metric)
            for i in range(m):           # no row twice
                assert len(set(rows[i])) == k
EOP
}

@test "a picture becomes features as the collection did: it is nearest to itself, at 0" {
    need_python cv2
    for path in akane/wide.jpg ren/wide.webp ren/003.png; do
        run -0 --separate-stderr neighbours features.npy.zst --index images.tsv \
            --like "photos/$path" --k 2
        equal "$stderr" ""
        equal "${lines[1]}" \
            "$(printf '0\t1\t%s\t%s\t%s\t0' "$(row_of "$path")" "${path%/*}" "$path")"
    done
    # So does it among images, without a model; and from a pipe.
    run -0 neighbours images.npy.zst --index images.tsv --like photos/ren/wide.webp --k 1
    equal "${lines[1]##*ren/}" $'wide.webp\t0'
    run -0 neighbours - --index images.tsv --like photos/ren/wide.webp --k 1 <features.npy.zst
    equal "${lines[1]##*ren/}" $'wide.webp\t0'
    # So does it among features that were pooled and normalised.
    extract deep.safetensors.zst images.npy.zst --pool 2 --normalise-places -o pooled.npy.zst
    run -0 neighbours pooled.npy.zst --index images.tsv --like photos/ren/wide.webp --k 1
    equal "${lines[1]##*ren/}" $'wide.webp\t0'
    # As rows from a pipe it has the same distances.
    mkdir one
    cp photos/akane/wide.jpg one
    neighbours features.npy.zst --index images.tsv --like photos/akane/wide.jpg >want
    import-images one --size 24 --fit crop --test 0 2>/dev/null | extract deep.safetensors.zst - |
        neighbours features.npy.zst --index images.tsv --like - | diff want -
}

@test "the model of a picture is found by the history of the features, or given" {
    neighbours features.npy.zst --like photos/ren/003.png >want
    mkdir away
    mv deep.safetensors.zst away/
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 1 --seed 2 \
        -o other.safetensors.zst 2>/dev/null
    run -1 --separate-stderr neighbours features.npy.zst --like photos/ren/003.png
    fails 1 "neighbours: 'features.npy.zst': no model beside it is the one that made it: $(:
        )give it as --model"
    neighbours features.npy.zst --like photos/ren/003.png --model away/deep.safetensors.zst |
        diff want -
    run -1 --separate-stderr neighbours features.npy.zst --like photos/ren/003.png \
        --model other.safetensors.zst
    fails 1 "neighbours: 'other.safetensors.zst': is not the model that made 'features.npy.zst'"
}

@test "near-duplicates are listed nearest first, and a leak from train to test is named" {
    make_npy x.npy 6 2 'i == 3 ? 10 + j : i == 4 ? 10 : 30 * i + j'
    printf 'row\tsplit\tclass\tpath\n0\ttrain\ta\t0\n1\ttest\ta\t1\n2\ttrain\tb\t2\n' >x.tsv
    printf '3\ttrain\tb\t3\n4\ttest\ta\t4\n5\ttrain\ta\t5\n' >>x.tsv
    run -0 --separate-stderr neighbours x.npy --index x.tsv --duplicates 15
    equal "$output" "$(printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
        row split class path other_row other_split other_class other_path distance \
        3 train b 3 4 test a 4 1 0 train a 0 4 test a 4 13.453624 \
        0 train a 0 3 train b 3 14.1421356)"
    equal "$stderr" 'neighbours: 3 pairs of 6 rows within 15
neighbours: 2 pairs lie across train and test: a leak
neighbours: 2 pairs are of two classes'
    run -0 --separate-stderr neighbours x.npy --duplicates 1
    equal "${lines[1]}" $'3\t\t\t\t4\t\t\t\t1'
    equal "$stderr" 'neighbours: 1 pair of 6 rows within 1'
    run -0 --separate-stderr neighbours x.npy --index x.tsv --duplicates 0.5
    equal "$stderr" 'neighbours: 0 pairs of 6 rows within 0.5'
}

@test "pairs are those by definition, the same bytes for any threads, from memory or from disk" {
    need_python numpy
    /usr/bin/python3 - <<'EOP'
import numpy as np
rng = np.random.default_rng(4)
x = rng.standard_normal((1500, 12))
x[::3] = x[1::3] + 0.03 * rng.standard_normal((500, 12))
x[7] = x[8] = x[1499]
x = x.astype('f4')
np.save('x.npy', x)
np.save('wide.npy', np.tile(x[:1100], (1, 800)))
x = x.astype('f8')
d = np.sqrt(((x[:, None] - x[None]) ** 2).sum(2))
i, j = np.nonzero(np.triu(d <= 0.1, 1))
order = np.lexsort((j, i, d[i, j]))
np.savetxt('want', np.c_[i[order], j[order]], fmt='%d', delimiter='\t')
EOP
    [ "$(wc -l <want)" -gt 100 ]
    neighbours x.npy --duplicates 0.1 --threads 1 -o 1.tsv
    tail -n +2 1.tsv | cut -f 1,5 | diff want -
    for threads in 2 7; do
        neighbours x.npy --duplicates 0.1 --threads $threads 2>/dev/null | cmp - 1.tsv
    done
    neighbours - --duplicates 0.1 <x.npy 2>/dev/null | cmp - 1.tsv
    neighbours wide.npy --duplicates 2.828 --memory 64M -o disk.tsv
    neighbours wide.npy --duplicates 2.828 --memory 1G 2>/dev/null | cmp - disk.tsv
    [ "$(wc -l <disk.tsv)" -gt 100 ]
    run -1 --separate-stderr neighbours x.npy --duplicates 9 --memory 64M
    [[ $stderr = "neighbours: 'x.npy': more than "*" pairs within 9, which is what --memory"* ]]
}

@test "a sheet has the query at the left, its answers behind it, another class in a red frame" {
    need_python cv2
    neighbours features.npy.zst --index images.tsv --like 3 --k 30 --images images.npy.zst \
        --sheet sheet.png -o answers.tsv
    neighbours features.npy.zst --index images.tsv --like photos/ren/003.png --k 2 \
        --images images.npy.zst --sheet photo.png >photo.tsv
    tensor npy images.npy.zst -o images.npy
    /usr/bin/python3 - <<'EOP'
import cv2, numpy as np
images = np.load('images.npy')
index = [l.rstrip('\n').split('\t') for l in open('images.tsv')][1:]
def rows(name):
    return [int(l.split('\t')[2]) for l in list(open(name))[1:]]
def cells(name, answers, query):
    sheet = cv2.imread(name)[:, :, ::-1]
    side = 72                      # 24, enlarged three times
    assert sheet.shape[0] == 12 * 2 + side + 6
    left, seen = 12, set()
    for i, row in enumerate([query] + answers):
        frame = sheet[13, left + 1].tolist()
        want = images[row].repeat(3, 0).repeat(3, 1)
        assert (sheet[15:15 + side, left + 3:left + 3 + side] == want).all(), (name, i)
        left += side + 6 + (10 if i == 0 else 2)
        if i > 0 and name == 'sheet.png':
            assert (frame == [214, 39, 40]) == (index[row][2] != index[query][2]), (i, frame)
            seen.add(tuple(frame))
    assert sheet.shape[1] == left - 2 + 12
    return seen
assert len(cells('sheet.png', rows('answers.tsv'), 3)) == 2
cells('photo.png', rows('photo.tsv'), [int(r[0]) for r in index if r[3] == 'ren/003.png'][0])
EOP
    # It is an output like the table.
    rm sheet.png
    run -1 neighbours features.npy.zst --index images.tsv --like 3 --k 30 --images images.npy.zst \
        --sheet sheet.png -o answers.tsv --why
    equal "$output" "missing 'sheet.png'"
    tensor verify photo.png
}

@test "a sheet of duplicates frames a twin in the other split in orange; one of nothing is empty" {
    need_python cv2
    make_npy x.npy 4 2 'i < 2 ? 1 : i == 2 ? 50 : 90'
    make_index 4 | sed 's/\t[bc]\t/\ta\t/' >x.tsv
    head -c 48 /dev/zero | { npy_header '|u1' '4, 2, 2, 3'; cat; } >i.npy
    neighbours x.npy --index x.tsv --duplicates 1 --images i.npy --sheet s.png >/dev/null 2>&1
    /usr/bin/python3 -c "import cv2; assert cv2.imread('s.png')[13, 93].tolist() == [0, 150, 255]"
    neighbours x.npy --index x.tsv --duplicates 1 --classes a --split train --images i.npy \
        --sheet s.png >/dev/null 2>&1
    /usr/bin/python3 -c "import cv2; assert (cv2.imread('s.png') == 255).all()"
}

@test "a search is up to date until the content of its query changes, whatever its name" {
    cp photos/ren/003.png query.png
    search() { neighbours features.npy.zst --index images.tsv "$@" -o near.tsv; }
    search --like query.png
    search --like query.png --why
    mv query.png another.png
    run -0 --separate-stderr search --like another.png
    equal "$stderr" "neighbours: 'near.tsv' is up to date: same inputs, same settings"
    cp photos/ren/004.png another.png
    run -0 --separate-stderr search --like another.png
    equal "$stderr" ""
    search --like another.png --audit
    run -1 search --like 5 --why
    equal "${lines[0]}" "like (none) -> 5"
    search --like 5
    search --like 5 --why
    run -1 search --like 6 --why
    equal "$output" "like 5 -> 6"
}

@test "what cannot be searched for is refused in a line" {
    local it=(neighbours features.npy.zst --index images.tsv)
    run -2 --separate-stderr "${it[@]}" --like nobody
    fails 2 "neighbours: --like 'nobody' is no file, and no path or class of the index"
    run -2 --separate-stderr neighbours features.npy.zst --like nobody
    fails 2 "neighbours: --like 'nobody' is no file, and paths and classes need --index"
    run -1 --separate-stderr "${it[@]}" --like 99999
    [[ $stderr = "neighbours: 'features.npy.zst': row 99999 of --like, but there are "*" rows" ]]
    run -2 --separate-stderr "${it[@]}" --like row:x
    fails 2 "neighbours: --like 'row:x', want the number of a row"
    run -2 --separate-stderr "${it[@]}" --like 1 --list
    fails 2 "neighbours: --list, --lists, --like and --duplicates: want one of them"
    for wrong in x -1 nan 1x; do
        run -2 --separate-stderr "${it[@]}" "--duplicates=$wrong"
        fails 2 "neighbours: --duplicates '$wrong', want a distance, 0 or more"
    done
    run -1 --separate-stderr "${it[@]}" --like images.npy.zst
    fails 1 "neighbours: 'images.npy.zst': rows of 1728 numbers, want 576 as in 'features.npy.zst'"
    run -2 --separate-stderr "${it[@]}" --like 1 --sheet x.png
    fails 2 "neighbours: --sheet and --images: want both or none"
    run -2 --separate-stderr "${it[@]}" --images images.npy.zst --sheet x.png
    fails 2 "neighbours: --sheet needs --like, --list or --duplicates"
    run -2 --separate-stderr "${it[@]}" --like 1 --model deep.safetensors.zst
    fails 2 "neighbours: --model is for a picture as --like"
    run -2 --separate-stderr neighbours - --like - <features.npy.zst
    fails 2 "neighbours: '-' is given twice, and standard input can be read once"
    head -c 300 photos/ren/003.png >cut.png
    run -1 --separate-stderr "${it[@]}" --like cut.png
    [[ $stderr = "neighbours: 'cut.png': "* ]]
    [ ! -e x.png ]
}
