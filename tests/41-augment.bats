# augment: training images, the originals and then five crops of each, resized back.
load helper

noise() {   # N H W SEED: images of noise as NPY
    "$BUILD/tests/check-image" npy "$@"
}

sha256() {
    zstdcat "$1" | sha256sum | cut -d ' ' -f 1
}

# An index of n rows: every third is for testing, classes a and b in turn.
index() {
    printf 'row\tsplit\tclass\tpath\n'
    awk -v n="$1" \
        'BEGIN { for (i = 0; i < n; i++) printf "%d\t%s\t%s\t%d.png\n", i, i % 3 == 1 ? "test" : "train", i % 2 ? "b" : "a", i }'
}

@test "the bytes are OpenCV's" {
    while read -r n h w margin want; do
        noise "$n" "$h" "$w" 7 | augment - --margin "$margin" -o out.npy.zst
        equal "$n $h $w $margin $(sha256 out.npy.zst)" "$n $h $w $margin $want"
    done <"$ROOT/tests/data/augment-opencv.tsv"
}

@test "the bytes are OpenCV's, computed now" {
    need_python cv2 numpy
    while read -r n h w margin; do
        noise "$n" "$h" "$w" "$margin" >"in-$margin.npy"
        augment "in-$margin.npy" --margin "$margin" | zstdcat >"out-$margin.npy"
    done <<<"3 80 80 20
2 31 57 7
1 100 41 40
2 5 4 3
1 2 2 1"
    /usr/bin/python3 "$ROOT/tests/resize_opencv.py" augment 20 7 40 3 1
}

@test "the originals come first, then the crops of each in the order of the reference" {
    # one pixel set: the crop that keeps it tells which it is
    noise 2 4 4 1 >in.npy
    augment in.npy --margin 2 -o out.npy.zst
    tensor info out.npy.zst | grep -qx 'shape *(12,4,4,3)'
    cmp <(zstdcat out.npy.zst | tail -c +129 | head -c 96) <(tail -c +129 in.npy)
    # corners of a crop resized back are the corners of the crop
    corner() { tail -c +$((129 + $1 * 48 + ($2 * 4 + $3) * 3)) in.npy | head -c 3; }
    first() { zstdcat out.npy.zst | tail -c +$((129 + $1 * 48)) | head -c 3; }
    for image in 0 1; do
        at=$((2 + 5 * image))
        cmp <(first $at) <(corner $image 2 2)
        cmp <(first $((at + 1))) <(corner $image 0 2)
        cmp <(first $((at + 2))) <(corner $image 0 0)
        cmp <(first $((at + 3))) <(corner $image 2 0)
        cmp <(first $((at + 4))) <(corner $image 1 1)
    done
}

@test "rows of one split are taken through the index; margin 0 copies them alone" {
    noise 10 6 5 3 >in.npy
    index 10 >in.tsv
    augment in.npy --index in.tsv --split test --margin 0 -o test.npy.zst
    cmp <(zstdcat test.npy.zst | tail -c +129) <(for i in 1 4 7; do tail \
        -c +$((129 + i * 90)) in.npy | head -c 90; done)
    augment in.npy --index in.tsv --split train --margin 0 -o train.npy.zst
    augment in.npy --index in.tsv --split train --margin 2 -o from-all.npy.zst
    augment train.npy.zst --margin 2 -o from-train.npy.zst
    cmp <(zstdcat from-all.npy.zst) <(zstdcat from-train.npy.zst)
    augment in.npy --margin 0 -o all.npy.zst
    cmp <(zstdcat all.npy.zst) in.npy
}

@test "as a filter it gives the same bytes" {
    noise 30 20 20 3 >in.npy
    index 30 >in.tsv
    augment in.npy --index in.tsv --split train --margin 5 --threads 1 -o file.npy.zst
    cat in.npy | augment - --index in.tsv --split train --margin 5 --threads 3 >piped.npy.zst
    cmp <(zstdcat file.npy.zst) <(zstdcat piped.npy.zst)
    tensor from-npy in.npy -o in.npy.zst
    augment in.npy.zst --threads 8 --margin 5 -o file.npy.zst
    cat in.npy.zst | augment - --margin 5 | cmp - file.npy.zst
}

