# The same inputs, settings and seed give the same bytes: for any number of threads, with any memory, in any folder, through files or pipes.
load helper

# A small experiment whose data exceed the smallest memory: 48x48 images, more than 64 MiB of them as codes would take too long, so
# the budget is tested stage by stage below.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/conf"
    cd "$BATS_FILE_TMPDIR/conf"
    printf 'count = 12\n' >draw.conf
    printf 'size = 24\n' >import.conf
    printf 'margin = 6\n' >augment.conf
    printf 'kernel = 5\nfilters = 6\nepochs = 2\nbatch = 20\nnoise = 0.02\n' >stage-1.conf
    printf 'kernel = 3\nfilters = 9\nepochs = 2\nbatch = 20\noutput = linear\nloss = mean-squared-error\nbatch-norm = yes\n' >stage-2.conf
    printf 'epochs = 2\nbatch = 20\n' >finetune.conf
    printf 'count = 3\n' >reconstruct.conf
    cd ..
    everything one "--threads 2"
}

# NAME FLAGS: the whole pipeline into the folder NAME.
everything() {
    make -s -f "$ROOT/Makefile.pipeline" all CONFIG=conf OUT="$1" FLAGS="$2" 2>"$1.err" || { cat "$1.err" >&2; return 1; }
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

# Every file of folder $1 is in folder $2, with the same bytes; of logs all but the seconds; plots hold dates of their making.
same() {
    local file n=0
    for file in "$1"/*; do
        case $file in
        *.safetensors.zst | *.npy.zst | *.png)
            [[ $file == */scatter-* || $file == */loss-* ]] || { cmp "$file" "$2/${file##*/}"; n=$((n + 1)); } ;;
        *stage-*.tsv | */deep.tsv) cmp <(cut -f 1-4 "$file") <(cut -f 1-4 "$2/${file##*/}") ;;
        *.tsv) cmp "$file" "$2/${file##*/}" ;;
        esac
    done
    [ $n -ge 13 ]
}

@test "the pipeline gives the same bytes with 1, 3 and 8 threads" {
    for n in 1 3 8; do
        everything "threads-$n" "--threads $n"
        same one "threads-$n"
    done
}

@test "the pipeline gives the same bytes in another folder, with the least memory" {
    mkdir -p elsewhere/deeper
    everything elsewhere/deeper/out "--memory 64M"
    same one elsewhere/deeper/out
}

@test "training from disk gives the bytes of training from memory" {
    cd "$BATS_TEST_TMPDIR"
    draw-samples --count 60 -o drawings
    import-images drawings --size 160 --test 0 -o large.npy.zst
    augment large.npy.zst --margin 20 -o rows.npy.zst   # 1440 rows of 76,800 bytes: over 64 MiB
    augment large.npy.zst --margin 0 -o test.npy.zst
    settings="--kernel 1 --filters 1 --epochs 1 --batch 64"
    train-stage rows.npy.zst test.npy.zst $settings --memory 1G -o memory.safetensors.zst
    train-stage rows.npy.zst test.npy.zst $settings --memory 64M -o disk.safetensors.zst
    cmp memory.safetensors.zst disk.safetensors.zst
}
