# tensor: into and out of our files.

load helper
load files

@test "info tells shape, dtype, range of the finite numbers, how many are not finite, frames and digest" {
    printf '\x00\x00\x80\x3f\x00\x00\xc0\x7f\x00\x00\x80\xff\x00\x00\x40\xc0' |
        npy '<f4' '(2, 2)' >x.npy
    run -0 tensor info x.npy
    equal "$(head -n 7 <<<"$output" | tr -s ' ')" "shape (2,2)
dtype float32
min -3
mean -1
max 1
non-finite 2
digest $(tensor from-npy x.npy | tensor info - | awk '$1 == "digest" {print $2}')"
    bytes 6 | npy '|u1' '(3, 2)' >x.npy
    run -0 tensor info - <x.npy
    equal "$(head -n 6 <<<"$output" | tr -s ' ' | tr '\n' ' ')" \
        "shape (3,2) dtype uint8 min 0 mean 2.5 max 5 non-finite 0 "
    npy '<f4' '(0, 2)' </dev/null >x.npy
    run -0 tensor info x.npy
    equal "$(head -n 3 <<<"$output" | tr -s ' ' | tr '\n' ' ')" \
        "shape (0,2) dtype float32 non-finite 0 "
}

@test "info and verify take many files, and go on after a damaged one" {
    counting x
    head -c 100 x.npy.zst >cut.npy.zst
    run -1 --separate-stderr tensor verify x.npy.zst cut.npy.zst x.npy
    equal "$output" "x.npy.zst: undamaged
x.npy: undamaged"
    fails 1 "tensor: 'cut.npy.zst': no seek table at its end: cut short, or not written by kasane"
    run -0 tensor info x.npy.zst x.npy
    equal "$(grep -c '^shape       (3,4)' <<<"$output")" 2
    equal "${lines[0]}" "x.npy.zst:"
}

@test "info and verify know models, from files and from pipes" {
    bytes 768 | npy '|u1' '(4, 8, 8, 3)' | tensor from-npy - -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --epochs 0 --kernel 3 --filters 2 -o m.safetensors.zst
    run -0 tensor info m.safetensors.zst
    [[ $output == *"input       8,8,3"* ]]
    [[ $output == *"encoder.1.kernel      (3,3,3,2)           min "* ]]
    [[ $output == *"train-stage, revision "* ]]
    equal "$(cat m.safetensors.zst | tensor info -)" "$output"
    run -0 tensor verify m.safetensors.zst
    equal "$output" "m.safetensors.zst: undamaged"
    run -0 tensor verify - < <(cat m.safetensors.zst)
    equal "$output" "-: undamaged"
}

@test "info and verify know bases and pictures" {
    counting x
    pca x.npy.zst --components 1 --basis b.safetensors.zst -o y.npy.zst
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --epochs 0 --kernel 1 --filters 1 -o m
    reconstruct m i.npy -o x.png
    run -0 tensor verify b.safetensors.zst x.png
    equal "$output" "b.safetensors.zst: undamaged
x.png: undamaged"
    run -0 tensor info b.safetensors.zst
    [[ $output == *"components            (1,4)"* ]]
    [[ $output == *"pca, revision "* ]]
    run -0 tensor info x.png
    [[ $output == *"dtype       uint8"* ]]
    [[ $output == *"reconstruct, revision "* ]]
    run -1 --separate-stderr tensor info - < <(cat x.png)
    fails 1 "tensor: standard input: a picture must come from a file"
}

@test "verify finds a content that is not the one its history speaks of" {
    counting x
    # The history of one file, the content of another: each part is whole.
    tensor rows 0:1 x.npy.zst -o y.npy.zst
    "$BUILD/tests/check-damage" graft x.npy.zst y.npy.zst >z.npy.zst
    tensor tsv z.npy.zst >/dev/null
    run -1 --separate-stderr tensor verify z.npy.zst
    fails 1 "tensor: 'z.npy.zst': content xxh128:2c7edfc4def9368f0ede95830592563c, its history says $(tensor info y.npy.zst | awk '$1 == "digest" {print $2}')"
}

