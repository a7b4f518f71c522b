# What happened, and what reruns. In each test `make -n` names exactly what then runs and writes nothing; then nothing is left. Each is
# run twice, the second time with -j4, and gives the same bytes. `make why` says the reason.
load helper
load pipeline

setup_file() {
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o "$BATS_FILE_TMPDIR/faults.so" "$BATS_TEST_DIRNAME/faults.c" -ldl
    make_ready
}
setup() { cd "$BATS_TEST_TMPDIR"; ready; }

# answers WHAT: a line of make why.
answers() {
    local file=$1 reason=$2
    equal "$(pipeline why | grep "^$file ")" "$(printf '%-25s  %s' "$file" "$reason")"
}

@test "nothing happened: nothing runs" {
    reruns ''
    reruns '' all
}

@test "a comment, a blank line, another order or an explicit default in a .conf reruns nothing" {
    printf '# more\n\nbatch=16\n  epochs = 2 # two\nfilters = 4\nkernel = 3\nseed = 0\nbeta1 = 0.90\n' >conf/stage-1.conf
    touch conf/*
    reruns '' all
}

@test "a changed setting of import reruns it and all that follows" {
    sed -i 's/16/24/' conf/import.conf
    answers images.npy.zst 'would run: size 16 -> 24'
    answers deep-init.safetensors.zst 'would run: follows stage-1.safetensors.zst, stage-2.safetensors.zst'
    reruns "$EVERYTHING"
    equal "$(found_same)" ''
}

@test "a changed setting of augment reruns it for the training images, and what follows from these" {
    sed -i 's/3/2/' conf/augment.conf
    answers train-0.npy.zst 'would run: margin 3 -> 2'
    answers test-0.npy.zst 'up to date'
    reruns 'train-0 stage-1 train-1 test-1 stage-2 deep-init deep features'
    equal "$(found_same)" ''
}

@test "a changed setting of a stage reruns it and what follows, not what went before" {
    echo 'learning-rate = 0.01' >>conf/stage-2.conf
    answers stage-2.safetensors.zst 'would run: learning-rate 0.001 -> 0.01'
    reruns 'stage-2 deep-init deep features'
    equal "$(found_same)" ''
}

@test "two changed settings are two reasons; a setting taken away is its default again" {
    sed -i '/filters/d; s/epochs = 2/epochs = 3/' conf/stage-1.conf
    answers stage-1.safetensors.zst 'would run: filters 4 -> 16; epochs 2 -> 3'
    reruns "stage-1 $AFTER_STAGE_1"
}

@test "a changed setting of assemble, finetune, extract, pca or reconstruct reruns what it should" {
    echo 'components = 2' >conf/pca.conf   # the command line says how many
    reruns '' all
    echo 'sign = v' >conf/pca.conf
    answers pca-2.npy.zst 'would run: sign u -> v'
    answers 'scatter-2d.png, .svg' 'would run: follows pca-2.npy.zst'
    reruns 'pca-2 pca-3 report.html scatter-2d.png scatter-2d.svg scatter-3d.png scatter-3d.svg' all
    echo 'seed = 1' >conf/reconstruct.conf
    answers reconstruction.png 'would run: seed 0 -> 1'
    reruns 'reconstruction.png' all
    echo 'l2 = 0' >>conf/finetune.conf
    answers deep.safetensors.zst 'would run: l2 0.0005 -> 0'
    reruns 'deep features'
    echo 'transfer = none' >conf/assemble.conf
    answers deep-init.safetensors.zst 'would run: transfer all -> none'
    reruns 'deep-init deep features'
}

@test "a .conf added is the settings in it, one removed the defaults again" {
    echo '# nothing' >conf/encode.conf
    rm conf/assemble.conf   # which says the default
    reruns ''
    echo 'flatten = yes' >conf/extract.conf
    answers features.npy.zst 'would run: flatten no -> yes'
    reruns 'features'
    rm conf/extract.conf
    answers features.npy.zst 'would run: flatten yes -> no'
    reruns 'features'
}

@test "each single setting of each program is a reason of its own" {
    local conf file command program key old new n=0
    while read -r conf file; do
        [ -e "conf/$conf.conf" ] || : >"conf/$conf.conf"
        cp "conf/$conf.conf" kept
        command=$(pipeline -n -B "$file" | grep -- " -o out/$file")
        program=${command%% *}
        while read -r key _ old; do
            [[ $command != *" --$key "* ]] || continue   # the pipeline says it
            new=$(other_value "$program" "$key" "$old")
            { grep -v "^$key *=" kept || true; echo "$key = $new"; } >"conf/$conf.conf"
            equal "$(eval "$command --why")" "$key $old -> $new"
            n=$((n + 1))
        done < <("$program" -c kept --print-config)
        cp kept "conf/$conf.conf"
    done <<<'import images.npy.zst
        augment train-0.npy.zst
        stage-1 stage-1.safetensors.zst
        assemble deep-init.safetensors.zst
        finetune deep.safetensors.zst
        extract features.npy.zst
        pca pca-2.npy.zst
        map map-2.npy.zst
        neighbours accuracy.tsv
        plot scatter-2d.png
        plot loss-deep.svg
        evaluate evaluation.tsv
        reconstruct reconstruction.png'
    [ "$n" -ge 50 ]
}

# Another value that PROGRAM takes for its setting KEY.
other_value() {
    local choices
    choices=$("$1" --help | sed -n "s/^  --$2 \([a-z0-9-]*|[^ ]*\).*/\1/p")
    case "$choices:$3" in
    :no) echo yes ;;
    :) echo 0 ;;
    :'#'*) echo '#000001' ;;
    :1e-*) echo 2e-08 ;;
    :0.*) echo 0.125 ;;
    :*[KMGT]) echo "1$3" ;;
    :*) "$1" "--$2=$(($3 + 1))" --print-config >/dev/null 2>&1 && echo $(($3 + 1)) || echo 0.25 ;;
    *) tr '|' '\n' <<<"$choices" | grep -vxm 1 -- "$3" ;;
    esac
}

