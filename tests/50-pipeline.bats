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
        deep.safetensors.zst deep.tsv features.npy.zst {pca-2,pca-3,map-2}.{npy.zst,tsv} \
        reconstruction.png accuracy.tsv evaluation.{tsv,txt} {scatter-2d,scatter-3d,map}.{png,svg} \
        loss-{stage-1,stage-2,deep}.{png,svg} report.html; do
        [ -s "out/$file" ]
    done
    tensor verify out/*.zst
    equal "$(head -n 1 out/images.tsv)" $'row\tsplit\tclass\tpath'
    equal "$(head -n 1 out/stage-1.tsv)" $'epoch\tloss\tval_loss\tlearning_rate\tseconds'
    equal "$(head -n 1 out/pca-3.tsv | grep -c 'pc1.pc2.pc3')" 1
    equal "$(wc -l <out/pca-2.tsv)" 21
    equal "$(head -n 1 out/evaluation.tsv | cut -f 1-3)" $'what\tmeasure\trows_of'
    grep -q 'tell the classes apart' out/evaluation.txt
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
    for file in out/*.zst out/*.png out/*.svg out/*.html out/.*.history \
        out/{images,accuracy,evaluation,pca-2,pca-3,map-2}.tsv; do
        cmp "$file" "$BATS_FILE_TMPDIR/$file"
    done
}

@test "without DATA the settings are configs/demo, with DATA configs/seed; OUT has the names of both" {
    cd "$ROOT"
    run -0 --separate-stderr make -f Makefile.pipeline BIN="$BIN" -n OUT="$BATS_TEST_TMPDIR/out"
    [[ $output = *'-c configs/demo/import.conf'* ]]
    run -0 --separate-stderr make -f Makefile.pipeline BIN="$BIN" -n OUT="$BATS_TEST_TMPDIR/out" DATA=pictures
    [[ $output = *"import-images 'pictures' "*'-c configs/seed/import.conf'* ]]
    equal "$(grep -c draw-samples <<<"$output")" 0
    make -f Makefile.pipeline BIN="$BIN" -n DATA=/my/pictures/ | grep -F -- '-o out/pictures-seed/features.npy.zst'
    make -f Makefile.pipeline BIN="$BIN" -n TRAIN=x/a.npy.zst TEST=x/b.npy | grep -F -- '-o out/a-seed/features.npy.zst'
    make -f Makefile.pipeline BIN="$BIN" -n | grep -F -- '-o out/demo/features.npy.zst'
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
        net.conf) program=start-net ;;
        *) program=$(basename "$conf" .conf) ;;
        esac
        "$program" -c "$conf" --print-config >/dev/null
    done
}

@test "configs/random is the reference from a random start: its net and training, and no stage" {
    cd "$ROOT/configs"
    for conf in import augment finetune extract pca reconstruct; do
        cmp seed/$conf.conf random/$conf.conf
    done
    equal "$(ls random | paste -sd ' ')" \
        'augment.conf extract.conf finetune.conf import.conf net.conf pca.conf reconstruct.conf'
    net=$BATS_TEST_TMPDIR/net
    start-net -c random/net.conf --print-config >"$net"
    equal "$(grep -c . "$net")" 8
    for key in kernel filters; do
        equal "$(sed -n "s/^${key%s}s = //p" "$net")" \
            "$(sed -n "s/^$key = //p" seed/stage-?.conf | paste -sd ,)"
    done
    for key in hidden initialiser; do
        equal "$(grep "^$key = " "$net")" "$(grep "^$key = " seed/assemble.conf)"
    done
    for key in output-activation loss; do
        equal "$(grep "^$key = " "$net")" "$(grep "^$key = " seed/stage-1.conf)"
    done
}

@test "configs/views makes features of a folder of pictures, and no stage" {
    pipeline features CONFIG="$ROOT/configs/views" DATA="$BATS_FILE_TMPDIR/images" import.size=32 finetune.epochs=2 \
        finetune.head=16,16
    equal "$(cd out && ls ./*.zst | paste -sd ' ')" \
        './deep-init.safetensors.zst ./deep.safetensors.zst ./features.npy.zst ./images.npy.zst ./test-0.npy.zst ./train-0.npy.zst'
    equal "$(tensor info out/features.npy.zst | grep -c '(20,2,2,128)')" 1
    equal "$(head -n 1 out/deep.tsv | cut -f 1-3)" $'epoch\tloss\tval_loss'
    [ "$(wc -l <out/deep.tsv)" = 3 ]
}

@test "with net.conf no stage is trained, and the deep net is that of transfer = none" {
    images=$BATS_FILE_TMPDIR/images
    pipeline deep.safetensors.zst assemble.transfer=none
    mv out staged
    rm conf/stage-?.conf conf/assemble.conf
    printf 'kernels = 3,3\nfilters = 4,4\n' >conf/net.conf
    reruns 'images train-0 test-0 deep-init deep features'
    cmp <(tail -n +2 staged/deep.tsv | cut -f 1-4) <(tail -n +2 out/deep.tsv | cut -f 1-4)
    pipeline all
    equal "$(cd out && echo loss-*)" 'loss-deep.png loss-deep.svg'
    equal "$(pipeline why | grep -c 'up to date')" "$(pipeline why | grep -c .)"
    pipeline audit >/dev/null
    reruns 'deep-init deep features' net.filters=4,6
    pipeline prune net.filters=4,6
    reruns '' net.filters=4,6
    reruns 'train-0 test-0 deep features' augment.margin=0 net.filters=4,6
    tensor info out/train-0.npy.zst | grep -F "($(grep -c $'\ttrain\t' out/images.tsv),16,16,3)"
}

@test "with net.conf ready arrays need no stage either, and images of another size are refused" {
    cp "$BATS_FILE_TMPDIR/out/"{train,test}-0.npy.zst .
    rm conf/stage-?.conf conf/assemble.conf
    printf 'kernels = 3,3,3\nfilters = 4,4,4\n' >conf/net.conf
    reruns 'train-0 test-0 deep-init deep features features-test' \
        TRAIN=train-0.npy.zst TEST=test-0.npy.zst
    rm -r out
    echo 'size = 20' >conf/import.conf
    run -2 --separate-stderr pipeline
    [[ $stderr = *"start-net: 'images.npy.zst': shape (N,20,20,3): "*'nothing was started'* ]]
}

@test "stages and net.conf are not settings of one experiment" {
    printf 'kernels = 3,3\n' >conf/net.conf
    run -2 --separate-stderr pipeline -n
    [[ $stderr = *"'conf/net.conf' and 'conf/stage-1.conf': want a deep net that starts at random, or stages"* ]]
}

@test "a folder of images may have any name, but for newlines" {
    local name="my friend's  \"pictures\", (old) #1 \$HOME \$(x) 50% out/x *\\"
    mkdir -p "$name"
    cp -r "$BATS_FILE_TMPDIR/images" ./-i
    for images in "my friend's  \"pictures\", (old) #1 \$HOME \$(x) 50% out/x *\\" -i \
        $'tab\tand\xff\xfe;&|<>`~' '--file=x'; do
        mkdir -p "./$images"
        [ -e "./$images/ren" ] || cp -r ./-i/* "./$images"
        pipeline features REPLACE=yes
        pipeline -q
        equal "$(tensor info out/features.npy.zst | grep -c '(20,4,4,4)')" 1
        equal "$(pipeline why | grep -c 'up to date')" 10
        make -f "$ROOT/Makefile.pipeline" BIN="$BIN" CONFIG=conf DATA="$images" images.npy.zst
    done
    ls -d out/{--file_x,-i,x___}-conf $'out/tab_and\xff\xfe_______-conf'
    run -2 --separate-stderr pipeline DATA=$'a\nb'
    [[ $stderr = *'DATA, LABELS, TRAIN and TEST may not have newlines in them'* ]]
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

@test "ready arrays that are none, or no two pictures for all, are said before anything is started" {
    start() { run -2 --separate-stderr pipeline TRAIN="$1" TEST=one.npy "$2"; }
    tensor rows 0:1 "$BATS_FILE_TMPDIR/out/test-0.npy.zst" -o one.npy
    start none.npy features
    equal "${stderr_lines[0]}" "tensor: 'none.npy': No such file or directory"
    [[ ${stderr_lines[1]} = make:* ]]
    start one.npy all
    equal "${stderr_lines[0]}" "tensor: 'one.npy': rows 0:2 wanted, it has 1"
    { printf '\x93NUMPY\1\0\x76\0%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 16, 16, 1), }"
      tail -c 768 one.npy; } >grey.npy
    head -c 768 grey.npy | sed 's/3, 16, 16, 1/3, 16, 16, 2/' >two.npy
    head -c 896 /dev/zero >>two.npy
    mv two.npy one.npy
    start one.npy all
    [[ $stderr = *"reconstruct: 'train-0.npy.zst': 2 channels, want 1 or 3"*'nothing was started'* ]]
    pipeline features TRAIN=one.npy TEST=one.npy
    pipeline all REPLACE=yes TRAIN=grey.npy TEST=grey.npy
    [ -s out/reconstruction.png ] && [ -s out/report.html ]
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

@test "BIN, CONFIG and OUT with what make or the shell takes for something else are refused, in one line that names it" {
    local c v
    for c in "'" '"' '`' '$' '#' '%' '&' ';' '|' '<' '>' '(' ')' '*' '?' '[' ']' '{' '}' '\' ':' '!' '~'; do
        run -2 --separate-stderr pipeline OUT="o${c}x"
        [[ ${stderr_lines[-1]} = *": *** OUT has a '$c' in it: BIN, CONFIG and OUT take letters, digits and any of ./_-+,@=^.  Stop." ]]
    done
    for v in BIN CONFIG; do
        run -2 --separate-stderr pipeline -n $v="con'f"
        [[ $stderr = *"$v has a "*" in it: BIN, CONFIG and OUT take letters, digits and any of "* ]]
    done
    equal "$(ls | grep -v ^separate-stderr)" conf
    images=$BATS_FILE_TMPDIR/images pipeline images.npy.zst OUT=$'a+b,c@d=e^f_\xff-ü.g/h' CONFIG=./conf//
    tensor verify $'a+b,c@d=e^f_\xff-ü.g/h/images.npy.zst'
}

@test "a stage that fails leaves what stood before, and says why" {
    ready
    cp -a out before
    cp -a "$BIN" .
    printf '#!/bin/sh\ncase "$*" in *--why*|*/tmp*|*--print-config*) exec "%s/finetune" "$@" ;; esac\necho no >&2\nexit 1\n' "$BIN" >bin/fails
    mv -f bin/fails bin/finetune
    chmod +x bin/finetune
    touch -r "$BIN/finetune" bin/finetune
    echo 'seed = 1' >>conf/stage-1.conf
    bin=$PWD/bin run -2 --separate-stderr pipeline FLAGS=--threads=1
    [[ $stderr = *no* ]]
    tensor verify out/*.zst
    cmp out/features.npy.zst before/features.npy.zst
    cmp out/deep.safetensors.zst before/deep.safetensors.zst
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
[[ " \$* " = *' --why '* || " \$* " = *' --print-config '* ]] || { echo >>started; for ((i = 0; i < 300; i++)); do [ -e go ] && break; sleep 0.1; done; }
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
    equal "$(pipeline status | head -n 2)" 'file                       state          size    epoch  loss       val_loss   left
samples                    missing'
    equal "$(pipeline status | sed 1d | awk '{ print $NF }' | sort -u)" missing
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
    for word in features all evaluate why status audit profile prune clean DATA LABELS CONFIG OUT REPLACE CLASSES TRAIN TEST FLAGS X.KEY; do
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

@test "every heavy command goes through LAUNCH, and no question does" {
    printf '#!/bin/sh\necho "$1" >>launched\nexec "$@"\n' >launch
    chmod +x launch
    pipeline why LAUNCH="$PWD/launch" >/dev/null
    pipeline -n all LAUNCH="$PWD/launch" >commands
    [ ! -e launched ]
    pipeline all LAUNCH="$PWD/launch" 2>/dev/null
    equal "$(grep -c "^$PWD/launch $BIN/" commands)" "$(wc -l <launched)"
    equal "$(sed 's:.*/::' launched | sort -u | paste -sd ' ')" \
        'augment draw-samples encode-stage evaluate extract finetune import-images map neighbours pca reconstruct report train-stage'
    pipeline -q all   # it is no setting
}

