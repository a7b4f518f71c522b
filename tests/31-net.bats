load helper

export OMP_WAIT_POLICY=passive   # threads of tiny nets wait more than they work

@test "forward passes, losses and gradients of 500 random nets agree with the reference in double precision: kernels 1 to 15, any channels, H != W, batches to 1024, ties" {
    local n=500
    [ -z "${SAN-}" ] || export OMP_NUM_THREADS=3 n=60   # five times slower; the only test there
    "$BUILD/tests/check-net" all $n
}

@test "a net's results are the same bytes for 1, 2, 3, 8 and 16 threads, and for AVX2 and AVX-512, of any shape; a batch's parts add up to its bytes" {
    [ -z "${SAN-}" ] || skip "the sanitizers change no number"
    "$BUILD/tests/check-net" bits 100
}

@test "the reference's gradients agree with finite differences of its loss" {
    [ -z "${SAN-}" ] || skip "the reference is built without sanitizers"
    "$BUILD/tests/check-net" reference
}
