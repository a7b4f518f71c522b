# neighbours: the nearest other row of each row.
load helper
load matrices

# points X,Y...: uint8 (N,2) as x.npy
points() {
    { npy_header '|u1' "$#, 2"; printf '%s\n' "$@" | awk -F , '{ printf "%c%c", $1, $2 }'; } >x.npy
}

# classes NAME...: an index as x.tsv
classes() {
    printf '%s\n' "$@" | awk \
        'BEGIN { print "row\tsplit\tclass\tpath" } { print NR - 1 "\ttrain\t" $0 "\t" NR - 1 ".png" }' >x.tsv
}

@test "accuracy of each class and of all" {
    points 0,0 1,0 10,10 11,10 12,10 2,0
    classes a a b b b b
    run -0 --separate-stderr neighbours x.npy --index x.tsv
    equal "$output" \
        $'class\trows\tright\taccuracy\na\t2\t2\t1.0000\nb\t4\t3\t0.7500\n(all)\t6\t5\t0.8333'
    equal "$stderr" ""
}

@test "of one class, or one without a name, there is nothing to tell apart: a line says so, the table has none" {
    points 0,0 1,0 10,10
    classes a a a
    run -0 --separate-stderr neighbours x.npy --index x.tsv -o accuracy.tsv
    equal "$stderr" "neighbours: no classes to tell apart: 3 rows of 1 class"
    equal "$(cat accuracy.tsv)" $'class\trows\tright\taccuracy'
    classes '' '' ''
    run -0 --separate-stderr neighbours x.npy --index x.tsv
    equal "$output" $'class\trows\tright\taccuracy'
    classes a b b
    run -0 --separate-stderr neighbours x.npy --index x.tsv --classes a
    equal "$stderr" "neighbours: no classes to tell apart: 1 row of 1 class"
    run -0 --separate-stderr neighbours x.npy --index x.tsv --classes b --list
    equal "$stderr" ""
    equal "$(wc -l <<<"$output")" 3
}

@test "several neighbours vote; of classes with as many votes the one of the nearest wins" {
    points 0,0 3,0 4,0 5,0 200,200
    classes a b c c c
    run -0 neighbours x.npy --index x.tsv --k 3 --list
    equal "$(awk -F '\t' '$1 == 0 { print $5, $7, $9, $10 }' <<<"$output")" \
        $'1 b 1 3\n2 c 2 4\n3 c 3 5'
    run -0 neighbours x.npy --index x.tsv --k 3
    equal "${lines[1]}" $'a\t1\t0\t0.0000'
    equal "${lines[3]}" $'c\t3\t2\t0.6667'
}

@test "of rows at the same distance the first comes first, and a row is not its own neighbour" {
    points 5,5 5,5 6,5 4,5 5,5
    classes a b c d e
    run -0 neighbours x.npy --index x.tsv --list
    equal "$(cut -f 1,5,10 <<<"$output" | tail -n +2)" \
        $'0\t1\t0\n1\t0\t0\n2\t0\t1\n3\t0\t1\n4\t0\t0'
}

@test "many equal rows: the first ones are the nearest" {
    { npy_header '|u1' "600, 3"; head -c 1800 /dev/zero; } >x.npy
    classes $(seq 600)
    run -0 neighbours x.npy --index x.tsv --k 2 --list
    awk -F '\t' 'NR > 1 { want = $9 == 1 ? ($1 == 0 ? 1 : 0) : ($1 < 2 ? 2 : 1); if ($5 != want || $10 != 0) exit 1 }' <<<"$output"
}

