# Small NPY files made by hand; loaded beside helper by the tests of files.

# npy DESCR SHAPE [FORTRAN_ORDER]: an NPY 1.0 file on standard output, its data from standard input.
npy() {
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' \
        "{'descr': '$1', 'fortran_order': ${3-False}, 'shape': $2, }"
    cat
}

# bytes N: 0, 1, 2, ... modulo 251.
bytes() {
    local i all
    all=$(printf '\\x%02x' {0..250})
    for ((i = 0; i < $1; i += 251)); do printf "$all"; done | head -c "$1"
}

# counting NAME: NAME.npy is (3,4) float32 0, 1, ... 11, NAME.npy.zst the tensor of it.
counting() {
    {
        printf '\x00\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40'
        printf '\x00\x00\x80\x40\x00\x00\xa0\x40\x00\x00\xc0\x40\x00\x00\xe0\x40'
        printf '\x00\x00\x00\x41\x00\x00\x10\x41\x00\x00\x20\x41\x00\x00\x30\x41'
    } | npy '<f4' '(3, 4)' >"$1.npy"
    tensor from-npy "$1.npy" -o "$1.npy.zst"
}

# large NAME: NAME.npy is (1000,96,32) uint8 the same in every row, 3 MB; NAME.npy.zst the tensor of
# it, in two frames.
large() {
    bytes 3072 >"$1.part"
    printf "$1.part%.0s " {1..1000} | xargs cat | npy '|u1' '(1000, 96, 32)' >"$1.npy"
    tensor from-npy "$1.npy" -o "$1.npy.zst"
}
