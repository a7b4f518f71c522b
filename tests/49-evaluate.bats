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

@test "an interval of many rows that two digits would not show is said with three" {
    load files
    printf 'row\tsplit\tclass\tpath\n' >index.tsv
    awk 'BEGIN { for (i = 0; i < 1600; i++) printf "%d\ttrain\t%s\t%d.png\n", i, i % 2, i }' >>index.tsv
    awk 'BEGIN { for (i = 0; i < 1600; i++) printf (i % 200 == 1 ? 1 - i % 2 : i % 2) ? "A" : "Z" }' |
        npy '|u1' '(1600, 1)' >many.npy
    evaluate many.npy --index index.tsv -o table.tsv 2>said
    grep -q 'has its class in 0\.994 +- 0\.003 of all rows\.$' said
    evaluate features.npy.zst --index images.tsv -o table.tsv 2>said
    grep -Eq 'has its class in [01]\.[0-9]{2} \+- 0\.[0-9]{2} of all rows\.$' said
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

@test "features may come from a pipe" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>/dev/null
    cat features.npy.zst | evaluate - --index images.tsv $all 2>/dev/null | cmp - table.tsv
    cat features.npy.zst | evaluate - --index images.tsv $all -o piped.tsv 2>/dev/null
    cmp .table.tsv.history .piped.tsv.history
}

@test "what cannot be evaluated is refused" {
    run -2 --separate-stderr evaluate features.npy.zst -o table.tsv
    fails 2 "evaluate: want --index, which tells the classes, or --images and --model, for copies"
    run -2 --separate-stderr evaluate features.npy.zst --index images.tsv --model model.safetensors.zst -o t.tsv
    fails 2 "evaluate: --model wants --images beside it"
}

# lines_of FILE: of the lines to read those that are no progress, without the program's name
lines_of() { grep -v ' rows of [0-9]* numbers$' "$1" | sed 's/^evaluate: //'; }

@test "where there are no classes to tell apart it says so, and whether images find their copies" {
    { head -n 1 images.tsv; grep -P '\takane\t' images.tsv; } >one.tsv
    run -0 --separate-stderr evaluate features.npy.zst --index one.tsv -o table.tsv
    equal "$stderr" "evaluate: There are no classes to tell apart: 12 rows of 1 class."
    equal "$(wc -l <table.tsv)" 1
    for index in '--index one.tsv' ''; do
        evaluate features.npy.zst $index $all -o table.tsv 2>said
        equal "$(tail -n +2 table.tsv | cut -f 1,3 | uniq | tr '\t' ' ' | paste -sd ,)" \
            'features copies,features-pca copies,pixels copies,pixels-pca copies,random-net copies,'$(
            )"reconstruction $([ "$index" ] && grep -q test one.tsv && echo test || echo all)"
        lines_of said >lines
        grep -q '^An image finds its mirrored, cropped and recompressed copies: features [01]\.[0-9]*, pixels' <(head -n 1 lines)
        equal "$(sed -n 2p lines | cut -c 1-41)" 'Features of the same net with random weig'
        equal "$(awk -F '\t' '$1 == "pixels" { print $2, $6 }' table.tsv | paste -sd ' ')" "$(
            n=$([ "$index" ] && echo 12 || echo 48)
            for c in mirrored cropped recompressed; do
                echo "$c-top-1 $n $c-top-5 $n $c-reciprocal-rank $n"
            done | paste -sd ' ')"
    done
    awk -F '\t' '!n[$2]++' images.tsv >two.tsv
    evaluate features.npy.zst --index two.tsv $all -o table.tsv 2>said
    grep -q 'The net gives back 1 test row with' said
}

@test "only so many images are copied; of what the model did not make none, and it says so" {
    evaluate features.npy.zst $all --copies 7 -o table.tsv 2>said
    equal "$(awk -F '\t' '$3 == "copies" { print $6 }' table.tsv | sort -u)" 7
    evaluate features.npy.zst --index images.tsv $all --copies 0 -o table.tsv 2>said
    equal "$(grep -c copies table.tsv said | paste -sd ' ')" 'table.tsv:0 said:0'
    pca features.npy.zst --components 5 -o other.npy.zst 2>/dev/null
    evaluate other.npy.zst --index images.tsv $all -o table.tsv 2>said
    grep -q 'Copies are not looked for: the features are none that the model gives' said
    equal "$(grep -c copies table.tsv)" 0
}

@test "what is to be read fits 100 columns, with a line for each class" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>said
    equal "$(awk 'length > 100 && !/The features tell|A linear probe/' said)" ''
    grep -q '^evaluate: nearest row  ' said
    grep -q '^evaluate: cropped  ' said
    grep -q '^evaluate:  *features  *PCA to 12  *pixels' said
    equal "$(grep -cE '^evaluate: (akane|aoi|hinata|ren)  +12 +[01]\.[0-9]{3} +[01]\.[0-9]{3}(  [0-9]+ for [a-z]+)?$' said)" 4
}