@test "what does not decide the result is no reason: threads, memory, checkpoints" {
    echo 'threads = 1' >>conf/stage-1.conf
    echo 'memory = 100M' >>conf/augment.conf
    echo 'checkpoint = 5s' >>conf/finetune.conf
    reruns ''
}

@test "more memory is a reason where a picture was left out for want of it" {
    own_images
    "$BUILD/tests/check-pictures" interlaced 6000 6000 images/ren/large.png
    pipeline images.npy.zst FLAGS='--memory 64M' 2>notes
    grep "large.png': skipped: too large: takes 148 MiB to decode, want at most 32 (--memory)" notes
    pipeline -q images.npy.zst FLAGS='--memory 64M'
    pipeline why | grep -E '^images.npy.zst *would run: memory 32 MiB -> 9[0-9]+ MiB$'
    pipeline images.npy.zst
    pipeline -q images.npy.zst
    pipeline -q images.npy.zst FLAGS='--memory 64M'
}

@test "other classes rerun coordinates and plots alone" {
    pipeline why CLASSES='akane ren' | grep '^pca-2.npy.zst *would run: classes  -> akane ren$'
    reruns 'map-2 map.png map.svg pca-2 pca-3 scatter-2d.png scatter-2d.svg scatter-3d.png scatter-3d.svg report.html' \
        all CLASSES='akane ren'
    equal "$(cut -f 3 out/pca-2.tsv | sort -u | paste -sd ' ')" 'akane class ren'
}

@test "one more stage-K.conf trains one more stage, and the deep net anew" {
    cp conf/stage-2.conf conf/stage-3.conf
    answers deep-init.safetensors.zst 'would run: inputs 2 -> 3; follows stage-3.safetensors.zst'
    reruns 'train-2 test-2 stage-3 deep-init deep features'
}

