# neighbours --lists and map --lists: who is near whom, found once, in parts, for all who ask.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 12 -o drawings
    import-images drawings --size 16 --index images.tsv -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --epochs 0 -o model.safetensors.zst
    extract model.safetensors.zst images.npy.zst -o features.npy.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR"/{images.tsv,*.zst} .
    cp "$BATS_FILE_TMPDIR"/.images.tsv.history .
}

# in_parts N COMMAND...: its lists, found in N parts and joined, are those of whole.npy.zst
in_parts() {
    local n=$1 i
    shift
    for ((i = 1; i <= n; i++)); do
        "$@" --lists --shard "$i/$n" -o "part-$i.npy.zst"
    done
    tensor join $(seq -f 'part-%.0f.npy.zst' "$n") -o joined.npy.zst
    cmp joined.npy.zst whole.npy.zst
}

@test "lists are the neighbours that --list tells, rows and distances; parts of them join" {
    neighbours features.npy.zst --lists --k 5 -o whole.npy.zst
    neighbours features.npy.zst --index images.tsv --k 5 --list -o list.tsv
    tensor tsv whole.npy.zst | head -n 48 |
        awk '{ for (c = 1; c <= 5; c++) printf "%d\t%d\t%d\t%.9g\n", NR - 1, $c, c, $(c + 5) }' >got
    tail -n +2 list.tsv | cut -f 1,5,9,10 | cmp - got
    in_parts 3 neighbours features.npy.zst --k 5
    in_parts 7 neighbours features.npy.zst --k 5
    neighbours features.npy.zst --lists --k 5 -o joined.npy.zst --why
}

@test "with lists all that is told is the same, to the byte, its record too" {
    neighbours features.npy.zst --lists --k 12 -o near.npy.zst
    neighbours images.npy.zst --lists --k 12 -o near-pixels.npy.zst
    index='--index images.tsv'
    evaluated="evaluate features.npy.zst $index --images images.npy.zst"
    reported="report features.npy.zst $index --images images.npy.zst"
    neighbours features.npy.zst $index --k 3 -o a.tsv
    neighbours features.npy.zst $index --k 3 --near near.npy.zst -o b.tsv
    $evaluated --summary a.txt -o e.tsv
    $evaluated --summary b.txt --near near.npy.zst --near-pixels near-pixels.npy.zst -o f.tsv
    $reported -o a.html
    $reported --near near.npy.zst -o b.html
    cmp a.tsv b.tsv
    cmp .a.tsv.history .b.tsv.history
    cmp e.tsv f.tsv
    cmp .e.tsv.history .f.tsv.history
    cmp a.txt b.txt
    cmp a.html b.html
}

# damaged LISTS COMMAND...: the command reads these lists, and says that they are damaged.
damaged() {
    cp "$1" damaged.npy.zst
    printf '\xff' | dd of=damaged.npy.zst bs=1 seek=200 conv=notrunc status=none
    run -1 "${@:2}"
    [[ ${lines[-1]} == *": 'damaged.npy.zst': "*damaged* ]]
}

@test "lists are read where they are given: those of other rows and damaged ones are refused" {
    neighbours features.npy.zst --lists --k 12 -o near.npy.zst
    neighbours images.npy.zst --lists --k 12 -o pixels.npy.zst
    map features.npy.zst --perplexity 5 --lists -o own.npy.zst
    run -1 neighbours features.npy.zst --index images.tsv --near pixels.npy.zst
    equal "$output" "neighbours: 'pixels.npy.zst': not of the rows of 'features.npy.zst'"
    run -1 neighbours features.npy.zst --index images.tsv --near features.npy.zst
    equal "$output" "neighbours: 'features.npy.zst': no lists of neighbours, by its history"
    for what in '--near' '--images images.npy.zst --near-pixels'; do
        lists=near.npy.zst
        [ "$what" = --near ] || lists=pixels.npy.zst
        damaged "$lists" evaluate features.npy.zst --index images.tsv $what damaged.npy.zst -o x
    done
    damaged near.npy.zst report features.npy.zst --near damaged.npy.zst -o x
    damaged near.npy.zst neighbours features.npy.zst --index images.tsv --near damaged.npy.zst
    damaged own.npy.zst map features.npy.zst --perplexity 5 --near damaged.npy.zst -o x.npy.zst
}

@test "what lists do not hold is searched: more neighbours, another metric, some classes" {
    neighbours features.npy.zst --lists --k 2 -o near.npy.zst
    for more in '--k 4' '--metric cosine' '--classes aoi --list' '--split train'; do
        neighbours features.npy.zst --index images.tsv $more -o a.tsv
        neighbours features.npy.zst --index images.tsv $more --near near.npy.zst -o b.tsv
        cmp a.tsv b.tsv
    done
}

@test "map searches by itself, or takes lists of its own, of all rows or some, in any number of parts" {
    for rows in '' '--index images.tsv --classes "aoi ren"'; do
        eval "map=(map features.npy.zst --iterations 30 --perplexity 5 $rows)"
        "${map[@]}" -o a.npy.zst
        "${map[@]}" --lists -o whole.npy.zst
        in_parts 3 "${map[@]}"
        "${map[@]}" --near joined.npy.zst -o b.npy.zst
        cmp a.npy.zst b.npy.zst
    done
    run -1 map features.npy.zst --iterations 30 --perplexity 5 --near joined.npy.zst -o x.npy.zst
    equal "$output" "map: 'joined.npy.zst': of another run: classes aoi ren -> "
}

@test "a part of anything but lists is refused, and so is what does not go with them" {
    for program in neighbours map; do
        run -2 "$program" features.npy.zst --index images.tsv --shard 1/2 -o x.npy.zst
        equal "${lines[0]}" "$program: --shard is for --lists"
    done
    run -2 neighbours features.npy.zst --index images.tsv --lists -o x.npy.zst
    equal "${lines[0]}" "neighbours: --lists are of all rows, found anew: no --index, --classes or --near"
    run -2 neighbours features.npy.zst --like row:1 --near near.npy.zst
    equal "${lines[0]}" "neighbours: --near holds the nearest of each row: it is for the accuracy and --list"
    run -2 map features.npy.zst --lists --tsv
    equal "${lines[0]}" "map: --lists goes with neither --tsv nor --near"
}
