# export-parquet: rows as a table for programs that read Parquet.
load helper

CHECK="$BUILD/tests/check-image"

setup() {
    cd "$BATS_TEST_TMPDIR"
    "$CHECK" floats 12 4 3 5 >x.npy
    printf 'row\tsplit\tclass\tpath\n' >i.tsv
    awk 'BEGIN { for (i = 0; i < 12; i++) printf "%d\t%s\tc %d\tc/%d.png\n", i,
        i % 4 == 1 ? "test" : "train", i % 3, i }' >>i.tsv
}

duckdb() { node "$BATS_TEST_DIRNAME/run_duckdb.js" "$@"; }

# npy DTYPE SHAPE BYTES...: an array of these bytes, written \xNN.
npy() {
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' \
        "{'descr': '$1', 'fortran_order': False, 'shape': $2, }"
    printf '%b' "$3"
}

@test "DuckDB reads the rows with their names, and the numbers sum up to the same" {
    need_node @duckdb/node-api
    export-parquet x.npy --index i.tsv -o x.parquet
    duckdb "describe select * from 'x.parquet'" \
        "select row, split, class, path, len(features) from 'x.parquet'" \
        "select printf('%.9g', unnest(features)) from 'x.parquet'" \
        "select sum(list_sum(features)) from 'x.parquet' where class = 'c 1'" \
        "select sum(list_sum(features)) from 'x.parquet' where row in (1, 4, 7, 10)" >answers
    equal "$(head -n 5 answers | cut -f 1-2 | paste -sd ' ')" \
        "$(printf '%s\t%s\n' row BIGINT split VARCHAR class VARCHAR path VARCHAR features 'FLOAT[]' | paste -sd ' ')"
    tail -n +6 answers | head -n 12 | diff - <(tail -n +2 i.tsv | sed 's/$/\t36/')
    tail -n +18 answers | head -n 432 | diff - <(tensor tsv x.npy | tr '\t' '\n')
    equal "$(tail -n 2 answers | uniq | wc -l)" 1
}

@test "an index that was cut down, classes and a split choose rows; without an index there are numbers of rows" {
    need_node @duckdb/node-api
    awk 'NR == 1 || NR > 4' i.tsv >some.tsv
    export-parquet x.npy --index some.tsv --classes 'c 0,c 2' --split train -o x.parquet
    export-parquet x.npy --name pixels -o y.parquet
    duckdb "select row from 'x.parquet'" "select printf('%.9g', features[1]) from 'x.parquet'" \
        "select count(*), max(row), sum(len(pixels)) from 'y.parquet'" >answers
    equal "$(cat answers)" "$(printf '%s\n' 3 6 8 11
        tensor tsv x.npy | awk 'NR == 4 || NR == 7 || NR == 9 || NR == 12 { print $1 }'
        printf '12\t11\t432\n')"
}

@test "pages are about 1 MiB, groups have 65,536 rows, and each says its least and its largest value" {
    need_node @duckdb/node-api
    "$CHECK" floats 70000 4 3 2 >large.npy
    export-parquet large.npy -o large.parquet
    duckdb "select row_group_id, num_values, stats_min_value, stats_max_value, compression from parquet_metadata('large.parquet') where path_in_schema = 'row'" \
        "select stats_min_value::double = (select min(v) from (select unnest(features) v from 'large.parquet')), stats_max_value::double <= 1 from parquet_metadata('large.parquet') where row_group_id = 0 and path_in_schema like 'features%'" \
        "select round(sum(list_sum(features)), 1) from 'large.parquet'" \
        "select printf('%.9g', unnest(features)) from 'large.parquet' where row = 69999" >answers
    tensor rows 69999: large.npy -o last.npy
    {
        printf '0\t65536\t0\t65535\tZSTD\n1\t4464\t65536\t69999\tZSTD\ntrue\ttrue\n'
        tensor info large.npy | awk '$1 == "mean" { printf "%.1f\n", $2 * 70000 * 36 }'
        tensor tsv last.npy | tr '\t' '\n'
    } | diff answers -
    export-parquet large.npy --threads 1 --memory 64M -o one.parquet
    cmp large.parquet one.parquet
    export-parquet - <large.npy | cmp - one.parquet
}

