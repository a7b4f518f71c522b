load helper
load pipeline

setup_file() { make_ready; }
setup() { cd "$BATS_TEST_TMPDIR"; settings conf; }

@test "features come from nothing but settings, and a second call has nothing to do" {
    run -0 --separate-stderr pipeline
    equal "$(made_files <<<"$output")" "$(tr ' ' '\n' <<<"samples $EVERYTHING" | sort | paste -sd ' ')"
    equal "$(tensor info out/features.npy.zst | grep -c '(12,4,4,4)')" 1
    run -0 --separate-stderr pipeline
    equal "$(made_files <<<"$output")" ''
    run -0 --separate-stderr pipeline -q
    equal "$output$stderr" ''
}

@test "all leaves every file under its name, whole" {
    ready
    for file in images.npy.zst images.tsv {train,test}-{0,1}.npy.zst stage-{1,2}.{safetensors.zst,tsv} deep-init.safetensors.zst \
        deep.safetensors.zst deep.tsv features.npy.zst pca-{2,3}.{npy.zst,tsv} reconstruction.png accuracy.tsv scatter-{2,3}d.{png,svg} \
        loss-{stage-1,stage-2,deep}.{png,svg}; do
        [ -s "out/$file" ]
    done
    tensor verify out/*.zst
    equal "$(head -n 1 out/images.tsv)" $'row\tsplit\tclass\tpath'
    equal "$(head -n 1 out/stage-1.tsv)" $'epoch\tloss\tval_loss\tlearning_rate\tseconds'
    equal "$(head -n 1 out/pca-3.tsv | grep -c 'pc1.pc2.pc3')" 1
    equal "$(wc -l <out/pca-2.tsv)" 21
}

@test "the test images are not cropped, the training images are: one original and five crops" {
    ready
    n_train=$(grep -c $'\ttrain\t' out/images.tsv)
    tensor info out/train-0.npy.zst | grep -F "($((6 * n_train)),16,16,3)"
    tensor info out/test-0.npy.zst | grep -F "($((20 - n_train)),16,16,3)"
}

@test "with -j2, other threads and other memory every file has the same bytes" {
    images=$BATS_FILE_TMPDIR/images
    pipeline -j2 all FLAGS='--threads 1 --memory 64M' 2>/dev/null
    for file in out/*.zst out/*.png out/*.svg out/.*.history out/{images,accuracy,pca-2,pca-3}.tsv; do
        cmp "$file" "$BATS_FILE_TMPDIR/$file"
    done
}

@test "without DATA the settings are configs/demo, with DATA configs/seed; OUT has their name" {
    cd "$ROOT"
    run -0 --separate-stderr make -f Makefile.pipeline BIN="$BIN" -n OUT="$BATS_TEST_TMPDIR/out"
    [[ $output = *'-c configs/demo/import.conf'* ]]
    run -0 --separate-stderr make -f Makefile.pipeline BIN="$BIN" -n OUT="$BATS_TEST_TMPDIR/out" DATA=pictures
    [[ $output = *"import-images 'pictures' "*'-c configs/seed/import.conf'* ]]
    equal "$(grep -c draw-samples <<<"$output")" 0
    make -f Makefile.pipeline BIN="$BIN" -n DATA=pictures | grep -F -- '-o out/seed/features.npy.zst'
    make -f Makefile.pipeline BIN="$BIN" -n CONFIG=configs/seed/ -B | grep -F -- '-o out/seed/features.npy.zst'
}

@test "the settings of configs/seed are the reference experiment, and all of configs are read" {
    cd "$ROOT/configs"
    equal "$(train-stage -c seed/stage-1.conf --print-config)" "$(train-stage --print-config)"
    equal "$(finetune -c seed/finetune.conf --print-config)" "$(finetune --print-config)"
    equal "$(assemble-deep -c seed/assemble.conf --print-config)" "$(assemble-deep --print-config)"
    equal "$(augment -c seed/augment.conf --print-config)" "$(augment --print-config)"
    for k in 2 3 4; do
        wanted=$(train-stage --kernel $((k == 2 ? 5 : 3)) --filters $((8 << k)) --output-activation linear --loss mean-squared-error \
            --learning-rate 0.0005 --print-config)
        equal "$(train-stage -c seed/stage-$k.conf --print-config)" "$wanted"
    done
    for conf in */*.conf; do
        case ${conf##*/} in
        draw.conf) program=draw-samples ;;
        import.conf) program=import-images ;;
        stage-*.conf) program=train-stage ;;
        assemble.conf) program=assemble-deep ;;
        *) program=$(basename "$conf" .conf) ;;
        esac
        "$program" -c "$conf" --print-config >/dev/null
    done
}

