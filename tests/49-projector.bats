# export-projector: rows for TensorBoard's Embedding Projector.
load helper

setup() {
    cd "$BATS_TEST_TMPDIR"
    "$BUILD/tests/check-image" npy 11 6 4 1 >images.npy
    "$BUILD/tests/check-image" floats 11 1 2 1 >x.npy
    printf 'row\tsplit\tclass\tpath\n' >i.tsv
    awk 'BEGIN { for (i = 0; i < 11; i++) printf "%d\t%s\t%s\t%d.png\n", i,
        i % 4 == 1 ? "test" : "train", i < 6 ? "a" : i < 9 ? "b" : "c\\td", i }' >>i.tsv
}

all='--index i.tsv --images images.npy'

@test "tensors are the rows, metadata their names, the configuration names both and their sizes" {
    export-projector x.npy $all -o dir
    cmp dir/tensors.tsv <(tensor tsv x.npy)
    cmp dir/metadata.tsv i.tsv
    equal "$(tr -d '\n ' <dir/projector_config.json)" \
        '{"embeddings":[{"tensorName":"features","tensorShape":[11,6],"tensorPath":"tensors.tsv","metadataPath":"metadata.tsv","sprite":{"imagePath":"sprite.png","singleImageDim":[4,6]}}]}'
    equal "$(tr -d '\n ' <dir/projector_config.pbtxt)" \
        'embeddings{tensor_name:"features"tensor_shape:11tensor_shape:6tensor_path:"tensors.tsv"metadata_path:"metadata.tsv"sprite{image_path:"sprite.png"single_image_dim:4single_image_dim:6}}'
    equal "$(ls dir | paste -sd ' ')" \
        'metadata.tsv projector_config.json projector_config.pbtxt sprite.png tensors.tsv'
}

@test "the sprite has the images in the order of the rows, line by line" {
    export-projector x.npy $all -o dir
    "$BUILD/tests/check-image" ppm dir/sprite.png >sprite.ppm   # 5 columns of 4, 3 lines of 6
    equal "$(sed -n 2p sprite.ppm)" '20 18'
    tail -c 1080 sprite.ppm >pixels
    tail -c +129 images.npy >bytes
    for image in 0 4 5 10; do
        for y in 0 5; do
            cmp <(tail -c +$((1 + ((image / 5 * 6 + y) * 20 + image % 5 * 4) * 3)) pixels | head -c 12) \
                <(tail -c +$((1 + (image * 6 + y) * 12)) bytes | head -c 12)
        done
    done
}

@test "without an index the metadata are numbers, a single column without a header; without images no sprite" {
    export-projector x.npy $all -o dir
    export-projector x.npy -o dir
    equal "$(cat dir/metadata.tsv)" "$(seq 0 10)"
    equal "$(grep -c sprite dir/projector_config.*)" $'dir/projector_config.json:0\ndir/projector_config.pbtxt:0'
    [ ! -e dir/sprite.png ]
}

@test "more rows than --limit are a sample, each class in its share, the same every time" {
    export-projector x.npy $all --limit 6 -o dir
    equal "$(tail -n +2 dir/metadata.tsv | cut -f 3 | uniq -c | tr -s ' ' | paste -sd ' ')" ' 3 a  2 b  1 c\td'
    equal "$(wc -l <dir/tensors.tsv)" 6
    cut -f 1 dir/metadata.tsv | tail -n +2 >rows
    while read -r row; do tensor tsv x.npy | sed -n "$((row + 1))p"; done <rows | cmp - dir/tensors.tsv
    export-projector x.npy $all --limit 6 --threads 1 -o again
    diff -r dir again
    export-projector x.npy $all --classes a --split test -o some
    equal "$(cut -f 4 some/metadata.tsv | paste -sd ' ')" 'path 1.png 5.png'
}

@test "a sprite is at most 8192 pixels wide and high: its images are smaller" {
    "$BUILD/tests/check-image" floats 5 1 1 1 >y.npy
    for shape in '2 9000:8192 5' '9000 2:5 8192'; do
        "$BUILD/tests/check-image" npy 5 ${shape%:*} 1 >large.npy
        export-projector y.npy --images large.npy -o dir
        equal "$("$BUILD/tests/check-image" ppm dir/sprite.png | sed -n 2p)" "${shape#*:}"
    done
    tensor verify dir/*
}

@test "nothing is done twice; a file that is gone or was edited is made again; bad inputs are told" {
    export-projector x.npy $all -o dir
    run -0 --separate-stderr export-projector x.npy $all -o dir
    equal "$stderr" "export-projector: 'dir/projector_config.json' is up to date: same inputs, same settings"
    export-projector x.npy $all -o dir --why
    run -1 export-projector x.npy $all -o dir --limit 3 --why
    equal "$output" 'limit 100000 -> 3'
    export-projector x.npy $all -o dir --audit
    cp -r dir before
    rm dir/sprite.png
    run -1 export-projector x.npy $all -o dir --why
    equal "$output" missing
    export-projector x.npy $all -o dir
    diff -r dir before
    tensor rows 1: images.npy -o fewer.npy
    run -1 --separate-stderr export-projector x.npy --images fewer.npy -o other
    fails 1 "export-projector: 'fewer.npy': 10 rows, want the 11 of 'x.npy'"
    run -2 --separate-stderr export-projector x.npy
    fails 2 'export-projector: -o wants a folder to write into'
    [ ! -e other ]
}
