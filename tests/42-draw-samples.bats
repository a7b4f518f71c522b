# draw-samples: the embedded default data.
load helper

@test "every character gets a folder of numbered drawings of 160x160" {
    run -0 --separate-stderr draw-samples --count 3 -o some/where
    equal "$stderr" "draw-samples: 12 drawings of 4 characters in 'some/where'"
    equal "$(cd some/where && echo */*)" "$(echo {akane,aoi,hinata,ren}/{000,001,002}.png)"
    for f in some/where/*/*.png; do
        equal "$("$BUILD/tests/check-image" ppm "$f" | head -n 2 | tail -n 1)" "160 160"
    done
}

@test "the same drawings for any number of threads; others for another seed; more of them leave the first as they were" {
    draw-samples --count 4 --threads 1 -o one
    draw-samples --count 4 --threads 8 -o eight
    diff -r one eight
    draw-samples --count 4 --seed 1 -o other
    draw-samples --count 5 -o more
    for f in one/*/*.png; do
        cmp <("$BUILD/tests/check-image" ppm "$f") <("$BUILD/tests/check-image" ppm \
            "more/${f#one/}")
        run ! cmp "$f" "other/${f#one/}"
    done
    equal "$(sha256sum one/*/*.png | cut -d ' ' -f 1 | sort -u | wc -l)" 16
}

@test "a smaller count removes what was drawn beyond it, and nothing else" {
    draw-samples --count 3 -o drawn
    echo mine >drawn/akane/notes.png
    cp drawn/ren/000.png drawn/ren/mine.png
    echo mine >drawn/aoi/001.png.txt
    draw-samples --count 1 -o drawn
    equal "$(cd drawn && echo */*)" \
        "akane/000.png akane/notes.png aoi/000.png aoi/001.png.txt hinata/000.png ren/000.png ren/mine.png"
}

@test "the characters can be told apart by a look at the pixels" {
    draw-samples --count 20 -o drawn
    import-images drawn --index images.tsv -o images.npy.zst
    neighbours images.npy.zst --index images.tsv -o accuracy.tsv
    awk '/^.all./ { exit !($4 >= 0.95) }' accuracy.tsv
}

@test "a drawing knows how it was made" {
    draw-samples --count 1 --seed 3 -o drawn
    tensor info drawn/ren/000.png >info
    grep -qx 'draw-samples, revision [0-9]*' info
    grep -qx ' *seed = 3' info
    run -0 draw-samples --count 1 --seed 3 -o drawn --why
    run -1 draw-samples --count 2 --seed 3 -o drawn --why
    equal "$output" "count 1 -> 2"
}

@test "without a folder to draw into, or with one that cannot be made, it is an error" {
    run -2 --separate-stderr draw-samples
    equal "${stderr_lines[0]}" "draw-samples: -o wants a folder to draw into"
    touch file
    run -1 --separate-stderr draw-samples -o file/drawn
    fails 1 "draw-samples: 'file/drawn': cannot create: Not a directory"
}