@test "one stage-K.conf less joins the deep net anew" {
    rm conf/stage-2.conf
    answers deep-init.safetensors.zst 'would run: inputs 2 -> 1'
    reruns 'deep-init deep features'
}

@test "a touched image imports again, and the rest finds itself the same" {
    own_images
    touch images/ren/000.png
    answers images.npy.zst "would run: 1 changed, such as 'ren/000.png'"
    reruns "$EVERYTHING"
    equal "$(found_same)" "$(tr ' ' '\n' <<<"$EVERYTHING" | sort | paste -sd ' ')"
}

@test "an image added, removed, renamed or replaced is noticed, also with an old date" {
    own_images
    cp -p images/ren/000.png images/ren/900.png
    answers images.npy.zst "would run: 1 added, such as 'ren/900.png'"
    reruns images images.npy.zst
    mv images/ren/900.png images/ren/901.png
    answers images.npy.zst "would run: 1 added, such as 'ren/901.png'; 1 removed, such as 'ren/900.png'"
    reruns images images.npy.zst
    rm images/ren/901.png
    answers images.npy.zst "would run: 1 removed, such as 'ren/901.png'"
    reruns images images.npy.zst
    cp -p images/ren/000.png old.png
    cp images/ren/001.png images/ren/000.png
    touch -d '2001-01-01' images/ren/000.png
    answers images.npy.zst "would run: 1 changed, such as 'ren/000.png'"
    reruns images images.npy.zst
    equal "$(found_same)" ''
    cp -p old.png images/ren/000.png
    reruns "$EVERYTHING"
}

@test "another folder with the same names is noticed, and a file that is no PNG passed over" {
    own_images
    echo hello >images/ren/notes.txt
    reruns ''
    mv images others
    cp -a others images
    touch -d '2001-01-01' images images/* images/*/*
    reruns "$EVERYTHING"
    images=others
    reruns "$EVERYTHING" REPLACE=yes
}

@test "an index edited by hand is never used and never lost: set aside, in a line that says what to do" {
    cp out/images.tsv written.tsv
    sed -i '0,/test/s/test/train/' out/images.tsv
    cp out/images.tsv edited.tsv
    answers images.npy.zst "would run: 'images.tsv' was edited by hand"
    pipeline features CLASSES=ren 2>notes
    grep "^import-images: 'out/images.tsv': edited by hand, but an output: give your own as --labels, " notes
    cmp out/images.tsv written.tsv
    cmp out/images.tsv.old edited.tsv
    reruns ''
}

@test "labels are an input: changed, they make the images anew, wherever they are named" {
    own_images
    cp out/images.tsv "my 'labels.tsv"
    cp "my 'labels.tsv" images/   # another file of that name
    change() { sed -i '2s/\ttest\t/\ttrain\t/; t; 2s/\ttrain\t/\ttest\t/' "my 'labels.tsv"; }
    told="would run: 1 changed, such as 'my 'labels.tsv'"
    tried="import.labels=my 'labels.tsv"
    pipeline features "$tried"
    reruns '' "$tried"
    change
    equal "$(pipeline why "$tried" | sed -n 's/^images.npy.zst *//p')" "$told"
    pipeline features "$tried"
    cmp "my 'labels.tsv" out/images.tsv
    reruns '' LABELS="my 'labels.tsv"
    change
    equal "$(pipeline why LABELS="my 'labels.tsv" | sed -n 's/^images.npy.zst *//p')" "$told"
    echo "labels = my 'labels.tsv" >>conf/import.conf
    answers images.npy.zst "$told"
    pipeline features
    cmp "my 'labels.tsv" out/images.tsv
    unseen="$(stat -c %y "my 'labels.tsv")"
    change
    touch -d "$unseen" "my 'labels.tsv"
    run -2 --separate-stderr pipeline audit
    grep "^images.npy.zst .*'my 'labels.tsv' is not what it was made from.*; 1 changed, such as 'my 'labels.tsv'$" <<<"$output"
}