@test "a goal that there is not gets a line with all that there are, before anything is written" {
    for goal in fetures stage-9.safetensors.zst; do
        run -2 --separate-stderr pipeline $goal
        [[ $stderr = *"*** no goal '$goal', want one of: features all report evaluate help why status audit profile prune clean samples images.npy.zst "*'accuracy.tsv '*.'  Stop.' ]]
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
    equal "$(env --ignore-signal=PIPE bash -c '. "$1"; ROOT=$2 BIN=$3; pipeline status DATA=images' - "$BATS_TEST_DIRNAME/pipeline.bash" "$ROOT" "$BIN" 2>&1 >/dev/full | grep -c .)" 2
}

@test "on a file system without flock a pipeline runs, and a line says so; nothing is taken for at work" {
    printf '#include <errno.h>\nint flock(int fd, int op) { (void)fd; (void)op; errno = ENOLCK; return -1; }\n' >f.c
    gcc -shared -fPIC -o f.so f.c
    LD_PRELOAD=$PWD/f.so run -0 --separate-stderr timeout 20 "$ROOT/pipeline/host" lock out echo ran
    equal "$output" ran
    equal "$stderr" "pipeline: 'out': no locks on this file system: a lease keeps others away"
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

# refuses MESSAGE [ARGUMENT]...: nothing is started, and a line says this.
refuses() {
    local message=$1
    shift
    rm -rf out
    run -2 --separate-stderr pipeline "$@"
    [[ $stderr = *"$message"* ]] || { printf '%s\n' "$stderr"; return 1; }
    equal "$(ls out)" ''
}

@test "what is wrong with settings is said before anything is started, whichever stage it is" {
    images=$BATS_FILE_TMPDIR/images
    refuses 'pipeline: import: size 18: 2 stages halve it, want a multiple of 4, such as 20' import.size=18
    refuses "train-stage: 'train-1.npy.zst': shape (N,8,8,4): kernel is not an odd number" stage-2.kernel=4
    refuses 'binary cross-entropy needs a sigmoid at the end' stage-1.output-activation=linear
    refuses 'want more than the margin of 16' augment.margin=16
    echo 'epoch = 3' >>conf/finetune.conf
    refuses "finetune: 'conf/finetune.conf' line 3: unknown setting 'epoch', nearest is 'epochs'"
    sed -i '$d' conf/finetune.conf
    echo 'zeilen = 3' >conf/plot.conf
    refuses "plot: 'conf/plot.conf' line 1: unknown setting 'zeilen'"
    rm conf/plot.conf
    run -2 pipeline -n finetune.epochs=none
    [[ $output = *"finetune: --epochs 'none', want a whole number"* ]]
    tensor npy "$BATS_FILE_TMPDIR/out/train-0.npy.zst" -o wrong.npy
    refuses 'want (N,16,16,3)' DATA= TRAIN=wrong.npy TEST="$BATS_FILE_TMPDIR/out/train-1.npy.zst"
}

@test "a folder that cannot be written to is named, OUT or that of temporary files" {
    images=$BATS_FILE_TMPDIR/images
    mkdir -p out/.lock
    run -2 --separate-stderr pipeline features
    equal "${stderr_lines[0]}" "pipeline: 'out/.lock': Is a directory"
    rmdir out/.lock
    TMPDIR=$PWD/none run -2 --separate-stderr pipeline features
    equal "${stderr_lines[0]}" "pipeline: '$PWD/none': no folder for temporary files can be made in it (TMPDIR)"
    cp -a "$BIN" .
    bin=bin
    rm bin/draw-samples
    printf '#!/bin/sh\necho "draw-samples: a.png: No space left on device" >&2\nexit 1\n' >bin/draw-samples
    chmod +x bin/draw-samples
    TMPDIR=$PWD run -2 --separate-stderr pipeline features
    equal "${stderr_lines[0]}" 'draw-samples: a.png: No space left on device'
    equal "${stderr_lines[1]}" "pipeline: '$PWD': full: the settings were not tried, nothing was started (TMPDIR)"
    equal "$(ls -A out)" .lock
}

@test "too few pictures, or none to test on, is said before anything is started; two are enough for all" {
    mkdir few
    cp "$BATS_FILE_TMPDIR"/images/ren/000.png few/
    images=few
    refuses "pipeline: 'few': 1 picture, want 2 or more: to train on, and to test on"
    cp "$BATS_FILE_TMPDIR"/images/ren/001.png few/
    refuses "pipeline: 'few': none of the 2 pictures is to test on: want import.test above 0 and below 1" import.test=0
    refuses "pipeline: 'few': none of the 2 pictures is to train on: want import.test above 0 and below 1" import.test=1
    printf '%s,a,train\n' 000.png 001.png >labels.csv
    refuses "pipeline: 'few': none of the 2 pictures is to test on: want another split in 'labels.csv'" LABELS=labels.csv
    refuses "pipeline: 'few': none of the 2 pictures is to test on: want another split in 'labels.csv'" import.labels=labels.csv
    refuses "import-images: 'none.csv': No such file or directory" LABELS=none.csv
    images=gone refuses "import-images: 'gone': No such file or directory"
    pipeline all
    pipeline -q all
    pipeline DATA=few/ OUT=other -n >/dev/null   # which only asks: too few is found when work begins
}

@test "a setting is given for a try on the command line, wins over its .conf, and is a reason like it" {
    ready
    pipeline why stage-2.filters=3 | grep '^stage-2.safetensors.zst *would run: filters 4 -> 3$'
    reruns 'stage-2 deep-init deep features' stage-2.filters=3
    pipeline why | grep '^stage-2.safetensors.zst *would run: filters 3 -> 4$'
    pipeline all
    reruns '' import.max-bad=0.05 finetune.epochs=2 augment.margin=3
    reruns 'map.png map.svg scatter-2d.png scatter-2d.svg scatter-3d.png scatter-3d.svg loss-stage-1.png loss-stage-1.svg loss-stage-2.png loss-stage-2.svg loss-deep.png loss-deep.svg' \
        all plot.title="it's \$1 of #2"
    pipeline why plot.title="it's \$1 of #2" | grep '^scatter-2d.png, .svg *up to date$'
}

@test "a setting for a try that there is not, or that the pipeline says itself, is refused" {
    run -2 --separate-stderr pipeline stge-2.filters=3
    [[ $stderr = *"no settings 'stge-2', want one of: assemble augment draw encode evaluate extract finetune import "*' stage-1 stage-2.  Stop.' ]]
    run -2 --separate-stderr pipeline stage-2.filtres=3
    [[ $stderr = "train-stage: unknown option '--filtres', nearest is 'filters'"* ]]
    run -2 --separate-stderr pipeline -n stage-2.filtres=3
    [[ $stderr = "train-stage: unknown option '--filtres', nearest is 'filters'"* ]]
    run -2 --separate-stderr pipeline pca.components=5
    [[ $stderr = *'pca.components is set by the pipeline itself'* ]]
}

@test "results of other data in OUT are not replaced, unless REPLACE says so" {
    ready
    cp -r "$BATS_FILE_TMPDIR/images" others
    cp -a out before
    for goal in features -n why status; do
        images=others run -2 --separate-stderr pipeline $goal
        [[ $stderr = *"'out' holds results of '"*"/images', not of '$PWD/others': want another OUT, or REPLACE=yes.  Stop."* ]]
    done
    images= run -2 --separate-stderr pipeline
    [[ $stderr = *"not of 'drawings': want another OUT"* ]]
    same_results before out
    images=others reruns "$EVERYTHING" REPLACE=yes
    images=others pipeline -q
    mkdir elsewhere
    mv out others conf elsewhere   # both together
    cd elsewhere
    images=others pipeline -q
    images=others pipeline clean
    [ ! -e out ]
}

@test "a flat folder is one class named after nothing: all is made, and says that images find their copies" {
    mkdir flat
    for file in "$BATS_FILE_TMPDIR"/images/{ren,aoi}/*.png; do cp "$file" "flat/${file: -11:3}${file##*/}"; done
    images=flat
    pipeline all 2>notes
    pipeline -q all
    equal "$(cut -f 3 out/images.tsv | sort -u | paste -sd ,)" ',class'
    [ -s out/scatter-2d.svg ]
    equal "$(cat out/accuracy.tsv)" $'class\trows\tright\taccuracy'
    grep -x 'neighbours: no classes to tell apart: 10 rows of 1 class' notes
    said='An image finds its mirrored, cropped and recompressed copies: features '
    [[ "$(pipeline -s evaluate 2>/dev/null | head -n 1)" = "$said"[01].[0-9]* ]]
    grep -qx 'There are no classes to tell apart: 10 rows of 1 class.' out/evaluation.txt
    equal "$(tail -n 1 notes | grep -c "^pipeline: $said")" 1
}

