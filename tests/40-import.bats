# import-images: a folder of PNG files becomes images and their index.
load helper

CHECK="$BUILD/tests/check-image"

# pictures CLASS/FILE...: PNG files of noise, 12x12, in the folder photos; each another one.
pictures() {
    local file
    for file in "$@"; do
        mkdir -p "photos/${file%/*}"
    done
    "$CHECK" png 12 12 "$((seed += 100))" "${@/#/photos/}"
}

# The pixels of row $2 of the images $1, each 3*$3*$3 bytes.
row() {
    zstdcat "$1" | tail -c "+$((129 + $2 * 3 * $3 * $3))" | head -c "$((3 * $3 * $3))"
}

# The pixels of a PNG, row by row.
pixels() {
    "$CHECK" ppm "$1" | tail -c +"$((1 + $("$CHECK" ppm "$1" | head -n 3 | wc -c)))"
}

@test "every kind of PNG, orientation, background and damage: read as the format says" {
    "$CHECK"
}

@test "resizing is exact: area averaging, bilinear, and OpenCV's bytes" {
    "$CHECK" resize "$ROOT/tests/data/resize-opencv.tsv"
}

@test "the figures are OpenCV's" {
    need_python cv2
    /usr/bin/python3 "$ROOT/tests/resize_opencv.py" figures >figures.tsv
    cmp figures.tsv "$ROOT/tests/data/resize-opencv.tsv"
}

@test "the PNG conformance suite is read as by an independent decoder, its damaged files not at all" {
    need_data pngsuite
    local want name
    while read -r want name; do
        "$CHECK" ppm "$DATA/pngsuite/$name" >image.ppm 2>/dev/null || { equal "- $name" "$want $name"; continue; }
        equal "$(sha256sum <image.ppm | cut -d ' ' -f 1) $name" "$want $name"
    done <"$ROOT/tests/data/pngsuite.sha256"
}

@test "rows are ordered by path, bytewise, and the index names them; the class is the first folder" {
    pictures b/2.png b/10.png a/deep/er/x.png a/y.png B/z.png a-b/1.png
    run -0 --separate-stderr import-images photos --size 12 --test 0 --index images.tsv -o images.npy.zst
    equal "$stderr" "import-images: 6 images of 4 classes, 0 of them to test on; 0 of 6 files skipped"
    printf '%s\t%s\t%s\t%s\n' row split class path 0 train B B/z.png 1 train a-b a-b/1.png 2 train a a/deep/er/x.png \
        3 train a a/y.png 4 train b b/10.png 5 train b b/2.png >want.tsv
    cmp images.tsv want.tsv
    row images.npy.zst 4 12 >got
    pixels photos/b/10.png >want
    cmp got want
}

@test "the index may go to standard output, but not together with the images" {
    pictures a/1.png b/1.png
    import-images photos --index images.tsv -o images.npy.zst
    import-images photos --index - -o images.npy.zst | cmp - images.tsv
    run -2 --separate-stderr import-images photos --index -
    equal "${stderr_lines[0]}" "import-images: --index - and the images both go to standard output"
}

@test "images that lie in the folder itself are of a class without a name" {
    pictures ./x.png a/y.png
    import-images photos --index images.tsv -o images.npy.zst
    equal "$(cut -f 3,4 images.tsv | tr '\t\n' '  ')" "class path a a/y.png  x.png "
}

