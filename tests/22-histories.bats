# Every output carries its history, or keeps it: tensors, models and PNG inside, SVG in a comment,
# tables in a hidden file.
load helper

setup_file() {
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/faults.so" \
        "$BATS_TEST_DIRNAME/faults.c" -ldl
    cd "$BATS_FILE_TMPDIR"
    PATH="$BIN:$PATH"
    draw-samples --count 3 -o drawings 2>/dev/null
    import-images drawings --size 16 --index images.tsv -o images.npy.zst 2>/dev/null
    pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst 2>/dev/null
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 2 --epochs 2 --log log.tsv \
        -o model.safetensors.zst 2>/dev/null
    neighbours images.npy.zst --index images.tsv -o accuracy.tsv
}
setup() {
    cd "$BATS_TEST_TMPDIR"
    cp -a "$BATS_FILE_TMPDIR/." .
}

TABLES='images.tsv pca.tsv log.tsv accuracy.tsv'

# The tool of the last record that FILE has.
made_by() { tensor info "$1" | sed -n 's/, revision [0-9]*$//p' | tail -n 1; }

@test "a table keeps beside it what made it: JSON that python reads, and a digest that xxh128sum prints" {
    need_python json
    equal "$(for file in $TABLES; do made_by $file; done | paste -sd ' ')" \
        'import-images pca train-stage neighbours'
    tensor verify $TABLES
    for file in $TABLES; do
        equal "$(wc -l <.$file.history)" 1
        /usr/bin/python3 \
            -c 'import json, sys; print(json.load(sys.stdin)["history"][-1]["output"])' \
            <.$file.history >recorded
        equal "$(tensor info $file | awk '$1 == "digest" { print $2 }')" "$(cat recorded)"
        command -v xxh128sum >/dev/null || continue
        equal "$(cat recorded)" \
            "xxh128:$(case $file in log.tsv) cut -f 1-4 log.tsv ;; *) cat $file ;; esac | xxh128sum | cut -d ' ' -f 1)"
    done
}

@test "histories of tables are the same bytes in every run; seconds are no content" {
    mkdir again
    import-images drawings --size 16 --index again/images.tsv -o again/images.npy.zst 2>/dev/null
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 2 --epochs 2 \
        --log again/log.tsv -o again/model.safetensors.zst
    pca images.npy.zst --index images.tsv --tsv -o again/pca.tsv 2>/dev/null
    neighbours images.npy.zst --index images.tsv --threads 1 -o again/accuracy.tsv
    for file in images.tsv log.tsv accuracy.tsv; do cmp .$file.history again/.$file.history; done
    cmp pca.tsv again/pca.tsv
    sed -i '2,$s/[0-9.]*$/7/' log.tsv
    tensor verify log.tsv
}

@test "a column of seconds is left out of the digest wherever it stands, as cut would" {
    command -v xxh128sum >/dev/null || skip "no xxh128sum"
    printf 'a\tseconds\tb\n1\t2\t3\n\n1\n1\t2\n' >middle.tsv
    printf 'seconds\ta\tb\n1\t2\t3\n5\t6\t7\n' >first.tsv
    printf 'seconds\n1\n2\n' >alone.tsv
    printf 'a\tseconds' >bare.tsv
    digest() { tensor info "$1" | awk '$1 == "digest" { print $2 }'; }
    equal "$(digest middle.tsv)" \
        "xxh128:$(printf 'a\tb\n1\t3\n\n1\n1\n' | xxh128sum | cut -d ' ' -f 1)"
    equal "$(digest first.tsv)" "xxh128:$(cut -f 2- first.tsv | xxh128sum | cut -d ' ' -f 1)"
    equal "$(digest alone.tsv)" "xxh128:$(printf '\n\n\n' | xxh128sum | cut -d ' ' -f 1)"
    equal "$(digest bare.tsv)" "xxh128:$(xxh128sum <bare.tsv | cut -d ' ' -f 1)"
}

@test "a table that was edited is noticed, by verify and by its program, which makes it again" {
    cp accuracy.tsv kept
    sed -i 's/^ren\t3/ren\t4/' accuracy.tsv
    run -1 --separate-stderr tensor verify accuracy.tsv
    [[ $stderr =~ ^"tensor: 'accuracy.tsv': content xxh128:"[0-9a-f]{32}", its history says xxh128:"[0-9a-f]{32}$ ]]
    for question in why audit; do
        run -1 neighbours images.npy.zst --index images.tsv -o accuracy.tsv --$question
        [[ $output =~ ^"'accuracy.tsv' holds xxh128:"[0-9a-f]{32}", its history says xxh128:"[0-9a-f]{32}$ ]]
    done
    neighbours images.npy.zst --index images.tsv -o accuracy.tsv
    cmp kept accuracy.tsv
    neighbours images.npy.zst --index images.tsv -o accuracy.tsv --why
}

