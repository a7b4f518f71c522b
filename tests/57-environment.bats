# What stands in a user's environment and home changes no result and breaks no run.
load helper
load tiny

setup_file() {
    PATH="$BIN:$PATH"
    cd "$BATS_FILE_TMPDIR"
    tiny_config conf
    env -i PATH="$PATH" bash -c '. "$1"; ROOT=$2 BIN=$3; tiny_run conf plain' - \
        "$BATS_TEST_DIRNAME/tiny.bash" "$ROOT" "$BIN"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    ln -s "$BATS_FILE_TMPDIR/conf" "$BATS_FILE_TMPDIR/plain" .
}

# same VARIABLE=VALUE...: with these in the environment, the pipeline makes the same bytes, finds
# itself up to date, and answers the same.
same() {
    rm -rf out
    env "$@" bash -p -c '. "$1"; ROOT=$2 BIN=$3; tiny_run conf out' - \
        "$BATS_TEST_DIRNAME/tiny.bash" "$ROOT" "$BIN"
    tiny_same plain out
    for question in why audit; do
        env "$@" make -s -f "$ROOT/Makefile.pipeline" $question BIN="$BIN" CONFIG=conf OUT=out \
            2>/dev/null >got
        make -s -f "$ROOT/Makefile.pipeline" $question BIN="$BIN" CONFIG=conf OUT=plain >want
        cmp got want
    done
    [ "$(grep -c 'as recorded' got)" -ge 12 ]
}

@test "variables of shells: files to read first, options, paths, functions" {
    echo 'cd() { echo nowhere; }; set -n; exit 9' >bad.sh
    same CDPATH=.:/ BASH_ENV="$PWD/bad.sh" ENV="$PWD/bad.sh" IFS=/ GLOBIGNORE='*' \
        SHELLOPTS=braceexpand:noclobber:noglob:posix BASHOPTS=failglob:nocasematch \
        'BASH_FUNC_sed%%=() { echo bad; }' 'BASH_FUNC_rm%%=() { echo bad; }' \
        'BASH_FUNC_sort%%=() { false; }' POSIXLY_CORRECT=1 _POSIX2_VERSION=199209
}

@test "variables of make, and others by the names of the pipeline's own" {
    echo 'first: ; echo first' >first.mk
    same MAKEFILES="$PWD/first.mk" GNUMAKEFLAGS=-j3 MAKEFLAGS=--no-print-directory DATA=/nowhere \
        TRAIN=/nowhere TEST=yes CLASSES=none FLAGS=--nonsense LAUNCH=false LOCKED=yes REPORT=yes \
        OUT=/nowhere CONFIG=/nowhere BIN=/nowhere home=/nowhere names=none made=none answer=yes
}

@test "a variable of the pipeline in the environment is not taken, and that is said" {
    run -0 --separate-stderr env DATA=photos make -n -f "$ROOT/Makefile.pipeline" BIN="$BIN" \
        CONFIG=conf OUT=plain
    [[ $stderr == *"DATA of the environment is not taken: give it to make, DATA=..."* ]]
    [[ $output != *photos* ]]
}

@test "variables of libraries: threads, kernels, codecs, compression, memory" {
    same OMP_NUM_THREADS=3 OMP_DYNAMIC=true OMP_THREAD_LIMIT=1 OMP_PROC_BIND=true \
        OMP_SCHEDULE=dynamic,1 OMP_MAX_ACTIVE_LEVELS=0 OMP_NESTED=true OPENBLAS_NUM_THREADS=7 \
        OPENBLAS_BLOCK_FACTOR=2 OPENBLAS_VERBOSE=2 GOTO_NUM_THREADS=3 ZSTD_CLEVEL=19 \
        ZSTD_NBTHREADS=4 JPEGMEM=1 JSIMD_FORCENONE=1 MALLOC_PERTURB_=85 MALLOC_ARENA_MAX=1
}

@test "the locale, the time zone, and variables of small programs" {
    same LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 LC_NUMERIC=de_DE.UTF-8 LANGUAGE=de TZ=Asia/Tokyo \
        QUOTING_STYLE=c TIME_STYLE=locale BLOCK_SIZE=1 LS_BLOCK_SIZE=1 DU_BLOCK_SIZE=1 TABSIZE=3 \
        GREP_OPTIONS=-v GREP_COLOR='1;31' GREP_COLORS=ne COLUMNS=20 LINES=2 XARGS=x AWKPATH=/nowhere
}

@test "a home with settings for gnuplot, shells and fonts, and their variables" {
    mkdir -p home/.config/fontconfig temporary
    echo 'set size 0.5,0.5' >home/.gnuplot
    echo 'exit 9' | tee home/.bashrc home/.profile home/.bash_profile >home/.bash_env
    cat >home/.config/fontconfig/fonts.conf <<'XML'
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<match target="pattern"><edit name="family" mode="assign" binding="strong">
<string>DejaVu Sans Mono</string></edit></match>
<match target="font"><edit name="antialias" mode="assign"><bool>false</bool></edit></match>
</fontconfig>
XML
    same HOME="$PWD/home" TMPDIR="$PWD/temporary" GNUTERM=dumb GNUPLOT_LIB=/nowhere
    same FONTCONFIG_FILE="$PWD/home/.config/fontconfig/fonts.conf" GDFONTPATH=/nowhere \
        PANGO_LANGUAGE=ja FREETYPE_PROPERTIES=truetype:interpreter-version=35 \
        XDG_CONFIG_HOME=/nowhere
}

@test "pictures are decoded the same, whatever the variables of their libraries" {
    mkdir -p p/a
    draw-samples --count 2 -o drawings
    import-images drawings --size 64 -o i.npy
    { printf 'P6\n512 512\n255\n'
      for _ in {1..64}; do tail -c +129 i.npy | head -c 12288; done; } >x.ppm
    cjpeg -progressive x.ppm >p/a/1.jpg
    cjpeg -sample 2x2 x.ppm >p/a/2.jpg
    import-images p --size 48 -o want.npy
    JPEGMEM=1 JSIMD_FORCENONE=1 JSIMD_NOHUFFENC=1 import-images p --size 48 -o got.npy
    cmp got.npy want.npy
}