@test "what is listed again is read where it changed since, or had just changed when it was listed" {
    local seen=$BATS_TEST_DIRNAME/../pipeline/seen
    mkdir photos bin
    printf '#!/bin/bash\nprintf "%%s\\n" "${@:5}" >>"$READ"\nexec /usr/bin/b2sum "$@"\n' >bin/b2sum
    chmod +x bin/b2sum
    export READ=$PWD/read LIST="find photos -type f -printf '%P\t%s\t%T@\t%C@\n'" PATH=$PWD/bin:$PATH
    echo one >photos/a
    echo two >photos/b
    "$seen" photos >first
    equal "$(grep . read | paste -sd ' ')" 'a b'
    echo zwo >photos/b
    echo three >photos/c
    rm read
    touch -d '2 seconds' first
    "$seen" photos --after first >second
    equal "$(grep . read | paste -sd ' ')" 'b c'
    rm read
    touch second
    "$seen" photos --after second >third
    equal "$(grep . read | paste -sd ' ')" 'a b c'
    cmp second third
}

@test "hidden files are no reason: what is seen is what is imported" {
    own_images
    echo x >images/ren/._000.png
    mkdir images/ren/.ipynb_checkpoints
    cp images/ren/*0.png images/ren/.ipynb_checkpoints/
    reruns ''
    cp images/ren/*00.png images/ren/no-ending
    answers images.npy.zst "would run: 1 added, such as 'ren/no-ending'"
}

@test "a touched tensor or model: what follows starts, finds itself the same, and is only dated" {
    touch out/train-1.npy.zst
    answers stage-2.safetensors.zst 'would run: newer train-1.npy.zst'
    reruns 'stage-2 deep-init deep features'
    equal "$(found_same)" 'deep deep-init features stage-2'
    touch out/stage-1.safetensors.zst
    reruns "$AFTER_STAGE_1"
    equal "$(found_same)" 'deep deep-init features stage-2 test-1 train-1'
}

@test "a touched index: what reads it starts, finds itself the same, and is only dated" {
    touch out/images.tsv
    answers train-0.npy.zst 'would run: newer images.tsv'
    reruns "$AFTER_IMAGES"
    equal "$(found_same)" "$(tr ' ' '\n' <<<"$AFTER_IMAGES" | sort | paste -sd ' ')"
}

@test "drawings: a changed setting, one touched, one deleted, one replaced" {
    images=
    pipeline features REPLACE=yes 2>/dev/null
    reruns ''
    touch out/samples/ren/001.png
    answers samples 'up to date'
    answers images.npy.zst "would run: 1 changed, such as 'ren/001.png'"
    reruns "$EVERYTHING"
    equal "$(found_same)" "$(tr ' ' '\n' <<<"$EVERYTHING" | sort | paste -sd ' ')"
    rm out/samples/ren/001.png
    answers samples 'would run: missing'
    reruns "samples $EVERYTHING"
    equal "$(found_same)" "$(tr ' ' '\n' <<<"$EVERYTHING" | sort | paste -sd ' ')"
    draw-samples --count 3 --seed 1 -o other
    cp other/ren/001.png out/samples/ren/   # as a run that was killed would leave it
    answers samples 'would run: seed 1 -> 0'
    reruns "samples $EVERYTHING"
    equal "$(found_same)" "$(tr ' ' '\n' <<<"$EVERYTHING" | sort | paste -sd ' ')"
    echo hello >out/samples/ren/001.png
    answers samples 'would run: no history'
    reruns "samples $EVERYTHING"
    sed -i 's/3/2/' conf/draw.conf
    answers samples 'would run: count 3 -> 2'
    reruns "samples $EVERYTHING"
    equal "$(found_same)" ''
}

@test "a rebuilt program starts its stages, which find themselves the same" {
    cp -a "$BIN" .
    bin=bin
    reruns ''
    touch bin/encode-stage
    answers train-1.npy.zst 'would run: newer encode-stage'
    reruns 'train-1 test-1 stage-2 deep-init deep features'
    equal "$(found_same)" 'deep deep-init features stage-2 test-1 train-1'
}

@test "a program of another revision makes its files anew" {
    cp -a "$BIN" .
    bin=bin
    local revision
    revision=$(sed -n 's/.*NET_REVISION = \([0-9]*\).*/\1/p' "$ROOT/include/net/net.h")
    build_with_revision $((revision + 1)) encode-stage
    answers train-1.npy.zst "would run: revision $revision -> $((revision + 1)); newer encode-stage"
    reruns 'train-1 test-1 stage-2 deep-init deep features'
    equal "$(found_same)" 'deep deep-init features stage-2'
}