@test "a folder of images may have blanks and quotes in its name" {
    cp -r "$BATS_FILE_TMPDIR/images" "my friend's  \"pictures\" (old)"
    images="my friend's  \"pictures\" (old)"
    pipeline
    pipeline -q
    equal "$(tensor info out/features.npy.zst | grep -c '(20,4,4,4)')" 1
    equal "$(pipeline why | grep -c 'up to date')" 10
}

@test "ready arrays take the place of images: features of both, no index, no classes" {
    tensor npy "$BATS_FILE_TMPDIR/out/train-0.npy.zst" -o 'my train.npy'
    cp "$BATS_FILE_TMPDIR/out/test-0.npy.zst" .
    arrays=(TRAIN='my train.npy' TEST=test-0.npy.zst)
    reruns 'train-0 test-0 stage-1 train-1 test-1 stage-2 deep-init deep features features-test' "${arrays[@]}"
    cmp <(zstdcat out/train-0.npy.zst) 'my train.npy'
    tensor info out/features.npy.zst | grep -F "($(tensor info out/train-0.npy.zst | grep -o '([0-9]*' | tr -d '('),4,4,4)"
    tensor info out/features-test.npy.zst | grep -F "($(tensor info out/test-0.npy.zst | grep -o '([0-9]*' | tr -d '('),4,4,4)"
    zstdcat out/deep.safetensors.zst | tail -c 1000 >weights
    zstdcat "$BATS_FILE_TMPDIR/out/deep.safetensors.zst" | tail -c 1000 | cmp - weights
    pipeline all "${arrays[@]}"
    [ -s out/scatter-2d.png ] && [ -s out/reconstruction.png ] && [ ! -e out/images.tsv ] && [ ! -e out/accuracy.tsv ]
    pipeline prune "${arrays[@]}"
    reruns '' all "${arrays[@]}"
    touch -d '2001-01-01' 'my train.npy'
    reruns 'train-0 test-0 stage-1 train-1 test-1 stage-2 deep-init deep features features-test' "${arrays[@]}"
    equal "$(found_same)" 'deep deep-init features features-test stage-1 stage-2'
    run -2 --separate-stderr pipeline TRAIN='my train.npy'
    [[ $stderr = *'TRAIN wants TEST'* ]]
}

@test "a missing program is built" {
    bin=$PWD/bin
    run -0 --separate-stderr pipeline -n
    [ ! -e bin ]
    pipeline images.npy.zst
    [ -x bin/import-images ] && [ -s out/images.npy.zst ]
    pipeline -q images.npy.zst
}

@test "a wrong setting stops everything before anything starts, with file, line and the nearest setting" {
    echo 'epoch = 3' >>conf/finetune.conf
    run -2 --separate-stderr pipeline
    [[ $stderr = *"finetune: 'conf/finetune.conf' line 3: unknown setting 'epoch', nearest is 'epochs'"* ]]
    equal "$(ls -A out)" '.lock'
}

@test "settings without stage 1, or with a stage left out, are refused" {
    mv conf/stage-1.conf conf/stage-3.conf
    run -2 --separate-stderr pipeline -n
    [[ $stderr = *"no 'conf/stage-1.conf'"* ]]
    rm conf/stage-*.conf
    run -2 --separate-stderr pipeline -n
    [[ $stderr = *"no 'conf/stage-1.conf'"* ]]
}

@test "BIN, CONFIG and OUT with a blank are refused, before anything is written" {
    run -2 --separate-stderr pipeline OUT='my out'
    [[ $stderr = *'BIN, CONFIG and OUT may not have spaces in them'* ]]
    [ ! -e my ] && [ ! -e 'my out' ]
}

