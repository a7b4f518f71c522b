load helper

@test "each kernel agrees with its equation in double precision over random shapes, and writes nowhere else" {
    each_isa "$BUILD/tests/check-kernels"
}

@test "a switch over sizes says so where a case is missing, and writes nothing in silence" {
    run -0 awk '
        match($0, /^ *switch \(/) { indent[++n] = substr($0, 1, index($0, "s") - 1); has[n] = 0; all++ }
        n && index($0, indent[n] "default:") == 1 { has[n] = 1 }
        n && $0 == indent[n] "}" { if (!has[n--]) print FILENAME ":" FNR ": no default" }
        END { if (n || !all) print n " of " all " switches do not end" }
    ' "$ROOT"/common/kernels/*.c
    equal "$output" ''
}
