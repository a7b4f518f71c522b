# plots: pictures of tables by gnuplot.
load helper

PLOT=$ROOT/plots/plot

setup() {
    cd "$BATS_TEST_TMPDIR"
    command -v gnuplot >/dev/null || skip "no gnuplot"
    printf 'row\tsplit\tclass\tpath\tpc1\tpc2\tpc3\n' >t.tsv
    awk 'BEGIN { for (i = 0; i < 30; i++)
        printf "%d\ttrain\tclass %c\tp\t%.3f\t%.3f\t%.3f\n", i, 97 + i % 3, sin(i), cos(i * i), i / 10 }' >>t.tsv
    printf '%s\t%s\t%s\t%s\t%s\n' epoch loss val_loss learning_rate seconds 1 0.7 0.69 1e-3 2 2 0.6 0.61 1e-3 2 3 0.5 0.62 1e-3 2 >log.tsv
}

is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] && [ "$(tail -c 8 "$1" | head -c 4)" = IEND ]; }
is_svg() { grep -q '<svg' "$1" && [ "$(tail -n 2 "$1" | tr -d '\n')" = '</svg>' ]; }

@test "scatter plots and loss curves are drawn as PNG and as SVG, from a file or from standard input" {
    for kind in scatter-2d scatter-3d loss; do
        table=t.tsv; [ $kind != loss ] || table=log.tsv
        run -0 "$PLOT" $kind $table a.png
        equal "$output" ""
        "$PLOT" $kind - b.png <$table
        cmp a.png b.png
        is_png a.png
        "$PLOT" $kind $table a.svg "A title"
        is_svg a.svg
        grep -q 'A title' a.svg
    done
}

@test "a point for each row, a name for each class, a colour for each" {
    "$PLOT" scatter-2d t.tsv a.svg
    for name in 'class a' 'class b' 'class c'; do grep -q ">$name<" a.svg; done
    [ "$(grep -c "<use xlink:href='#gpPt6'" a.svg)" -ge 33 ]
    for colour in '59, *117, *175' '239, *134, *54' '81, *157, *62'; do grep -Eq "rgb\( *$colour" a.svg; done
}

@test "the best epoch is marked in a loss curve" {
    "$PLOT" loss log.tsv a.svg
    grep -q '>best: 0.61, epoch 2<' a.svg
    head -n 2 log.tsv | "$PLOT" loss - one.svg
    grep -q '>best: 0.69, epoch 1<' one.svg
}

@test "names with quotes, backslashes, underscores, markup and commands are only names" {
    {
        printf 'class\tpc1\tpc2\tpc3\n'
        i=0
        for name in '"q" '\''q'\' 'a_b^c{d}' '`touch pwned`' '$(touch pwned)' '@x ~y &z <b>' 'back\\slash' \
            '"; system("touch pwned") #' '%d %s \t' '-e x' ''; do
            printf '%s\t%d\t%d\t%d\n' "$name" $((i += 1)) 2 $((i * i))
        done
        printf 'not \xff\xfe utf8\t3\t4\t5\n'
    } >odd.tsv
    for kind in scatter-2d scatter-3d; do
        "$PLOT" $kind odd.tsv a.svg '"; system("touch pwned") #'
        is_svg a.svg
        for name in '&quot;q&quot; '\''q'\' 'a_b^c{d}' '`touch pwned`' '$(touch pwned)' '@x ~y &amp;z &lt;b>' 'back\slash' \
            'not  utf8' '(no name)'; do
            grep -Fq ">$name<" a.svg || grep -Fq ">${name//&quot;/\"}<" a.svg || { echo "no $name"; false; }
        done
        "$PLOT" $kind odd.tsv a.png
    done
    [ ! -e pwned ]
    [ -z "$(find / -maxdepth 1 -name pwned)" ]
}

@test "a picture that is no regular file is written, not replaced" {
    mkfifo a.png
    cat a.png >got.png &
    "$PLOT" scatter-2d t.tsv a.png
    wait
    [ -p a.png ]
    is_png got.png
    equal "$(echo a.png*)" a.png
}

@test "more classes than a legend holds are counted" {
    awk 'BEGIN { print "class\tpc1\tpc2"; for (i = 0; i < 100; i++) print "c" i "\t" i % 7 "\t" i % 11 }' | "$PLOT" scatter-2d - a.svg
    grep -q '>c29<' a.svg
    grep -q '>and 70 more<' a.svg
}

@test "a table without classes, one row, and coordinates that are all the same are drawn" {
    printf 'pc1\tpc2\tpc3\n0\t0\t0\n' >t.tsv
    for kind in scatter-2d scatter-3d; do "$PLOT" $kind t.tsv a.png; is_png a.png; done
    printf 'pc1\tpc2\tpc3\n1e-9\t2\t0\n-1e-9\t3\t0\n' >t.tsv
    for kind in scatter-2d scatter-3d; do "$PLOT" $kind t.tsv a.png; is_png a.png; done
}

@test "a full disk is an error with the name" {
    ln -s /dev/full a.png
    run -1 --separate-stderr "$PLOT" scatter-2d t.tsv a.png
    fails 1 "plot: 'a.png': No space left on device"
}

@test "a bad table gets a message, and no picture; what stood there stays" {
    echo old >a.png
    check() { run -1 --separate-stderr "$PLOT" scatter-2d "$1" a.png; fails 1 "plot: $2"; equal "$(cat a.png)" old; }
    : >empty.tsv; check empty.tsv "'empty.tsv': is empty"
    head -n 1 t.tsv >x.tsv; check x.tsv "'x.tsv': no rows"
    printf 'pc1\tpc3\n1\t2\n' >x.tsv; check x.tsv "'x.tsv': no column pc2 in its first line"
    printf 'pc1\tpc2\n1\t2\n1\tnan\n' >x.tsv; check x.tsv "'x.tsv': line 3: pc2 is not a number"
    check missing.tsv "'missing.tsv': cannot be read"
    run -1 --separate-stderr "$PLOT" scatter-2d t.tsv missing/a.png
    fails 1 "plot: 'missing/a.png': its folder cannot be written"
    run -2 --separate-stderr "$PLOT" scatter-2d t.tsv a.gif
    fails 2 "plot: 'a.gif': want a name that ends in .png or .svg"
    run -2 --separate-stderr "$PLOT" pie t.tsv a.png
    fails 2 "plot: no kind of plot 'pie', want scatter-2d, scatter-3d or loss"
    equal "$(echo a.png*)" a.png
}
