# Pictures of all formats, against the tools of the codecs themselves.
load helper

CHECK="$BUILD/tests/check-image"
PICTURES="$BUILD/tests/check-pictures"

# Skips the test where a program is absent.
need_program() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || skip "no $program"
    done
}

# photo H W SEED: photo.ppm and photo.png, smooth as photographs are.
photo() {
    "$CHECK" png 7 9 "$3" small.png
    "$CHECK" ppm small.png >small.ppm
    tail -c 189 small.ppm | od -An -v -tu1 -w27 | awk -v H="$1" -v W="$2" '
        { for (i = 1; i <= 27; i++) v[NR - 1, i - 1] = $i }
        END { printf "P6\n%d %d\n255\n", W, H >"head"
              for (y = 0; y < H; y++) for (x = 0; x < W; x++) for (c = 0; c < 3; c++) {
                  fy = y * 6 / H; fx = x * 8 / W; j = int(fy); i = int(fx); fy -= j; fx -= i
                  printf "\\x%02x", (v[j, i * 3 + c] * (1 - fx) + v[j, i * 3 + 3 + c] * fx) * (1 - fy) \
                      + (v[j + 1, i * 3 + c] * (1 - fx) + v[j + 1, i * 3 + 3 + c] * fx) * fy } }' >escaped
    { cat head; printf "$(cat escaped)"; } >photo.ppm
    "$PICTURES" png photo.ppm photo.png
}

# same PPM FILE: the picture FILE holds what the PPM does.
same() {
    "$CHECK" ppm "$2" >got.ppm
    cmp got.ppm "$1"
}

@test "GIF, TIFF, BMP and four inks come back as they were written; cut short or damaged they are refused" {
    "$PICTURES"
}

@test "JPEG of every kind is decoded as djpeg does" {
    need_program cjpeg djpeg
    photo 61 83 1
    local n=0 how
    for how in '-quality 90' '-quality 30 -progressive' '-grayscale' '-sample 1x1' '-sample 2x1' \
        '-sample 1x2' '-sample 4x1' '-sample 2x2 -restart 1' '-optimize -progressive -restart 2B' \
        '-arithmetic' '-rgb' '-quality 90 -smooth 50 -dct float'; do
        n=$((n + 1))
        cjpeg $how photo.ppm >$n.jpg
        djpeg -pnm $n.jpg >want.pnm
        [ "$how" != -grayscale ] || djpeg -rgb -pnm $n.jpg >want.pnm
        same want.pnm $n.jpg
    done
    for ycck in no yes; do
        "$PICTURES" ink yes $ycck ink.jpg
        djpeg -pnm ink.jpg >want.pnm
        same want.pnm ink.jpg
    done
}

@test "a JPEG larger than wanted is decoded at the smallest scale that is not below the target" {
    need_program cjpeg djpeg
    photo 120 160 2
    mkdir -p photos/a scaled/a
    cjpeg -quality 85 photo.ppm >photos/a/1.jpg
    local size m way
    for size in 15 20 31 45 70 104 121; do
        for way in stretch crop pad; do
            # 120 M/8 rows, 160 M/8 columns; padded, the longer side counts
            for ((m = 1; m < 8; m++)); do
                if [ $way = pad ]; then
                    ((160 * m / 8 >= size && 120 * m / 8 >= (2 * 120 * size + 160) / 320)) && break
                else
                    ((120 * m / 8 >= size)) && break
                fi
            done
            djpeg -scale $m/8 -pnm photos/a/1.jpg >scaled.ppm
            "$PICTURES" png scaled.ppm scaled/a/1.png
            import-images photos --size $size --fit $way -o got.npy
            import-images scaled --size $size --fit $way -o want.npy
            cmp got.npy want.npy
        done
    done
}

