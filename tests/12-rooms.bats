# The rooms of README.md against the tree: a module includes only modules that stand before it
# there.
load helper

# faults ROOT: a line for each way in which the tree ROOT is not as its README says.
faults() {
    cd "$1"
    {
        awk -F ' *[|] *' \
            '/^\| room \|/ { on = 1; next } !/^\|/ { on = 0 }
            on && $2 !~ /^-/ { print "room", $2, $3 }' README.md
        sed -n 's/^ROOMS = /ROOMS /p' Makefile
        find common include -type f -printf 'file %p\n' | sort
        grep -rHo '^ *# *include *"[^"]*"' common include |
            sed 's/:.*include *"/ /; s/"$//; s/^/uses /' | sort
    } | awk '
        # ROOM/X of common/ROOM/X.c, of its parts common/ROOM/X-PART.c, and of include/ROOM/X.h
        function module(path,   part) {
            part = sub(/^common\//, "", path)
            sub(/^include\//, "", path)
            sub(/\.[a-z]*$/, "", path)
            while (part && !(path in place) && path ~ /-[a-z0-9]*$/)
                sub(/-[a-z0-9]*$/, "", path)
            return path
        }
        $1 == "room" {
            rooms = rooms " " $2
            for (i = 3; i <= NF; i++) {
                place[$2 "/" $i] = ++n
                name[n] = $2 "/" $i
            }
        }
        $1 == "ROOMS" {
            sub(/^ROOMS/, "")
            if ($0 != rooms)
                print "Makefile: ROOMS =" $0 ", in README.md" rooms
        }
        $1 == "file" {
            m = module($2)
            has[$2] = 1
            if (!(m in place))
                missing[m] = 0
            if ($2 ~ /^common/)
                source[$2] = m
        }
        $1 == "uses" {
            user = module($2)
            used = module($3)
            split(user, from, "/")
            split(used, to, "/")
            if (!(user in place)) {
                if (from[1] == to[1] && place[used] > missing[user])
                    missing[user] = place[used]
            } else if (place[used] > place[user])
                print $2 ": includes " used ", which stands behind " user " in README.md"
        }
        END {
            for (m in missing)
                print "README.md: lacks " m \
                    (missing[m] ? ", which belongs behind " name[missing[m]] : "")
            for (i = 1; i <= n; i++)
                if (!(("include/" name[i] ".h") in has))
                    print "README.md: has " name[i] ", which is no include/" name[i] ".h"
            for (file in source)
                if (!(("include/" source[file] ".h") in has))
                    print file ": has no include/" source[file] ".h"
        }' | sort
}

# tree: a small one without a fault, in the folder tree.
tree() {
    rm -rf tree
    mkdir -p tree/{common,include}/{base,net}
    printf '| room | modules | what |\n|---|---|---|\n| base | report rng | a |\n| net | layer net | b |\n\n| net | gone | c |\n' >tree/README.md
    echo 'ROOMS = base net' >tree/Makefile
    touch tree/common/{base/{report,rng},net/{layer,net,net-simd}}.c \
        tree/include/{base/{report,rng},net/{layer,net}}.h
    echo '#include "base/report.h"' >tree/common/net/net.c
    echo '#include "net/layer.h"' >tree/include/net/net.h
}

# faults_are LINE...: in the tree, after `tree` and a change.
faults_are() {
    equal "$(faults tree)" "$(printf '%s\n' "$@")"
    tree
}

@test "a module includes only modules before it in README.md, which lacks none and has none too many" {
    [ "$(find "$ROOT/include" -name '*.h' | wc -l)" -ge 30 ]
    equal "$(faults "$ROOT")" ''
}

@test "this is found: an include that points upward, a module that is not listed, one that is not there, a source without a header, another order" {
    tree
    faults_are
    echo '#include "net/net.h"' >tree/common/net/layer.c
    faults_are 'common/net/layer.c: includes net/net, which stands behind net/layer in README.md'
    echo '# include "net/layer.h"' >tree/include/base/rng.h
    faults_are 'include/base/rng.h: includes net/layer, which stands behind base/rng in README.md'
    echo '#include "net/layer.h"' >tree/common/net/model.c
    touch tree/include/net/model.h
    faults_are 'README.md: lacks net/model, which belongs behind net/layer'
    rm tree/{common,include}/base/rng.?
    faults_are 'README.md: has base/rng, which is no include/base/rng.h'
    rm tree/include/net/layer.h
    faults_are 'README.md: has net/layer, which is no include/net/layer.h' \
        'common/net/layer.c: has no include/net/layer.h'
    echo 'ROOMS = net base' >tree/Makefile
    faults_are 'Makefile: ROOMS = net base, in README.md base net'
}

@test "libraries stay behind the modules that wrap them: one knows xxHash, one jansson, one MPI, no program any" {
    including() { (cd "$ROOT" && grep -rlE "^ *# *include *<($1)\.h>" "${@:2}" | sort | paste -sd ' '); }
    equal "$(including xxhash common include)" common/files/digest.c
    equal "$(including jansson common include)" include/files/json.h
    equal "$(including mpi common include stages)" common/base/ranks.c
    equal "$(including 'png|zstd|zlib|libdeflate|xxhash|jansson|cblas|lapacke' stages include)" include/files/json.h
}