@test "a pipe that does not fit in memory goes by an unlinked file in TMPDIR" {
    noise 130 300 300 3 >in.npy     # 35 MB, more than half of what may be kept
    augment in.npy -o file.npy.zst
    mkdir spool
    cat in.npy | TMPDIR=spool augment - --memory 64M >piped.npy.zst
    cmp file.npy.zst piped.npy.zst
    equal "$(ls spool)" ""
    run -1 --separate-stderr bash \
        -c 'cat in.npy | TMPDIR=missing augment - --memory 64M >none.npy.zst'
    fails 1 "augment: 'missing': no temporary file: No such file or directory"
    # nothing is needed twice
    cat in.npy | TMPDIR=missing augment - --memory 64M --margin 0 >same.npy.zst
    cmp <(zstdcat same.npy.zst) in.npy
}

@test "an output that is up to date is left alone, whatever the dates; margin, split and index decide" {
    noise 9 6 6 3 | tensor from-npy - -o in.npy.zst
    index 9 >in.tsv
    current() { run -0 --separate-stderr augment in.npy.zst --index in.tsv "$@" -o out.npy.zst;
        [ -n "$stderr" ]; }
    run ! current --margin 2
    touch in.npy.zst
    current --margin 2 --threads 1
    run ! current --margin 3
    run ! current --margin 3 --split train
    sed -i 's/0.png/zero.png/' in.tsv
    run ! current --margin 3 --split train
    current --margin 3 --split train
}

@test "what is no array of images, or too small for the margin, is refused before anything is written" {
    noise 2 6 5 3 >in.npy
    run -1 --separate-stderr augment in.npy --margin 5 -o out.npy.zst
    fails 1 "augment: 'in.npy': images of 6x5, want more than the margin of 5"
    sed 's/|u1/<f4/; s/(2, 6, 5, 3)/(1, 5, 3, 3)/' in.npy >float.npy
    run -1 --separate-stderr augment float.npy -o out.npy.zst
    equal "${stderr%%,*}" "augment: 'float.npy': dtype float32"
    sed 's/(2, 6, 5, 3)/(2, 6, 15)  /' in.npy >flat.npy
    run -1 --separate-stderr augment flat.npy -o out.npy.zst
    equal "${stderr%%, want*}" "augment: 'flat.npy': shape (N,6,15)"
    run -2 --separate-stderr augment in.npy --margin 1 --split test -o out.npy.zst
    run -2 --separate-stderr augment in.npy --margin -1 -o out.npy.zst
    index 3 >in.tsv
    run -1 --separate-stderr augment in.npy --margin 1 --index in.tsv -o out.npy.zst
    fails 1 "augment: 'in.tsv': line 4: row 2, but there are 2 rows"
    [ ! -e out.npy.zst ]
}

@test "an index that is damaged is refused with its line" {
    noise 4 3 3 3 >in.npy
    refused() {   # what the file holds after its first line, the message
        printf "row\tsplit\tclass\tpath\n$1" >in.tsv
        run --separate-stderr augment in.npy --margin 0 --index in.tsv -o out.npy.zst
        fails 1 "augment: 'in.tsv': $2"
    }
    refused '0\ttrain\ta\n' "line 2: 3 fields, want the 4 of its first line"
    refused '0\ttrain\ta\tx\ty\n' "line 2: 5 fields, want the 4 of its first line"
    refused '0\ttrain\ta\tx\\q\n' "line 2: an unknown escape in its path, want tab, newline and\
 backslash written \\t \\n \\\\"
    refused '0\ttrain\ta\\\tx\n' "line 2: an unknown escape in its class, want tab, newline and\
 backslash written \\t \\n \\\\"
    refused '0\ttrain\ta\tx\n-1\ttest\ta\ty\n' "line 3: row '-1', want a number"
    refused '0.5\ttrain\ta\tx\n' "line 2: row '0.5', want a number"
    refused '99999999999999999999\ttest\ta\ty\n' "line 2: row '99999999999999999999', want a number"
    refused '0\tvalid\ta\tx\n' "line 2: split 'valid', want train or test"
    refused '2\ttrain\ta\tz\n1\ttrain\ta\tx\n\n2\ttrain\ta\ty\n' "line 5: row 2 again, as in line 2"
    refused '' "no rows of any split"
    echo 'epoch	loss' >in.tsv
    run -1 --separate-stderr augment in.npy --margin 0 --index in.tsv -o out.npy.zst
    fails 1 "augment: 'in.tsv': not an index: no column 'row' in its first line, want row, split,\
 class, path"
}