@test "bytes, integers and doubles stay what they are; a value that is no number is no least value" {
    need_node @duckdb/node-api
    npy '|u1' '(2, 3)' '\x00\xff\x07\x01\x02\x03' >u.npy
    npy '<i8' '(1,)' '\xff\xff\xff\xff\xff\xff\xff\xff' >i.npy
    npy '<f8' '(1, 2)' '\x18\x2d\x44\x54\xfb\x21\x09\x40\x00\x00\x00\x00\x00\x00\xf8\x7f' >f.npy
    npy '<f4' '(0, 2)' '' >none.npy
    for name in u i f none; do
        export-parquet $name.npy --name x -o $name.parquet
        tensor verify $name.parquet
    done
    equal "$(duckdb "select typeof(x), x from 'u.parquet'" "select typeof(x), x from 'i.parquet'" \
        "select typeof(x), x[1] = pi(), isnan(x[2]) from 'f.parquet'" \
        "select stats_min_value::double = pi() from parquet_metadata('f.parquet') where path_in_schema like 'x%'" \
        "select count(*) from 'none.parquet'" | tr '\t' ' ')" 'UTINYINT[] [0, 255, 7]
UTINYINT[] [1, 2, 3]
BIGINT[] [-1]
DOUBLE[] true true
true
0'
}

@test "names are text, whatever bytes they have" {
    need_node @duckdb/node-api
    printf 'row\tsplit\tclass\tpath\n0\ttrain\ta\\tb\\\\\tp\xff.png\n3\ttest\t重ね "x",\t\n' >odd.tsv
    export-parquet x.npy --index odd.tsv -o odd.parquet
    equal "$(duckdb "select row, class, path from 'odd.parquet'")" \
        "$(printf '0\ta\tb\\\tp\\xff.png\n3\t重ね "x",\t')"
}

@test "it knows what made it, under the key kasane-history: nothing is done twice, and why says what would be other" {
    export-parquet x.npy --index i.tsv -o x.parquet
    run -0 --separate-stderr export-parquet x.npy --index i.tsv -o x.parquet
    equal "$stderr" "export-parquet: 'x.parquet' is up to date: same inputs, same settings"
    export-parquet x.npy --index i.tsv -o x.parquet --why
    export-parquet x.npy --index i.tsv -o x.parquet --audit
    run -1 export-parquet x.npy --index i.tsv -o x.parquet --name pixels --why
    equal "$output" 'name features -> pixels'
    tensor info x.parquet | grep -q '^export-parquet, revision 1'
    need_node @duckdb/node-api
    equal "$(duckdb "select key::varchar, value::varchar like '{%check%:%xxh64:%history%export-parquet%' from parquet_kv_metadata('x.parquet')")" \
        $'kasane-history\ttrue'
}

@test "a bit turned over anywhere is found, and a file that was cut; bad inputs leave none" {
    export-parquet x.npy --index i.tsv -o x.parquet
    size=$(stat -c %s x.parquet)
    for byte in {0..4} $((size - 1)) $((size - 5)) $((size - 6)) $((size - 8)) $((size - 9)) $((size - 20)) \
        $((size - 300)) $((size - 900)) $((RANDOM % size)) $((RANDOM % size)) $((RANDOM % size)); do
        cp x.parquet bad.parquet
        one_bit bad.parquet "$byte" $((RANDOM % 8))
        run -1 tensor verify bad.parquet
    done
    head -c $((size - 3)) x.parquet >bad.parquet
    run -1 --separate-stderr tensor verify bad.parquet
    fails 1 "tensor: 'bad.parquet': no history of ours at its end: damaged, or of another program"
    head -c 900 x.npy >cut.npy
    run -1 --separate-stderr export-parquet cut.npy -o cut.parquet
    [ ! -e cut.parquet ]
    run -2 --separate-stderr export-parquet x.npy --split test -o cut.parquet
    fails 2 "export-parquet: --split needs --index"
    [ ! -e cut.parquet ]
}
