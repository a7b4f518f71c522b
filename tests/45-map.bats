# map: places of rows in a plane, held against scikit-learn's t-SNE, and what keeps them the same.
load helper
load matrices

clouds='(i % 5) * 40 + int((i*i*7 + j*j*13 + i*j*3) % 29)'

# as_good_as_theirs TENSOR: of the same affinities the map's cost is at most 1.02 times that of
# scikit-learn's t-SNE; its trustworthiness is no lower than that one's minus 0.01.
as_good_as_theirs() {
    map "$1" -o y.npy 2>said
    tensor npy "$1" -o x.npy
    OMP_NUM_THREADS=1 /usr/bin/python3 - "$(awk '{ print $4 }' said)" <<'PYTHON'
import sys
import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities_nn
from sklearn.neighbors import NearestNeighbors
x, ours = np.load('x.npy'), np.load('y.npy').astype('f8')
n = len(x)
x = x.reshape(n, -1).astype('f8')
perplexity = min(30, (n - 1) / 3)
x = PCA(min(50, n - 1, x.shape[1]), svd_solver='full').fit_transform(x)
theirs = TSNE(perplexity=perplexity, init='pca', learning_rate='auto',
    random_state=0).fit_transform(x).astype('f8')
near = NearestNeighbors(n_neighbors=min(n - 1, int(3 * perplexity + 1))).fit(x)
near = near.kneighbors_graph(mode='distance')
near.data **= 2
near.sort_indices()
P = _joint_probabilities_nn(near, perplexity, 0).tocoo()
def cost(y):
    w = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(2))
    np.fill_diagonal(w, 0)
    some = P.data > 0
    return (P.data * np.log(P.data / (w / w.sum())[P.row, P.col], where=some))[some].sum()