@test "folders train and test are the split that they say; LABELS say it of any folder" {
    mkdir -p photos/train photos/test
    cp -r "$BATS_FILE_TMPDIR"/images/{ren,aoi} photos/train
    cp -r "$BATS_FILE_TMPDIR"/images/{ren,aoi} photos/test
    images=photos
    pipeline
    equal "$(tail -n +2 out/images.tsv | cut -f 2,3 | sort | uniq -c | awk '{ print $1, $2, $3 }' | paste -sd ,)" \
        '5 test aoi,5 test ren,5 train aoi,5 train ren'
    printf 'path\tclass\ntrain/ren/000.png\tA\ntrain/aoi/000.png\tB\ntest/ren/001.png\tB\n' >"my labels.tsv"
    pipeline why LABELS='my labels.tsv' | grep "^images.npy.zst *would run: "
    reruns "$EVERYTHING" LABELS='my labels.tsv'
    equal "$(tail -n +2 out/images.tsv | cut -f 3 | paste -sd ' ')" 'B B A'
    sed -i 's/A$/C/' 'my labels.tsv'
    pipeline why LABELS='my labels.tsv' | grep "^images.npy.zst *would run: 1 changed, such as 'my labels.tsv'$"
    reruns "$EVERYTHING" LABELS='my labels.tsv'
    equal "$(tail -n +2 out/images.tsv | cut -f 3 | paste -sd ' ')" 'B B C'
}

