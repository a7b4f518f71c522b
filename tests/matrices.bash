# Rows of numbers and an index of them, loaded beside helper by the tests of analysis.

# npy_header DTYPE SHAPE: 128 bytes
npy_header() {
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' \
        "{'descr': '$1', 'fortran_order': False, 'shape': ($2), }"
}

# make_npy FILE N D EXPRESSION: uint8 (N,D), x[i][j] from an expression in awk of i and j.
make_npy() {
    { npy_header '|u1' "$2, $3"
      awk -v n="$2" -v d="$3" \
          'BEGIN { for (i = 0; i < n; i++) for (j = 0; j < d; j++) printf "%c", '"$4"' }'; } >"$1"
}

# make_index N: rows that cycle through three classes, three of four in the train split.
make_index() {
    awk -v n="$1" 'BEGIN { print "row\tsplit\tclass\tpath"
        for (i = 0; i < n; i++) printf "%d\t%s\t%s\t%d.png\n", i, i % 4 ? "train" : "test",
            substr("abc", i % 3 + 1, 1), i }'
}
