load helper

@test "forward passes, losses and gradients agree with the reference in double precision: kernels 1 to 15, odd channels, H != W, ties, clipping, batch normalisation, penalties" {
    each_isa "$BUILD/tests/check-net" 20
}

@test "a net's results are the same bytes for 1, 2, 3 and 8 threads, and for AVX2 and AVX-512" {
    "$BUILD/tests/check-net" bits
}

@test "the reference's gradients agree with finite differences of its loss" {
    "$BUILD/tests/check-net" reference
}
