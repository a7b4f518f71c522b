# plot: pictures of tables by gnuplot.
load helper

setup() {
    cd "$BATS_TEST_TMPDIR"
    command -v gnuplot >/dev/null || skip "no gnuplot"
    printf 'row\tsplit\tclass\tpath\tpc1\tpc2\tpc3\n' >t.tsv
    awk 'BEGIN { for (i = 0; i < 30; i++)
        printf "%d\ttrain\tclass %c\tp\t%.3f\t%.3f\t%.3f\n", i, 97 + i % 3, sin(i), cos(i * i), i / 10 }' >>t.tsv
    printf '%s\t%s\t%s\t%s\t%s\n' epoch loss val_loss learning_rate seconds 1 0.7 0.69 1e-3 2 2 0.6 0.61 1e-3 2 3 0.5 0.62 1e-3 2 >log.tsv
}

is_png() { [ "$(head -c 8 "$1" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ] && [ "$(tail -c 8 "$1" | head -c 4)" = IEND ]; }
is_svg() { grep -q '<svg' "$1" && [ "$(tail -n 2 "$1" | head -n 1)" = '</svg>' ] && [[ $(tail -n 1 "$1") = '<!-- kasane-history {'*'} -->' ]]; }

@test "scatter plots and loss curves are drawn as PNG and as SVG, from a file or from standard input" {
    for kind in scatter-2d scatter-3d loss; do
        table=t.tsv; [ $kind != loss ] || table=log.tsv
        run -0 plot $kind $table -o a.png
        equal "$output" ""
        plot $kind - -o b.png <$table
        cmp a.png b.png
        is_png a.png
        plot $kind $table --title "A title" -o a.svg
        is_svg a.svg
        grep -q 'A title' a.svg
    done
}

@test "a point for each row, a name for each class, a colour for each" {
    plot scatter-2d t.tsv -o a.svg
    for name in 'class a' 'class b' 'class c'; do grep -q ">$name<" a.svg; done
    [ "$(grep -c "<use xlink:href='#gpPt6'" a.svg)" -ge 33 ]
    for colour in '59, *117, *175' '239, *134, *54' '81, *157, *62'; do grep -Eq "rgb\( *$colour" a.svg; done
}

@test "a map has a point for each row, and no numbers beside it, for they mean nothing" {
    sed '1s/pc1\tpc2/x1\tx2/' t.tsv >map.tsv
    plot map map.tsv -o a.png
    is_png a.png
    plot map map.tsv -o a.svg
    is_svg a.svg
    [ "$(grep -c "<use xlink:href='#gpPt6'" a.svg)" -ge 33 ]
    equal "$(grep -oE '>-?[0-9.]+<' a.svg)" ''
    run -1 --separate-stderr plot map t.tsv -o b.svg
    fails 1 "plot: 't.tsv': no column x1 in its first line"
}

@test "the best epoch is marked in a loss curve" {
    plot loss log.tsv -o a.svg
    grep -q '>best: 0.61, epoch 2<' a.svg
    head -n 2 log.tsv | plot loss - -o one.svg
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
        plot $kind odd.tsv -o a.svg --title '"; system("touch pwned") #'
        is_svg a.svg
        for name in '&quot;q&quot; '\''q'\' 'a_b^c{d}' '`touch pwned`' '$(touch pwned)' '@x ~y &amp;z &lt;b>' 'back\slash' \
            'not  utf8' '(no name)'; do
            grep -Fq ">$name<" a.svg || grep -Fq ">${name//&quot;/\"}<" a.svg || { echo "no $name"; false; }
        done
        plot $kind odd.tsv -o a.png
    done
    [ ! -e pwned ]
    [ -z "$(find / -maxdepth 1 -name pwned)" ]
}

@test "a picture that is no regular file is written, not replaced" {
    mkfifo a.png
    cat a.png >got.png &
    plot scatter-2d t.tsv -o a.png
    wait $!
    [ -p a.png ]
    is_png got.png
    equal "$(echo a.png*)" a.png
}

@test "more classes than a legend holds are counted" {
    awk 'BEGIN { print "class\tpc1\tpc2"; for (i = 0; i < 100; i++) print "c" i "\t" i % 7 "\t" i % 11 }' | plot scatter-2d - -o a.svg
    grep -q '>c29<' a.svg
    grep -q '>and 70 more<' a.svg
}

@test "a table without classes, one row, and coordinates that are all the same are drawn" {
    printf 'pc1\tpc2\tpc3\n0\t0\t0\n' >t.tsv
    for kind in scatter-2d scatter-3d; do plot $kind t.tsv -o a.png; is_png a.png; done
    printf 'pc1\tpc2\tpc3\n1e-9\t2\t0\n-1e-9\t3\t0\n' >t.tsv
    for kind in scatter-2d scatter-3d; do plot $kind t.tsv -o a.png; is_png a.png; done
}

@test "a full disk is an error with the name" {
    ln -s /dev/full a.png
    run -1 --separate-stderr plot scatter-2d t.tsv -o a.png
    fails 1 "plot: 'a.png': No space left on device"
}

@test "a table is drawn as an editor or a spreadsheet may have left it" {
    local plain='class\tpc1\tpc2\na\t1\t2\nb\t-1\t3\n'
    printf "$plain" >x.tsv
    pixels() { plot scatter-2d x.tsv -o x.png && tensor info x.png | grep ^digest; }
    local want
    want=$(pixels)
    same() {   # what the file holds
        printf "$1" >x.tsv
        equal "$(pixels)" "$want"
    }
    same "${plain%\\n}"
    same "\xef\xbb\xbf${plain//\\n/\\r\\n}\r\n"
    same "${plain//\\t/,}"
    same '"class"\t"pc2"\t"pc1"\n"a"\t2\t1\n"b"\t3\t-1\n'
}

@test "a bad table gets a message, and no picture; what stood there stays" {
    echo old >a.png
    check() { run -1 --separate-stderr plot scatter-2d "$1" -o a.png; fails 1 "plot: $2"; equal "$(cat a.png)" old; }
    : >empty.tsv; check empty.tsv "'empty.tsv': is empty"
    head -n 1 t.tsv >x.tsv; check x.tsv "'x.tsv': no rows"
    printf 'pc1\tpc3\n1\t2\n' >x.tsv; check x.tsv "'x.tsv': no column pc2 in its first line"
    printf 'pc1\tpc2\n1\t2\n1\tnan\n' >x.tsv; check x.tsv "'x.tsv': line 3: pc2 is not a number"
    printf 'pc1\tpc2\n1\t2\n1\t2\t3\n' >x.tsv; check x.tsv "'x.tsv': line 3: 3 fields, want the 2 of its first line"
    printf 'pc1\tpc2\n1\t1e999\n' >x.tsv; check x.tsv "'x.tsv': line 2: pc2 is not a number"
    check missing.tsv "'missing.tsv': No such file or directory"
    run -1 --separate-stderr plot scatter-2d t.tsv -o missing/a.png
    fails 1 "plot: 'missing/a.png': No such file or directory"
    run -2 --separate-stderr plot scatter-2d t.tsv -o a.gif
    fails 2 "plot: 'a.gif': want a name that ends in .png or .svg, or --type"
    run -2 --separate-stderr plot pie t.tsv -o a.png
    fails 2 "plot: no kind of plot 'pie', want scatter-2d, scatter-3d, map or loss"
    equal "$(echo a.png*)" a.png
}

@test "a picture is written to standard output as --type says" {
    plot loss log.tsv -o a.png
    plot loss log.tsv -o a.svg
    plot loss log.tsv --type png | cmp - a.png
    plot loss - --type svg <log.tsv >b.svg
    cmp a.svg b.svg
    run -2 --separate-stderr plot loss log.tsv
    fails 2 "plot: standard output: want --type png or --type svg"
}

@test "a picture carries its history: of the plot, of gnuplot, and of the table" {
    import_pca
    for picture in a.png a.svg; do
        plot scatter-2d pca.tsv -o $picture
        tensor verify $picture
        tensor info $picture >info
        equal "$(sed -n 's/, revision [0-9]*$//p' info | paste -sd ' ')" 'import-images pca plot'
        grep -x "    gnuplot = $(gnuplot --version | sed 's/gnuplot //')" info
        equal "$(grep '^    input' info | tail -n 1)" "    input  $(tensor info pca.tsv | awk '$1 == "digest" { print $2 }')"
        plot scatter-2d pca.tsv -o $picture --why
        plot scatter-2d pca.tsv -o $picture --audit
        run -0 --separate-stderr plot scatter-2d pca.tsv -o $picture
        equal "$stderr" "plot: '$picture' is up to date: same inputs, same settings"
        run -1 plot scatter-2d pca.tsv --title x -o $picture --why
        equal "$output" 'title  -> x'
        run -1 plot scatter-3d pca.tsv -o $picture --why
        equal "${lines[0]}" 'kind scatter-2d -> scatter-3d'
    done
    sed -i '2s/$/1/' pca.tsv
    plot scatter-2d pca.tsv -o a.png --why   # which does not read the table
    run -1 plot scatter-2d pca.tsv -o a.png --audit
    [[ $output = "'pca.tsv' is not what it was made from: it holds xxh128:"* ]]
    plot scatter-2d pca.tsv -o a.png
    plot scatter-2d pca.tsv -o a.png --audit
    equal "$(tensor info a.png | sed -n 's/, revision [0-9]*$//p')" plot   # an edited table is not what its history tells of
    plot scatter-2d pca.tsv -o a.png --why
}

# pca.tsv, with a history.
import_pca() {
    draw-samples --count 3 -o drawings
    import-images drawings --size 8 --index images.tsv -o images.npy.zst
    pca images.npy.zst --index images.tsv --components 3 --tsv -o pca.tsv
}

@test "other seconds in a log change no picture and make none out of date" {
    for picture in a.png a.svg; do
        plot loss log.tsv -o $picture
        cp $picture before
        awk -v OFS='\t' 'NR > 1 { $5 = NR * 7.25 } { print }' log.tsv >other.tsv
        run -0 --separate-stderr plot loss other.tsv -o $picture
        equal "$stderr" "plot: '$picture' is up to date: same inputs, same settings"
        rm $picture
        plot loss other.tsv -o $picture
        cmp before $picture
        awk -v OFS='\t' 'NR == 3 { $2 = 0.65 } { print }' log.tsv >other.tsv
        plot loss other.tsv -o $picture
        run -1 cmp -s before $picture
    done
}

@test "no text gets out of the comment in which an SVG keeps its history" {
    need_python xml.dom
    for title in '-->' '--><script>alert(1)</script>' '--!>' '<!--' '---' '- -->' '--' '\u002d-->' $'\x01\x1f' '重ね -->' $'\xff-->'; do
        rm -f a.svg
        plot loss log.tsv --title "$title" -o a.svg
        equal "$(grep -c . <(tail -n 1 a.svg))" 1
        equal "$(tail -n 1 a.svg | grep -o -- '--' | wc -l)" 2
        tensor verify a.svg
        plot loss log.tsv --title "$title" -o a.svg --why
        [[ $title = *[$'\x01'$'\xff']* ]] || /usr/bin/python3 -c 'import sys, xml.dom.minidom as d; c = d.parse("a.svg").childNodes; assert [n.nodeType for n in c][-2:] == [1, 8], c'
    done
}

@test "an SVG that was changed or cut short is noticed" {
    plot loss log.tsv -o whole.svg
    sed 's/epoch/epochs/' whole.svg >a.svg
    run -1 --separate-stderr tensor verify a.svg
    [[ $stderr = "tensor: 'a.svg': content xxh128:"*", its history says xxh128:"* ]]
    sed '$s/"title":""/"title":"x"/' whole.svg >a.svg
    run -1 --separate-stderr tensor verify a.svg
    fails 1 "tensor: 'a.svg': damaged history"
    head -c 5000 whole.svg >a.svg
    run -1 --separate-stderr tensor verify a.svg
    fails 1 "tensor: 'a.svg': cut short"
    run -1 plot loss log.tsv -o a.svg --why
    equal "$output" "no history"
}

@test "nothing of the user's own, no ~/.gnuplot, no variable, no CDPATH, changes a picture or breaks it" {
    mkdir home lib
    echo 'set size 0.1,0.1' >lib/style.gp
    for kind in scatter-2d scatter-3d loss; do
        table=t.tsv; [ $kind != loss ] || table=log.tsv
        for type in png svg; do
            plot $kind $table -o want.$type
            for line in "set datafile separator ','" 'set logscale y' 'set size 0.5,0.5' 'exit' '"'; do
                echo "$line" | tee home/.gnuplot >home/.gnuplotrc
                rm -f a.$type
                env HOME="$PWD/home" XDG_CONFIG_HOME="$PWD/home" CDPATH=".:$PWD/home" GNUPLOT_LIB="$PWD/lib" GDFONTPATH=/nowhere \
                    GNUPLOT_DEFAULT_GDFONT=none GNUTERM=dumb GNUPLOT_FONTPATH=/nowhere LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 \
                    plot $kind $table -o a.$type
                cmp want.$type a.$type
            done
        done
    done
}

@test "names in letters that no font here has are drawn as question marks, others as they are" {
    command -v fc-list >/dev/null || skip "no fc-list"
    printf 'class\tpc1\tpc2\n\xc3\xa9t\xc3\xa9\t1\t2\n\xf4\x8f\xbf\xbd\t2\t1\nabcdefghijklmnopqrstuvwxyz0123456\t3\t3\n' >x.tsv
    printf 'a\\\\tb\t4\t4\n\xed\xa0\x80\xc0\xaf\x80x\t5\t5\n' >>x.tsv
    plot scatter-2d x.tsv -o a.svg
    for name in $'\xc3\xa9t\xc3\xa9' '?' 'abcdefghijklmnopqrstuvwxyz0'$'\xe2\x80\xa6' 'a\tb' x; do grep -F ">$name<" a.svg; done
}

@test "without gnuplot there is a message, and what stood there stays" {
    mkdir empty
    echo old >a.png
    bin=$(command -v plot)
    run -1 --separate-stderr env PATH="$PWD/empty" "$bin" loss log.tsv -o a.png
    fails 1 "plot: gnuplot is not installed"
    equal "$(cat a.png)" old
    printf '#!/bin/sh\ncase $1 in --version) echo gnuplot 1 patchlevel 0 ;; *) echo "line 7: no such thing" >&2; exit 1 ;; esac\n' >empty/gnuplot
    chmod +x empty/gnuplot
    run -1 --separate-stderr env PATH="$PWD/empty:$PATH" "$bin" loss log.tsv -o a.png
    fails 1 "plot: 'a.png': gnuplot: line 7: no such thing"
    for type in png svg; do
        printf '#!/bin/sh\necho "gnuplot 1 patchlevel 0"\n' >empty/gnuplot   # no picture at all
        run -1 --separate-stderr env PATH="$PWD/empty:$PATH" "$bin" loss log.tsv --type $type -o a.png
        [[ $stderr = "plot: 'a.png': gnuplot wrote no whole picture"* ]]
    done
    equal "$(cat a.png)" old
}
