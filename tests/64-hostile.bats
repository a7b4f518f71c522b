# Hostile names and files: a message, in bounded memory and time, or the right result.

load helper
load files

CHECK="$ROOT/build/tests/check-image"

@test "control characters of a file's name are escaped in messages and reports, UTF-8 stays as it is" {
    name=$'a\nb\tc\e[31m\x7f\xc2\x9b\r犬'
    shown='a\nb\tc\x1b[31m\x7f\xc2\x9b\x0d犬'
    run -1 --separate-stderr tensor info "$name"
    fails 1 "tensor: '$shown': No such file or directory"
    counting x
    mv x.npy.zst "$name"
    run -0 tensor verify "$name"
    equal "$output" "$shown: undamaged"
    run -0 tensor info "$name" x.npy
    equal "${lines[0]}" "$shown:"
    run -2 --separate-stderr tensor info --"$name" x
    fails 2 "tensor: unknown option '--$shown'"
    printf '%s = 1\n' "${name//$'\n'/}" >x.conf
    run -2 --separate-stderr train-stage -c x.conf a b
    fails 2 "train-stage: 'x.conf' line 1: unknown setting '${shown/\\n/}'"
    mkdir -p photos/b photos/$'\e'
    echo >photos/$'\e'/$'\n.png'
    "$CHECK" png 8 8 1 photos/b/1.png
    run -0 --separate-stderr import-images photos --max-bad 1 --size 8 -o i.npy.zst
    equal "${stderr_lines[0]}" "import-images: 'photos/\\x1b/\\n.png': skipped: not a PNG file"
}

@test "a message about paths of 4,000 bytes is whole" {
    name=$(printf '%0200d/' {1..19})x
    run -1 --separate-stderr tensor info "$name"
    fails 1 "tensor: '$name': No such file or directory"
}

@test "a setting of any length decides whether a file is up to date" {
    bytes 16 | npy '|u1' '(4, 4)' >x.npy
    printf 'row\tsplit\tclass\tpath\n' >x.tsv
    name=$(printf '%0200d' 0)
    list=$(printf "$name%d," {1..30})
    for i in {1..4}; do printf "$((i - 1))\ttrain\t$name$i\t$i.png\n"; done >>x.tsv
    for i in {5..30}; do list=${list/"$name$i,"/"$name$((i % 4 + 1)),"}; done
    pca x.npy --index x.tsv --components 1 --classes "$list" -o y.npy.zst
    run -0 --separate-stderr pca x.npy --index x.tsv --components 1 --classes "$list" -o y.npy.zst
    equal "$stderr" "pca: 'y.npy.zst' is up to date: same inputs, same settings"
    run -1 pca x.npy --index x.tsv --components 1 --classes "$list${name}1" -o y.npy.zst --why
    equal "$output" "classes $list -> $list${name}1"
}

@test "folders that link to one another end in a message, soon" {
    mkdir -p maze/{1..20}
    for i in {1..20}; do
        for j in {1..20}; do ln -s ../$j maze/$i/to-$j; done
        "$CHECK" png 2 2 $i maze/$i/1.png
    done
    run -1 --separate-stderr timeout 60 import-images maze -o x.npy.zst
    [[ ${stderr_lines[-1]} == "import-images: 'maze/"*"': reached by more than 1000 paths: links between folders" ]]
    [ ! -e x.npy.zst ]
}

@test "links that lead to themselves, to one another and to nothing are passed over or named" {
    mkdir -p photos/a photos/b
    "$CHECK" png 2 2 1 photos/a/1.png photos/b/1.png
    ln -s self photos/self
    ln -s pong photos/a/ping
    ln -s ping photos/a/pong
    ln -s loop.png photos/b/loop.png
    ln -s /dev/zero photos/b/zero.png
    ln -s . photos/b/dot
    ln -s ../a photos/b/a
    run -0 --separate-stderr import-images photos --max-bad 1 --test 0 --index x.tsv -o x.npy.zst
    equal "$stderr" "import-images: 'photos/b/dot': a link to a folder above it, passed over
import-images: 'photos/b/loop.png': skipped: Too many levels of symbolic links
import-images: 'photos/b/zero.png': skipped: not a regular file
import-images: 3 images of 2 classes, 0 of them to test on; 2 of 5 files skipped"
    equal "$(cut -f 4 x.tsv | tr '\n' ' ')" "path a/1.png b/1.png b/a/1.png "
}

@test "an output's name may be as long as the file system lets it; a longer one is refused before work begins" {
    counting x
    name=$(printf '%0255d' 7)
    for n in 1 2; do   # the second stands where the first stood
        tensor rows 0:$n x.npy.zst -o "$name"
        tensor verify "$name"
    done
    equal "$(ls | grep -c 0007$)" 1
    run -1 --separate-stderr tensor rows 0:1 x.npy.zst -o "0$name"
    fails 1 "tensor: '0$name': File name too long"
    bytes 192 | npy '|u1' '(1, 8, 8, 3)' >i.npy
    run -1 --separate-stderr train-stage i.npy i.npy --epochs 1 --kernel 1 --filters 1 -o "m${name:5}"
    fails 1 "train-stage: 'm${name:5}.checkpoint': File name too long; with --checkpoint 0 there is no such file"
    train-stage i.npy i.npy --epochs 1 --kernel 1 --filters 1 --checkpoint 0 -o "m${name:5}" 2>err
    equal "$(grep -c epoch err)" "$(wc -l <err)"
    tensor verify "m${name:5}"
}
