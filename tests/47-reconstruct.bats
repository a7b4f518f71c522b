# reconstruct: images above what the net gives back, on a sheet.
load helper

CHECK="$BUILD/tests/check-image"

setup() {
    cd "$BATS_TEST_TMPDIR"
    "$CHECK" npy 12 8 6 1 >images.npy
    printf 'row\tsplit\tclass\tpath\n' >images.tsv
    awk 'BEGIN { for (i = 0; i < 12; i++) printf "%d\t%s\t%s\t%d.png\n", i, i % 4 == 1 ? "test" : "train", i < 5 ? "a" : i < 9 ? "b c" : "d", i }' >>images.tsv
    train-stage images.npy images.npy --epochs 0 --filters 4 --kernel 3 \
        -o model.safetensors.zst 2>/dev/null
}

size() {
    "$CHECK" ppm "$1" | sed -n 2p
}

# The pixels of the 8x6 image whose corner is at row $2, column $3 of the sheet $1.
cut_out() {
    local width copy="sheet.$BASHPID.$2.$3"
    read -r width _ < <(size "$1")
    "$CHECK" ppm "$1" | tail -c +"$((1 + $("$CHECK" ppm "$1" | head -n 3 | wc -c)))" >"$copy"
    for y in {0..7}; do
        tail -c +"$((1 + (($2 + y) * width + $3) * 3))" "$copy" | head -c 18
    done
}

image() {
    tail -c +"$((129 + $1 * 144))" images.npy | head -c 144
}

@test "rows by number, in the order asked for: originals on top, what the net gives back below" {
    reconstruct model.safetensors.zst images.npy --rows 7,0,2:4,7 --columns 4 -o sheet.png
    # 4 columns of 6 with gaps of 2, 2 lines of 8+2+8 with gaps of 8, a margin of 8
    equal "$(size sheet.png)" "46 60"
    at=0
    for i in 7 0 2 3 7; do
        cmp <(cut_out sheet.png $((8 + at / 4 * 26)) $((8 + at % 4 * 8))) <(image $i)
        at=$((at + 1))
    done
    cmp <(cut_out sheet.png 18 8) <(cut_out sheet.png 44 8)
    run ! cmp <(cut_out sheet.png 18 8) <(cut_out sheet.png 18 16)
    run ! cmp <(cut_out sheet.png 18 8) <(image 7)
}

@test "rows at random: from a seed, none twice, all where there are fewer" {
    reconstruct model.safetensors.zst images.npy --count 5 -o a.png
    reconstruct model.safetensors.zst images.npy --count 5 --threads 1 | cmp - a.png
    reconstruct model.safetensors.zst images.npy --count 5 --seed 1 -o b.png
    run ! cmp <("$CHECK" ppm a.png) <("$CHECK" ppm b.png)
    equal "$(size a.png)" "54 34"
    reconstruct model.safetensors.zst images.npy --count 50 --columns 12 -o all.png
    for i in {0..11}; do
        cmp <(cut_out all.png 8 $((8 + 8 * i))) <(image "$i")
    done
}

@test "rows of classes: each class starts a line, in the order of the index; and of one split" {
    reconstruct model.safetensors.zst images.npy --index images.tsv --classes 'd,a' --count 20 \
        -o sheet.png
    equal "$(size sheet.png)" "54 60"       # 5 of a, 3 of d
    for i in 0 1 2 3 4; do cmp <(cut_out sheet.png 8 $((8 + 8 * i))) <(image "$i"); done
    for i in 0 1 2; do cmp <(cut_out sheet.png 34 $((8 + 8 * i))) <(image "$((9 + i))"); done
    reconstruct model.safetensors.zst images.npy --index images.tsv --classes 'b c,' --split test \
        -o sheet.png
    equal "$(size sheet.png)" "22 34"
    cmp <(cut_out sheet.png 8 8) <(image 5)
}

@test "images from a pipe, and images of numbers from 0 to 1, give the same sheet" {
    reconstruct model.safetensors.zst images.npy --count 5 -o file.png
    reconstruct model.safetensors.zst - --count 5 <images.npy | cmp - file.png
    "$CHECK" floats 12 8 6 1 >floats.npy
    reconstruct model.safetensors.zst floats.npy --count 5 -o floats.png
    cmp <("$CHECK" ppm file.png) <("$CHECK" ppm floats.png)
}

