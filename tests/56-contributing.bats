# The examples of CONTRIBUTING.md, followed in a copy of the tree.
load helper

# The copy takes along what is built, but for the fuzz targets, which another test may be building.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/tree"
    cd "$ROOT"
    cp -a ./*.md VERSION Makefile* ./*.mk configs pipeline plots report common include stages tests fuzz \
        bench "$BATS_FILE_TMPDIR/tree"
    cp -a "$BIN" "$BATS_FILE_TMPDIR/tree/bin"
    mkdir "$BATS_FILE_TMPDIR/tree/build"
    cd "$BUILD"
    sed -n 's/^ROOMS = //p' "$ROOT/Makefile" | xargs -n 1 echo stages tests flags libkasane.a |
        xargs -n 1 | sort -u | xargs cp -a -t "$BATS_FILE_TMPDIR/tree/build"
}

# section TITLE: its files, changes and commands, as a script.
section() {
    awk -v title="## $1" -v end="'END'" '
        /^## / { on = $0 == title }
        !on { next }
        /^`.*`:$/ { file = substr($0, 2, length($0) - 3) }
        /^```diff$/ { print "patch -s -p1 <<" end; code = 1; next }
        /^```[a-z]+$/ { print "cat >" file " <<" end; code = 1; next }
        /^```$/ { print "END"; code = 0; next }
        code { print; next }
        /^    / { print substr($0, 5) }' "$ROOT/CONTRIBUTING.md"
}

# Follows a section; what it makes stays for the next.
follow() {
    local compiler variable
    compiler=$(sed 's/ *-.*//' "$BUILD/flags")
    for variable in $(compgen -v BATS_) BUILD BIN; do
        printf 'unset %s\n' "$variable"
    done >script
    printf 'set -eu -o pipefail\nmake() { command make -s CC="%s" "$@"; }\n' "$compiler" >>script
    section "$1" >>script
    (cd "$BATS_FILE_TMPDIR/tree" && PATH=$PWD/bin:$PATH bash) <script >said 2>&1 ||
        { cat said >&2; return 1; }
}

@test "add a program, a setting to it, and a file that it makes to the pipeline" {
    follow "Add a program"
    grep -q '^3 passed, 0 failed' said
    follow "Add a setting"
    grep -qx 'axis rows -> columns' said
    follow "Add a file to the pipeline"
    grep -q "^flipped.npy.zst .*axis rows -> columns" said
}

@test "add a parser" {
    follow "Add a parser"
    grep -q '^extent: 3000 inputs, ' said
}