@test "classes that there are not are said before anything is trained, and how names with blanks are written" {
    mkdir photos
    cp -r "$BATS_FILE_TMPDIR/images/ren" 'photos/New York'
    cp -r "$BATS_FILE_TMPDIR/images/aoi" photos/Paris
    images=photos
    for n in 1 2; do
        run -2 --separate-stderr pipeline all CLASSES='New York'
        [[ $stderr = *"no class 'New', but 'New York': names with blanks are parted by commas, and one alone has one behind it, \"New York,\""* ]]
        [ ! -e out/stage-1.safetensors.zst ]
    done
    pipeline all CLASSES='New York,Paris'
    pipeline pca-2.tsv CLASSES='New York,'
    equal "$(cut -f 3 out/pca-2.tsv | sort -u | paste -sd ,)" 'New York,class'
}

@test "all ends in five lines at most: files, features, what to look at, are they good" {
    images=$BATS_FILE_TMPDIR/images
    pipeline all 2>notes
    sed -n '/^pipeline: /,$p' notes >said
    [ "$(wc -l <said)" -le 5 ]
    grep -E "^pipeline: look at .*[a-z]+\.(html|png)" said
    equal "$(tail -n 1 said)" "pipeline: $(head -n 1 out/evaluation.txt)"
}

@test "status tells epoch, loss and time left of a training that is at work" {
    pipeline stage-1.epochs=99999 >/dev/null 2>&1 3>&- &
    owner=$!
    live() {
        pipeline status stage-1.epochs=99999 | grep -E '^stage-1.safetensors.zst +at work +'"$1"
    }
    await $owner live '[1-9][0-9]*/99999  0\.[0-9]+ +0\.[0-9]+ +[0-9]+:[0-5][0-9]:[0-5][0-9]$'
    kill "$(child_of $owner)"
    wait $owner || true
}

