# Every call of reading, writing, naming and closing fails in turn, in every program: status 1 and a
# line that names the file, and what stood before stands; or, where nothing was lost by it, the
# files are those that they should be. A program that writes several files is also killed before
# each call.
load helper

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    gcc -shared -fPIC -D_GNU_SOURCE -O1 -o faults.so "$BATS_TEST_DIRNAME/faults.c" -ldl
    mkdir before
    cd before
    draw-samples --count 1 -o drawn
    import-images drawn --size 8 --index images.tsv -o images.npy.zst
    augment images.npy.zst --margin 2 -o train.npy.zst
    train-stage train.npy.zst images.npy.zst --kernel 3 --filters 2 --epochs 1 \
        -o model.safetensors.zst
    extract model.safetensors.zst images.npy.zst -o features.npy.zst
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    cp -a "$BATS_FILE_TMPDIR/before" .
    export GOMP_SPINCOUNT=5000   # a program that sets it starts itself again
}

# Runs the command in a copy of the folder before, named $1, with the fault $2.
disturbed() {
    local folder=$1 fault=$2
    shift 2
    rm -rf "$folder"
    cp -a before "$folder"
    (cd "$folder" && FAULT="$fault" LD_PRELOAD="$BATS_FILE_TMPDIR/faults.so" timeout 60 "$@" \
        >../out 2>../err)
}

# The same content: of logs all but the seconds. Checkpoints may stand beside what they are for, or
# be set aside, whole.
same() {
    case $1 in
    *log.tsv | *log.tsv.part) cmp -s <(cut -f 1-4 "$1") <(cut -f 1-4 "$2") ;;
    *) cmp -s "$1" "$2" ;;
    esac
}

# Each file of `after` is as in `before` or as in `wanted`; $1: only as in wanted.
check_files() {
    local only=$1 file
    ! diff -rq "$([ "$only" = yes ] && echo wanted || echo before)" after >/dev/null || return 0
    while read -r file; do
        if [ -e "wanted/$file" ] && same "after/$file" "wanted/$file"; then continue; fi
        if [ "$only" = no ] && [ -e "before/$file" ] &&
            same "after/$file" "before/$file"; then continue; fi
        case $only:$file in
        *.checkpoint*) tensor verify "after/$file" >/dev/null && continue ;;
        *.part) continue ;;
        *.unfinished) [ "$only" = no ] && continue ;;
        esac
        echo "'$file' is neither what stood before nor what was to come" >&2
        return 1
    done < <(cd after && find . -type f -printf '%P\n')
    while read -r file; do
        [ -e "after/$file" ] || [ "$only" = yes ] || [[ $file = *.checkpoint* ]] ||
            { echo "'$file' is gone" >&2; return 1; }
    done < <(cd before && find . -type f -printf '%P\n')
}

