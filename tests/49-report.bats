# report: a run as one HTML file. What the page does is tried in a browser.
load helper
load browser

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 6 -o images
    import-images images --size 32 --test 0.3 --index images.tsv -o images.npy.zst 2>/dev/null
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 2 --batch 8 \
        --log stage-1.tsv -o model.safetensors.zst 2>/dev/null
    extract model.safetensors.zst images.npy.zst -o features.npy.zst
    pca features.npy.zst --components 3 --index images.tsv --table pca.tsv -o pca.npy.zst 2>/dev/null
    map features.npy.zst --index images.tsv --table map.tsv -o map.npy.zst 2>/dev/null
    evaluate features.npy.zst --index images.tsv --images images.npy.zst \
        --model model.safetensors.zst --summary evaluation.txt -o evaluation.tsv 2>/dev/null
    all_of_it -o report.html 2>/dev/null
    all_of_it --page 64 --thumbnail 32 -o pages.html 2>/dev/null   # 4 images on each
    if command -v chromium chromedriver curl jq >/dev/null; then
        browser_start
    fi
}
teardown_file() { browser_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    in=$BATS_FILE_TMPDIR
}

# The report of all the inputs in this folder.
all_of_it() {
    report features.npy.zst stage-1.tsv --index images.tsv --images images.npy.zst \
        --model model.safetensors.zst --map map.tsv --pca pca.tsv --evaluation evaluation.tsv \
        --summary evaluation.txt "$@"
}

# block NAME FILE: the bytes of a block.
block() {
    sed -n "s/^<script type=\"application\/octet-stream\" id=\"block-$1\">\([^<]*\)<.*/\1/p" "$2" |
        base64 -d
}
facts() {
    sed -n 's/^<script type="application\/json" id="facts">\([^<]*\)<.*/\1/p' "$1"
}

@test "the same inputs give the same bytes, with any threads and memory, and are known again" {
    cd "$in"
    for flags in '--threads 1' '--threads 3 --memory 400M'; do
        all_of_it $flags -o "$BATS_TEST_TMPDIR/again.html" 2>/dev/null
        cmp report.html "$BATS_TEST_TMPDIR/again.html"
        rm "$BATS_TEST_TMPDIR/again.html"
    done
    all_of_it -o report.html --why
    run -0 --separate-stderr all_of_it -o report.html
    equal "$stderr" "report: 'report.html' is up to date: same inputs, same settings"
    run -1 --separate-stderr all_of_it --thumbnail 16 -o report.html --why
    equal "$output" 'thumbnail 64 -> 16'
    tensor verify report.html
}

@test "rows, classes, splits and places are those of index and tables" {
    equal "$(block row "$in/report.html" | od -An -v -tu4 -w4 | tr -d ' ')" \
        "$(cut -f 1 "$in/images.tsv" | tail -n +2)"
    equal "$(block split "$in/report.html" | od -An -v -tu1 -w1 | tr -d ' ')" \
        "$(cut -f 2 "$in/images.tsv" | tail -n +2 | sed 's/train/0/; s/test/1/')"
    facts "$in/report.html" | jq -r '.paths[]' | diff - <(cut -f 4 "$in/images.tsv" | tail -n +2)
    step=$(facts "$in/report.html" | jq .map.step)
    paste <(block map "$in/report.html" | od -An -v -td2 -w4) <(cut -f 5,6 "$in/map.tsv" | tail -n +2) |
        awk -v step="$step" -v centre="$(facts "$in/report.html" | jq -r '.map.centre | @tsv')" '
            BEGIN { split(centre, c) }
            { for (k = 1; k <= 2; k++) { d = c[k] + $k * step - $(k + 2)
                if (d * d > step * step / 3) { print "line " NR; exit 1 } } }'
}

@test "the nearest rows by features and by pixels are those that neighbours lists" {
    for kind in features images; do
        neighbours "$in/$kind.npy.zst" --index "$in/images.tsv" --k 12 --list | tail -n +2 |
            cut -f 5 >wanted
        block "near-${kind/images/pixels}" "$in/report.html" | od -An -v -tu4 -w4 | tr -d ' ' |
            diff wanted -
    done
}

@test "the page shows every row, asks for nothing, and the console is silent" {
    need_browser
    page "$in/report.html"
    equal "$(js 'return [kasane.shown, kasane.state.layout, kasane.state.colour].join(" ")')" \
        "$(($(wc -l <"$in/images.tsv") - 1)) map class"
    js 'kasane.change({ view: "run" })' >/dev/null
    js 'for (const layout of ["grid", "classes", "pca", "space"]) kasane.goToLayout(layout)' >/dev/null
    equal "$(browser_log)" ''
    equal "$(browser_requests)" ''
}