@test "evaluate says how good the features are, also where all is up to date" {
    ready
    pipeline -q evaluate
    run -0 --separate-stderr pipeline -s evaluate
    equal "$output" "$(cat out/evaluation.txt)"
    rm out/evaluation.txt
    run -1 pipeline -q evaluate
    run -0 --separate-stderr pipeline -s evaluate
    equal "$output" "$(cat out/evaluation.txt)"
    cp out/{train,test}-0.npy.zst .
    images= pipeline -s evaluate TRAIN=train-0.npy.zst TEST=test-0.npy.zst OUT=other >said
    grep -q '^An image finds its mirrored, cropped and recompressed copies: features' said
}

@test "a run ends with what was made, where, how long it took, and the figure that matters" {
    images=$BATS_FILE_TMPDIR/images
    pipeline features 2>notes
    tail -n 3 notes | head -n 1 | grep -E "^pipeline: 'out': 15 files made in [0-9]+ s$"
    tail -n 2 notes | head -n 1 |
        grep -E "^pipeline: the features are 'out/features.npy.zst', [0-9.]+K?$"
    tail -n 1 notes | grep -E '^pipeline: The loss after 2 epochs is 0\.[0-9]+, on the test images 0\.[0-9]+\.$'
    pipeline accuracy.tsv 2>/dev/null
    pipeline features 2>notes
    grep -x "pipeline: 'out': all was up to date" notes
    equal "$(tail -n 1 notes)" "pipeline: The nearest neighbour of a picture has its class in $(sed -n 's/^(all).*\t//p' out/accuracy.tsv) of all pictures."
    rm out/test-1.npy.zst
    pipeline test-1.npy.zst features 2>notes
    grep -E "^pipeline: 'out': 1 file made in [0-9]+ s$" notes
    touch out/stage-1.tsv
    pipeline loss-stage-1.png 2>/dev/null
    touch out/stage-1.tsv
    pipeline loss-stage-1.png 2>notes
    grep -x "pipeline: 'out': all was up to date" notes
    cp -r "$images" named
    mv named/ren 'named/(all)'   # as the line of the table that counts all
    images=named pipeline features accuracy.tsv OUT=other 2>notes
    equal "$(grep -c 'The nearest neighbour' notes)" 1
    for quiet in -s -n -q why; do
        pipeline $quiet 2>notes >/dev/null
        equal "$quiet$(grep '^pipeline: ' notes || true)" "$quiet"
    done
}