@test "neighbours and distances are those of a search by definition" {
    need_python numpy
    /usr/bin/python3 - <<'EOF'
import subprocess, numpy as np
rng = np.random.default_rng(2)
for n, shape, dtype, k in (700, (30,), 'f4', 1), (300, (7, 9, 3), 'u1', 3), (60, (2,), 'u1', 5), (9,
    (5,), 'f4', 8), (90, (5,), 'f8', 4):
    x = rng.integers(0, 4 if shape == (2,) else 256,
        (n,) + shape) if dtype == 'u1' else rng.standard_normal((n,) + shape) + 1000
    x = 1000 + 1e-6 * (x - 1000) if dtype == 'f8' else x   # so near that products cannot tell them apart
    x = x.astype(dtype)
    np.save('x.npy', x)
    with open('x.tsv', 'w') as f:
        f.write('row\tsplit\tclass\tpath\n' + ''.join('%d\ttrain\tc%d\t%d.png\n' % (i, i % 3,
            i) for i in range(n)))
    subprocess.run(['neighbours', 'x.npy', '--index', 'x.tsv', '--k', str(k), '--list', '-o',
        'list.tsv'], check=True)
    got = np.loadtxt('list.tsv', delimiter='\t', skiprows=1, usecols=(4, 9)).reshape(n, k, 2)
    x = x.reshape(n, -1).astype('f8')
    d = ((x[:, None] - x[None]) ** 2).sum(2)
    d[np.arange(n), np.arange(n)] = np.inf
    want = np.argsort(d, axis=1, kind='stable')[:, :k]
    assert (want == got[:, :, 0]).all(), (n, shape, dtype, k)
    assert np.allclose(np.sqrt(np.take_along_axis(d, want, 1)), got[:, :, 1], rtol=1e-8)
EOF
}

# Blocks are of 4,194,304 numbers. The huge rows are not in single precision, beside the others.
@test "rows of several blocks have the neighbours that they have by definition, for any threads" {
    need_python numpy
    /usr/bin/python3 - <<'EOF'
import subprocess, numpy as np
rng = np.random.default_rng(4)
for n, D, dtype in (900, 6000, 'u1'), (120, 40000, 'f4'):
    x = rng.integers(0, 256, (n, D)).astype(dtype)
    x[::50] = x[3]
    if dtype == 'f4':
        x *= 2.0 ** -60
        x[1:3] *= 2.0 ** 140
    np.save('x.npy', x)
    x = x.astype('f8')
    with open('x.tsv', 'w') as f:
        f.write('row\tsplit\tclass\tpath\n' + ''.join('%d\ttrain\ta\t%d\n' % (i, i)
            for i in range(n)))
    s = (x * x).sum(1)      # of bytes all of this is exact
    d = (s[:, None] + s - 2 * x @ x.T if dtype == 'u1' else
        np.array([((x - row) ** 2).sum(1) for row in x]))
    d[np.arange(n), np.arange(n)] = np.inf
    want = np.argsort(d, axis=1, kind='stable')[:, :4]
    for threads in '1', '3':
        subprocess.run(['neighbours', 'x.npy', '--index', 'x.tsv', '--k', '4', '--list',
            '--threads', threads, '-o', 'list.tsv'], check=True)
        got = np.loadtxt('list.tsv', delimiter='\t', skiprows=1, usecols=4).reshape(n, 4)
        assert (want == got).all(), (n, D, threads)
EOF
}

@test "only rows of the classes and of the split that are wanted count" {
    points 0,0 1,0 2,0 9,9 8,8
    classes a b a b a
    run -0 neighbours x.npy --index x.tsv --classes a --list
    equal "$(cut -f 1,5 <<<"$output" | tail -n +2)" $'0\t2\n2\t0\n4\t2'
    run -1 --separate-stderr neighbours x.npy --index x.tsv --split test
    fails 1 "neighbours: 'x.tsv': no rows of test"
}

@test "the same bytes for 1, 2, 3 and 8 threads, from memory or from disk, from a file or from a pipe" {
    { npy_header '|u1' '1500, 40'; yes "$(seq 300)" | head -c 60000; } >x.npy
    classes $(for i in $(seq 1500); do echo $((i % 7)); done)
    neighbours x.npy --index x.tsv --list --k 3 --threads 1 -o want.tsv
    for threads in 2 3 8; do neighbours x.npy --index x.tsv --list --k 3 --threads $threads |
        cmp - want.tsv; done
    neighbours - --index x.tsv --list --k 3 <x.npy | cmp - want.tsv
}

@test "no index and too few rows are refused" {
    points 0,0 1,0
    classes a b
    run -2 --separate-stderr neighbours x.npy
    fails 2 "neighbours: --index is needed: it tells the classes"
    run -1 --separate-stderr neighbours x.npy --index x.tsv --k 2
    fails 1 "neighbours: 'x.npy': 2 rows, want more than the 2 neighbours of each"
}
