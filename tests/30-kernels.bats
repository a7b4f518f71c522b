load helper

@test "each kernel agrees with its equation in double precision over random shapes, and writes nowhere else" {
    each_isa "$BUILD/tests/check-kernels"
}
