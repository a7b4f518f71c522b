# Loaded by every test file: `load helper`. A test runs in a folder of its own, with our programs
# first in PATH.
bats_require_minimum_version 1.5.0

ROOT=$(cd "${BATS_TEST_DIRNAME}/.." && pwd)
BUILD=${BUILD:-$ROOT/build} BIN=${BIN:-$ROOT/bin}   # `make SAN=1 test` says others
PATH="$BIN:$PATH"
DATA=$ROOT/../shared/data   # real images, optional
export LC_ALL=C
unset MAKEFLAGS MFLAGS MAKELEVEL   # the tests may run below a make of their own
# What a test draws at random, with $RANDOM, comes from this seed.
export KASANE_TEST_SEED=${KASANE_TEST_SEED:-$RANDOM}
RANDOM=$KASANE_TEST_SEED

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# fails: the last `run` ended with this status and, on standard error, exactly this line.
fails() {
    local status_wanted=$1 line=$2
    if [ "$status" -ne "$status_wanted" ] || [ "$stderr" != "$line" ]; then
        printf 'status %s, want %s\nstderr: %s\nwant:   %s\n' "$status" "$status_wanted" "$stderr" \
            "$line" >&2
        return 1
    fi
}

# equal GOT WANT
equal() {
    [ "$1" = "$2" ] || { printf 'got:  %s\nwant: %s\n' "$1" "$2" >&2; return 1; }
}

# await PID COMMAND...: until COMMAND succeeds; fails where the process ends before.
await() {
    local pid=$1
    shift
    until "$@"; do
        kill -0 "$pid"
        sleep 0.02
    done
}

# Skips the test where the real images are absent.
need_data() {
    [ -d "$DATA/$1" ] || skip "no real images in ../shared/data"
}

# Skips the test where a Python module is absent. Debian's own python3: the modules are Debian
# packages.
need_python() {
    local module
    for module in "$@"; do
        /usr/bin/python3 -c "import sys, importlib.util as u
sys.exit(not u.find_spec('$module'))" 2>/dev/null || skip "python3 has no $module"
    done
}

# each_isa PROGRAM [ARGUMENT...]: the program once for each instruction set of the kernels that the
# processor runs, whose name comes first.
each_isa() {
    local program=$1 isa
    shift
    for isa in avx512 avx2 base; do
        grep -qw "${isa/avx512/avx512f}" /proc/cpuinfo || [ "$isa" = base ] || continue
        "$program" "$isa" "$@"
    done
}

# Skips the test where node, or a package of it that `make test-deps` installs, is absent.
need_node() {
    local package
    export NODE_PATH=$ROOT/build/node_modules
    for package in "$@"; do
        node -e "require('$package')" 2>/dev/null || skip "node has no $package"
    done
}

# one_bit FILE BYTE BIT: turns one bit over.
one_bit() {
    local byte
    byte=$(tail -c +"$(($2 + 1))" "$1" | head -c 1 | od -An -tu1)
    printf "\\x$(printf %x $((byte ^ 1 << $3)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