@test "a setting of the drawings can be tried, as of any stage" {
    pipeline draw.count=2 images.npy.zst
    equal "$(tensor info out/images.npy.zst | grep -c '(8,16,16,3)')" 1
    pipeline draw.count=2 stage-1.safetensors.zst
}

@test "what other programs read is made when asked for, and then kept up to date by all" {
    ready
    run -0 pipeline -n all
    [[ $output != *export-* ]]
    pipeline features.parquet encoder.onnx autoencoder.onnx projector
    tensor verify out/features.parquet out/*.onnx out/projector/*
    pipeline -q all
    pipeline status | grep -q '^projector *up to date'
    pipeline audit >audited
    equal "$(grep -cE '^(features.parquet|projector|encoder.onnx|autoencoder.onnx) *as recorded' audited)" 4
    pipeline -n all onnx.input=float32 | made_files >again
    equal "$(cat again)" 'autoencoder.onnx encoder.onnx'
    pipeline clean
    [ ! -e out ]
}

@test "a folder of more pictures than a pipe's block names is counted" {
    draw-samples --count 1 -o drawn
    mkdir many
    for i in {1..150}; do
        ln drawn/ren/000.png "many/a picture with a name that is longer than most, number $i.png"
    done
    images=many pipeline stage-1.safetensors.zst stage-1.epochs=0
}