# each_call COMMAND...: in the folder before, which holds what is to be overwritten.
each_call() {
    local call n count status told n_failed=0 step=1
    local names="^[a-z-]+: ('[^']+'|standard output): ((.*: )?Input/output error|changed while it was read|1 of 4 pictures cannot be read, .*)$"
    [ -z "${SAN-}" ] || step=2   # there every second one: the plain run has all
    rm -f calls
    FAULT_LOG=$PWD/calls disturbed wanted '' "$@"
    while read -r count call; do
        for ((n = 1; n <= count; n += step)); do
            status=0
            disturbed after "$call $n" "$@" || status=$?
            if [ "$status" -eq 1 ]; then
                n_failed=$((n_failed + 1))
                told=$(<err)
                [[ ${told##*$'\n'} =~ $names && $told = *'Input/output error'* ||
                    $told = *'changed while'* ]]
            else
                [ "$status" -eq 0 ]
            fi && check_files "$([ "$status" -eq 0 ] && echo yes || echo no)" || {
                echo "$1, $call $n of $count: status $status, $(tail -n 1 err)" >&2
                return 1
            }
        done
    done < <(grep -v '^XXH' calls | sort | uniq -c)   # those are no calls of files
    echo "$1: $(wc -l <calls) calls, of which $n_failed ended it" >&2
    [ $((n_failed * step)) -ge 5 ]
}

@test "of import-images" {
    each_call import-images drawn --size 8 --max-bad 0 --test 0.5 --index images.tsv \
        -o images.npy.zst
}

@test "of augment and tensor" {
    each_call augment images.npy.zst --index images.tsv --margin 3 -o train.npy.zst
    each_call tensor rows 1:3 train.npy.zst -o images.npy.zst
    each_call tensor tsv train.npy.zst --index images.tsv -o images.tsv
}

@test "of training, with checkpoints and a log" {
    train="train-stage train.npy.zst images.npy.zst --kernel 3 --filters 2 --batch 64 --checkpoint 0.000001s --log log.tsv -o model.safetensors.zst"
    echo old >before/log.tsv
    each_call $train --epochs 1 --seed 1
}

@test "of training that goes on, from a checkpoint or to more epochs, or has nothing to do" {
    train="train-stage train.npy.zst images.npy.zst --kernel 3 --filters 2 --batch 64 --log log.tsv -o model.safetensors.zst"
    (cd before && $train --epochs 1)
    each_call $train --epochs 1
    (cd before && $train --epochs 2 --checkpoint 0 -o other &&
        mv other model.safetensors.zst.checkpoint)
    each_call $train --epochs 2
}

@test "SIGTERM or SIGHUP at any write of a training, the last one too, leaves no hidden file where none goes without a name" {
    train="train-stage train.npy.zst images.npy.zst --kernel 3 --filters 2 --batch 64 --epochs 1 --seed 1 --checkpoint 0.000001s --log log.tsv
        -o model.safetensors.zst"
    export NO_TMPFILE=1
    FAULT_LOG=$PWD/calls disturbed wanted '' $train
    n_ended=0
    while read -r count call; do
        for ((n = 1; n <= count; n++)); do
            for signal in 15 1; do
                status=0
                FAULT_SIGNAL=$signal disturbed after "$call $n" $train || status=$?
                equal "$call $n: $(find after -name '.*.tmp')" "$call $n: "
                [ "$status" -eq $((128 + signal)) ] || [ "$status" -eq 0 ]
                n_ended=$((n_ended + 1))
            done
        done
    done < <(grep -E '^(write|fsync|rename)$' calls | sort | uniq -c)
    [ "$n_ended" -ge 20 ]
}

@test "of training from disk: the temporary file is named" {
    { printf '\x93NUMPY\1\0\x76\0%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (600, 160, 160, 3), }";
        head -c 46080000 /dev/zero; } \
        >before/large.npy
    train="train-stage large.npy drawn.npy --kernel 1 --filters 1 --epochs 1 --memory 150M --threads 2 -o model.safetensors.zst"
    import-images before/drawn --size 160 -o before/drawn.npy
    mkdir scratch
    export NO_TMPFILE=1
    for fault in 'mkostemp 1' 'write 1' 'write 40' 'unlink 1' 'pread 200'; do
        status=0
        TMPDIR=$PWD/scratch disturbed after "$fault" $train || status=$?
        equal "$status" 1
        grep -qE "^train-stage: '$PWD/scratch': (no temporary file|(writing|reading) a temporary file): Input/output error$" err
        cmp before/model.safetensors.zst after/model.safetensors.zst
        rm -rf after scratch/*
    done
}

@test "where TMPDIR is not set, the temporary file lies in /var/tmp, for /tmp may be memory" {
    { printf '\x93NUMPY\1\0\x76\0%-117s\n' \
        "{'descr': '|u1', 'fortran_order': False, 'shape': (600, 160, 160, 3), }";
        head -c 46080000 /dev/zero; } \
        >before/large.npy
    import-images before/drawn --size 160 -o before/drawn.npy
    unset TMPDIR
    export NO_TMPFILE=1
    for command in 'pca large.npy --memory 64M' 'augment - --memory 64M' \
        'train-stage large.npy drawn.npy --kernel 1 --filters 1 --epochs 1 --memory 150M --threads 2'; do
        status=0
        disturbed after 'mkostemp 1' $command -o none.npy.zst < <(cat before/large.npy) || status=$?
        equal "$status: $(<err)" \
            "1: ${command%% *}: '/var/tmp': no temporary file: Input/output error"
    done
}

@test "a hash without memory for it is an error in one line" {
    for call in XXH64_createState XXH3_createState; do
        for n in 1 2 3; do
            status=0
            disturbed after "$call $n" bash -c 'exec tensor info - <features.npy.zst' || status=$?
            [ "$status: $(<err)" = "0: " ] ||
                [[ "$status: $(<err)" == "1: tensor: out of memory: a "*" wanted" ]]
            [ "$n" -gt 1 ] || equal "$status" 1
        done
    done
}

@test "a file of a folder that cannot be read to its end is no image, and its digest is not of a part" {
    # so that it is read by blocks
    head -c 9000000 /dev/zero >>"$(ls -d before/drawn/*/* | head -n 1)"
    FAULT_LOG=$PWD/calls disturbed wanted '' import-images drawn --size 8 --threads 1 \
        --max-bad 0.5 -o new.npy.zst
    n=$(($(grep -c '^read$' calls) / 2))
    status=0
    disturbed after "read $n" import-images drawn --size 8 --threads 1 --max-bad 0.5 \
        -o new.npy.zst || status=$?
    equal "$status" 0
    grep -qE "^import-images: 'drawn/[^']*': skipped: Input/output error$" err
    [ "$(tensor info wanted/new.npy.zst | grep input)" != \
        "$(tensor info after/new.npy.zst | grep input)" ]
    import-images before/drawn --size 8 --threads 1 --max-bad 0.5 -o after/new.npy.zst
    cmp wanted/new.npy.zst after/new.npy.zst
    status=0
    disturbed after "read $n" import-images drawn --size 8 --threads 1 --max-bad 0 -o new.npy.zst ||
        status=$?
    equal "$status" 1
}