@test "rows A:B takes rows A to B-1; ends may be left out, and count from the end where negative" {
    counting x
    for range in 1:3 1: -2: -2:3; do
        run -0 tensor tsv - < <(tensor rows -- $range x.npy.zst)
        equal "$output" "4	5	6	7
8	9	10	11"
        run -0 tensor tsv - < <(cat x.npy | tensor rows -- $range -)
        equal "${lines[0]}" "4	5	6	7"
    done
    equal "$(tensor rows 2:2 x.npy.zst | tensor info - | head -n 1)" "shape       (0,4)"
    run -1 --separate-stderr tensor rows 1:4 x.npy.zst -o y
    fails 1 "tensor: 'x.npy.zst': rows 1:4 wanted, it has 3"
    run -1 --separate-stderr tensor rows 2:1 x.npy.zst -o y
    fails 1 "tensor: 'x.npy.zst': rows 2:1 wanted, it has 3"
    for range in 1 a:b 1:2:3 1:b ''; do
        run -2 --separate-stderr tensor rows "$range" x.npy.zst -o y
        fails 2 "tensor: '$range' is no range of rows, want A:B"
    done
    [ ! -e y ]
}

@test "rows of a large tensor are the bytes of those rows, from a file and from a pipe" {
    large x
    for range in 0:1 681:683 999:1000 500:900 0:1000; do
        first=${range%:*} end=${range#*:}
        tail -c +$((129 + first * 3072)) x.npy | head -c $(((end - first) * 3072)) >want
        tensor rows $range x.npy.zst | tensor npy - | tail -c +129 | cmp - want
        cat x.npy.zst | tensor rows $range - | tensor npy - | tail -c +129 | cmp - want
    done
}

@test "a result that stands already is not made again" {
    counting x
    tensor rows 0:2 x.npy.zst -o y.npy.zst
    touch -d 2001-01-01 y.npy.zst
    cp y.npy.zst z
    run -0 --separate-stderr tensor rows 0:2 x.npy.zst -o y.npy.zst
    equal "$stderr" "tensor: 'y.npy.zst' is up to date: same inputs, same settings"
    cmp y.npy.zst z
    [ y.npy.zst -nt x.npy ]
    run -0 --separate-stderr tensor rows 0:1 x.npy.zst -o y.npy.zst
    equal "$stderr" ""
    equal "$(tensor tsv y.npy.zst)" "0	1	2	3"
}

@test "tsv writes a line a row, in digits that read back equal" {
    counting x
    run -0 tensor tsv x.npy.zst
    equal "$output" "0	1	2	3
4	5	6	7
8	9	10	11"
    printf '\xcd\xcc\xcc\x3d\x01\x00\x00\x00\xff\xff\x7f\x7f\x00\x00\xc0\x7f\x00\x00\x80\xff' |
        npy '<f4' '(1, 5)' >y.npy
    equal "$(tensor tsv y.npy)" "0.100000001	1.40129846e-45	3.40282347e+38	nan	-inf"
    printf '\x9a\x99\x99\x99\x99\x99\xb9\x3f' | npy '<f8' '(1,)' >y.npy
    equal "$(tensor tsv y.npy)" "0.10000000000000001"
    printf '\xff\xff\xff\xff\xff\xff\xff\xff\x07\x00\x00\x00\x00\x00\x00\x00' |
        npy '<i8' '(2, 1)' >y.npy
    equal "$(tensor tsv y.npy)" "-1
7"
}

@test "tsv --index puts the columns of an index in front and leaves out the rows that it does not name" {
    counting x
    printf 'row\tsplit\tclass\tpath\n0\ttrain\ta\ta/0.png\n2\ttest\tb\tb/\\t.png\n' >i.tsv
    run -0 tensor tsv x.npy.zst --index i.tsv
    equal "$output" "row	split	class	path	0	1	2	3
0	train	a	a/0.png	0	1	2	3
2	test	b	b/\\t.png	8	9	10	11"
    printf '3\ttest\tb\tb/1.png\n' >>i.tsv
    run -1 --separate-stderr tensor tsv x.npy.zst --index i.tsv -o y.tsv
    fails 1 "tensor: 'i.tsv': line 4: row 3, but there are 3 rows"
    run -1 --separate-stderr tensor tsv x.npy.zst --index none.tsv -o y.tsv
    fails 1 "tensor: 'none.tsv': No such file or directory"
    [ ! -e y.tsv ]
}

@test "npy and from-npy are each other's inverse" {
    counting x
    tensor npy x.npy.zst -o y.npy
    cmp x.npy y.npy
    tensor npy x.npy.zst | cmp - x.npy
    tensor from-npy y.npy | cmp - x.npy.zst
}

@test "an output whose name ends in .npy is plain NPY" {
    counting x
    tensor rows 0:3 x.npy.zst -o y.npy
    cmp x.npy y.npy
}

@test "wrong commands and arguments are said" {
    run -2 --separate-stderr tensor look x
    fails 2 "tensor: 'look' is none of info, verify, rows, tsv, npy, from-npy, join"
    run -2 --separate-stderr tensor info
    fails 2 "tensor: 0 arguments after 'info', want info FILE..."
    run -2 --separate-stderr tensor rows 1:2
    fails 2 "tensor: 1 argument after 'rows', want rows A:B FILE -o OUT"
    run -2 --separate-stderr tensor info x -o y
    fails 2 "tensor: 'info' prints to standard output, -o is not for it"
    run -2 --separate-stderr tensor tsv a b
    fails 2 "tensor: 2 arguments after 'tsv', want tsv FILE"
}

@test "codes are stored as they are by default, images at level -1" {
    draw-samples --count 2 -o drawings
    import-images drawings --size 64 -o images.npy.zst
    import-images drawings --size 64 --level -1 -o images-1.npy.zst
    cmp images.npy.zst images-1.npy.zst
    train-stage images.npy.zst images.npy.zst --epochs 0 -o model.safetensors.zst
    encode-stage model.safetensors.zst images.npy.zst -o codes.npy.zst
    for level in 0 -1; do
        encode-stage model.safetensors.zst images.npy.zst --level $level -o codes$level.npy.zst
    done
    cmp codes.npy.zst codes0.npy.zst
    run -1 cmp -s codes.npy.zst codes-1.npy.zst
    tensor verify codes*.npy.zst
}

@test "--level changes how small a file is, not what it holds, nor whether it is up to date" {
    draw-samples --count 2 -o drawings
    import-images drawings --size 64 --level 19 -o small.npy.zst
    import-images drawings --size 64 -o default.npy.zst
    import-images drawings --size 64 --level -50 -o large.npy.zst
    import-images drawings --size 64 --level 0 -o stored.npy.zst
    [ "$(stat -c %s small.npy.zst)" -lt "$(stat -c %s default.npy.zst)" ]
    [ "$(stat -c %s default.npy.zst)" -lt "$(stat -c %s large.npy.zst)" ]
    [ "$(stat -c %s large.npy.zst)" -lt "$(stat -c %s stored.npy.zst)" ]
    cmp <(zstdcat small.npy.zst) <(zstdcat large.npy.zst)
    cmp <(zstdcat small.npy.zst) <(zstdcat stored.npy.zst)
    equal "$(tensor info small.npy.zst | grep -E '^(digest|history)')" \
        "$(tensor info large.npy.zst | grep -E '^(digest|history)')"
    run -0 --separate-stderr import-images drawings --size 64 --level 3 -o small.npy.zst
    equal "$stderr" "import-images: 'small.npy.zst' is up to date: same inputs, same settings"
    tensor verify small.npy.zst default.npy.zst large.npy.zst stored.npy.zst
    for program in augment extract encode-stage pca tensor import-images; do
        run -2 --separate-stderr $program --level 20 small.npy.zst
        fails 2 "$program: --level '20', want a whole number from -50 to 19"
    done
}
