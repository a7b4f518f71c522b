# make audit: what no date shows. In each test a file is changed so that Make has nothing to do.
load helper
load pipeline

setup_file() { make_ready; }
setup() { cd "$BATS_TEST_TMPDIR"; ready; }

# unseen FILE COMMAND...: the command, after which the file has the size and date that it had.
unseen() {
    local file=$1 size
    shift
    size=$(stat -c %s "$file")
    touch -r "$file" before
    "$@"
    equal "$(stat -c %s "$file")" "$size"
    touch -r before "$file"
}

# Turns over a bit of the byte at OFFSET of FILE.
flip() {
    local file=$1 offset=$2 byte
    byte=$(od -An -tu1 -j "$offset" -N 1 "$file")
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$file" bs=1 seek="$offset" conv=notrunc status=none
}

# audited "FILE  REASON"...: the audit writes nothing and finds these, where a digest stands for #, and nothing else.
audited() {
    local before status=0
    before=$(listing)
    pipeline audit >found 2>errors || status=$?
    equal "$status" $(($# ? 2 : 0))
    equal "$(listing)" "$before"
    equal "$(grep -v 'as recorded$' found | sed -E 's/xxh128:[0-9a-f]{32}/#/g; s/  +/  /')" "$([ $# -eq 0 ] || printf '%s\n' "$@")"
}

EDITED='holds #, its history says #'
OTHER='is not what it was made from: it holds #, recorded is #'

@test "an audit of files that hold what they should finds nothing, also after a prune" {
    pipeline all
    audited
    equal "$(grep -c . found)" 29
    pipeline prune
    run -0 --separate-stderr pipeline audit
    equal "$(grep -c 'as recorded$' <<<"$output"), $(grep -c 'not there$' <<<"$output")" '25, 4'
    equal "$(pipeline audit OUT=none | grep -vc 'not there$')" 0
    [ ! -e none ]
}

@test "an audit finds an image whose content changed behind its dates, and names it" {
    own_images
    unseen images/ren/000.png flip images/ren/000.png 60
    # a clock set back, or a disk put back from an image of it: the date of the last change is the old one too
    awk -F '\t' -v OFS='\t' -v date="$(find images/ren/000.png -printf %C@)" '$1 == "ren/000.png" { $4 = date } { print }' \
        out/.images.npy.zst >new
    cat new >out/.images.npy.zst
    pipeline -q features
    audited "images.npy.zst  'images' $OTHER; 1 changed, such as 'ren/000.png'"
    touch images/ren/000.png
    pipeline all
    audited
}

@test "an audit finds a drawing that changed" {
    images= pipeline all OUT=drawn
    images= pipeline audit OUT=drawn
    flip drawn/samples/ren/000.png 60
    run -2 --separate-stderr pipeline audit OUT=drawn DATA=
    grep -E "^samples +'samples/ren/000.png': damaged: chunk at byte 33$" <<<"$output"
    grep -E "^images.npy.zst +'samples' is not what it was made from: .*; 1 changed, such as 'ren/000.png'$" <<<"$output"
}

@test "an audit finds a tensor whose content changed, and what was made from it" {
    unseen out/train-1.npy.zst flip out/train-1.npy.zst 900
    pipeline -q all
    audited 'train-1.npy.zst  damaged: frame 1 of 1, at byte 0' "stage-2.safetensors.zst  'train-1.npy.zst': damaged: frame 1 of 1, at byte 0"
    unseen out/features.npy.zst flip out/features.npy.zst $(($(stat -c %s out/features.npy.zst) - 200))   # its history
    pipeline audit | grep '^features.npy.zst *damaged record or seek table$'
}

@test "an audit finds a tensor that is whole, with the record of another content" {
    # the record as it is, over other rows: what no reader can see
    tensor npy out/test-1.npy.zst -o x.npy
    flip x.npy 200
    cp -p out/test-1.npy.zst kept
    "$BUILD/tests/check-damage" graft x.npy kept >out/test-1.npy.zst
    touch -r kept out/test-1.npy.zst
    pipeline -q all
    audited 'test-1.npy.zst  content #, its history says #' "stage-2.safetensors.zst  'test-1.npy.zst' $OTHER"
}

@test "an audit finds a model that changed behind an old date" {
    unseen out/stage-1.safetensors.zst flip out/stage-1.safetensors.zst 3000
    pipeline -q all
    run -2 --separate-stderr pipeline audit
    equal "$(grep -v 'as recorded$' <<<"$output" | sed -E 's/  +/  /; s/[0-9]+$//; s/frame [0-9] of [0-9]/frame/')" \
        "$(printf "%s damaged: frame, at byte \n" 'stage-1.safetensors.zst ' "train-1.npy.zst  'stage-1.safetensors.zst':" \
            "test-1.npy.zst  'stage-1.safetensors.zst':" "deep-init.safetensors.zst  'stage-1.safetensors.zst':")"
}

@test "an audit finds a model from another run" {
    echo 'seed = 1' >>conf/finetune.conf
    cp -p out/deep.safetensors.zst out/deep.tsv .
    pipeline features
    sed -i '$d' conf/finetune.conf
    cp -p deep.tsv out/
    touch -r deep.safetensors.zst out/deep.safetensors.zst
    run -2 --separate-stderr pipeline audit
    grep -E "^deep.safetensors.zst +seed 1 -> 0; 'deep.tsv' holds xxh128:[0-9a-f]*, its history says xxh128:[0-9a-f]*$" <<<"$output"
}

@test "an audit finds an index, a log and a table that changed" {
    pipeline all
    for file in images.tsv stage-1.tsv deep.tsv pca-3.tsv; do
        cp -p out/$file kept
        case $file in
        images.tsv)
            unseen out/images.tsv sed -i 's:ren/000:ren/900:' out/images.tsv
            refused="'images.tsv': edited by hand, but an output of import-images: give it there as --labels, or read a copy"
            audited "images.npy.zst  'images.tsv' $EDITED" "train-0.npy.zst  $refused" "test-0.npy.zst  $refused" \
                "accuracy.tsv  $refused" "evaluation.tsv  $refused" "pca-2.npy.zst  $refused" "pca-3.npy.zst  $refused" \
                "map-2.npy.zst  $refused" "reconstruction.png  $refused" "report.html  $refused" ;;
        pca-3.tsv)
            unseen out/pca-3.tsv sed -i '$s/.$/x/' out/pca-3.tsv
            audited "pca-3.npy.zst  'pca-3.tsv' $EDITED" "scatter-3d.png  'pca-3.tsv' $OTHER" "scatter-3d.svg  'pca-3.tsv' $OTHER" \
                "report.html  'pca-3.tsv' $OTHER" ;;
        *)
            unseen out/$file sed -i '2s/^1\t0/1\t9/' out/$file
            audited "${file%.tsv}.safetensors.zst  '$file' $EDITED" "loss-${file%.tsv}.png  '$file' $OTHER" "loss-${file%.tsv}.svg  '$file' $OTHER" \
                "report.html  '$file' $OTHER" ;;
        esac
        cp -p kept out/$file
    done
    sed -i 's/\t[0-9.]*$/\t7/; 1s/7$/seconds/' out/stage-1.tsv   # seconds are no part of what is kept
    audited
}