@test "an index is read as an editor, a spreadsheet or a script may have left it" {
    noise 4 3 3 3 >in.npy
    local plain='row\tsplit\tclass\tpath\n0\ttrain\ta\tx\n1\ttest\tb c\ty\n3\ttrain\ta\tz\n'
    printf "$plain" >in.tsv
    augment in.npy --margin 0 --index in.tsv -o want.npy
    same() {   # what the file holds
        printf "$1" >in.tsv
        augment in.npy --margin 0 --index in.tsv -o got.npy
        cmp got.npy want.npy
    }
    same "${plain%\\n}"                                          # no newline at the end
    same "\xef\xbb\xbf$plain"                                    # a byte order mark
    same "${plain//\\n/\\r\\n}"                                  # CR LF
    same "${plain//\\n/\\r}"                                     # CR
    cut=${plain//\\n/\\r\\n}; same "${cut%\\n}"                  # cut within the last CR LF
    same "$plain\n\n"                                            # blank lines at the end
    same "${plain/z/z\\n\\t\\t\\t\\n  }"                         # and of a spreadsheet
    same "${plain//\\n/\\t\\t\\n}"                               # empty columns behind
    same "${plain//\\t/,}"                                       # CSV
    same "${plain//\\t/;}"
    same 'row\tpath\tnote\tclass\tsplit\n0\tx\t\ta\ttrain\n1\ty\tgood\tb c\ttest\n3\tz\t\ta\ttrain\n'
    same 'row\tsplit\tclass\tpath\n3\ttrain\ta\tz\n0\ttrain\ta\tx\n1\ttest\tb c\ty\n'   # sorted
    same 'row\tsplit\tclass\tpath\n0.0\ttrain\ta\tx\n1.0\ttest\tb c\ty\n3.0\ttrain\ta\tz\n'
    same '"row"\t"split"\t"class"\t"path"\n0\t"train"\t"a"\t"x"\n1\t"test"\t"b c"\t"y"\n3\t"train"\t"a"\t"z"\n'
}

@test "quotes are taken off where all fields may have them, and kept elsewhere" {
    noise 2 3 3 3 >in.npy
    held() {   # the index, what a table made with it holds
        printf "$1" >in.tsv
        run -0 tensor tsv in.npy --index in.tsv
        equal "$(cut -f 1-4 <<<"${lines[1]}")" "$2"
    }
    held 'row\tsplit\tclass\tpath\n0\ttrain\t"a"\tx"y\n' $'0\ttrain\t"a"\tx"y'
    held '"row"\t"split"\t"class"\t"path"\n0\ttrain\t"a\t""b"""\t"x\ny"\n' $'0\ttrain\ta\\t"b"\tx\\ny'
    held 'row,split,class,path\n0,train,"a,b","x ""y"""\n' $'0\ttrain\ta,b\tx "y"'
    refused() {
        printf "$1" >in.tsv
        run -1 --separate-stderr tensor tsv in.npy --index in.tsv
        fails 1 "tensor: 'in.tsv': $2"
    }
    refused 'row,split,class,path\n0,train,"a,x\n1,train,b,y\n' "line 2: a quote that does not end"
    refused 'row,split,class,path\n0,train,"a\nb"c,x\n' "line 2: text behind the quote that ends a field"
    refused 'row,split,class,path\n0,train,"a\nb",x\n9,train,b,y\n' "line 4: row 9, but there are 2 rows"
}

@test "text in UTF-16, with a NUL byte, or with a column twice is refused for what it is" {
    noise 2 3 3 3 >in.npy
    refused() {
        printf "$1" >in.tsv
        run -1 --separate-stderr augment in.npy --margin 0 --index in.tsv -o out.npy
        fails 1 "augment: 'in.tsv': $2"
    }
    refused '\xff\xfer\x00o\x00w\x00' "text in UTF-16, want UTF-8"
    refused 'row\tsplit\tclass\tpath\n0\ttrain\ta\x00\tx\n' "a NUL byte, want text"
    refused 'row\tsplit\tclass\tpath\tclass\n0\ttrain\ta\tx\tb\n' "not an index: more than one column\
 'class' in its first line, want row, split, class, path"
    refused '' "is empty"
}