@test "an image of the wanted size comes through bit for bit, others are resized; background beside what is padded" {
    mkdir -p photos/a photos/b
    "$CHECK" png 12 12 1 photos/a/square.png
    "$CHECK" png 12 24 2 photos/b/wide.png
    "$CHECK" png 24 12 3 photos/b/tall.png
    for fit in stretch crop pad; do
        import-images photos --size 12 --fit "$fit" --background '#0a0b0c' -o "$fit.npy.zst"
        row "$fit.npy.zst" 0 12 >got
        pixels photos/a/square.png >want
        cmp got want
    done
    # cropped: 12 of 24 columns from the sixth on; 12 of 24 rows likewise
    row crop.npy.zst 2 12 >got
    pixels photos/b/wide.png >wide
    for y in {0..11}; do tail -c +$((1 + (y * 24 + 6) * 3)) wide | head -c 36; done >want
    cmp got want
    row crop.npy.zst 1 12 >got
    pixels photos/b/tall.png | tail -c +$((1 + 6 * 36)) | head -c $((12 * 36)) >want
    cmp got want
    # padded at its own width: 6 rows above, 6 below
    import-images photos --size 24 --fit pad --background '#0a0b0c' -o pad.npy.zst
    row pad.npy.zst 2 24 >got
    for ((i = 0; i < 6 * 24; i++)); do printf '\x0a\x0b\x0c'; done >band
    cat band wide band >want
    cmp got want
    # stretched 24 -> 12 columns: pairs averaged, halves up
    row stretch.npy.zst 2 12 >got
    od -An -v -tu1 -w72 wide | awk '{ for (x = 0; x < 12; x++) for (c = 1; c <= 3; c++) printf "%d\n", int(($(6 * x + c) + $(6 * x + 3 + c) + 1) / 2) }' >want
    od -An -v -tu1 -w1 got | tr -d ' ' | cmp - want
}

@test "--orient no leaves an image as it is stored" {
    mkdir -p photos/a
    "$CHECK" turned 6 photos/a/1.png
    import-images photos --min-classes 1 --size 3 --fit pad --background black -o yes.npy.zst
    import-images photos --min-classes 1 --size 3 --fit pad --background black --orient no -o no.npy.zst
    equal "$(row yes.npy.zst 0 3 | tr '\0' .)" "dddaaa...eeebbb...fffccc..."
    equal "$(row no.npy.zst 0 3 | tr '\0' .)" "aaabbbcccdddeeefff........."
}

@test "a file that cannot be read is skipped, named with the reason, and counted" {
    pictures a/{1,2,3,4}.png b/{1,2,3}.png
    head -c 100 photos/a/2.png >photos/a/cut.png
    printf '\377\330\377\340' >photos/b/photo.png
    ln -s nowhere photos/b/link.png
    run -0 --separate-stderr import-images photos --max-bad 0.3 --size 12 --test 0 --index images.tsv -o images.npy.zst
    equal "$stderr" "import-images: 'photos/a/cut.png': skipped: cut short
import-images: 'photos/b/link.png': skipped: No such file or directory
import-images: 'photos/b/photo.png': skipped: cut short
import-images: 7 images of 2 classes, 0 of them to test on; 3 of 10 files skipped"
    equal "$(tail -n 1 images.tsv)" "6	train	b	b/3.png"
    equal "$(zstdcat images.npy.zst | head -c 128 | grep -ao "(7, 12, 12, 3)")" "(7, 12, 12, 3)"
}

@test "--skipped tells the pictures that are not there, and why, and is known again" {
    pictures a/{1,2,3}.png
    head -c 100 photos/a/2.png >photos/a/cut.png
    printf '<!doctype html>' >photos/a/page.jpg
    echo notes >photos/a/notes.txt
    run import-images photos --max-bad 1 --size 12 --index images.tsv --skipped skipped.tsv -o images.npy.zst
    equal "$(cat skipped.tsv)" "path	reason
a/cut.png	cut short
a/page.jpg	HTML"
    tensor verify skipped.tsv
    import-images photos --max-bad 1 --size 12 --index images.tsv --skipped skipped.tsv -o images.npy.zst --why
    rm skipped.tsv
    run -1 import-images photos --max-bad 1 --size 12 --index images.tsv --skipped skipped.tsv -o images.npy.zst --why
    equal "$output" "missing 'skipped.tsv'"
    run -0 import-images photos --max-bad 0.5 --size 12 --skipped none.tsv -o other.npy.zst
    rm photos/a/{cut.png,page.jpg}
    import-images photos --size 12 --skipped skipped.tsv -o images.npy.zst
    equal "$(cat skipped.tsv)" "path	reason"
}