@test "a stage that fails leaves what stood before, and says why" {
    ready
    sed -i 's/16/18/' conf/import.conf   # two halvings do not divide it
    run -2 --separate-stderr pipeline
    [[ $stderr = *'train-stage: '*'18,18'* || $stderr = *'train-stage: '*'9,9'* ]]
    tensor verify out/*.zst
    sed -i 's/18/16/' conf/import.conf
    reruns "$EVERYTHING"
}

@test "one pipeline at a time: the second says at once which process is at work; asking is always allowed" {
    ready
    slow_program extract
    rm out/features.npy.zst
    pipeline >/dev/null 2>&1 3>&- &
    owner=$!
    wait_for started
    run -2 --separate-stderr pipeline features
    [[ $stderr = "pipeline: 'out': another one is at work here, process $(child_of "$owner")"* ]]
    pipeline -n >/dev/null
    run -1 pipeline -q
    pipeline why >/dev/null
    pipeline help >/dev/null
    pipeline status | grep '^features.npy.zst *at work'
    pipeline OUT=other images.npy.zst   # of no concern to it
    touch go
    wait "$owner"
    pipeline -q
}

@test "a pipeline that was killed leaves no lock, and its stages do not work on" {
    ready
    slow_program extract
    rm out/features.npy.zst
    make -f "$ROOT/Makefile.pipeline" CONFIG=conf OUT=out BIN=bin DATA=images >/dev/null 2>&1 3>&- &
    wait_for started
    kill -KILL $!
    wait $! || true
    touch go
    pipeline
    pipeline -q
    equal "$(wc -l <started)" 2
}

# Copies the programs; PROGRAM then notes each start and waits for the file go, at most half a minute.
slow_program() {
    cp -a "$BIN" .
    bin=bin
    rm "bin/$1"
    cat >"bin/$1" <<END
#!/bin/bash
[[ " \$* " = *' --why '* ]] || { echo >>started; for ((i = 0; i < 300; i++)); do [ -e go ] && break; sleep 0.1; done; }
exec "$BIN/$1" "\$@"
END
    chmod +x "bin/$1"
    touch -r "$BIN/$1" "bin/$1"
}
wait_for() {
    for ((i = 0; i < 300; i++)); do
        [ ! -e "$1" ] || return 0
        sleep 0.1
    done
    return 1
}
# The make that the function in the background started.
child_of() {
    grep -sl "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status | cut -d / -f 3
}

@test "why and status write nothing, not even the folder" {
    equal "$(pipeline why | head -n 2)" 'samples                    would run: missing
images.npy.zst             would run: missing'
    equal "$(pipeline status | head -n 2)" 'file                       state          size  epoch  loss       val_loss
samples                    missing'
    equal "$(ls -A)" 'conf'
}

@test "status tells of each file its state, size and how far its training is" {
    ready
    read -r _ loss val_loss _ < <(tail -n 1 out/stage-2.tsv)
    run -0 --separate-stderr pipeline status
    grep -E "^stage-2.safetensors.zst +up to date +[0-9.]+K? +2 +${loss:0:6}[0-9]* +${val_loss:0:6}[0-9]*$" <<<"$output"
    grep -E '^features.npy.zst +up to date +[0-9.]+K?$' <<<"$output"
    pipeline prune
    echo 'seed = 1' >>conf/finetune.conf
    rm out/pca-2.npy.zst
    run -0 --separate-stderr pipeline status
    grep -E '^train-1.npy.zst +pruned$' <<<"$output"
    grep -E '^deep.safetensors.zst +out of date ' <<<"$output"
    grep -E '^pca-2.npy.zst +missing$' <<<"$output"
}

@test "help lists goals and variables" {
    run -0 --separate-stderr pipeline help
    for word in features all why status audit profile prune clean DATA CONFIG OUT CLASSES TRAIN TEST FLAGS; do
        grep -qE "^ .*\b$word\b" <<<"$output"
    done
}

@test "a variable that there is not is refused, before anything is written" {
    run -2 --separate-stderr make -f "$ROOT/Makefile.pipeline" features DTA=photos OUT=out
    [[ $stderr == *"*** no variable DTA; 'make -f $ROOT/Makefile.pipeline help' names all.  Stop." ]]
    [ ! -e out ]
    [ ! -e photos ]
}

@test "a bare name is a goal, and so is a path" {
    ready
    rm out/pca-3.npy.zst out/reconstruction.png
    reruns 'reconstruction.png' reconstruction.png
    reruns 'pca-3' out/pca-3.tsv
}

@test "OUT may be written in any way: with ./, with a / at its end, absolute, the current folder" {
    ready
    for name in ./out out/ "$PWD/out"; do
        pipeline why OUT="$name" >answer
        equal "$(grep -cv 'up to date' answer)" 0
    done
    cd out
    make -f "$ROOT/Makefile.pipeline" BIN="$BIN" -q all CONFIG=../conf DATA=../images OUT=.
    rm features.npy.zst
    make -f "$ROOT/Makefile.pipeline" BIN="$BIN" CONFIG=../conf DATA=../images OUT=. features.npy.zst
    [ -s features.npy.zst ]
}

@test "clean deletes what was made in OUT, and nothing else" {
    ready
    echo mine >out/notes.txt
    pipeline clean
    equal "$(ls -A out)" 'notes.txt'
    [ -s images/ren/000.png ]
}

@test "every command goes through LAUNCH, and no question does" {
    printf '#!/bin/sh\necho "$1" >>launched\nexec "$@"\n' >launch
    chmod +x launch
    LAUNCH=$PWD/launch pipeline why >/dev/null
    pipeline -n all LAUNCH="$PWD/launch" >commands
    [ ! -e launched ]
    pipeline all LAUNCH="$PWD/launch" 2>/dev/null
    equal "$(grep -c "^$PWD/launch $BIN/" commands)" "$(wc -l <launched)"
    equal "$(grep -c -- ' -o out/' commands)" "$(wc -l <launched)"
    equal "$(sed 's:.*/::' launched | sort -u | paste -sd ' ')" \
        'assemble-deep augment draw-samples encode-stage extract finetune import-images neighbours pca plot reconstruct train-stage'
    pipeline -q all   # it is no setting
}