@test "a JPEG cut short, with bytes missing or without its end is skipped, and taken with --truncated accept" {
    need_program cjpeg djpeg
    photo 61 83 3
    mkdir -p photos/a
    cjpeg photo.ppm >whole.jpg
    cjpeg -progressive photo.ppm >scans.jpg
    head -c -2 whole.jpg >photos/a/end.jpg
    head -c $(($(stat -c %s whole.jpg) * 3 / 4)) whole.jpg >photos/a/half.jpg
    head -c $(($(stat -c %s scans.jpg) * 3 / 4)) scans.jpg >photos/a/scans.jpg
    { head -c 800 whole.jpg; tail -c 300 whole.jpg; } >photos/a/hole.jpg
    cp whole.jpg photos/a/whole.jpg
    run -0 --separate-stderr import-images photos --max-bad 1 --size 8 -o x.npy
    equal "$stderr" "import-images: 'photos/a/end.jpg': skipped: cut short
import-images: 'photos/a/half.jpg': skipped: cut short
import-images: 'photos/a/hole.jpg': skipped: Corrupt JPEG data: premature end of data segment
import-images: 'photos/a/scans.jpg': skipped: cut short
import-images: 1 image of 1 class, 0 of them to test on; 4 of 5 files skipped"
    run -0 --separate-stderr import-images photos --truncated accept --size 83 --fit pad -o x.npy
    equal "$stderr" "import-images: 5 images of 1 class, 1 of them to test on; 0 of 5 files skipped"
    mkdir -p filled/a
    for f in photos/a/*.jpg; do
        djpeg -pnm "$f" >x.ppm 2>/dev/null || true
        "$PICTURES" png x.ppm "filled/a/$(basename "$f" .jpg).png"
    done
    import-images filled --size 83 --fit pad -o filled.npy
    cmp x.npy filled.npy
}

@test "a JPEG of more than 100 scans is refused" {
    "$PICTURES" scans 90 few.jpg
    "$CHECK" ppm few.jpg >few.ppm
    "$PICTURES" scans 400 many.jpg
    run -1 --separate-stderr "$CHECK" ppm many.jpg
    fails 1 "check-image: 'many.jpg': over 100 scans"
}

@test "WebP is decoded as dwebp does: lossy, lossless, with alpha; of an animation the first frame" {
    need_program cwebp dwebp webpmux
    photo 61 83 4
    cwebp -quiet -q 80 photo.png -o lossy.webp
    dwebp -quiet -ppm lossy.webp -o want.ppm
    same want.ppm lossy.webp
    cwebp -quiet -lossless photo.png -o lossless.webp
    same photo.ppm lossless.webp
    webpmux -frame lossless.webp +100 -frame lossy.webp +100 -o moving.webp
    same photo.ppm moving.webp
    photo 20 30 5
    cwebp -quiet -lossless photo.png -o part.webp
    webpmux -frame lossless.webp +100 -frame part.webp +100+2+4 -o moving.webp
    "$CHECK" ppm lossless.webp >want.ppm
    same want.ppm moving.webp
    if [ -d "$DATA/pngsuite" ]; then   # transparent pixels over a background, the same from both
        mkdir -p png/a webp/a
        for name in tbbn2c16 tp1n3p08 bgan6a08 bggn4a16; do
            [ -f "$DATA/pngsuite/$name.png" ] || continue
            cwebp -quiet -lossless -exact "$DATA/pngsuite/$name.png" -o "webp/a/$name.webp"
            dwebp -quiet "webp/a/$name.webp" -o "png/a/$name.png"
        done
        import-images png --background '#123456' --size 32 -o png.npy
        import-images webp --background '#123456' --size 32 -o webp.npy
        cmp png.npy webp.npy
    fi
    head -c 500 lossy.webp >cut.webp
    run -1 --separate-stderr "$CHECK" ppm cut.webp
    fails 1 "check-image: 'cut.webp': cut short"
}

@test "TIFF as the tools of libtiff write it: tiles, strips, compressions, both byte orders, many pages" {
    need_program tiffcp ppm2tiff
    photo 61 83 6
    ppm2tiff photo.ppm plain.tif
    same photo.ppm plain.tif
    local n=0 how
    for how in '-c lzw:2' '-c zip -t -w 32 -l 16' '-c packbits -r 7' '-t -w 16 -l 16' \
        '-p separate' '-B -c lzw' '-L' '-8 -c zip' '-r 1000'; do
        n=$((n + 1))
        tiffcp $how plain.tif $n.tif
        same photo.ppm $n.tif
    done
    photo 20 30 7
    ppm2tiff photo.ppm second.tif
    tiffcp plain.tif second.tif pages.tif
    "$CHECK" ppm plain.tif >want.ppm
    same want.ppm pages.tif
}

@test "an embedded profile is ignored, and with --icc srgb it changes the rows and is recorded" {
    mkdir -p photos/a
    "$PICTURES"   # leaves profile.png, whose samples are light itself
    cp profile.png photos/a/1.png
    import-images photos --size 20 -o stored.npy.zst
    import-images photos --size 20 --icc srgb -o converted.npy.zst
    equal "$(zstdcat stored.npy.zst | tail -c 3 | od -An -tu1)" ' 200 100  50'
    read -r red green blue < <(zstdcat converted.npy.zst | tail -c 3 | od -An -tu1)
    [ $((red > 224 && red < 232 && green > 165 && green < 173 && blue > 119 && blue < 127)) = 1 ]
    tensor info converted.npy.zst | grep -E '^ *ICC = lcms2 [0-9.]+$'
}

@test "orientation is read from JPEG, TIFF, WebP and PNG alike" {
    need_program cjpeg djpeg cwebp webpmux tiffset ppm2tiff
    photo 16 24 9
    local o
    for o in 1 2 3 4 5 6 7 8; do
        printf 'II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\x0'$o'\0\0\0\0\0\0\0' >exif
        rm -rf photos
        mkdir -p photos/a
        cwebp -quiet -lossless photo.png -o photos/a/2.webp
        webpmux -set exif exif photos/a/2.webp -o photos/a/1.webp 2>/dev/null
        rm photos/a/2.webp
        ppm2tiff photo.ppm photos/a/2.tif
        tiffset -s 274 $o photos/a/2.tif
        with_chunk eXIf exif >photos/a/3.png
        { printf '\nexif\n      26\n'; od -An -v -tx1 exif | tr -d ' \n'; } >text
        { printf 'Raw profile type exif\0'; cat text; } >chunk
        with_chunk tEXt chunk >photos/a/4.png
        import-images photos --fit pad --size 24 --test 0 -o x.npy
        local rows=()
        for i in 0 1 2 3; do rows+=("$(row $i x.npy)"); done
        equal "${rows[1]}" "${rows[0]}"
        equal "${rows[2]}" "${rows[0]}"
        equal "${rows[3]}" "${rows[0]}"
        { printf '\377\330\377\341\0\042Exif\0\0'; cat exif; } >head.jpg
        cjpeg -quality 100 -sample 1x1 photo.ppm | tail -c +3 >tail.jpg
        cat head.jpg tail.jpg >turned.jpg
        "$CHECK" ppm turned.jpg | head -n 2 >got
        [ $o -ge 5 ] && echo '16 24' >want || echo '24 16' >want
        tail -n 1 got | cmp - want
        import-images photos --orient no --fit pad --size 24 --test 0 -o y.npy
        equal "$(row 0 y.npy)" "$(row 1 y.npy)"
        [ $o = 1 ] || ! cmp -s x.npy y.npy
    done
}

# be32 N: four bytes, the most significant first. crc TYPE FILE: the CRC-32 of both, as PNG has it.
be32() {
    printf "$(printf '\\x%s' $(printf %08x "$1" | fold -w 2))"
}
crc() {
    be32 "$({ printf '%s' "$1"; cat "$2"; } | gzip -c | tail -c 8 | od -An -tu4 -N 4 --endian=little)"
}

# with_chunk TYPE FILE: photo.png with the bytes of FILE as a chunk behind its header.
with_chunk() {
    head -c 33 photo.png
    be32 "$(stat -c %s "$2")"
    printf '%s' "$1"
    cat "$2"
    crc "$1" "$2"
    tail -c +34 photo.png
}

# row N FILE: the digest of row N of 24x24x3 bytes.
row() {
    tail -c +$((129 + $1 * 1728)) "$2" | head -c 1728 | md5sum
}

# peak COMMAND...: its peak memory in MiB is left in $peak.
peak() {
    [ -x peak ] || gcc -std=c11 -D_GNU_SOURCE -O1 -o peak "$ROOT/bench/peak.c"
    peak=$(./peak "$@" 2>said | cut -f 1) || { cat said >&2; return 1; }
}

@test "a large photograph takes a few megabytes for each thread, whatever its format" {
    [ -z "${SAN-}" ] || skip "the sanitizers keep what is freed"
    need_program cjpeg cwebp ppm2tiff tiffcp
    "$PICTURES" large 3000 4000 large.ppm
    mkdir -p jpeg/a png/a tiff/a webp/a bmp/a
    cjpeg -sample 2x2 large.ppm >jpeg/a/1.jpg
    "$PICTURES" png large.ppm png/a/1.png
    ppm2tiff large.ppm large.tif
    tiffcp -r 16 large.tif tiff/a/1.tif
    cwebp -quiet -q 60 -m 0 png/a/1.png -o webp/a/1.webp
    "$PICTURES" bmp large.ppm bmp/a/1.bmp
    mkdir none
    "$CHECK" png 8 8 1 none/1.png
    peak import-images none --size 64 --threads 1 -o none.npy
    local least=$peak format
    for format in jpeg png tiff webp bmp; do   # 36 MB of pixels
        peak import-images $format --size 64 --threads 1 -o x.npy
        echo "$format: $((peak - least)) MiB" >&2
        [ "$peak" -le $((least + 12)) ]
    done
}

@test "64 threads and large images stay within --memory, with the same bytes" {
    [ -z "${SAN-}" ] || skip "the sanitizers keep what is freed"
    mkdir -p photos/a
    for i in {1..6}; do "$CHECK" png 40 50 $i photos/a/$i.png; done
    import-images photos --size 2048 --threads 2 -o want.npy.zst
    peak import-images photos --size 2048 --threads 64 --memory 128M -o x.npy.zst
    echo "$peak MiB" >&2
    [ "$peak" -le 128 ]
    cmp x.npy.zst want.npy.zst
    run -1 --separate-stderr import-images photos --size 2048 --memory 64M -o y.npy.zst
    [[ $stderr == "import-images: images of 2048 x 2048 want "*" MiB, --memory is 64 MiB" ]]
    [ ! -e y.npy.zst ]
}

@test "a picture that --memory does not hold is skipped, named and counted; more memory is a reason, less is none" {
    need_program cwebp
    mkdir -p photos/a
    for i in 0 1; do "$CHECK" png 8 8 $i photos/a/$i.png; done
    "$PICTURES" interlaced 6000 6000 photos/a/2.png
    "$CHECK" blank 5000 5000 blank.png
    cwebp -quiet -m 0 blank.png -o photos/a/3.webp
    import() { run -0 --separate-stderr import-images photos --size 8 --max-bad 0.5 -o x.npy.zst "$@"; }
    why() { run --separate-stderr import-images photos --size 8 --max-bad 0.5 -o x.npy.zst --why "$@"; }
    import --memory 64M
    equal "$stderr" "import-images: 'photos/a/2.png': skipped: too large: takes 148 MiB to decode, want at most 32 (--memory)
import-images: 'photos/a/3.webp': skipped: too large: takes 75 MiB to decode, want at most 32 (--memory)
import-images: 2 images of 1 class, 1 of them to test on; 2 of 4 files skipped"
    cp x.npy.zst 64.npy.zst
    for same in 64M 65M; do
        why --memory $same
        equal "$status$output" 0
        import --memory $same
        equal "$stderr" "import-images: 'x.npy.zst' is up to date: same inputs, same settings"
    done
    run -0 import-images photos --size 8 --max-bad 0.5 -o x.npy.zst --audit
    import-images photos --size 8 --max-bad 0.5 --memory 64M --threads 7 -o other.npy.zst
    cmp other.npy.zst 64.npy.zst
    why
    [[ "$status $output" =~ ^"1 memory 32 MiB -> "9[0-9]+" MiB"$ ]]
    import
    equal "$stderr" "import-images: 4 images of 1 class, 1 of them to test on; 0 of 4 files skipped"
    import --memory 64M   # made with more, it stays
    equal "$stderr" "import-images: 'x.npy.zst' is up to date: same inputs, same settings"
    cp photos/a/0.png photos/a/4.png
    import --memory 64M
    [[ ${stderr_lines[-1]} == "import-images: 3 images "*"; 2 of 5 files skipped" ]]
    run ! grep -q 'memory =' <(tensor info 64.npy.zst | grep -v 'memory = 32 MiB')
    import --memory 64M --max-pixels 1M
    equal "${stderr_lines[0]}" "import-images: 'photos/a/2.png': skipped: too large: \
6000 x 6000 pixels, want at most 1048576 (--max-pixels)"
    run ! grep -q 'memory = 32' <(tensor info x.npy.zst)
}

# offset BYTES FILE: where they stand first. put FILE OFFSET BYTES: writes them there.
offset() {
    grep -Fabo "$1" "$2" | head -n 1 | cut -d : -f 1
}
put() {
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "a few bytes that tell of any number of pixels are refused or read in little memory, in every format" {
    mkdir -p photos/a jpeg webp gif tiff bmp
    "$PICTURES" seeds
    "$CHECK" png 8 8 1 photos/a/0.png
    # each a good picture whose height or width was made 60,000 and more
    put jpeg/scans $(($(offset $'\xff\xc2' jpeg/scans) + 5)) '\xff\x00\xff\x00'
    put gif/plain 6 '\xff\xff\xff\xff'
    put bmp/runs 18 '\xff\xff\x0f\x00\xff\xff\x0f\x00'
    put webp/lossy $(($(offset $'\x9d\x01\x2a' webp/lossy) + 3)) '\xff\x3f\xff\x3f'
    tiffset -s 256 200000 tiff/lzw 2>/dev/null
    tiffset -s 257 200000 tiff/lzw 2>/dev/null
    cp jpeg/scans photos/a/1.jpg
    cp gif/plain photos/a/2.gif
    cp bmp/runs photos/a/3.bmp
    cp webp/lossy photos/a/4.webp
    cp tiff/lzw photos/a/5.tif
    "$CHECK" blank 16000 16000 photos/a/6.png
    run -0 --separate-stderr timeout 60 import-images photos --max-bad 1 --size 8 --memory 512M \
        -o x.npy.zst
    for name in 1.jpg 2.gif 3.bmp 5.tif; do
        grep -E "'photos/a/$name': skipped: too large: [0-9]+ x [0-9]+ pixels, want at most" <<<"$stderr"
    done
    grep "'photos/a/4.webp': skipped: " <<<"$stderr"
    grep "4 of 7 files skipped\|5 of 7 files skipped" <<<"$stderr"
}