@test "a table written beside another file, edited: its audit says so, of an index why does as well" {
    sed -i '2s/$/x/' images.tsv pca.tsv
    run -1 import-images drawings --size 16 --index images.tsv -o images.npy.zst --why
    equal "$output" "'images.tsv' was edited by hand"
    run -1 import-images drawings --size 16 --index images.tsv -o images.npy.zst --audit
    [[ $output =~ ^"'images.tsv' holds xxh128:"[0-9a-f]{32}", its history says xxh128:"[0-9a-f]{32}$ ]]
    run -1 pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --audit
    [[ $output == "pca: 'images.tsv': edited by hand, but an output of import-images"* ]]
    sed -i '2s/x$//' images.tsv
    run -1 pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --audit
    [[ $output =~ ^"'pca.tsv' holds xxh128:"[0-9a-f]{32}", its history says xxh128:"[0-9a-f]{32}$ ]]
    rm .images.tsv.history # anybody's own
    sed -i '2s/$/x/' images.tsv
    run -1 pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --audit
    grep "^'images.tsv' is not what it was made from" <<<"$output"
    pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst 2>/dev/null
    # the index by its content
    pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --why
    pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --audit
}

@test "a table of another run beside its tensor, history and all, is noticed" {
    pca images.npy.zst --index images.tsv --sign v --table other.tsv -o other.npy.zst 2>/dev/null
    mv other.tsv pca.tsv
    mv .other.tsv.history .pca.tsv.history
    run -1 pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --why
    equal "$output" "'pca.tsv' is of another run"
}

@test "any bit of a kept history turned over is noticed, and a damaged history makes the table again" {
    local size byte at
    size=$(stat -c %s .accuracy.tsv.history)
    cp .accuracy.tsv.history kept
    for at in $(seq 0 61 $((size - 1))) $((size - 1)); do
        byte=$(od -An -tu1 -j "$at" -N 1 kept)
        cp kept .accuracy.tsv.history
        printf "\\x$(printf %x $((byte ^ 1 << at % 8)))" |
            dd of=.accuracy.tsv.history bs=1 seek="$at" conv=notrunc status=none
        run -1 --separate-stderr tensor verify accuracy.tsv
        fails 1 "tensor: 'accuracy.tsv': damaged history"
    done
    run -1 neighbours images.npy.zst --index images.tsv -o accuracy.tsv --why
    equal "${lines[0]}" "damaged: its history"
    neighbours images.npy.zst --index images.tsv -o accuracy.tsv
    cmp kept .accuracy.tsv.history
}

@test "a table without a history: verify has nothing to hold it to, its program makes it, an audit says it has none" {
    rm .accuracy.tsv.history .pca.tsv.history
    tensor verify accuracy.tsv
    tensor info accuracy.tsv | grep -x 'history     none'
    run -1 neighbours images.npy.zst --index images.tsv -o accuracy.tsv --why
    equal "$output" "no history"
    pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --why
    run -1 pca images.npy.zst --index images.tsv --table pca.tsv -o pca.npy.zst --audit
    equal "$output" "'pca.tsv' has no history"
}

@test "killed before any of its names, a table and its history are made again, and are one another's" {
    local n made=0
    cp accuracy.tsv want
    cp .accuracy.tsv.history want.history
    for n in 1 2 3; do
        neighbours images.npy.zst --index images.tsv --k 3 -o accuracy.tsv
        status=0
        FAULT="rename $n" FAULT_SIGNAL=9 LD_PRELOAD=$BATS_FILE_TMPDIR/faults.so neighbours \
            images.npy.zst --index images.tsv -o accuracy.tsv || status=$?
        [ $status = 137 ] || break
        made=$((made + 1))
        run -1 neighbours images.npy.zst --index images.tsv -o accuracy.tsv --why
        neighbours images.npy.zst --index images.tsv -o accuracy.tsv
        cmp want accuracy.tsv
        cmp want.history .accuracy.tsv.history
        rm -f .*accuracy.tsv.*.tmp
        equal "$(ls -A | grep -c 'accuracy.tsv')" 2
    done
    equal $made 2
}

@test "standard output and a FIFO keep no history, a symbolic link keeps it where it leads" {
    mkdir empty far
    cd empty
    neighbours ../images.npy.zst --index ../images.tsv | cmp - ../accuracy.tsv
    mkfifo x.tsv
    cat x.tsv >/dev/null &
    neighbours ../images.npy.zst --index ../images.tsv -o x.tsv
    wait $!
    equal "$(ls -A)" x.tsv
    rm x.tsv
    : >../far/x.tsv
    ln -s ../far/x.tsv .
    neighbours ../images.npy.zst --index ../images.tsv -o x.tsv
    equal "$(ls -A)" x.tsv
    tensor verify x.tsv
    equal "$(made_by x.tsv)" neighbours
}
