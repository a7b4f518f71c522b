# Damaged files, wrong files, and outputs that fail: a message, no half-written file, and nothing
# lost that stood before.

load helper
load files

setup_file() {
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/faults.so" \
        "$BATS_TEST_DIRNAME/faults.c" -ldl
}

# damaged HOW FILE: every copy of FILE that check-damage makes is found by verify, each with one
# line.
damaged() {
    local n
    n=$("$BUILD/tests/check-damage" "$1" "$2")
    [ "$n" -gt 300 ]
    run -1 --separate-stderr tensor verify "$2"."$1"-*
    equal "$output" ""
    equal "${#stderr_lines[@]}" "$n"
    rm "$2"."$1"-*
}

@test "verify finds every single bit of a tensor turned over" {
    counting x
    mkdir d
    cp x.npy.zst d/x
    damaged bit d/x
}

@test "verify finds every byte of a model turned over, and a model cut at any byte" {
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --epochs 0 --kernel 1 --filters 1 -o m
    damaged flip m
    damaged cut m
}

@test "verify finds every byte of a picture of ours turned over, its history's too, and a picture cut at any byte" {
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --epochs 0 --kernel 1 --filters 1 -o m
    reconstruct m i.npy -o x.png
    tensor verify x.png
    damaged flip x.png
    damaged cut x.png
}

@test "verify finds a tensor cut at any byte, and one with bytes added" {
    counting x
    cp x.npy.zst x
    damaged cut x
    { cat x; echo; } >y
    run -1 --separate-stderr tensor verify y
    fails 1 "tensor: 'y': no seek table at its end: cut short, or not written by kasane"
    { echo; cat x; } >y
    run -1 --separate-stderr tensor verify y
    fails 1 "tensor: 'y': not an NPY file"
    cat x x >y
    run -1 --separate-stderr tensor verify y
    [[ $stderr =~ ^"tensor: 'y': "([0-9]+)" bytes before its record, its seek table says "([0-9]+)": cut, or something was added"$ ]]
    equal $((BASH_REMATCH[1] - BASH_REMATCH[2])) "$(stat -c %s x)"
}

@test "damage in any block of a frame that is stored as it is is found, with the name of the file" {
    bytes 3072 >part
    printf 'part%.0s ' {1..1100} | xargs cat | npy '|u1' '(1100, 32, 32, 3)' >x.npy
    tensor from-npy --level 0 x.npy -o x
    train-stage x x --epochs 0 --kernel 1 --filters 1 -o m
    # The head of the second block, a byte of content and the checksum of the first frame, which is
    # read ahead; the head and the same of the second one, which one thread reads where it belongs.
    size=$((128 + 682 * 3072 + 14 + 16 * 3)) both=$((128 + 1100 * 3072 + 2 * 14 + 26 * 3))
    for at in $((10 + 3 + 131072)) $((size - 5000)) $((size - 2)) $((size + 4)) \
        $((size + 10 + 3 + 131072)) $((both - 5000)) $((both - 2)); do
        cp x bad
        printf "\\$(printf %o $(($(od -An -tu1 -j $at -N 1 x) ^ 64)))" |
            dd of=bad bs=1 seek=$at conv=notrunc status=none
        for command in 'tensor verify' 'tensor npy' 'encode-stage --threads 1 m'; do
            run -1 --separate-stderr $command bad
            [[ $stderr =~ ^"${command%% *}: 'bad': damaged: frame "[12]" of 2, at byte "(0|$size)$ ]]
        done
        run -1 --separate-stderr tensor npy - < <(cat bad)
        [[ $stderr == "tensor: standard input: damaged: "* ]]
    done
}

@test "nothing may follow the seek table of a pipe" {
    counting x
    { cat x.npy.zst; printf '\x50\x2a\x4d\x18\0\0\0\0'; } >y   # a skippable frame of somebody else
    cat x.npy.zst x.npy.zst >z
    for f in y z; do
        run -1 --separate-stderr tensor verify - < <(cat $f)
        fails 1 "tensor: standard input: damaged: data after its seek table"
    done
}