build_with_revision() {
    sed "s/NET_REVISION/$1/" "$ROOT/stages/$2.c" >changed.c
    link "$2" changed.c
}

# link PROGRAM SOURCE...: bin/PROGRAM.
link() {
    local compile libraries program=$1
    shift
    compile=$(make -s -C "$ROOT" --eval 'show: ; @echo "$(COMPILE)"' show)
    libraries=$(make -s -C "$ROOT" --eval 'show: ; @echo "$(LDLIBS)"' show)
    $compile -I"$ROOT/include" -o "bin/$program" "$@" "$BUILD/libkasane.a" $libraries
}

@test "a deleted output is made again, and what follows finds itself the same" {
    rm out/deep-init.safetensors.zst
    answers deep-init.safetensors.zst 'would run: missing'
    reruns 'deep-init deep features'
    equal "$(found_same)" 'deep features'
    rm out/features.npy.zst
    reruns 'features'
}

@test "a deleted log or table is made again by its stage" {
    rm out/pca-3.tsv
    reruns 'pca-3 report.html scatter-3d.png scatter-3d.svg' all
    rm out/stage-2.tsv
    answers stage-2.safetensors.zst "would run: missing 'stage-2.tsv'"
    reruns 'stage-2 deep-init deep features'
    [ -s out/stage-2.tsv ]
    rm out/images.tsv
    reruns 'images' images.npy.zst
    [ -s out/images.tsv ]
}

@test "a damaged output is made again" {
    truncate -s -9 out/stage-2.safetensors.zst
    touch -d '2001-01-01' out/stage-2.safetensors.zst
    touch out/stage-2.safetensors.zst
    pipeline why | grep '^stage-2.safetensors.zst *would run: damaged: '
    reruns 'stage-2 deep-init deep features'
    equal "$(found_same)" 'deep deep-init features'
}

# killed_naming PROGRAM N [ARGUMENT]...: the pipeline, of which PROGRAM is killed before it puts its Nth file in the place of an old one.
killed_naming() {
    local program=$1 n=$2
    shift 2
    cp -a "$BIN" killing
    printf '#!/bin/sh\nFAULT="rename %s" FAULT_SIGNAL=9 LD_PRELOAD=%s/faults.so exec %s/%s "$@"\n' "$n" "$BATS_FILE_TMPDIR" "$BIN" "$program" >killing/"$program"
    touch -r "$BIN/$program" killing/"$program"
    bin=killing run -2 pipeline "$@"
    rm -r killing
}

@test "killed between its table and its tensor, and the setting put back: it is made again, and the table is its own" {
    pipeline all
    cp -a out whole
    for n in 2 3; do   # before the history of the table has its name, and before the tensor has
        killed_naming pca $n pca-2.npy.zst CLASSES='akane ren'
        run -1 cmp -s out/pca-2.tsv whole/pca-2.tsv
        cmp out/pca-2.npy.zst whole/pca-2.npy.zst
        answers pca-2.npy.zst "would run: 'pca-2.tsv' may be of another run"
        run -2 pipeline audit
        [[ $output = *"'pca-2.tsv' may be of another run"* ]]
        reruns 'pca-2 scatter-2d.png scatter-2d.svg' all
        rm -f out/.*.tmp
        same_results whole out
    done
}

