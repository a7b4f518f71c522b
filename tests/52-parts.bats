# The pipeline in parts: SHARDS, LAUNCH and LAUNCH_TRAIN.
load helper
load pipeline

setup_file() { make_ready; }
setup() {
    cd "$BATS_TEST_TMPDIR"
    ready
    mv out one
}

# A launcher that writes down what it starts.
launcher() {
    printf '#!/bin/sh\necho "${1##*/}" >>%s\nexec "$@"\n' "$1" >"$1.sh"
    chmod +x "$1.sh"
}

@test "the pipeline in parts makes the same bytes, and leaves no part" {
    pipeline SHARDS=3 -j3 all >log
    same_results one out
    grep -q 'encode-stage.*--shard 2/3 -o out/train-1.npy.zst.shard-2-of-3' log
    equal "$(find out -name '*.shard-*')" ''
}

@test "who is near whom is found in parts, once for all that ask, and is not asked for again" {
    pipeline SHARDS=2 -j2 all >log
    for name in features pixels map; do
        equal "$(grep -cE -- "--lists .*--shard ./2 -o out/near-$name" log)" 2
    done
    equal "$(grep -cE -- '--near(-pixels)? out/near-' log)" 4
    equal "$(pipeline SHARDS=2 why | grep -c '^near-.* up to date')" 3
    asked 'evaluation.tsv' SHARDS=2 evaluate.copies=3 evaluation.tsv
    pipeline prune
    asked '' SHARDS=2 all
    asked '' all
    equal "$(pipeline SHARDS=2 why | grep -c near)" 0
    rm out/map-2.npy.zst
    pipeline SHARDS=2 map-2.npy.zst
    cmp out/map-2.npy.zst one/map-2.npy.zst
    equal "$(cd out && echo near-*)" near-map.npy.zst
    asked '' SHARDS=2 map-2.npy.zst
}

@test "another number of parts makes nothing again" {
    mv one out
    for n in 1 3; do
        asked '' SHARDS="$n" all
        equal "$(pipeline SHARDS="$n" why | grep -vc 'up to date')" 0
    done
    pipeline prune
    asked '' SHARDS=2
}

@test "what a prune took comes back in parts, and nothing follows from it" {
    mv one out
    pipeline prune
    pipeline SHARDS=2 test-1.npy.zst 2>notes
    cmp "$BATS_FILE_TMPDIR/out/test-1.npy.zst" out/test-1.npy.zst
    asked '' SHARDS=2 features
}

@test "one part that is lost or damaged is made again alone" {
    cp -a one out
    rm out/train-1.npy.zst
    for i in 1 2 3; do
        encode-stage out/stage-1.safetensors.zst out/train-0.npy.zst --shard "$i/3" \
            -o "out/train-1.npy.zst.shard-$i-of-3"
    done
    rm out/train-1.npy.zst.shard-2-of-3
    pipeline SHARDS=3 train-1.npy.zst >log
    equal "$(grep -c -- '--shard' log)" 1
    cmp one/train-1.npy.zst out/train-1.npy.zst
    rm out/train-1.npy.zst
    for i in 1 2 3; do
        encode-stage out/stage-1.safetensors.zst out/train-0.npy.zst --shard "$i/3" \
            -o "out/train-1.npy.zst.shard-$i-of-3"
    done
    printf 'XXXX' | dd of=out/train-1.npy.zst.shard-1-of-3 bs=1 seek=60 conv=notrunc status=none
    run pipeline SHARDS=3 train-1.npy.zst
    [[ $output == *"train-1.npy.zst.shard-1-of-3': damaged"* ]]
    [ "$status" -ne 0 ] && [ ! -e out/train-1.npy.zst.shard-1-of-3 ]
    pipeline SHARDS=3 train-1.npy.zst >log
    equal "$(grep -o -- '--shard [0-9]/3' log)" '--shard 1/3'
    cmp one/train-1.npy.zst out/train-1.npy.zst
}

@test "a part of the images is made again when a picture of it changed, and no other" {
    rm images
    cp -a "$BATS_FILE_TMPDIR/images" .
    printf 'size = 640\n' >conf/import.conf # more rows than a frame holds
    printf '#!/bin/sh\ncase $* in *--shard\ 2/2*) exit 1 ;; esac\nexec "$@"\n' >second-fails
    chmod +x second-fails
    run pipeline SHARDS=2 LAUNCH=./second-fails images.npy.zst
    [ "$status" -ne 0 ] && [ -e out/images.npy.zst.shard-1-of-2 ]
    pipeline SHARDS=2 images.npy.zst >log
    equal "$(grep -o -- '--shard [0-9]/2' log)" '--shard 2/2'
    equal "$(find out -name '*.shard-*')" ''
    cp -a out whole
    rm out/images.npy.zst
    run pipeline SHARDS=2 LAUNCH=./second-fails images.npy.zst
    touch "$(find images/ -name '*.png' | sort | head -n 1)"
    pipeline SHARDS=2 images.npy.zst >log
    equal "$(grep -o -- '--shard [0-9]/2' log | sort | paste -sd ,)" '--shard 1/2,--shard 2/2'
    cmp out/images.npy.zst whole/images.npy.zst
    cmp out/images.tsv whole/images.tsv
    asked '' SHARDS=2 images.npy.zst
}

@test "heavy commands start with LAUNCH, training and pca with LAUNCH_TRAIN, light ones with neither" {
    launcher heavy
    launcher trains
    pipeline SHARDS=2 LAUNCH=./heavy.sh LAUNCH_TRAIN=./trains.sh all
    equal "$(grep -c import-images heavy)" 3
    equal "$(sort trains | uniq -c | tr -s ' ' | paste -sd ,)" ' 1 finetune, 2 pca, 2 train-stage'
    equal "$(grep -c encode-stage heavy)" 4
    equal "$(grep -c extract heavy)" 2
    equal "$(grep -cE 'train-stage|finetune|pca|plot|tensor|assemble' heavy)" 0
    same_results one out
    rm -rf out heavy trains
    pipeline LAUNCH=./heavy.sh features
    equal "$(grep -cE 'train-stage|finetune' heavy)" 3
}

@test "SHARDS that is no number is refused" {
    run -2 pipeline SHARDS=many
    [[ $output == *"SHARDS 'many', want a number from 1 on"* ]]
    run -2 pipeline SHARDS='1 many'
    [[ $output == *"SHARDS '1 many', want a number from 1 on"* ]]
}
