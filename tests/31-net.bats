load helper

# Every instruction set that the processor runs.
each_isa() {
    local isa
    for isa in avx512 avx2 base; do
        grep -qw "${isa/avx512/avx512f}" /proc/cpuinfo || [ "$isa" = base ] || continue
        "$@" "$isa"
    done
}

@test "forward passes, losses and gradients agree with the reference in double precision: kernels 1 to 15, odd channels, H != W, ties, clipping, batch normalisation, penalties" {
    each_isa "$ROOT/build/tests/check-net"
}

@test "the reference's gradients agree with finite differences of its loss" {
    "$ROOT/build/tests/check-net" reference
}