@test "more unreadable files than --max-bad, or nothing else, is an error, and what stood there stays" {
    pictures a/{1..9}.png b/1.png
    import-images photos --index images.tsv -o images.npy.zst
    cp images.tsv before.tsv
    cp images.npy.zst before.npy.zst
    echo >photos/b/2.png
    run -1 --separate-stderr import-images photos --index images.tsv -o images.npy.zst
    equal "$stderr" "import-images: passed over: 1 of unknown kind named 2.png
import-images: 'photos': 1 of 11 pictures cannot be read, want at most 0.05 of them (--max-bad)"
    cmp images.tsv before.tsv
    cmp images.npy.zst before.npy.zst
    import-images photos --max-bad 0.1 -o images.npy.zst
    for f in photos/*/*; do echo >"$f"; done
    run -1 --separate-stderr import-images photos --max-bad 1 -o none.npy.zst
    equal "${stderr_lines[-1]}" "import-images: 'photos': none of the 11 pictures can be read"
    [ ! -e none.npy.zst ]
}

@test "hidden files are passed over silently, what is no picture is counted by kind" {
    pictures a/1.png b/2.PNG
    cp photos/a/1.png photos/a/.hidden.png
    mkdir photos/.trash
    cp photos/a/1.png photos/.trash/
    run -0 --separate-stderr import-images photos -o images.npy.zst --index images.tsv
    equal "$stderr" "import-images: 2 images of 2 classes, 1 of them to test on; 0 of 2 files skipped"
    echo text | tee photos/a/notes.txt photos/a/NOTES.TXT photos/b/Makefile photos/more.txt >photos/b/x.jpg
    echo '<!DOCTYPE html>' >photos/b/page.jpeg
    for i in 1 2; do printf 'version https://git-lfs.github.com/spec/v1\n' >photos/b/$i.jpg; done
    : >photos/a/none.gif
    run -0 --separate-stderr import-images photos --max-bad 1 -o images.npy.zst
    equal "$stderr" "import-images: passed over: 3 .txt, 2 git-lfs pointers named 1.jpg and the like, 1 HTML named page.jpeg, \
1 empty file named none.gif, 1 of unknown kind named x.jpg, 1 without an ending
import-images: 2 images of 2 classes, 1 of them to test on; 0 of 2 files skipped"
}

@test "the split hangs on class and file name alone: adding images moves none" {
    pictures a/{1..40}.png b/{1..40}.png
    import-images photos --test 0.25 --index before.tsv -o images.npy.zst
    pictures a/{001..040}.png c/{1..20}.png
    import-images photos --test 0.25 --index after.tsv -o images.npy.zst
    cut -f 2- before.tsv | sort >old
    cut -f 2- after.tsv | sort >new
    equal "$(comm -23 old new)" ""
    n=$(grep -c test after.tsv)
    [ "$n" -gt 20 ]
    [ "$n" -lt 50 ]
    import-images photos --test 0 --index none.tsv -o images.npy.zst
    equal "$(cut -f 2 none.tsv | sort -u | tr '\n' ' ')" "split train "
    import-images photos --test 1 --index all.tsv -o images.npy.zst
    equal "$(cut -f 2 all.tsv | sort -u | tr '\n' ' ')" "split test "
}

@test "of two images or more one at least is to test on and one to train on, whatever the lots say" {
    pictures a/1.png
    import-images photos --index one.tsv -o images.npy.zst
    equal "$(cut -f 2 one.tsv | sort | uniq -c | tr -s ' \n' ' ')" " 1 split 1 train "
    pictures a/{2..9}.png
    for test in 0.000001 0.999999; do
        import-images photos --test $test --index $test.tsv -o images.npy.zst
    done
    equal "$(tail -n +2 0.000001.tsv | cut -f 2 | sort | uniq -c | tr -s ' \n' ' ')" " 1 test 8 train "
    equal "$(tail -n +2 0.999999.tsv | cut -f 2 | sort | uniq -c | tr -s ' \n' ' ')" " 8 test 1 train "
}

@test "a flat folder is one class without a name" {
    pictures ./1.png ./2.png
    run -0 --separate-stderr import-images photos --index images.tsv -o images.npy.zst
    equal "$stderr" "import-images: 2 images, 1 of them to test on; 0 of 2 files skipped"
    equal "$(cut -f 3 images.tsv | sort -u | tr '\n' ' ')" " class "
}

# sorted: split, class and path of the index, a line each.
sorted() {
    tail -n +2 images.tsv | cut -f 2- | tr '\t' ' '
}

@test "folders train, test, val and valid are the split where all at the top are so named" {
    pictures train/a/1.png train/b/2.png Test/a/3.png val/b/4.png valid/a/x/5.png
    echo notes >photos/README
    import-images photos --index images.tsv -o images.npy.zst
    equal "$(sorted)" "test a Test/a/3.png
train a train/a/1.png
train b train/b/2.png
test b val/b/4.png
test a valid/a/x/5.png"
    import-images photos --split hash --test 0 --index images.tsv -o images.npy.zst
    equal "$(sorted | head -n 1)" "train Test Test/a/3.png"
    rm -r photos/[Tv]*
    import-images photos --test 0 --index images.tsv -o images.npy.zst   # no class, and no split
    equal "$(sorted)" "train a train/a/1.png
train b train/b/2.png"
    pictures other/6.png
    import-images photos --test 0 --index images.tsv -o images.npy.zst
    equal "$(sorted | cut -d ' ' -f 2 | tr '\n' ' ')" "other train train "
}

@test "--class-depth says how many folders make a class" {
    pictures a/b/c/1.png a/b/2.png a/3.png ./4.png
    import-images photos --test 0 --class-depth 2 --index images.tsv -o images.npy.zst
    equal "$(sorted | cut -d ' ' -f 2 | tr '\n' ' ')" " a a/b a/b "
    import-images photos --test 0 --class-depth 0 --index images.tsv -o images.npy.zst
    equal "$(sorted | cut -d ' ' -f 2 | sort -u)" ""
}

@test "--labels says what is imported, of what class and split; TSV or CSV, with names or without" {
    pictures x/1.png x/2.png x/3.png ./4.png
    want="test cat, black 4.png
train dog x/1.png
train cat, black x/3.png"
    printf 'x/1.png\tdog\ttrain\n./x/3.png\tcat, black\ttrain\n4.png\tcat, black\tval' >1.tsv
    printf '\xef\xbb\xbfsplit,label,size,image\r\ntrain,dog,3,x/1.png\r\n\r\n' >2.csv
    printf 'Train,"cat, black",3,x/3.png\r\nTEST,"cat, black",,"4.png"\r\n' >>2.csv
    printf 'x/1.png;dog;train\nx/3.png;cat, black;train\n4.png;cat, black;test\n' >3.csv
    printf 'split,"of\ntwo lines",note,label,image\ntrain,"a\nb",,dog,x/1.png\n' >quoted.csv
    printf 'train,,,"cat, black",x/3.png\ntest,,,"cat, black",4.png\n' >>quoted.csv
    for labels in 1.tsv 2.csv 3.csv quoted.csv; do
        run -0 --separate-stderr import-images photos --labels $labels --index images.tsv \
            -o images.npy.zst
        equal "$stderr" "import-images: passed over: 1 not in '$labels'
import-images: 3 images of 2 classes, 1 of them to test on; 0 of 3 files skipped"
        equal "$(sorted)" "$want"
    done
    printf 'image,label\rx/1.png,dog\r4.png,"cat, black"\rx/3.png,"cat, black",,\r' >4.csv
    import-images photos --labels 4.csv --index images.tsv -o images.npy.zst
    equal "$(cut -f 3,4 images.tsv | tail -n +2)" "$(printf 'cat, black\t4.png\ndog\tx/1.png\ncat, black\tx/3.png')"
    import-images photos --labels 1.tsv --index images.tsv -o images.npy.zst
    cp images.tsv mine.tsv   # an index is such a table
    sed -i '/x\/1/d' mine.tsv
    import-images photos --labels mine.tsv --index images.tsv -o images.npy.zst
    equal "$(sorted)" "$(grep -v x/1 <<<"$want")"
    sed -i s/black/white/ mine.tsv   # and an input
    run -0 --separate-stderr import-images photos --labels mine.tsv --index images.tsv -o images.npy.zst
    equal "$(sorted | head -n 1)" "test cat, white 4.png"
    run -0 --separate-stderr import-images photos --labels mine.tsv --index images.tsv -o images.npy.zst
    [[ $stderr == *"is up to date"* ]]
}

@test "labels that name what is not there are counted; a table that is none is refused with its line" {
    pictures x/1.png x/2.png
    printf 'x/1.png,a\nx/9.png,b\nx/8.png,b\n' >some.csv
    run -0 --separate-stderr import-images photos --labels some.csv -o images.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'some.csv': 2 of 3 pictures are not there, such as 'x/8.png' of line 3"
    refused() {   # TEXT REASON
        printf "$1" >bad.csv
        run -1 --separate-stderr import-images photos --labels bad.csv -o none.npy.zst
        fails 1 "import-images: 'bad.csv': $2"
    }
    refused 'x/9.png,a\n' "names no file below 'photos': line 1 is of 'x/9.png'"
    refused 'x/1.png\n' "line 1: want a path and a class, parted by a comma or a tab"
    refused '' "is empty"
    refused 'path,class\n' "no line with a path and a class"
    refused 'x/1.png,a,first\n' "line 1: the split 'first', want train, test, val or valid"
    refused 'x/1.png,a,test\nx/2.png,b\n' "line 2: 2 fields, want the 3 of its first line"
    refused 'x/1.png,a\n\nx/1.png,b\n' "line 3: 'x/1.png' again, as in line 1"
    refused 'row\tsplit\tclass\tpath\n0\ttrain\ta\\x\tx/1.png\n' "line 2: an unknown escape"
    refused '\xff\xfex' "text in UTF-16, want UTF-8"
    refused 'x/1.png,"a\n' "line 1: a quote that does not end"
    refused 'x/1.png,"a"b\n' "line 1: text behind the quote that ends a field"
    [ ! -e none.npy.zst ]
}

@test "--list says what would be read, as find does, and reads nothing else" {
    pictures a/1.png b/2.png
    cp photos/a/1.png photos/b/no-ending
    echo text | tee photos/a/notes.txt >photos/b/x.jpg
    cp photos/a/1.png photos/.hidden.png
    run -0 --separate-stderr import-images photos --list
    equal "$output" "$(find photos/a/1.png photos/b/[2nx]* -printf '%p\t%s\t%T@\t%C@\n' | sed 's|^photos/||')"
    equal "$stderr" "import-images: 'photos': 4 pictures, 1 of them to test on"
    printf 'a/1.png,a\n' >labels.csv
    run -0 --separate-stderr import-images photos --labels labels.csv --list
    equal "$(cut -f 1 <<<"$output" | tr '\n' ' ')" "a/1.png ./labels.csv "
    equal "${stderr_lines[-1]}" "import-images: 'photos': 1 picture, 0 of them to test on"
    run -0 --separate-stderr import-images photos --labels "$PWD/labels.csv" --list
    equal "$(cut -f 1 <<<"$output" | tr '\n' ' ')" "a/1.png $PWD/labels.csv "
}

@test "a picture named as another kind is read by what it holds, and told of" {
    pictures a/1.png a/2.png
    mv photos/a/2.png photos/a/2.jpg
    run -0 --separate-stderr import-images photos -o images.npy.zst
    equal "${stderr_lines[0]}" "import-images: read by what they hold: 1 PNG named 2.jpg"
}

@test "the libraries that decide pixels are recorded, of the formats that occur, and why knows them" {
    pictures a/1.png
    import-images photos -o images.npy.zst
    run ! grep -q lib <(tensor info images.npy.zst | grep -i 'jpeg\|webp\|tiff')
    "$BUILD/tests/check-pictures" ink yes no photos/a/ink.jpg
    import-images photos -o images.npy.zst
    tensor info images.npy.zst | grep -E '^ *JPEG = libjpeg-turbo [0-9]'
    run -0 import-images photos -o images.npy.zst --why
    equal "$output" ""
    mkdir gif tiff bmp jpeg webp
    "$BUILD/tests/check-pictures" seeds
    cp webp/lossy photos/a/3.webp
    import-images photos -o images.npy.zst
    echo 'int WebPGetDecoderVersion(void) { return 0x090807; }' >other.c
    gcc -shared -fPIC -o other.so other.c
    run -1 env LD_PRELOAD="$PWD/other.so" import-images photos -o images.npy.zst --why
    [[ $output =~ ^'WebP libwebp '[0-9.]+' -> libwebp 9.8.7'$ ]]
    run -1 env LD_PRELOAD="$PWD/other.so" import-images photos -o images.npy.zst --audit
    [[ $output =~ ^'WebP libwebp '[0-9.]+' -> libwebp 9.8.7'$ ]]
}

@test "names with tabs, newlines, backslashes, blanks, dashes and bytes that are no UTF-8 come back unchanged" {
    pictures $'-a\tb/x\ny.png' $'-a\tb/c\\n.png' $'q "\'/\xff\xfe.png' $'q "\'/cr\r.png'
    import-images photos --size 12 --test 0 --index images.tsv -o images.npy.zst
    equal "$(wc -l <images.tsv)" 5
    # unescaped by other means, the paths open the files
    while IFS= read -r path; do
        [ -f "photos/$(printf '%b' "$path")" ]
    done < <(tail -n +2 images.tsv | cut -f 4)
    augment images.npy.zst --index images.tsv --split train --margin 0 -o same.npy.zst
    cmp <(zstdcat same.npy.zst) <(zstdcat images.npy.zst)
    pca images.npy.zst --index images.tsv --classes '-a\tb,' --tsv -o pca.tsv
    equal "$(wc -l <pca.tsv)" 3
    equal "$(sed -n 2p pca.tsv | cut -f 1-4)" "$(sed -n 2p images.tsv)"
}

@test "an empty folder, a missing one, a file, and a folder without PNG files are errors" {
    mkdir empty
    touch file
    run -1 --separate-stderr import-images empty -o images.npy.zst
    fails 1 "import-images: 'empty': no pictures in this folder or below"
    run -1 --separate-stderr import-images missing -o images.npy.zst
    fails 1 "import-images: 'missing': No such file or directory"
    run -1 --separate-stderr import-images file -o images.npy.zst
    fails 1 "import-images: 'file': not a folder"
    [ ! -e images.npy.zst ]
}

@test "a folder that may not be read is an error that names it" {
    pictures a/1.png b/1.png
    chmod 000 photos/b
    local as=()
    [ "$(id -u)" -ne 0 ] || as=(setpriv --bounding-set=-dac_override,-dac_read_search)
    run --separate-stderr "${as[@]}" import-images photos -o images.npy.zst
    fails 1 "import-images: 'photos/b': Permission denied"
    mkdir photos/b/c
    chmod 444 photos/b
    run --separate-stderr "${as[@]}" import-images photos -o images.npy.zst
    chmod 755 photos/b
    fails 1 "import-images: 'photos/b/c': Permission denied"
    [ ! -e images.npy.zst ]
}

@test "fewer classes that have images than --min-classes is an error" {
    pictures a/1.png a/2.png
    mkdir photos/b
    echo '<html>' >photos/b/1.png
    run -1 --separate-stderr import-images photos --max-bad 1 --min-classes 2 -o images.npy.zst
    equal "${stderr_lines[-1]}" "import-images: 'photos': 1 class, want at least 2 (--min-classes)"
    run -0 --separate-stderr import-images photos --max-bad 1 -o images.npy.zst
    equal "$stderr" "import-images: passed over: 1 HTML named 1.png
import-images: 'photos/b': no picture in it that can be read
import-images: 2 images of 1 class, 1 of them to test on; 0 of 2 files skipped"
}

@test "a folder that comes to hold nothing is named, not those within it" {
    pictures a/1.png a/2.png
    mkdir -p photos/b/c/d photos/a/e photos/.f
    echo text >photos/b/c/d/x.txt
    run -0 --separate-stderr import-images photos -o images.npy.zst
    equal "${stderr_lines[1]}" "import-images: 'photos/a/e': no picture in it that can be read"
    equal "${stderr_lines[2]}" "import-images: 'photos/b': no picture in it that can be read"
    equal "${#stderr_lines[@]}" 4
}

@test "links are followed, but not back up" {
    pictures a/1.png elsewhere/2.png
    mv photos/elsewhere .
    ln -s ../elsewhere photos/b
    ln -s .. photos/a/up
    ln -s loop photos/loop
    run -0 --separate-stderr import-images photos --test 0 --index images.tsv -o images.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'photos/a/up': a link to a folder above it, passed over"
    equal "$(cut -f 4 images.tsv | tr '\n' ' ')" "path a/1.png b/2.png "
}

@test "the same bytes for any number of threads, to a file, a pipe and a device" {
    pictures a/{1..30}.png b/{1..30}.png
    echo >photos/a/15.png
    import-images photos --size 20 --index one.tsv -o one.npy.zst --threads 1
    import-images photos --size 20 --index eight.tsv --threads 8 | cat >eight.npy.zst
    cmp one.npy.zst eight.npy.zst
    cmp one.tsv eight.tsv
    import-images photos -o /dev/null
    [ -c /dev/null ]
}

@test "up to date is decided by contents and settings: a touch does nothing, a change of any kind does" {
    pictures a/{1,2}.png b/{1,2}.png
    current() {   # images [OPTION]...: whether nothing was done
        run -0 --separate-stderr import-images photos --index images.tsv -o images.npy.zst "$@"
        [ "$stderr" = "import-images: 'images.npy.zst' is up to date: same inputs, same settings" ]
    }
    run ! current
    current
    touch photos/a/1.png
    current
    current --threads 1 --memory 2G
    run ! current --size 40
    run ! current
    rm images.tsv
    run ! current
    cp images.tsv written.tsv
    sed -i 's/train/test/' images.tsv
    cp images.tsv edited.tsv
    run -1 import-images photos --index images.tsv -o images.npy.zst --why
    equal "$output" "'images.tsv' was edited by hand"
    run -0 --separate-stderr import-images photos --index images.tsv -o images.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'images.tsv': edited by hand, but an output: \
give your own as --labels, set aside as 'images.tsv.old'"
    cmp images.tsv written.tsv
    cmp images.tsv.old edited.tsv
    current
    import-images photos -o alone.npy.zst
    mv photos/a/1.png photos/a/0.png
    run -0 --separate-stderr import-images photos -o alone.npy.zst
    equal "${stderr%%,*}" "import-images: 4 images of 2 classes"
    run ! current
    cp photos/b/1.png photos/a/0.png
    run ! current
    rm photos/a/0.png
    run ! current
    echo >>photos/b/2.png   # behind the end of the image
    run ! current
    current
}

@test "an index edited by hand is refused by all that read it, in a line that says what to do; a copy is the user's own" {
    pictures a/{1..9}.png b/{1..9}.png
    import-images photos --size 8 --index images.tsv -o images.npy.zst
    train-stage images.npy.zst images.npy.zst --epochs 0 --kernel 3 --filters 2 -o model
    reads() {   # COMMAND...: with --index behind it
        "$@" --index images.tsv -o out.npy.zst
        cp images.tsv written.tsv
        sed -i '2s/\ttest\t/\ttrain\t/; t; 2s/\ttrain\t/\ttest\t/' images.tsv
        cp images.tsv own.tsv
        rm -f out.npy.zst
        run -1 --separate-stderr "$@" --index images.tsv -o out.npy.zst
        fails 1 "$1: 'images.tsv': edited by hand, but an output of import-images: \
give it there as --labels, or read a copy"
        [ ! -e out.npy.zst ]
        "$@" --index own.tsv -o out.npy.zst
        mv written.tsv images.tsv
    }
    reads augment images.npy.zst --margin 0
    reads neighbours images.npy.zst
    reads evaluate images.npy.zst
    reads pca images.npy.zst
    reads map images.npy.zst
    reads reconstruct model images.npy.zst
    reads tensor tsv images.npy.zst
    # its history damaged or gone, nobody knows what was written
    sed -i 's/train/test/' images.tsv
    echo damaged >.images.tsv.history
    neighbours images.npy.zst --index images.tsv
    rm .images.tsv.history
    neighbours images.npy.zst --index images.tsv
}

@test "why says what a change of settings would do" {
    pictures a/1.png b/1.png
    import-images photos -o images.npy.zst
    run -0 import-images photos -o images.npy.zst --why
    equal "$output" ""
    run -1 import-images photos -o images.npy.zst --why --size 64 --fit pad
    equal "$output" "size 80 -> 64
fit stretch -> pad"
}

@test "a full disk is an error" {
    pictures a/1.png b/1.png
    run -1 --separate-stderr import-images photos -o /dev/full
    equal "${stderr_lines[0]}" "import-images: '/dev/full': No space left on device"
}
