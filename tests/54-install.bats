# What `make install`, `dist` and `deb` put where, that it runs there, and that it goes again.
load helper
load pipeline

# goal GOAL [VARIABLE=VALUE]...: make, with the programs as they are, in a build folder of its own.
goal() {
    local old=("$BIN"/*)
    make -s -C "$ROOT" "${old[@]/#/--old-file=}" BIN="$BIN" BUILD="$BATS_FILE_TMPDIR/build" "$@"
}

setup_file() {
    goal install DESTDIR="$BATS_FILE_TMPDIR/root" PREFIX=/usr
}

# A tree that is installed once for this file; no test changes it.
setup() {
    cd "$BATS_TEST_TMPDIR"
    root=$BATS_FILE_TMPDIR/root
    PATH=$root/usr/bin:${PATH#"$BIN:"}
}

version=$(cat "$ROOT/VERSION")
names() {
    (cd "$ROOT/stages" && printf '%s\n' *.c) | sed 's/\.c$//'
}

@test "VERSION is what programs tell, and a new one compiles one file again" {
    local room
    run -0 kasane --version
    equal "$output" "kasane $version"
    run -0 kasane pca --version
    equal "$output" "pca (Kasane) $version"
    for room in "$ROOT"/common/* stages kernels/{base,avx2,avx512}; do
        mkdir -p "build/${room#"$ROOT/common/"}"
    done
    touched() {
        make -C "$ROOT" BUILD="$PWD/build" BIN="$PWD" "$@"
    }
    touched "$PWD/build/flags"
    touched -t all >/dev/null
    equal "$(touched -n all | grep -c -- ' -c ')" 0
    equal "$(touched -n -W VERSION all | grep -o -- ' -c -o .*' | sed 's|.*/||')" start.c
}

@test "one name stands in PATH, and runs every program" {
    local p
    equal "$(ls "$root/usr/bin")" kasane
    for p in $(names); do
        run -0 kasane "$p" --help
        equal "${lines[0]:0:$((14 + ${#p}))}" "usage: kasane $p"
        grep -q "^  kasane $p " <<<"$output"   # an example
        run -0 kasane help "$p"
        equal "${lines[0]:0:$((14 + ${#p}))}" "usage: kasane $p"
    done
}

@test "kasane lists its programs, and names them where it knows none of a name" {
    local p name
    run -0 --separate-stderr kasane help
    for p in $(names) pipeline; do
        grep -q "^  $p  *[A-Z]" <<<"$output"
    done
    run -2 --separate-stderr kasane
    equal "$output" ""
    grep -q '^usage: kasane PROGRAM' <<<"$stderr"
    for name in pac ../../bin/kasane . ''/bin/true; do
        run -2 --separate-stderr kasane "$name"
        fails 2 "kasane: no program '$name', want one of $(names | paste -sd ' ') pipeline help"
    done
    run -0 kasane pipeline help
    grep -q '^  features ' <<<"$output"
}

@test "an argument and a status go through kasane as they are" {
    run -1 --separate-stderr kasane extract 'a b' ''
    fails 1 "extract: 'a b': No such file or directory"
}

@test "the installed pipeline makes features and pictures of drawn images, in a moved tree too" {
    settings conf
    kasane pipeline all CONFIG=conf OUT=out >log 2>&1
    [ -s out/features.npy.zst ] && [ -s out/scatter-3d.png ] && [ -s out/reconstruction.png ]
    kasane tensor verify out/features.npy.zst
    cp -a "$root" moved
    ln -s moved/usr/bin/kasane link
    run -0 ./link pipeline -q all CONFIG=conf OUT=out BIN="$root/usr/libexec/kasane"
    run -0 ./link pipeline status CONFIG=conf OUT=out
    run -0 ./link pipeline features CONFIG=conf OUT=again
    cmp out/features.npy.zst again/features.npy.zst
}

@test "LINKS=yes puts the programs and their pages under their own names too" {
    local p
    goal install DESTDIR="$PWD/linked" PREFIX=/usr LINKS=yes
    equal "$(ls linked/usr/bin | sort)" "$(printf '%s\n' kasane $(names) | sort)"
    for p in $(names); do
        run -0 "linked/usr/bin/$p" --version
        [ -s "linked/usr/share/man/man1/$p.1" ]
        [ -s "linked/usr/share/bash-completion/completions/$p" ]
    done
    goal install DESTDIR="$PWD/linked" PREFIX=/usr   # what the last one put there is there
    equal "$(ls linked/usr/bin)" kasane
}

@test "uninstall removes what install put there, and nothing else" {
    local n
    mkdir -p there/usr/bin there/usr/share/man/man1 there/usr/share/kasane
    echo theirs | tee there/usr/{bin/extract,share/kasane/notes,share/man/man1/x.1} >/dev/null
    cp -a there before
    for n in 1 2; do
        goal install DESTDIR="$PWD/there" PREFIX=/usr
        [ -x there/usr/bin/kasane ]
    done
    goal uninstall DESTDIR="$PWD/there" PREFIX=/usr
    diff -r before there
    equal "$(find there | sort)" "$(cd before && find . | sed 's/^\./there/' | sort)"
    run ! goal uninstall DESTDIR="$PWD/there" PREFIX=/usr
    [[ $output = *'nothing to remove'* ]]
}

@test "install replaces nothing that another put there" {
    mkdir -p there/usr/bin
    echo theirs >there/usr/bin/extract
    run ! goal install DESTDIR="$PWD/there" PREFIX=/usr LINKS=yes
    [[ $output = *"/usr/bin/extract' is there and not of a former installation"* ]]
    equal "$(find there -type f)" there/usr/bin/extract
    equal "$(cat there/usr/bin/extract)" theirs
}

@test "what is installed can be read by all, whatever the umask" {
    (umask 077 && goal install DESTDIR="$PWD/there" PREFIX=/usr)
    equal "$(find there/usr ! -type l ! -perm -a=r)" ""
    equal "$(find there/usr -type d ! -perm -a=x)" ""
    equal "$(find there/usr -perm /go=w ! -type l)" ""
}

@test "every program has a man page that names all its options, without a fault" {
    local p page
    for p in $(names | sed 's/^/-/') ''; do
        page=$root/usr/share/man/man1/kasane$p.1
        if command -v mandoc >/dev/null; then
            run -0 mandoc -Tlint "$page"
            equal "$output" ""
        fi
        if command -v groff >/dev/null; then
            run -0 groff -man -ww -z "$page"
            equal "$output" ""
        fi
    done
    command -v man >/dev/null || skip 'no man'
    for p in $(names); do
        MANWIDTH=200 man --warnings -l "$root/usr/share/man/man1/kasane-$p.1" >page 2>warnings
        equal "$(cat warnings)" ""
        kasane "$p" --help | grep -o '^  --[a-z0-9-]*\|^  -[a-z]' | while read -r option; do
            grep -q -- "^ *$option\b" page || { echo "$p: $option"; return 1; }
        done
    done
}

# complete WORD...: what bash offers for the last word, in one line.
complete_words() {
    bash -c '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _kasane; echo "${COMPREPLY[*]}"' \
        "$root/usr/share/bash-completion/completions/kasane" "$@"
}

@test "bash completes programs, options, their choices, commands and goals" {
    equal "$(complete_words kasane tr)" train-stage
    equal "$(complete_words kasane help ext)" extract
    equal "$(complete_words kasane train-stage --out)" --output-activation
    equal "$(complete_words kasane train-stage --loss '')" 'mean-squared-error binary-crossentropy'
    equal "$(complete_words kasane train-stage --loss = b)" binary-crossentropy
    equal "$(complete_words kasane train-stage --shuffle y)" yes
    equal "$(complete_words kasane train-stage --log '')" ''   # bash's own: files
    equal "$(complete_words kasane tensor '')" 'info verify rows tsv npy from-npy join'
    equal "$(complete_words kasane pipeline feat)" features
    equal "$(complete_words kasane pipeline CONF)" CONFIG=
    [[ " $(complete_words kasane pipeline '') " = *' why status '*' DATA= '*' OUT= '* ]]
    equal "$(complete_words kasane pipeline N)" ''
    equal "$(complete_words pca --comp)" --components
}

@test "a program describes itself the same on any machine" {
    local p
    for p in $(names); do
        cmp <(kasane "$p" --describe) <(OMP_NUM_THREADS=1 taskset -c 0 "$BIN/$p" --describe)
    done
}

@test "dist packs what git knows, the same bytes each time, and that builds and installs" {
    git -C "$ROOT" rev-parse >/dev/null 2>&1 || skip 'no git here'
    goal dist DISTDIR="$PWD"
    mv "kasane-$version.tar.gz" first
    goal dist DISTDIR="$PWD"
    cmp first "kasane-$version.tar.gz"
    tar -xzf first
    (cd "kasane-$version" && find . ! -type d | sed 's|^\./||' | sort) >files
    git -C "$ROOT" ls-files | sort | cmp - files
    env -u SAN -u BUILD -u BIN \
        make -s -C "kasane-$version" CFLAGS=-O0 HARDEN= install DESTDIR="$PWD/built"
    run -0 built/usr/local/bin/kasane --version
    equal "$output" "kasane $version"
}

# The package, made once.
make_package() {
    command -v dpkg-shlibdeps >/dev/null || skip 'no dpkg-dev'
    package=$BATS_FILE_TMPDIR/kasane_${version}_$(dpkg --print-architecture).deb
    [ -e "$package" ] || goal deb DISTDIR="$BATS_FILE_TMPDIR"
}

@test "deb makes a package that knows what it needs, and runs where it is unpacked" {
    local package wanted
    make_package
    equal "$(dpkg-deb -f "$package" Version)" "$version"
    for wanted in libc6 libpng16-16 libzstd1 libgomp1 make libopenblas0-pthread; do
        [[ $(dpkg-deb -f "$package" Depends) = *$wanted* ]]
    done
    equal "$(dpkg-deb -c "$package" | awk '{ print $2 }' | sort -u)" root/root
    dpkg-deb -x "$package" there
    run -0 there/usr/bin/kasane --version
    equal "$output" "kasane $version"
    equal "$(ls there/usr/bin)" kasane
}

@test "the package goes as it came" {
    local package before
    [ "$(id -u)" = 0 ] || skip 'wants root'
    make_package
    mkdir -p root/var/lib/dpkg/{info,updates,triggers} root/usr/bin
    touch root/var/lib/dpkg/{status,available} root/usr/bin/other
    before=$(find root/usr | sort)
    dpkg --root="$PWD/root" --force-depends -i "$package"
    root/usr/bin/kasane pca --version
    (cd root && md5sum -c --quiet var/lib/dpkg/info/kasane.md5sums)
    dpkg --root="$PWD/root" -r kasane
    equal "$(find root/usr | sort)" "$before"
}