@test "an audit finds a table that changed also where the inputs of what it was written beside were pruned" {
    pipeline prune
    unseen out/stage-2.tsv sed -i '2s/^1\t0/1\t9/' out/stage-2.tsv
    run -2 --separate-stderr pipeline audit
    grep -E "^stage-2.safetensors.zst +'stage-2.tsv': content xxh128:[0-9a-f]*, its history says xxh128:[0-9a-f]*$" <<<"$output"
}

@test "an audit finds a picture and an accuracy that changed, and a history that is gone" {
    unseen out/scatter-2d.svg sed -i 's/>component 1</>component 9</' out/scatter-2d.svg
    unseen out/loss-deep.png flip out/loss-deep.png 100
    unseen out/accuracy.tsv sed -i '2s/\t5\t/\t6\t/' out/accuracy.tsv
    rm out/.deep.tsv.history
    run -2 --separate-stderr pipeline audit
    equal "$(grep -v 'as recorded$' <<<"$output" | sed -E 's/xxh128:[0-9a-f]{32}/#/g; s/  +/  /; s/^(loss-deep.png  ).*/\1damaged/')" \
        "deep.safetensors.zst  'deep.tsv' has no history
accuracy.tsv  content #, its history says #
scatter-2d.svg  content #, its history says #
loss-deep.png  damaged"
}

@test "an audit finds changed settings too, and a missing input is no difference" {
    echo 'epochs = 3' >>conf/assemble.conf
    run -2 pipeline audit
    [[ $output = *"unknown setting 'epochs'"* ]]
    echo 'transfer = none' >conf/assemble.conf
    rm out/stage-1.safetensors.zst
    audited 'stage-1.safetensors.zst  not there' 'deep-init.safetensors.zst  transfer all -> none'
}

@test "an audit of ready arrays finds the one that changed" {
    tensor npy out/train-0.npy.zst -o 'my train.npy'
    cp out/test-0.npy.zst .
    images=
    pipeline all TRAIN='my train.npy' TEST=test-0.npy.zst OUT=arrays
    pipeline audit TRAIN='my train.npy' TEST=test-0.npy.zst OUT=arrays
    flip 'my train.npy' 500
    run -2 --separate-stderr pipeline audit TRAIN='my train.npy' TEST=test-0.npy.zst OUT=arrays
    equal "$(grep -v 'as recorded$' <<<"$output" | sed -E 's/xxh128:[0-9a-f]{32}/#/g; s/  +/  /')" \
        "train-0.npy.zst  'my train.npy' $OTHER; 1 changed, such as 'my train.npy'"
}

@test "an audit waits for no pipeline: it says that one is at work" {
    exec 7>>out/.lock
    flock 7
    run -2 --separate-stderr pipeline audit
    [[ $stderr = "pipeline: 'out': one is at work here, process "*": audit it when that is done"* ]]
}

@test "--audit of a program writes nothing, and refuses what has no record" {
    train-stage out/train-0.npy.zst out/test-0.npy.zst -c conf/stage-1.conf -o out/stage-1.safetensors.zst --audit
    run -1 --separate-stderr extract out/deep.safetensors.zst out/images.npy.zst -o none --audit
    equal "$output" missing
    run -1 --separate-stderr extract out/deep.safetensors.zst - -o none --audit
    fails 1 'extract: standard input: no file, want one for --audit'
    run -1 draw-samples -o none --audit
    run -1 import-images images -o none --audit
    equal "$output" missing
    run -1 neighbours out/features.npy.zst --index out/images.tsv -o none --audit
    equal "$output" missing
    for question in why audit; do
        run -2 --separate-stderr tensor npy out/features.npy.zst -o none --$question
        fails 2 "tensor: 'npy' writes no history, --$question is not for it"
    done
    run -2 --separate-stderr extract out/deep.safetensors.zst out/images.npy.zst --audit
    fails 2 'extract: --audit wants the file to ask about, -o FILE'
    [ ! -e none ]
}