@test "killed between its log and its model, or its index and its images, and the setting put back: they are made again" {
    cp -a out whole
    echo 'seed = 1' >>conf/stage-2.conf
    killed_naming train-stage 2 stage-2.safetensors.zst
    run -1 cmp -s out/stage-2.tsv whole/stage-2.tsv
    sed -i '/seed/d' conf/stage-2.conf
    answers stage-2.safetensors.zst "would run: 'stage-2.tsv' may be of another run"
    pipeline features
    rm -f out/stage-2.safetensors.zst.checkpoint*   # of the other run, set aside
    same_results whole out
    sed -i 's/test = 0.3/test = 0.5/' conf/import.conf
    killed_naming import-images 2 images.npy.zst
    run -1 cmp -s out/images.tsv whole/images.tsv
    sed -i 's/test = 0.5/test = 0.3/' conf/import.conf
    answers images.npy.zst "would run: 'images.tsv' may be of another run; 'skipped.tsv' may be of another run"
    pipeline features
    same_results whole out
}

@test "an output from another run is made again" {
    cp -a out before
    echo 'seed = 1' >>conf/stage-1.conf
    pipeline features
    cp -a before/train-1.npy.zst out/   # of other weights, and older
    answers train-1.npy.zst "would run: 'stage-1.safetensors.zst' is not what it was made from; newer stage-1.safetensors.zst"
    reruns 'train-1 stage-2 deep-init deep features'
    equal "$(found_same)" 'deep deep-init features stage-2'
}

@test "a model from another run is made again, of other settings or of other inputs" {
    cp -a out before
    sed -i 's/margin = 3/margin = 2/' conf/augment.conf
    echo 'seed = 1' >>conf/finetune.conf
    pipeline features 2>/dev/null
    mv out other
    mv before out
    sed -i 's/margin = 2/margin = 3/' conf/augment.conf
    sed -i '/seed/d' conf/finetune.conf
    cp other/deep.safetensors.zst out/
    pipeline why | grep "^deep.safetensors.zst *would run: seed 1 -> 0; 'deep-init.safetensors.zst' is not what it was made from; "
    reruns 'deep features'
    equal "$(found_same)" 'features'
    cp other/stage-1.safetensors.zst out/
    pipeline why | grep "^stage-1.safetensors.zst *would run: 'train-0.npy.zst' is not what it was made from; 'stage-1.tsv' is of another run$"
    reruns "stage-1 $AFTER_STAGE_1"
    equal "$(found_same)" 'deep deep-init features stage-2 test-1 train-1'
}

@test "pruned tensors rerun nothing, and come back when something needs them, with nothing following from that" {
    pipeline prune
    [ ! -e out/train-0.npy.zst ]
    reruns '' all
    answers train-1.npy.zst 'pruned'
    echo 'epochs = 1' >conf/finetune.conf
    reruns 'train-0 test-0 deep features'
    pipeline prune
    sed -i 's/epochs = 2/epochs = 1/' conf/stage-2.conf
    answers train-1.npy.zst 'would run: pruned, and needed'
    reruns 'train-0 test-0 train-1 test-1 stage-2 deep-init deep features'
    reruns '' all || true
}

@test "a pruned tensor asked for by name comes back alone" {
    pipeline prune
    reruns 'train-0 train-1' train-1.npy.zst
    reruns '' features
}