@test "images of one channel are drawn in grey; of two or four they are no pictures" {
    of_shape() {
        printf '\x93NUMPY\1\0\x76\0%-117s\n' \
            "{'descr': '|u1', 'fortran_order': False, 'shape': ($1), }"
        tail -c +129 images.npy
    }
    of_shape '36, 8, 6, 1' >grey.npy
    start-net grey.npy --kernels 3 --filters 2 -o grey.safetensors.zst
    reconstruct grey.safetensors.zst grey.npy --rows 4 -o sheet.png
    tail -c +$((129 + 4 * 48)) grey.npy | head -c 48 >wanted
    printf "$(od -An -v -tx1 -w1 wanted | sed 's/ \(..\)/\\x\1\\x\1\\x\1/' | tr -d '\n')" |
        cmp - <(cut_out sheet.png 8 8)
    of_shape '9, 8, 6, 4' >four.npy
    start-net four.npy --kernels 3 --filters 2 -o four.safetensors.zst
    run -1 --separate-stderr reconstruct four.safetensors.zst four.npy -o four.png
    fails 1 "reconstruct: 'four.npy': 4 channels, want 1 or 3"
}

@test "the sheet knows how it was made, and is left alone while that is true" {
    run -0 --separate-stderr reconstruct model.safetensors.zst images.npy --count 3 -o sheet.png
    equal "$stderr" ""
    run -0 --separate-stderr reconstruct model.safetensors.zst images.npy --count 3 -o sheet.png
    equal "$stderr" "reconstruct: 'sheet.png' is up to date: same inputs, same settings"
    run -0 --separate-stderr reconstruct model.safetensors.zst images.npy --count 4 -o sheet.png
    equal "$stderr" ""
    tensor info sheet.png | grep -qx 'train-stage, revision [0-9]*'
    run -1 reconstruct model.safetensors.zst images.npy --count 5 -o sheet.png --why
    equal "$output" "count 4 -> 5"
}

@test "rows that are not there, lists that are none, and images the model does not take are refused" {
    run -1 --separate-stderr reconstruct model.safetensors.zst images.npy --rows 3,12 -o sheet.png
    fails 1 "reconstruct: 'images.npy': row 12 of --rows, but there are 12 rows"
    for rows in x 1, 1:1 3:2 -1 1-2 ,; do
        run -2 --separate-stderr reconstruct model.safetensors.zst images.npy --rows="$rows" \
            -o sheet.png
        equal "${stderr_lines[0]}" \
            "reconstruct: --rows '$rows', want numbers and ranges such as 0,5,10:20"
    done
    run -2 --separate-stderr reconstruct model.safetensors.zst images.npy --classes a -o sheet.png
    run -1 --separate-stderr reconstruct model.safetensors.zst images.npy --index images.tsv \
        --classes z -o sheet.png
    fails 1 "reconstruct: 'images.tsv': no class 'z', want one of a, b c, d"
    "$CHECK" npy 2 6 8 1 >other.npy
    run -1 --separate-stderr reconstruct model.safetensors.zst other.npy -o sheet.png
    equal "${stderr%%, want*}" "reconstruct: 'other.npy': shape (N,6,8,3)"
    [ ! -e sheet.png ]
}

@test "a sheet that libpng refuses to write is named, as standard output where it goes there" {
    "$CHECK" npy 1 2 1002 1 >wide.npy
    train-stage wide.npy wide.npy --epochs 0 --filters 1 --kernel 1 -o wide.safetensors.zst
    rows=$(printf '0,%.0s' {1..1000})
    run -1 --separate-stderr reconstruct wide.safetensors.zst wide.npy --rows "${rows%,}" \
        --columns 1000 -o sheet.png
    fails 1 "reconstruct: 'sheet.png': Invalid IHDR data"
    run -1 --separate-stderr reconstruct wide.safetensors.zst wide.npy --rows "${rows%,}" \
        --columns 1000 -o -
    fails 1 "reconstruct: standard output: Invalid IHDR data"
    [ ! -e sheet.png ]
}
