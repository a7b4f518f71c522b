# The command line and .conf files, the same for every program; shown on train-stage and its
# neighbours.
load helper

programs() {
    (cd "$ROOT/stages" && ls ./*.c) | sed 's|^\./||; s|\.c$||'
}

@test "every program explains itself with --help, on standard output, status 0" {
    for p in $(programs); do
        run -0 --separate-stderr "$p" --help
        equal "$stderr" ""
        equal "${lines[0]:0:$((7 + ${#p}))}" "usage: $p"
    done
}

@test "every program tells its version" {
    for p in $(programs); do
        run -0 "$p" --version
        equal "${output%% (*}" "$p"
    done
}

@test "help names every setting that print-config prints" {
    for p in $(programs); do
        "$p" --help >help
        "$p" --print-config >settings 2>/dev/null || continue
        while read -r key _; do
            grep -q -- "--$key\( \|\$\)" help || { echo "$p: $key"; return 1; }
        done <settings
    done
}

@test "print-config prints settings in canonical form, which reads back the same" {
    train-stage --learning-rate 1e-3 --epochs 007 --print-config >a.conf
    train-stage -c a.conf --print-config >b.conf
    cmp a.conf b.conf
    grep -qx 'learning-rate = 0.001' a.conf
    grep -qx 'epochs = 7' a.conf
}

@test "print-config leaves out what does not change the result" {
    run -0 train-stage --threads 1 --memory 64M --print-config
    equal "$(grep -cE '^(threads|memory|log|init) ' <<<"$output")" 0
}

@test "the command line wins over the file, wherever -c stands" {
    echo 'epochs = 5' >a.conf
    run -0 train-stage --epochs 9 -c a.conf --print-config
    [[ $output == *"epochs = 9"* ]]
    run -0 train-stage -c a.conf --epochs 9 --print-config
    [[ $output == *"epochs = 9"* ]]
}

@test "a file may hold comments, blank lines and any order" {
    printf '# a comment\n\n  batch=64   # another\n\tepochs =  5\n' >a.conf
    run -0 train-stage -c a.conf --print-config
    [[ $output == *"epochs = 5"* && $output == *"batch = 64"* ]]
}

@test "a colour may start with # in a file" {
    printf 'background = #102030 # dark\n' >a.conf
    run -0 import-images -c a.conf --print-config
    [[ $output == *"background = #102030"* ]]
}

@test "settings are read as an editor or a script may have left them" {
    read_as() {   # what the file holds
        printf "$1" >a.conf
        run -0 train-stage -c a.conf --print-config
        [[ $output == *$'\nepochs = 7\n'* && $output == *$'\nbatch = 9\n'* ]]
    }
    read_as 'epochs = 7\nbatch = 9'
    read_as '\xef\xbb\xbfepochs = 7\nbatch = 9\n'
    read_as '\xef\xbb\xbf# by an editor\nepochs=7\nbatch=9\n'
    read_as 'epochs = 7\r\nbatch = 9\r\n\r\n'
    read_as '\tepochs\t=\t7\t\nbatch =\t9 \t# few\n  \t\n'
    read_as 'epochs: 7\nbatch : 9 # few: enough = 9\n'
    printf 'title: loss = 3: "all"\n' >a.conf
    run -0 plot -c a.conf --print-config
    [[ $output == *'title = loss = 3: "all"'* ]]
}

@test "a file of settings in UTF-16, with a NUL byte or with carriage returns alone is refused for that" {
    refused() {   # what the file holds, the message
        printf "$1" >a.conf
        run -2 --separate-stderr train-stage -c a.conf a b
        fails 2 "train-stage: 'a.conf' line $2"
    }
    refused '\xff\xfee\x00p\x00' "1: text in UTF-16, want UTF-8"
    refused 'epochs = 7\nbatch = 9\x00\n' "2: a NUL byte, want text"
    refused 'epochs = 7\rbatch = 9\r' \
        "1: a carriage return within it, want each line ended by a newline"
}

@test "an unknown key names file, line and the nearest key" {
    printf 'batch = 64\nepohcs = 5\n' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 2: unknown setting 'epohcs', nearest is 'epochs'"
}

@test "a key far from all is named without a neighbour" {
    echo 'colourfulness = 5' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 1: unknown setting 'colourfulness'"
}

@test "a key given twice in one file is an error" {
    printf 'epochs = 5\n\nepochs = 6\n' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 3: 'epochs' is given twice, first in line 1"
}

@test "a line without an equals sign or a colon is an error" {
    echo 'epochs 5' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 1: 'epochs 5' is no setting, want 'key = value'"
}

@test "a value in a file is checked even where the command line wins" {
    echo 'epochs = many' >a.conf
    run -2 --separate-stderr train-stage -c a.conf --epochs 3 a b
    fails 2 "train-stage: 'a.conf' line 1: epochs 'many', want a whole number from 0 to 1000000000"
}

@test "a missing settings file is named" {
    run -1 --separate-stderr train-stage -c none.conf a b
    fails 1 "train-stage: 'none.conf': No such file or directory"
}

@test "values out of range, of the wrong kind or missing are refused with what was wanted" {
    run -2 --separate-stderr train-stage --epochs -1 a b
    fails 2 "train-stage: --epochs '-1', want a whole number from 0 to 1000000000"
    run -2 --separate-stderr train-stage --epochs 1.5 a b
    fails 2 "train-stage: --epochs '1.5', want a whole number from 0 to 1000000000"
    run -2 --separate-stderr train-stage --epochs 99999999999999999999 a b
    fails 2 "train-stage: --epochs '99999999999999999999', want a whole number from 0 to 1000000000"
    run -2 --separate-stderr train-stage --learning-rate nan a b
    fails 2 "train-stage: --learning-rate 'nan', want a number from 0 to 1000"
    run -2 --separate-stderr train-stage --shuffle maybe a b
    fails 2 "train-stage: --shuffle 'maybe', want yes or no"
    run -2 --separate-stderr train-stage --loss hinge a b
    fails 2 "train-stage: --loss 'hinge', want one of mean-squared-error|binary-crossentropy"
    run -2 --separate-stderr train-stage --memory 1K a b
    fails 2 "train-stage: --memory '1K', want a size from 64M to 1024T, such as 512M"
    run -2 --separate-stderr train-stage a b --epochs
    fails 2 "train-stage: --epochs wants a value"
    run -2 --separate-stderr train-stage a b -o
    fails 2 "train-stage: -o wants a file name"
}

@test "an unknown option names the nearest" {
    run -2 --separate-stderr train-stage --epoch 5 a b
    fails 2 "train-stage: unknown option '--epoch', nearest is 'epochs'"
    run -2 --separate-stderr train-stage -x a b
    fails 2 "train-stage: unknown option '-x'"
}

@test "too few and too many arguments say what is wanted" {
    run -2 --separate-stderr train-stage a
    fails 2 "train-stage: 1 argument, want TRAIN TEST -o MODEL"
    run -2 --separate-stderr train-stage a b c
    fails 2 "train-stage: argument 'c' is one too many, want TRAIN TEST -o MODEL"
}

@test "standard input can be one argument, not two" {
    run -2 --separate-stderr train-stage - -
    fails 2 "train-stage: '-' is given twice, and standard input can be read once"
}

@test "two outputs are two files" {
    run -2 --separate-stderr train-stage a.npy a.npy --log m -o ./m
    fails 2 "train-stage: 'm' is given for two outputs, want a file for each"
    run -2 --separate-stderr import-images . --index x.tsv --skipped x.tsv -o i.npy
    fails 2 "import-images: 'x.tsv' is given for two outputs, want a file for each"
    mkdir none
    run -1 --separate-stderr import-images none --index /dev/null --skipped /dev/null -o /dev/null
    fails 1 "import-images: 'none': no pictures in this folder or below"
}

@test "a folder that an output cannot be made in is named before any work is done" {
    for output in '--log none/x -o m' '-o none/x'; do
        run -1 --separate-stderr train-stage a.npy a.npy $output
        fails 1 "train-stage: 'none/x': No such file or directory"
    done
    touch file
    run -1 --separate-stderr pca a.npy -o file/
    fails 1 "pca: 'file/': Not a directory"
    run -1 --separate-stderr pca a.npy -o .
    fails 1 "pca: '.': Is a directory"
    run -1 --separate-stderr pca a.npy --table t -o p --why
    equal "$output" missing
}

@test "what follows -- is an argument, even with a dash in front" {
    run -1 --separate-stderr encode-stage -o out -- --model x
    fails 1 "encode-stage: '--model': No such file or directory"
}

@test "help that cannot be written fails" {
    run -1 --separate-stderr bash -c 'train-stage --help >/dev/full'
    fails 1 "train-stage: standard output: No space left on device"
}

@test "threads that wait spin for microseconds, without a second start of the process" {
    run -0 --separate-stderr env OMP_DISPLAY_ENV=verbose train-stage --version
    equal "$(grep -c 'ENVIRONMENT BEGIN' <<<"$stderr")" 1
    grep -q "GOMP_SPINCOUNT = '5000'" <<<"$stderr"
}

@test "how threads wait is left to who says it in the environment" {
    run -0 --separate-stderr env OMP_DISPLAY_ENV=verbose GOMP_SPINCOUNT=7 train-stage --version
    grep -q "GOMP_SPINCOUNT = '7'" <<<"$stderr"
    export OMP_DISPLAY_ENV=verbose OMP_WAIT_POLICY=active
    run -0 --separate-stderr train-stage --version
    ! grep -q "GOMP_SPINCOUNT = '5000'" <<<"$stderr"
}

@test "without a place for its own variable in the environment a program starts all the same" {
    run -0 env -i "$BIN/train-stage" --version
    [[ $output == train-stage* ]]
}

@test "a program asked --why or --audit without its arguments answers or says what it wants" {
    local p question
    for p in $(programs); do
        for question in --why --audit; do
            run --separate-stderr "$p" "$question" -o none </dev/null
            [ "$status" -eq 2 ] || equal "$p $question: $status $output" "$p $question: 1 missing"
        done
    done
    run -2 --separate-stderr tensor --why -o none
    fails 2 "tensor: 0 arguments, want info|verify|rows A:B|tsv|npy|from-npy|join FILE"
}

@test "every program that takes --isa refuses an unknown KASANE_ISA before it reads anything" {
    local p
    for p in $(programs); do
        "$p" --help | grep -q -- --isa || continue
        KASANE_ISA=sse9 run --separate-stderr "$p" --why -o none
        equal "$status ${stderr%%auto*}" "2 $p: KASANE_ISA 'sse9', want one of "
        KASANE_ISA=sse9 run --separate-stderr "$p" --why -o none --isa base
        equal "$p: $output$stderr" "$p: missing"
    done
}

@test "a former name of a setting is read in files, and the new one is printed" {
    echo 'output = linear' >a.conf
    run -0 train-stage -c a.conf --print-config
    grep -qx 'output-activation = linear' <<<"$output"
    equal "$(grep -c '^output =' <<<"$output")" 0
    printf 'output-activation = relu\noutput = linear\n' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 2: 'output' is given twice, first in line 1"
    echo 'output = tanh' >a.conf
    run -2 --separate-stderr train-stage -c a.conf a b
    fails 2 "train-stage: 'a.conf' line 1: output 'tanh', want one of linear|relu|sigmoid"
}

@test "--output is refused, naming what else may have been meant" {
    run -2 --separate-stderr train-stage --output sigmoid a b
    fails 2 "train-stage: unknown option '--output'; it is --output-activation now;$(
        ) the file to write is -o FILE"
    run -2 --separate-stderr extract --output features.npy.zst a b
    fails 2 "extract: unknown option '--output'; the file to write is -o FILE"
}

@test "values are taken as other programs spell them too, and printed as ours" {
    local value
    for value in binary_crossentropy binary-cross-entropy binary_cross_entropy; do
        run -0 train-stage --loss $value --initialiser glorot_normal --print-config
        grep -qx 'loss = binary-crossentropy' <<<"$output"
        grep -qx 'initialiser = glorot-normal' <<<"$output"
    done
    run -0 train-stage --loss mean_squared_error --print-config
    grep -qx 'loss = mean-squared-error' <<<"$output"
    for value in binary binary_crossentropy_x 'mean_squared_error|' ''; do
        run -2 train-stage --loss "$value" --print-config
    done
}

# machine GROUP...: a made-up machine in ./m: its mounts, from the lines of standard input, and the
# lines of its /proc/self/cgroup.
machine() {
    rm -rf m
    mkdir -p m/proc/self
    cat >m/proc/self/mountinfo
    printf '%s\n' "$@" >m/proc/self/cgroup
}

# put FILE TEXT: into the machine.
put() {
    mkdir -p "m/${1%/*}"
    echo "$2" >"m/$1"
}

# leaves CORES: that is what the quotas leave; 2147483647: there is none.
leaves() {
    equal "$("$BUILD/tests/check-cores" m)" "$1"
}

@test "the quota of control groups, version 2, is the least of the process's own group and those above" {
    local mount='30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate'
    machine '0::/' <<<"$mount"
    leaves 2147483647
    put sys/fs/cgroup/cpu.max '150000 100000'   # a container sees its own group as the top
    leaves 2
    machine '0::/user.slice/a b' <<<"$mount"
    put 'sys/fs/cgroup/user.slice/a b/cpu.max' 'max 100000'
    leaves 2147483647
    put sys/fs/cgroup/user.slice/cpu.max '300000 100000'
    leaves 3
    put 'sys/fs/cgroup/user.slice/a b/cpu.max' '1000 100000'
    leaves 1
    put sys/fs/cgroup/other/cpu.max '1000 1000000'
    put 'sys/fs/cgroup/user.slice/a b/cpu.max' '400000 100000'
    leaves 3
}

@test "the quota of control groups, version 1, counts where the controller cpu is mounted" {
    mounts() {   # where the controller is mounted, and of which group
        machine '5:cpu,cpuacct:/docker/x' '4:cpuset:/other' '1:name=systemd:/init' '0::/unified' <<EOF
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
35 31 0:31 $1 /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
36 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
EOF
    }
    local cpu=sys/fs/cgroup/cpu,cpuacct
    mounts /
    put $cpu/docker/x/cpu.cfs_quota_us -1
    put $cpu/docker/x/cpu.cfs_period_us 100000
    put sys/fs/cgroup/cpuset/other/cpu.cfs_quota_us 100000
    put sys/fs/cgroup/cpuset/other/cpu.cfs_period_us 100000
    leaves 2147483647
    put $cpu/docker/x/cpu.cfs_quota_us 250000
    leaves 3
    mounts /docker/x   # a container that sees its group as the top, under the name of the host
    put $cpu/cpu.cfs_quota_us 50000
    put $cpu/cpu.cfs_period_us 100000
    leaves 1
    mounts /docker/y
    put $cpu/cpu.cfs_quota_us 400000
    put $cpu/cpu.cfs_period_us 100000
    leaves 4
}

@test "no control groups, and files of them that make no sense, leave all cores" {
    machine <<<''
    leaves 2147483647
    machine '0::/../..' 'nonsense' '::' <<EOF
30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
30 23
 - cgroup2
EOF
    put sys/cpu.max '100000 100000'
    leaves 2147483647
    put sys/fs/cgroup/cpu.max '100000 0'
    leaves 2147483647
    put sys/fs/cgroup/cpu.max 'much'
    leaves 2147483647
    put sys/fs/cgroup/cpu.max '-1 100000'
    leaves 2147483647
    rm -r m
    leaves 2147483647
}

@test "the default of --threads is no more than the affinity allows" {
    run -0 taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')" pca --help
    grep -qE -- '--threads.*\[1]$' <<<"$output"
}