@test "every reader finds a byte turned over in what it reads, of a file or of a pipe" {
    counting x
    cp x.npy.zst x
    n=$("$BUILD/tests/check-damage" flip x)
    found=0
    for f in x.flip-*; do
        tensor tsv "$f" >/dev/null 2>>err || found=$((found + 1))
        cat "$f" | tensor tsv - >/dev/null 2>>err || found=$((found + 1))
    done
    equal "$found" "$((2 * n))"
    equal "$(grep -c '^tensor: ' err)" "$((2 * n))"
}

@test "every bit of a tensor, a model and a basis turned over is found in order, at random, through a pipe, and by who asks for the history" {
    counting x
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    train-stage i.npy i.npy --epochs 0 --kernel 1 --filters 1 -o m
    pca x.npy --components 1 --basis b -o y
    local how=readers bits=8
    [ -z "${SAN-}" ] || how=some-readers bits=1   # a process for each takes long there
    tensor from-npy --level 0 x.npy -o stored
    for f in x.npy.zst stored m b; do
        equal "$("$BUILD/tests/check-damage" $how $f)" "$((bits * $(wc -c <$f)))"
    done
}

# found FILE COMMAND...: COMMAND, which reads `bad`, says that it is damaged: FILE with a bit turned
# over in its first frame's head and content, in the record frame and in the seek table.
found() {
    local file=$1 at size
    size=$(wc -c <"$file")
    shift
    for at in 6 60 $((size - 60)) $((size - 20)); do
        cp "$file" bad
        printf "\\x$(printf %02x $((0x$(tail -c +$((at + 1)) "$file" | head -c 1 | od -An -tx1 | tr -d ' ') ^ 4)))" | dd of=bad bs=1 seek=$at conv=notrunc status=none
        run -1 --separate-stderr "$@"
        [[ ${stderr_lines[-1]} =~ ^[a-z-]+:\ \'bad\':\ .*(damaged|cut) ]] ||
            { echo "$* at $at: $stderr"; return 1; }
        [ ! -e out ]
    done
}

@test "every program finds a bit turned over in any part of the tensors and models that it reads" {
    printf 'row\tsplit\tclass\tpath\n0\ttrain\ta\t1\n1\ttrain\ta\t2\n' >x.tsv
    bytes 384 | npy '|u1' '(2, 8, 8, 3)' >i.npy
    tensor from-npy i.npy -o i
    train-stage i i --epochs 0 --kernel 1 --filters 2 -o m
    encode-stage m i -o codes
    train-stage codes codes --stage 2 --epochs 0 --kernel 1 --filters 2 --output-activation linear \
        --loss mean-squared-error -o m2
    assemble-deep m m2 -o deep
    pca i --components 1 --basis b -o y
    for command in "tensor info bad" "tensor verify bad" "tensor tsv bad" "tensor npy bad -o out" \
        "tensor rows 0:1 bad -o out" \
        "tensor from-npy bad -o out" "augment bad --margin 2 -o out" "encode-stage m bad -o out" \
        "extract m bad -o out" \
        "reconstruct m bad -o out" "train-stage bad i --epochs 1 -o out" \
        "train-stage i bad --epochs 1 -o out" \
        "finetune deep bad i --epochs 1 -o out" "finetune deep i bad --epochs 1 -o out" \
        "pca bad --components 1 -o out" \
        "pca bad --apply b -o out" "neighbours bad --index x.tsv -o out"; do
        found i $command
    done
    for command in "tensor info bad" "tensor verify bad" "encode-stage bad i -o out" \
        "extract bad i -o out" "reconstruct bad i -o out" \
        "train-stage i i --init bad -o out" "assemble-deep bad m2 -o out"; do
        found m $command
    done
    found deep finetune bad i i --epochs 1 -o out
    found b pca i --apply bad -o out
    found b tensor verify bad
}

@test "a tensor of a pipe cut at any byte is refused, but for a cut between content and record, where it has no history" {
    counting x
    cp x.npy.zst x
    "$BUILD/tests/check-damage" cut x
    for f in x.cut-*; do
        cat "$f" | tensor verify - >>out 2>>err || true
    done
    equal "$(cat out)" "-: undamaged"
    equal "$(grep -c '^tensor: standard input: ' err)" "$(($(wc -c <x) - 1))"
}

@test "wrong dtype, byte order, Fortran order and rank are refused by name" {
    refused() {
        run -1 --separate-stderr tensor from-npy x.npy -o y
        fails 1 "tensor: 'x.npy': $1"
        run -1 --separate-stderr tensor from-npy - -o y < <(cat x.npy)
        fails 1 "tensor: standard input: $1"
        [ ! -e y ]
    }
    bytes 48 | npy '<f4' '(3, 4)' True >x.npy
    refused "fortran order, want C order"
    local real='dtype of floats unknown, want float16, float32 or float64'
    local known='dtype unknown, want floats, integers or bool of up to 64 bits'
    while IFS=: read -r type message; do
        bytes 48 | npy "$type" '(3, 2)' >x.npy
        refused "$message"
    done <<EOF
<c8:dtype complex, want real numbers
<f16:$real
|f4:$real
<U2:dtype text, want numbers
|S8:dtype text, want numbers
|V2:dtype raw bytes, such as NumPy makes of bfloat16, want numbers
<M8[ns]:dtype dates or times, want numbers
|O:dtype Python objects, want numbers
<i3:$known
<:$known
:$known
EOF
    { bytes 23; printf '\xff'; bytes 24; } | npy '<u8' '(3, 2)' >x.npy
    refused "row 1 holds a number that int64 does not hold"
    bytes 4 | npy '<f4' '()' >x.npy
    refused "a single number, want rows"
    bytes 48 | npy '<f4' '(18446744073709551616, 0)' >x.npy
    refused "shape overflows"
    bytes 48 | npy '<f4' '(4294967296, 4294967296, 4294967296)' >x.npy
    refused "shape overflows"
    bytes 48 | npy '<f4' '(4611686018427387904, 4)' >x.npy
    refused "shape overflows"
    bytes 48 | npy '<f4' '(1, 4611686018427387904, 0, 4)' >x.npy
    refused "shape overflows"
    bytes 48 | npy '<f4' '(3, 100000000)' >x.npy
    refused "rows of 400000000 bytes, at most 64 MiB"
    bytes 48 | npy '<f4' '(1, 1, 1, 1, 1, 1, 1, 3, 4)' >x.npy
    refused "more than 8 dimensions"
    bytes 48 | npy '<f4' '(3, -4)' >x.npy
    refused "damaged NPY header: 'shape'"
    bytes 48 | npy "<f4', 'descr': '<f4" '(3, 4)' >x.npy
    refused "damaged NPY header: a key stands twice"
    bytes 48 | npy "<f4', 'other': '1" '(3, 4)' >x.npy
    refused "damaged NPY header: unknown key"
    printf '\x93NUMPY\x01\x00\x03\x00{}\n' >x.npy
    refused "damaged NPY header: a key is missing"
    printf '\x93NUMPY\x02\x00\xff\xff\xff\xff{}\n' >x.npy
    refused "damaged NPY header: 4294967307 bytes long"
    printf '\x93NUMPY\x01\x00\x76\x00{}\n' >x.npy
    refused "cut short: ends inside the NPY header"
    : >x.npy
    refused "is empty"
    echo 'row	class	path' >x.npy
    refused "not an NPY file"
}

@test "plain NPY shorter or longer than its shape is refused" {
    bytes 47 | npy '<f4' '(3, 4)' >x.npy
    run -1 --separate-stderr tensor from-npy x.npy -o y
    fails 1 "tensor: 'x.npy': 175 bytes of content, shape (3,4) wants 176"
    run -1 --separate-stderr tensor from-npy - -o y < <(cat x.npy)
    fails 1 "tensor: standard input: cut short: ends in row 2 of 3"
    bytes 49 | npy '<f4' '(3, 4)' >x.npy
    run -1 --separate-stderr tensor from-npy x.npy -o y
    fails 1 "tensor: 'x.npy': 177 bytes of content, shape (3,4) wants 176"
    run -1 --separate-stderr tensor from-npy - -o y < <(cat x.npy)
    fails 1 "tensor: standard input: more data than its shape says"
    [ ! -e y ]
}

@test "inputs that cannot be read are said" {
    run -1 --separate-stderr tensor info none
    fails 1 "tensor: 'none': No such file or directory"
    run -1 --separate-stderr tensor info .
    fails 1 "tensor: '.': is a directory"
    run -1 --separate-stderr bash -c 'tensor info - <&-'
    fails 1 "tensor: standard input: Bad file descriptor"
}

@test "a full disk is an error with the name, on -o and on standard output" {
    large x
    run -1 --separate-stderr tensor npy x.npy -o /dev/full
    fails 1 "tensor: '/dev/full': No space left on device"
    [ -c /dev/full ]
    for command in npy from-npy tsv info verify; do
        run -1 --separate-stderr bash -c "tensor $command x.npy >/dev/full"
        fails 1 "tensor: standard output: No space left on device"
    done
}

@test "a quota leaves what stood before" {
    large x
    echo old >y
    run -1 --separate-stderr bash -c 'ulimit -f 1000; tensor npy x.npy -o y'
    fails 1 "tensor: 'y': File too large"
    equal "$(cat y)" old
    run -1 --separate-stderr bash -c 'ulimit -f 1000; tensor npy x.npy -o z'
    [ ! -e z ]
}

@test "outputs that are no regular files are written straight and stay what they are" {
    counting x
    tensor npy x.npy -o /dev/null
    [ -c /dev/null ]
    tensor npy x.npy -o /dev/stdout | cmp - x.npy
    echo before >out
    tensor npy x.npy -o /dev/stdout >>out
    { echo before; cat x.npy; } | cmp - out
    tensor npy x.npy -o /dev/fd/5 5>out
    cmp out x.npy
    mkfifo f
    cat f >out &
    tensor npy x.npy -o f
    wait $!
    cmp out x.npy
    [ -p f ]
    run -1 --separate-stderr tensor npy x.npy -o .
    fails 1 "tensor: '.': Is a directory"
    run -1 --separate-stderr tensor npy x.npy -o ''
    fails 1 "tensor: '': No such file or directory"
    run -1 --separate-stderr tensor npy x.npy -o none/y
    fails 1 "tensor: 'none/y': No such file or directory"
    run -1 --separate-stderr bash -c 'tensor npy x.npy >&-'
    fails 1 "tensor: standard output: Bad file descriptor"
}

@test "a symbolic link is followed, not replaced" {
    counting x
    mkdir d
    echo old >d/real
    ln -s d/real link
    tensor npy x.npy -o link
    [ -L link ]
    cmp d/real x.npy
    ln -s nowhere dangling
    run -1 --separate-stderr tensor npy x.npy -o dangling
    fails 1 "tensor: 'dangling': a symbolic link that leads nowhere"
}

@test "a file may be written over itself" {
    counting x
    tensor rows 0:1 x.npy.zst -o x.npy.zst
    equal "$(tensor tsv x.npy.zst)" "0	1	2	3"
}

@test "binary data never goes to a terminal, text does" {
    counting x
    for command in "npy x.npy" "from-npy x.npy" "rows 0:1 x.npy"; do
        run -2 script -qec "tensor $command" /dev/null
        output=${output#$'\r\e[K'} # another program's progress is cleared away
        equal "${output%$'\r'}" "tensor: standard output is a terminal; use -o FILE"
    done
    run -0 script -qec "tensor tsv x.npy" /dev/null
    equal "${lines[0]%$'\r'}" "0	1	2	3"
}

@test "a reader that stops early ends the writer silently" {
    large x
    run -141 --separate-stderr bash \
        -c 'tensor tsv x.npy 2>err | head -n 1 >line; exit ${PIPESTATUS[0]}'
    equal "$(cat err)" ""
    equal "$(wc -l <line)" 1
    run -141 --separate-stderr bash \
        -c 'tensor npy x.npy 2>err | head -c 10 >line; exit ${PIPESTATUS[0]}'
    equal "$(cat err)" ""
}

# interrupted SIGNAL: tensor from-npy, killed by it while it waits for the rest of its input, its
# output begun.
interrupted() {
    local status=0 tries=0
    mkfifo in
    # the shell lets what runs in the background ignore SIGINT, nohup SIGHUP
    env --default-signal=HUP,INT,TERM tensor from-npy - -o d/y <in &
    exec 5>in
    head -c 2500000 x.npy >&5
    until ls -l /proc/$!/fd | grep -c " $PWD/d/" >/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 1000 ]
        sleep 0.01
    done
    kill -"$1" $!
    wait $! || status=$?
    exec 5>&-
    rm in
    equal "$status" $((128 + $(kill -l "$1")))
}

@test "killed by any signal it leaves nothing behind, and what stood before stands" {
    large x
    mkdir d
    for signal in INT TERM HUP KILL; do
        interrupted $signal
        equal "$(ls -A d)" ""
    done
    echo old >d/y
    interrupted KILL
    equal "$(ls -A d)" y
    equal "$(cat d/y)" old
}

@test "where the file system has no files without a name, a hidden one serves, removed on errors and signals" {
    large x
    mkdir d
    export NO_TMPFILE=1 LD_PRELOAD="$BATS_FILE_TMPDIR/faults.so"
    tensor npy x.npy -o d/y
    cmp x.npy d/y
    tensor npy x.npy -o d/y
    equal "$(ls -A d)" y
    rm d/y
    for signal in INT TERM HUP; do
        interrupted $signal
        equal "$(ls -A d)" ""
    done
    run -1 --separate-stderr tensor npy - -o d/y < <(head -c 2500000 x.npy)
    equal "$(ls -A d)" ""
}

# broken: whatever call of those that write fails, in turn, the old file stands, or the new one
# where the folder's flush failed; a failure names the file. Prints which calls failed, in the order
# of the list; of close only that one did.
broken() {
    local call n
    echo old >old
    for call in write fsync linkat rename close; do
        for n in {1..16}; do
            cp old d/y
            run env FAULT="$call $n" LD_PRELOAD="$BATS_FILE_TMPDIR/faults.so" tensor from-npy \
                x.npy -o d/y
            equal "$(ls -A d)" y
            if [ "$status" -eq 0 ] || [ "$call $n" = "fsync 2" ]; then
                cmp d/y x.npy.zst
            else
                cmp d/y old
            fi
            if [ "$status" -ne 0 ]; then
                equal "$status: $output" "1: tensor: 'd/y': Input/output error"
                # others are closed before it
                [ "$call" = close ] && printf 'close ' || printf '%s %s ' "$call" "$n"
            fi
        done
    done
}

@test "a failed write, fsync, link, rename or close is an error with the name, and the old file or the new one stands" {
    large x
    mkdir d
    equal "$(broken)" "write 1 write 2 write 3 fsync 1 fsync 2 linkat 1 linkat 2 rename 1 close "
    export NO_TMPFILE=1
    equal "$(broken)" "write 1 write 2 write 3 fsync 1 fsync 2 rename 1 close "
}