trust = [trustworthiness(x, y, n_neighbors=min(12, n // 2 - 1)) for y in (ours, theirs)]
print(n, 'cost', cost(ours), cost(theirs), 'said', sys.argv[1], 'trustworthiness', *trust)
assert ours.shape == (n, 2) and np.abs(ours.mean(0)).max() < 1e-4
assert cost(ours) <= 1.02 * cost(theirs)
assert abs(float(sys.argv[1]) - cost(ours)) < .02 * cost(ours)
assert trust[0] >= trust[1] - .01
PYTHON
}

@test "gradient, cost, affinities and tree are those of their definitions" {
    "$BUILD/tests/check-map"
}

@test "of drawings the map is as good as scikit-learn's t-SNE" {
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    need_python numpy sklearn
    draw-samples --count 40 -o drawn
    import-images drawn --size 24 -o d.npy.zst 2>/dev/null
    as_good_as_theirs d.npy.zst
}

@test "of photographs of hands the map is as good as scikit-learn's t-SNE" {
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    need_data signs
    need_python numpy sklearn
    import-images "$DATA/signs" --size 32 -o signs.npy.zst 2>/dev/null
    as_good_as_theirs signs.npy.zst
}

@test "the same bytes for 1, 2, 3 and 8 threads, with any memory, from a file or from a pipe" {
    make_npy x.npy 700 12 "$clouds"   # one thread is enough for fewer than 400
    run() {
        map "${@:2}" --iterations 300 --table "$1.tsv" -o "$1.npy.zst" 2>/dev/null
    }
    run 1 x.npy --threads 1
    for threads in 2 3 8; do run $threads x.npy --threads $threads; done
    run memory x.npy --memory 100M
    run pipe - <x.npy
    for other in 2 3 8 memory pipe; do
        for suffix in tsv npy.zst; do cmp 1.$suffix $other.$suffix; done
    done
}

@test "rows that are near stay near: of five clouds the nearest place is of the same cloud" {
    make_npy x.npy 200 12 "$clouds"
    awk 'BEGIN { print "row\tsplit\tclass\tpath"
        for (i = 0; i < 200; i++) printf "%d\ttrain\t%d\t%d.png\n", i, i % 5, i }' >i.tsv
    map x.npy -o y.npy.zst 2>/dev/null
    neighbours y.npy.zst --index i.tsv | grep -qx $'(all)\t200\t200\t1.0000'
}

@test "a table starts with the columns of the index, of the classes and the split that are wanted" {
    make_npy x.npy 24 5 "$clouds"
    make_index 24 >images.tsv
    map x.npy --index images.tsv --classes "a c" --split train --table got.tsv \
        -o got.npy.zst 2>/dev/null
    equal "$(head -n 1 got.tsv)" $'row\tsplit\tclass\tpath\tx1\tx2'
    awk '$3 != "b" && $2 != "test"' images.tsv | cmp - <(cut -f 1-4 got.tsv)
    tensor tsv got.npy.zst | cmp - <(tail -n +2 got.tsv | cut -f 5-)
    map x.npy --index images.tsv --classes "a c" --split train --tsv -o other.tsv 2>/dev/null
    cmp got.tsv other.tsv
}

@test "few rows have a lower perplexity, which is said; two are enough, one is not" {
    for n in 2 3 4 10; do
        make_npy x.npy $n 3 'i * i * 9 + j'
        run -0 --separate-stderr map x.npy --tsv -o y.tsv
        most=$(awk -v n=$n 'BEGIN { printf "%.4g", (n > 4 ? (n - 1) / 3 : 1) }')
        equal "${stderr_lines[0]}" \
            "map: 'x.npy': $n rows allow a perplexity of $most at most: taken instead of 30"
        [[ ${stderr_lines[1]} =~ ^map:\ KL\ divergence\ [0-9.]+\ after\ 1000\ iterations$ ]]
        equal "$(sort -u y.tsv | grep -cE '^-?[0-9.e-]+.-?[0-9.e-]+$')" "$n"
    done
    run -0 --separate-stderr map x.npy --perplexity 3 --tsv -o y.tsv
    equal "${#stderr_lines[@]}" 1
    make_npy x.npy 1 3 j
    run -1 --separate-stderr map x.npy -o z.tsv
    fails 1 "map: 'x.npy': 1 row, want at least 2"
    [ ! -e z.tsv ]
}

@test "rows that are all equal have one place; equal rows among others have finite ones" {
    make_npy x.npy 50 4 7
    map x.npy --tsv -o y.tsv 2>/dev/null
    equal "$(sort -u y.tsv)" $'0\t0\nx1\tx2'
    make_npy x.npy 300 4 'i < 200 ? 7 : i % 50'
    map x.npy --tsv -o y.tsv 2>/dev/null
    equal "$(grep -cE '^-?[0-9.e-]+.-?[0-9.e-]+$' y.tsv)" 300
}

@test "rows that differ in one direction only have places in two" {
    make_npy x.npy 60 1 'i * 4'
    map x.npy --tsv -o y.tsv 2>/dev/null
    [ "$(cut -f 2 y.tsv | sort -u | wc -l)" -gt 30 ]
}

@test "what does not fit the memory is refused before any work, with what it takes" {
    { npy_header '|u1' '100000, 2'; head -c 200000 /dev/zero; } >x.npy
    run -1 --separate-stderr map x.npy --memory 100M -o y.npy.zst
    stderr=$(sed 's/take [0-9]* MiB/take N MiB/' <<<"$stderr")
    fails 1 "map: 'x.npy': 100000 rows with 90 neighbours each take N MiB of memory, --memory leaves 75 for them"
    [ ! -e y.npy.zst ]
}

@test "options that do not go together, and a coarseness at which a row would meet itself, are refused" {
    make_npy x.npy 9 4 'i * i + j'
    run -2 --separate-stderr map x.npy --classes a -o y
    fails 2 "map: --classes needs --index"
    run -2 --separate-stderr map x.npy --table - -o -
    fails 2 "map: --table - and the output both go to standard output"
    run -2 --separate-stderr map x.npy --theta 0.8 -o y
    [ ! -e y ]
}

@test "nothing is done again for the same input and settings; a lost table is" {
    make_npy x.npy 40 12 "$clouds"
    map x.npy --table t.tsv -o y.npy.zst 2>/dev/null
    cp y.npy.zst before.npy.zst
    run -0 --separate-stderr map x.npy --table t.tsv -o y.npy.zst
    equal "$stderr" "map: 'y.npy.zst' is up to date: same inputs, same settings"
    rm t.tsv
    map x.npy --table t.tsv -o y.npy.zst 2>/dev/null
    [ -s t.tsv ]
    cmp y.npy.zst before.npy.zst
    run -0 map x.npy --table t.tsv -o y.npy.zst --why
    run -0 map x.npy --table t.tsv -o y.npy.zst --audit
    run -1 map x.npy --table t.tsv --perplexity 5 -o y.npy.zst --why
    equal "$output" "perplexity 30 -> 5"
}

@test "killed, it leaves nothing" {
    make_npy x.npy 900 12 "$clouds"
    mkdir out
    map x.npy --iterations 1000000 --table out/t.tsv -o out/y.npy.zst 2>/dev/null &
    sleep 0.3
    kill -0 $!
    kill -KILL $!
    wait $! || true
    equal "$(ls -A out)" ''
}