@test "a changed setting of a pruned stage is noticed all the same" {
    pipeline prune
    sed -i 's/3/2/' conf/augment.conf
    answers train-0.npy.zst 'would run: margin 3 -> 2'
    reruns "$AFTER_IMAGES"
    pipeline prune
    sed -i 's/16/24/' conf/import.conf
    reruns "$EVERYTHING"
}

@test "several changes at once, with -j4" {
    pipeline prune
    sed -i 's/3/2/' conf/augment.conf
    echo 'sign = v' >conf/pca.conf
    echo 'l2 = 0' >>conf/finetune.conf
    reruns "$AFTER_IMAGES accuracy.tsv evaluation.tsv map-2 map.png map.svg pca-2 pca-3 reconstruction.png $(cd out && echo loss-*.???) report.html $(cd out && echo scatter-*.???)" -j4 all
    equal "$(found_same)" ''
}

@test "a touched table or log: the pictures of it start, find themselves the same, and are only dated" {
    touch out/pca-2.tsv out/deep.tsv
    answers 'scatter-2d.png, .svg' 'would run: newer pca-2.tsv'
    reruns 'scatter-2d.png scatter-2d.svg loss-deep.png loss-deep.svg report.html' all
    equal "$(found_same)" 'loss-deep.png loss-deep.svg report.html scatter-2d.png scatter-2d.svg'
}

@test "pictures and the accuracy: one deleted, damaged, from another run, or a changed setting" {
    rm out/loss-deep.svg
    answers loss-deep.svg 'would run: missing'
    answers loss-deep.png 'up to date'
    reruns 'loss-deep.svg' all
    echo 'k = 3' >conf/neighbours.conf
    answers accuracy.tsv 'would run: k 0 -> 3'
    reruns 'accuracy.tsv' all
    echo 'title = ours' >conf/plot.conf
    answers 'scatter-3d.png, .svg' 'would run: title  -> ours'
    reruns "$(cd out && echo loss-*.???) $(cd out && echo scatter-*.??? map.???)" all
    cp out/scatter-2d.svg out/scatter-3d.svg
    pipeline why | grep "^scatter-3d.svg *would run: kind scatter-2d -> scatter-3d; scripts xxh128:.*; 'pca-3.tsv' is not what it was made from$"
    reruns 'scatter-3d.svg' all
    truncate -s 1000 out/scatter-2d.png
    pipeline why | grep '^scatter-2d.png *would run: damaged: cut short'
    truncate -s -9 out/loss-deep.png
    answers loss-deep.png 'would run: damaged: cut short: a PNG file without its end'
    reruns 'loss-deep.png scatter-2d.png' all
    sed -i 's/^ren\t/rin\t/' out/accuracy.tsv
    pipeline why | grep "^accuracy.tsv *would run: 'accuracy.tsv' holds xxh128:.*, its history says xxh128:"
    reruns 'accuracy.tsv' all
    printf x | dd of=out/pca-2.npy.zst bs=1 seek="$(($(stat -c %s out/pca-2.npy.zst) / 2))" \
        conv=notrunc status=none
    answers pca-2.npy.zst 'would run: damaged record or seek table'
    reruns 'pca-2 scatter-2d.png scatter-2d.svg' all
}

@test "another script of a plot makes its pictures anew" {
    cp -a "$BIN" .
    bin=bin
    sed '/gnuplot_plane/,/^;/s/pointsize size/pointsize 2 * size/' "$BUILD/plots.c" >plots.c
    run -1 cmp -s "$BUILD/plots.c" plots.c
    link plot plots.c "$BUILD/stages/plot.o"
    pipeline why | grep '^scatter-2d.png, .svg *would run: scripts xxh128:[0-9a-f]* -> xxh128:[0-9a-f]*; newer plot$'
    answers 'loss-deep.png, .svg' 'would run: newer plot'
    reruns "$(cd out && echo loss-*.???) $(cd out && echo scatter-*.??? map.???)" all
    equal "$(found_same)" "$(cd out && ls loss-* scatter-3d* | bare)"
}
