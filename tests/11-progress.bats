# The line that says how far a stage is, and the time left.
load helper

@test "in a log a line comes after 10 s, then ever more rarely, not within 10 s of a message" {
    run -0 --separate-stderr "$BUILD/tests/check-progress" elsewhere
    equal "$output" ""
    equal "$(head -n 9 <<<"$stderr")" 'check: 10 of 7200 rows at 10 s, 1:59:50 left
check: 20 of 7200 rows at 20 s, 1:59:40 left
check: 30 of 7200 rows at 30 s, 1:59:30 left
check: 40 of 7200 rows at 40 s, 1:59:20 left
check: 50 of 7200 rows at 50 s, 1:59:10 left
check: 63 of 7200 rows at 63 s, 1:58:57 left
check: 79 of 7200 rows at 79 s, 1:58:41 left
check: 99 of 7200 rows at 99 s, 1:58:21 left
check: a message'
    [ "$(wc -l <<<"$stderr")" -lt 35 ]
    # The last are 10 minutes apart.
    equal "$(tail -n 2 <<<"$stderr" | awk '{ print $7 - last; last = $7 }' | tail -n 1)" 600
    # A stage of 9 s after one of 2 h said nothing.
    [[ ${stderr##*$'\n'} = *' of 7200 rows at '* ]]
}

@test "on a terminal one line is rewritten from the first second on, ten times a second at most" {
    run -0 script -qec "$BUILD/tests/check-progress terminal" /dev/null
    tr '\r' '\n' <<<"$output" | sed 's/^\x1b\[K//; /^$/d' >said
    equal "$(head -n 2 said)" "check: 'x.npy.zst': 128 of 300 rows at 1 s, 0:00:01 left
check: 'x.npy.zst': 141 of 300 rows at 1.10156 s, 0:00:01 left"
    equal "$(tail -n 1 said)" "check: done"
    equal "$(grep -c rows said)" 14
}

@test "below a make of several jobs lines are whole on a terminal too" {
    local jobs=' -j4 --jobserver-auth=3,4'
    run -0 script -qec "MAKEFLAGS='$jobs' $BUILD/tests/check-progress elsewhere" /dev/null
    equal "$(tr -d '\r' <<<"${lines[0]}" | sed 's/^\x1b\[K//')" \
        'check: 10 of 7200 rows at 10 s, 1:59:50 left'
    equal "$(tail -n 1 <<<"$output" | grep -c 'left$\|left.$')" 1
}

@test "each line is one write, whatever its length" {
    command -v strace >/dev/null || skip "no strace"
    strace -s 500 -o calls -e trace=write "$BUILD/tests/check-progress" elsewhere 2>said
    equal "$(grep -c '^write(2, "check: .*\\n", ' calls)" "$(wc -l <said)"
}