@test "of encode-stage, extract and assemble-deep" {
    each_call encode-stage model.safetensors.zst train.npy.zst -o features.npy.zst
    each_call assemble-deep model.safetensors.zst -o model.safetensors.zst
}

@test "of pca, map and neighbours" {
    echo old | tee before/table.tsv >before/basis
    each_call pca features.npy.zst --components 2 --index images.tsv --table table.tsv \
        --basis basis -o images.npy.zst
    each_call map features.npy.zst --iterations 20 --index images.tsv --table table.tsv \
        -o images.npy.zst
    each_call neighbours features.npy.zst --index images.tsv -o table.tsv
}

@test "of reconstruct and draw-samples" {
    echo old >before/sheet.png
    each_call reconstruct model.safetensors.zst images.npy.zst --count 2 -o sheet.png
    each_call draw-samples --count 1 --seed 1 -o drawn
}

# each_kill OTHER COMMAND...: in the folder before, COMMAND was run; with the settings OTHER it is
# killed before each of its calls that writes, names or flushes a file. Whichever settings are then
# asked for: where --why calls their files up to date, all of them are those of these settings, and
# so they are after a run.
each_kill() {
    local other=$1 call count n options status n_kills=0
    shift
    (cd before && "$@")
    cp -a before first
    rm -f calls
    FAULT_LOG=$PWD/calls disturbed second '' "$@" $other
    equal "$(cd first && "$@" --why; cd ../second && "$@" $other --why)" ''
    while read -r count call; do
        for ((n = 1; n <= count; n++)); do
            status=0
            FAULT_SIGNAL=9 disturbed killed "$call $n" "$@" $other || status=$?
            equal "$status" 137
            n_kills=$((n_kills + 1))
            for options in '' "$other"; do
                rm -rf wanted after
                cp -a "$([ -z "$options" ] && echo first || echo second)" wanted
                cp -a killed after
                if (cd after && "$@" $options --why >../reasons); then
                    check_own "$call $n"
                fi
                (cd after && "$@" $options 2>../err)
                check_own "$call $n, made again"
                equal "$(find after -name '*.unfinished')" ''
            done
        done
    done < <(grep -E '^(write|rename|linkat|unlink|fsync|utimensat)$' calls | sort | uniq -c)
    [ "$n_kills" -ge 10 ]
}

# Every file of wanted is in after.
check_own() {
    local file
    while read -r file; do
        same "after/$file" "wanted/$file" ||
            { echo "killed before $1: '$file' is of another run; $(<reasons)" >&2; return 1; }
    done < <(cd wanted && find . -type f -printf '%P\n')
}

@test "killed before any call, import-images leaves no index beside other images that are called current" {
    each_kill '--test 1' import-images drawn --size 8 --index images.tsv -o images.npy.zst
}

@test "killed before any call, training leaves no log beside another model that is called current" {
    each_kill '--seed 1' train-stage train.npy.zst images.npy.zst --kernel 3 --filters 2 \
        --epochs 1 --log log.tsv -o model.safetensors.zst
}

@test "killed before any call, pca leaves no table and no basis beside another tensor that is called current" {
    each_kill '--sign v --components 1' pca features.npy.zst --index images.tsv --table table.tsv \
        --basis basis -o pca.npy.zst
}

@test "killed before any call, map leaves no table beside another tensor that is called current" {
    each_kill '--iterations 10' map features.npy.zst --iterations 20 --index images.tsv \
        --table table.tsv -o map.npy.zst
}