@test "pooled and normalised features are compared with a random net's in the same form" {
    local form
    for form in --normalise --normalise-places; do
        extract model.safetensors.zst images.npy.zst --pool 2 $form -o small.npy.zst
        evaluate small.npy.zst --index images.tsv $all -o table.tsv 2>said
        grep -q 'random-net: 48 rows of 8 numbers' said
        # The net of this seed, by itself.
        start-net images.npy.zst --kernels 3 --filters 2 --initialiser glorot-uniform -o random.net
        extract random.net images.npy.zst --pool 2 $form -o random.npy.zst
        evaluate random.npy.zst --index images.tsv -o own.tsv 2>/dev/null
        diff <(grep '^random-net' table.tsv | grep -v copies | cut -f 2-) <(grep '^features	' own.tsv | cut -f 2-)
    done
}

@test "images find their mirrored copies as brute force says, and are given back as PyTorch says" {
    need_python numpy torch
    zstdcat images.npy.zst >x.npy
    zstdcat model.safetensors.zst >model.safetensors
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>/dev/null
    /usr/bin/python3 -c "
import numpy as np
np.save('mirrored.npy', np.load('x.npy')[:, :, ::-1].copy())"
    extract model.safetensors.zst mirrored.npy | zstdcat >copies.npy
    zstdcat features.npy.zst >features.npy
    /usr/bin/python3 - <<'EOF'
import json, struct, numpy as np, torch
import torch.nn.functional as F
table = [line.rstrip('\n').split('\t') for line in open('table.tsv')][1:]
got = {(r[0], r[1], r[2]): float(r[6]) for r in table if r[3] == ''}
def near(key, want, most=1e-6):
    assert abs(got[key] - want) < most, (key, got[key], want)

for what, a, b in ('pixels', 'x', 'mirrored'), ('features', 'features', 'copies'):
    a, b = (np.load(f + '.npy').astype('f8').reshape(48, -1) for f in (a, b))
    d = ((b[:, None] - a[None]) ** 2).sum(2)
    rank = np.array([np.argsort(r, kind='stable').tolist().index(i) + 1 for i, r in enumerate(d)])
    near((what, 'mirrored-top-1', 'copies'), (rank == 1).mean())
    near((what, 'mirrored-top-5', 'copies'), (rank <= 5).mean())
    near((what, 'mirrored-reciprocal-rank', 'copies'), (1 / rank).mean())

raw = open('model.safetensors', 'rb').read()
n, = struct.unpack('<Q', raw[:8])
head = json.loads(raw[8:8 + n])
def weights(name):
    t = head[name]
    a, b = t['data_offsets']
    return torch.from_numpy(np.frombuffer(raw[8 + n + a:8 + n + b], '<f4').reshape(t['shape']).astype('f8'))
def conv(x, which):
    w = weights(which + '.kernel').permute(3, 2, 0, 1)
    return F.conv2d(x, w, weights(which + '.bias'), padding=w.shape[2] // 2)
x = torch.from_numpy(np.load('x.npy') / 255.).permute(0, 3, 1, 2)
test = [line.split('\t')[1] == 'test' for line in open('images.tsv')][1:]
x = x[torch.tensor(test)]
code = F.max_pool2d(F.relu(conv(x, 'encoder.1')), 2)
y = torch.sigmoid(conv(F.interpolate(code, scale_factor=2), 'decoder.1'))
mse = ((x - y) ** 2).mean((1, 2, 3))
g = torch.exp(-torch.arange(-5., 6) ** 2 / (2 * 1.5 ** 2)).double()
g = (g[:, None] * g[None] / g.sum() ** 2).expand(3, 1, 11, 11)
blur = lambda z: F.conv2d(z, g, groups=3)
mx, my = blur(x), blur(y)
sx, sy, sxy = blur(x * x) - mx ** 2, blur(y * y) - my ** 2, blur(x * y) - mx * my
ssim = (2 * mx * my + 1e-4) * (2 * sxy + 9e-4) / ((mx ** 2 + my ** 2 + 1e-4) * (sx + sy + 9e-4))
near(('reconstruction', 'bce', 'test'), F.binary_cross_entropy(y, x).item(), 1e-5)
near(('reconstruction', 'mse', 'test'), mse.mean().item(), 1e-5)
near(('reconstruction', 'psnr', 'test'), (-10 * torch.log10(mse)).mean().item(), 1e-4)
near(('reconstruction', 'ssim', 'test'), ssim.mean().item(), 1e-5)
EOF
}

@test "--summary writes what it says to a file, an output like the table" {
    evaluate features.npy.zst --index images.tsv $all -o table.tsv 2>said
    run -0 --separate-stderr evaluate features.npy.zst --index images.tsv $all --summary sentences.txt -o other.tsv
    [[ $stderr != *The\ features* ]]
    cmp table.tsv other.tsv
    equal "$(lines_of said)" "$(cat sentences.txt)"
    rm sentences.txt
    run -1 evaluate features.npy.zst --index images.tsv $all --summary sentences.txt -o other.tsv --why
    equal "$output" "missing 'sentences.txt'"
}

@test "information, clusters, intervals, fidelity, copies and ranks have the values that are known or defined" {
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