@test "a goal that there is not gets a line with all that there are, before anything is written" {
    for goal in fetures stage-9.safetensors.zst; do
        run -2 --separate-stderr pipeline $goal
        [[ $stderr = *"*** no goal '$goal', want one of: features all help why status audit profile prune clean samples images.npy.zst "*'accuracy.tsv '*.'  Stop.' ]]
        equal "${#stderr_lines[@]}" 1
    done
    run -2 --separate-stderr pipeline accuracy.tsv TRAIN=x.npy TEST=y.npy   # no classes there
    [[ $stderr = *"*** no goal 'accuracy.tsv', want one of: "* ]]
    [ ! -e out ]
}

@test "a reader of why, status, audit and profile may go away after the first line, or before it" {
    ready
    for question in why status audit profile; do
        for ((n = 0; n < 50; n++)); do
            [ $question != audit ] || [ $((n % 10)) = 0 ] || continue
            (set +o pipefail; { pipeline $question; echo $? >status; } 2>errors | if [ $((n % 2)) = 0 ]; then true; else head -n 1 >/dev/null; fi)
            equal "$question $n: $(cat status errors)" "$question $n: 0"
        done
    done
    equal "$(env --ignore-signal=PIPE bash -c '. "$1"; ROOT=$2 BIN=$3; pipeline status' - "$BATS_TEST_DIRNAME/pipeline.bash" "$ROOT" "$BIN" 2>&1 >/dev/full | grep -c .)" 2
}

@test "on a file system without flock a pipeline runs, and a line says what to take care of; nothing is taken for at work" {
    printf '#include <errno.h>\nint flock(int fd, int op) { (void)fd; (void)op; errno = ENOLCK; return -1; }\n' >f.c
    gcc -shared -fPIC -o f.so f.c
    LD_PRELOAD=$PWD/f.so run -0 --separate-stderr timeout 20 "$ROOT/pipeline/host" lock out echo ran
    equal "$output" ran
    equal "$stderr" "pipeline: 'out': no locks on this file system: take care that only one pipeline works here"
    LD_PRELOAD=$PWD/f.so run -1 "$ROOT/pipeline/host" busy out
}

@test "a pipeline in another container, with process ids of its own, is told from one that ended" {
    unshare --pid --fork --mount-proc true 2>/dev/null || skip "no namespaces of process ids"
    unshare --pid --fork --kill-child --mount-proc "$ROOT/pipeline/host" lock out bash -c 'echo >started; sleep 30' 3>&- &
    wait_for started
    run -1 --separate-stderr timeout 20 "$ROOT/pipeline/host" lock out true
    fails 1 "pipeline: 'out': another one is at work here, process 1 of another container or host, $(uname -n)" ||
        [[ $stderr =~ ^"pipeline: 'out': another one is at work here, process "[0-9]+" of another container or host, $(uname -n)"$ ]]
    "$ROOT/pipeline/host" busy out
    kill -KILL $!
    wait $! || true
    gone=no
    for ((i = 0; i < 300; i++)); do
        "$ROOT/pipeline/host" lock out true 2>/dev/null && gone=yes && break
        sleep 0.1
    done
    equal $gone yes
}

@test "what a pipeline started that works on after it ended is waited for" {
    bash -c '"$1" lock out bash -c "sleep 1.5 & echo >started"; true' - "$ROOT/pipeline/host" 3>&-
    [ -e started ]
    run -0 --separate-stderr timeout 20 "$ROOT/pipeline/host" lock out echo ran
    equal "$output$stderr" ran
}

@test "a file is added to the pipeline in one place" {
    ready
    cp -a "$ROOT/Makefile.pipeline" "$ROOT/pipeline" .
    sed -i 's:^tables \:=:$(call makes,near.tsv,conf=near classes,neighbours,$O/features.npy.zst $(index) --k 2)\n&:' Makefile.pipeline
    mine() { make -f Makefile.pipeline CONFIG=conf OUT=out BIN="$BIN" DATA=images "$@"; }
    mine why | grep '^near.tsv *would run: missing$'
    mine status | grep '^near.tsv *missing$'
    mine all
    mine -q all
    mine audit | grep '^near.tsv *as recorded$'
    echo 'split = test' >conf/near.conf
    mine why | grep '^near.tsv *would run: split all -> test$'
    mine clean
    [ ! -e out ]
}

@test "with CDPATH in the environment nothing is made otherwise, nor found changed" {
    ready
    mkdir -p far/images far/out
    export CDPATH=.:$PWD/far
    reruns '' all
    pipeline audit >found
    equal "$(grep -vc 'as recorded$' found)" 0
    touch out/images.npy.zst
    pipeline all
    pipeline -q all
}
