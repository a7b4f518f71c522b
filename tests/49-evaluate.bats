# evaluate: do the features tell the classes apart?
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 12 -o photos
    import-images photos --size 16 --test 0.3 --index images.tsv -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 2 --epochs 1 -o model.safetensors.zst
    extract model.safetensors.zst images.npy.zst -o features.npy.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp "$BATS_FILE_TMPDIR"/*.zst "$BATS_FILE_TMPDIR"/images.tsv .
}

all='--images images.npy.zst --model model.safetensors.zst'

# value WHAT MEASURE ROWS_OF: of all classes together
value() {
    awk -F '\t' -v w="$1" -v m="$2" -v r="$3" '$1 == w && $2 == m && $3 == r && $4 == "" { print $7 }' table.tsv
}

@test "features, pixels, both after PCA, and a random net stand side by side, each with its interval" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>said
    equal "$(head -n 1 table.tsv | tr '\t' ' ')" "what measure rows_of class predicted rows value low high"
    equal "$(tail -n +2 table.tsv | cut -f 1 | uniq | paste -sd ' ')" \
        "features features-pca pixels pixels-pca random-net reconstruction"
    equal "$(awk -F '\t' '$1 == "features" && $3 == "all" && $4 == "" { print $2 }' table.tsv | paste -sd ' ')" \
        "nearest-1 nearest-5 precision-10 probe silhouette clusters"
    awk -F '\t' 'NR > 1 && $2 != "confusion" && !($8 <= $7 && $7 <= $9) { print; bad = 1 } END { exit bad }' table.tsv
    equal "$(awk -F '\t' '$1 == "features" && $2 == "confusion" { n += $6 } END { print n }' table.tsv)" 48
}

@test "what it means is said first, in sentences" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>said
    grep -q '^evaluate: The features tell the classes apart .* pixels: [01]\.[0-9]* +- 0\.[0-9]* against' said
    grep -q '^evaluate: They are .* those of the same net with random weights' said
    grep -q '^evaluate: A linear probe tells the class of' said
}

@test "the nearest neighbour is that of neighbours" {
    evaluate features.npy.zst --index images.tsv -o table.tsv 2>/dev/null
    neighbours features.npy.zst --index images.tsv -o accuracy.tsv
    equal "$(printf %.4f "$(value features nearest-1 all)")" "$(awk -F '\t' '$1 == "(all)" { print $4 }' accuracy.tsv)"
}

@test "classes that do not differ are told apart by chance alone, and it says so" {
    { head -n 1 images.tsv; tail -n +2 images.tsv | awk -F '\t' -v OFS='\t' '{ $3 = (NR * 7919 % 101) % 2 ? "a" : "b"; print }'; } >mixed.tsv
    evaluate features.npy.zst --index mixed.tsv --images images.npy.zst -o table.tsv 2>said
    grep -q 'apart no better than pixels' said
    awk -v v="$(value features probe all)" 'BEGIN { exit !(v < 0.8) }'
}

@test "the same bytes for any number of threads and any memory" {
    evaluate features.npy.zst --index images.tsv $all --threads 1 -o one.tsv 2>/dev/null
    for more in '--threads 2' '--threads 3' '--threads 8 --memory 64M'; do
        evaluate features.npy.zst --index images.tsv $all $more -o many.tsv 2>/dev/null
        cmp one.tsv many.tsv
    done
}

@test "nothing is done again for the same inputs; another setting is a reason" {
    evaluate features.npy.zst --index images.tsv -o table.tsv 2>/dev/null
    run -0 --separate-stderr evaluate features.npy.zst --index images.tsv -o table.tsv
    [[ $stderr = *'is up to date'* ]]
    run -1 evaluate features.npy.zst --index images.tsv --components 3 -o table.tsv --why
    equal "$output" "components 64 -> 3"
}

@test "what cannot be evaluated is refused" {
    run -2 --separate-stderr evaluate features.npy.zst -o table.tsv
    fails 2 "evaluate: --index is needed: it tells the classes"
    run -2 --separate-stderr evaluate features.npy.zst --index images.tsv --model model.safetensors.zst -o t.tsv
    fails 2 "evaluate: --model wants --images beside it"
}

@test "where there are no classes to tell apart it says so, and measures what the net gives back" {
    { head -n 1 images.tsv; grep -P '\takane\t' images.tsv; } >one.tsv
    run -0 --separate-stderr evaluate features.npy.zst --index one.tsv -o table.tsv
    equal "$stderr" "evaluate: There are no classes to tell apart: 12 rows of 1 class."
    equal "$(wc -l <table.tsv)" 1
    evaluate features.npy.zst --index one.tsv $all -o table.tsv 2>/dev/null
    equal "$(tail -n +2 table.tsv | cut -f 1 | sort -u)" reconstruction
}

@test "--summary writes what it says to a file, an output like the table" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>said
    run -0 --separate-stderr evaluate features.npy.zst --index images.tsv $all --summary sentences.txt -o other.tsv
    [[ $stderr != *The\ features* ]]
    cmp table.tsv other.tsv
    equal "$(grep -v ' rows of [0-9]* numbers$' said | sed 's/^evaluate: //')" "$(cat sentences.txt)"
    rm sentences.txt
    run -1 evaluate features.npy.zst --index images.tsv $all --summary sentences.txt -o other.tsv --why
    equal "$output" "missing 'sentences.txt'"
}

@test "information, clusters, intervals and fidelity have the values that are known or defined" {
    "$BUILD/tests/check-evaluate"
}

@test "neighbours, probe and silhouette agree with scikit-learn where it is installed" {
    need_python numpy sklearn
    /usr/bin/python3 - <<'EOF'
import subprocess, numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.linear_model import RidgeClassifierCV
from sklearn.preprocessing import StandardScaler
from sklearn.metrics import silhouette_samples

rng = np.random.default_rng(3)
def fold(path):
    h = 14695981039346656037
    for b in path.encode():
        h = ((h ^ b) * 1099511628211) & (2 ** 64 - 1)
    return (h ^ h >> 32) % 5

for n, D in (150, 12), (90, 200):
    y = rng.integers(0, 4, n)
    x = (rng.standard_normal((n, D)) + 0.8 * rng.standard_normal((4, D))[y]).astype('f4')
    test = rng.random(n) < 0.3
    names = ['%d.png' % i for i in range(n)]
    np.save('x.npy', x)
    with open('x.tsv', 'w') as f:
        f.write('row\tsplit\tclass\tpath\n')
        for i in range(n):
            f.write('%d\t%s\tc%d\t%s\n' % (i, 'test' if test[i] else 'train', y[i], names[i]))
    subprocess.run('evaluate x.npy --index x.tsv -o t.tsv 2>/dev/null', shell=True, check=True)
    rows = [line.rstrip('\n').split('\t') for line in open('t.tsv')]
    got = {(r[1], r[2]): float(r[6]) for r in rows[1:] if r[0] == 'features' and r[3] == ''}
    x = x.astype('f8')
    near = NearestNeighbors(n_neighbors=11, algorithm='brute').fit(x).kneighbors(x)[1]
    near = np.array([[j for j in r if j != i][:10] for i, r in enumerate(near)])
    same = y[near] == y[:, None]
    def probe(train, asked):
        scale = StandardScaler().fit(x[train])
        model = RidgeClassifierCV(alphas=10.0 ** np.arange(7)).fit(scale.transform(x[train]), y[train])
        return model.predict(scale.transform(x[asked])) == y[asked]
    folds, right = np.array([fold(p) for p in names]), np.zeros(n)
    for k in range(5):
        right[folds == k] = probe(folds != k, folds == k)
    s = silhouette_samples(x, y)
    want = {('nearest-1', 'all'): same[:, 0].mean(), ('nearest-1', 'test'): same[test, 0].mean(),
            ('precision-10', 'all'): same.mean(), ('probe', 'all'): right.mean(), ('probe', 'test'): probe(~test, test).mean(),
            ('silhouette', 'all'): s.mean(), ('silhouette', 'test'): s[test].mean()}
    for key, value in want.items():
        assert abs(got[key] - value) < 1e-6, (n, D, key, got[key], value)
EOF
}
