# report: a run as one HTML file. What the page does is tried in a browser.
load helper
load files
load browser

setup_file() {
    cd "$BATS_FILE_TMPDIR"
    draw-samples --count 6 -o images
    printf nothing >images/ren/cut.png
    import-images images --size 32 --test 0.3 --skipped skipped.tsv --index images.tsv -o images.npy.zst 2>/dev/null
    train-stage images.npy.zst images.npy.zst --kernel 3 --filters 4 --epochs 2 --batch 8 \
        --log stage-1.tsv -o model.safetensors.zst 2>/dev/null
    extract model.safetensors.zst images.npy.zst -o features.npy.zst
    pca features.npy.zst --components 3 --index images.tsv --table pca.tsv -o pca.npy.zst 2>/dev/null
    map features.npy.zst --index images.tsv --table map.tsv -o map.npy.zst 2>/dev/null
    evaluate features.npy.zst --index images.tsv --images images.npy.zst \
        --model model.safetensors.zst --summary evaluation.txt -o evaluation.tsv 2>/dev/null
    all_of_it -o report.html 2>/dev/null
    all_of_it --page 64 --thumbnail 32 -o pages.html 2>/dev/null   # 4 images on each
    if command -v chromium chromedriver curl jq >/dev/null; then
        browser_start
    fi
}
teardown_file() { browser_stop; }

setup() {
    cd "$BATS_TEST_TMPDIR"
    in=$BATS_FILE_TMPDIR
}

# The report of all the inputs in this folder.
all_of_it() {
    report features.npy.zst stage-1.tsv --index images.tsv --images images.npy.zst \
        --model model.safetensors.zst --map map.tsv --pca pca.tsv --evaluation evaluation.tsv \
        --summary evaluation.txt --skipped skipped.tsv "$@"
}

# block NAME FILE: the bytes of a block.
block() {
    sed -n "s/^<script type=\"application\/octet-stream\" id=\"block-$1\">\([^<]*\)<.*/\1/p" "$2" |
        base64 -d
}
facts() {
    sed -n 's/^<script type="application\/json" id="facts">\([^<]*\)<.*/\1/p' "$1"
}

@test "the same inputs give the same bytes, with any threads and memory, and are known again" {
    cd "$in"
    for flags in '--threads 1' '--threads 3 --memory 64M'; do
        all_of_it $flags -o "$BATS_TEST_TMPDIR/again.html" 2>/dev/null
        cmp report.html "$BATS_TEST_TMPDIR/again.html"
        rm "$BATS_TEST_TMPDIR/again.html"
    done
    all_of_it -o report.html --why
    run -0 --separate-stderr all_of_it -o report.html
    equal "$stderr" "report: 'report.html' is up to date: same inputs, same settings"
    run -1 --separate-stderr all_of_it --thumbnail 16 -o report.html --why
    equal "$output" 'thumbnail 64 -> 16'
    tensor verify report.html
}

@test "rows, classes, splits and places are those of index and tables" {
    equal "$(block row "$in/report.html" | od -An -v -tu4 -w4 | tr -d ' ')" \
        "$(cut -f 1 "$in/images.tsv" | tail -n +2)"
    equal "$(block split "$in/report.html" | od -An -v -tu1 -w1 | tr -d ' ')" \
        "$(cut -f 2 "$in/images.tsv" | tail -n +2 | sed 's/train/0/; s/test/1/')"
    facts "$in/report.html" | jq -r '.paths[]' | diff - <(cut -f 4 "$in/images.tsv" | tail -n +2)
    step=$(facts "$in/report.html" | jq .map.step)
    paste <(block map "$in/report.html" | od -An -v -td2 -w4) <(cut -f 5,6 "$in/map.tsv" | tail -n +2) |
        awk -v step="$step" -v centre="$(facts "$in/report.html" | jq -r '.map.centre | @tsv')" '
            BEGIN { split(centre, c) }
            { for (k = 1; k <= 2; k++) { d = c[k] + $k * step - $(k + 2)
                if (d * d > step * step / 3) { print "line " NR; exit 1 } } }'
}

@test "the nearest rows by features and by pixels are those that neighbours lists" {
    for kind in features images; do
        neighbours "$in/$kind.npy.zst" --index "$in/images.tsv" --k 12 --list | tail -n +2 |
            cut -f 5 >wanted
        block "near-${kind/images/pixels}" "$in/report.html" | od -An -v -tu4 -w4 | tr -d ' ' |
            diff wanted -
    done
}

@test "pixels are compared in images averaged to --compare, which the history and the page tell" {
    cd "$BATS_TEST_TMPDIR"
    tensor tsv "$in/images.npy.zst" | awk '{
        for (y = 0; y < 16; y++) for (x = 0; x < 16; x++) for (c = 1; c <= 3; c++) {
            at = (2 * y * 32 + 2 * x) * 3 + c
            printf "%02x", int(($at + $(at + 3) + $(at + 96) + $(at + 99)) / 4 + .5) } }' |
        xxd -r -p | npy '|u1' '(24, 16, 16, 3)' >small.npy
    neighbours small.npy --index "$in/images.tsv" --k 12 --list | tail -n +2 >wanted
    report "$in/features.npy.zst" --images "$in/images.npy.zst" --compare 16 -o report.html 2>/dev/null
    block near-pixels report.html | od -An -v -tu4 -w4 | tr -d ' ' | diff <(cut -f 5 wanted) -
    facts report.html | jq -r '.near_pixels.step / .pixel_unit' >step
    block near-pixels-distances report.html | od -An -v -tu2 -w2 | paste - wanted |
        awk -v step="$(cat step)" '{ d = $1 * step - $NF / 255 / sqrt(768)
            if (d * d > step * step / 3) { print "line " NR; exit 1 } }'
    tensor info report.html | grep -qE '^ *JPEG = libjpeg-turbo [0-9]'
    tensor info report.html | grep -qE '^ *compare = 16$'
    tensor info "$in/report.html" | grep -qE '^ *compare = 32$'
    need_browser
    page report.html row=3
    js 'return document.querySelector(".facts").innerText' | grep -A 1 -x 'pixels compared at' |
        grep -x '16 × 16'
}

@test "the page shows every row, asks for nothing, and the console is silent" {
    need_browser
    page "$in/report.html"
    equal "$(js 'return [kasane.shown, kasane.state.layout, kasane.state.colour].join(" ")')" \
        "$(($(wc -l <"$in/images.tsv") - 1)) map class"
    js 'kasane.change({ view: "run" })' >/dev/null
    js 'for (const layout of ["grid", "classes", "pca", "space"]) kasane.goToLayout(layout)' >/dev/null
    equal "$(browser_log)" ''
    equal "$(browser_requests)" ''
}

# samples: of each row of images.npy.zst a line, its row and 36 pixels in 6 x 6 places.
samples() {
    tensor tsv "$in/images.npy.zst" | awk '{
        printf "%d", NR - 1
        for (y = 0; y < 6; y++) for (x = 0; x < 6; x++) for (c = 0; c < 3; c++)
            printf " %s", $(1 + (int((y + .5) / 6 * 32) * 32 + int((x + .5) / 6 * 32)) * 3 + c)
        print "" }'
}

# are_themselves: of each line on standard input, a row and pixels in these places, the most like of
# all rows is that row, and it is like it.
are_themselves() {
    samples >all
    awk 'NR == FNR { for (k = 2; k <= NF; k++) image[$1, k] = $k; rows[$1]; next }
        { best = 1e9; seen++
            for (r in rows) { sum = 0
                for (k = 2; k <= NF; k++) sum += ($k - image[r, k]) ^ 2
                if (sum < best) { best = sum; which = r } }
            if (which != $1 || best / (NF - 1) > 1500) { print "row", $1, "looks like", which, best / (NF - 1); bad = 1 } }
        END { exit bad || !seen }' all - >&2
}

# The pixels of the canvas that CSS names, in 6 x 6 places.
pixels_of() {
    js "for (let n = 0; n < 200 && !document.querySelector('$1[data-drawn]'); n++)
            await new Promise(r => setTimeout(r, 10));
        const c = document.querySelector('$1'), list = [];
        const copy = new OffscreenCanvas(6, 6).getContext('2d', { willReadFrequently: true });
        copy.imageSmoothingEnabled = false;
        copy.drawImage(c, 0, 0, 6, 6);
        const { data } = copy.getImageData(0, 0, 6, 6);
        for (let k = 0; k < data.length; k += 4) list.push(...data.slice(k, k + 3));
        return list.join(' ')"
}

# What is drawn on the map, or on the canvas over it: of each image shown its row and the pixels in
# 6 x 6 places.
drawn() {
    js "const k = kasane, gl = k.gl, project = k.projector(), ratio = devicePixelRatio, lines = [];
        k.drawScene();
        const side = k.scene.sides[1], [W, H] = [gl.canvas.width, gl.canvas.height];
        const all = new Uint8Array(4 * W * H);
        gl.readPixels(0, 0, W, H, gl.RGBA, gl.UNSIGNED_BYTE, all);
        const over = document.getElementById('overlay').getContext('2d').getImageData(0, 0, W, H);
        for (let i = 0; i < k.rows.length; i++) {
            if (!(k.scene.flags[i] & 1)) continue;
            const [px, py] = project(...k.placeNow(i)), line = [k.rows[i]];
            for (let y = 0; y < 6; y++) for (let x = 0; x < 6; x++) {
                const column = Math.floor((px + ((x + .5) / 6 - .5) * side) * ratio);
                const up = Math.floor(H - (py + ((y + .5) / 6 - .5) * side) * ratio);
                const at = 4 * ((${1-0} ? H - 1 - up : up) * W + column);
                line.push(...(${1-0} ? over.data : all).slice(at, at + 3));
            }
            lines.push(line.join(' '));
        }
        return lines.join('\n')"
}

path_of() { awk -F '\t' -v row="$1" '$1 == row { print $4 }' "$in/images.tsv"; }

@test "an image pointed at is shown with its name and class, one clicked with its neighbours and what the net gives back" {
    need_browser
    page "$in/report.html" layout=grid
    for row in 3 17; do
        read -r x y <<<"$(place $row)"
        pointer "$(to "$x" "$y")"
        equal "$(js 'return document.querySelector("#card .name").textContent + " " + document.querySelector("#card .chip").textContent')" \
            "$(path_of $row | sed 's|\(.*\)/\(.*\)|\2 \1|')"
        echo "$row $(pixels_of '#card canvas')" | are_themselves
    done
    pointer "$(to "$x" "$y"),$down,$up"
    equal "$(js 'return document.getElementById("pinned-name").textContent')" "$(basename "$(path_of 17)")"
    echo "17 $(pixels_of '#pinned canvas')" | are_themselves
    for kind in features images; do
        equal "$(js "return [...document.querySelectorAll('[data-near=${kind/images/pixels}] button')].map(b => b.dataset.row).join(' ')")" \
            "$(neighbours "$in/$kind.npy.zst" --index "$in/images.tsv" --k 12 --list | awk -F '\t' '$1 == 17 { print $5 }' | paste -sd ' ')"
    done
    near=$(js 'return document.querySelector("[data-near=features] button").dataset.row')
    echo "$near $(pixels_of '[data-near=features] canvas')" | are_themselves
    js 'kasane.change({ selected: new Set() });
        document.querySelector("[aria-label=\"Select what is near by features\"]").click()' >/dev/null
    equal "$(js 'return kasane.state.selected.size + " " + kasane.state.selected.has(17)')" '13 true'
    js 'Object.assign(kasane.camera, { x: 9, y: 9 });
        document.querySelector("[data-near=features] button").click()' >/dev/null
    equal "$(js 'return document.querySelector("#pinned").dataset.row')" "$near"
    equal "$(js "const [x, y] = kasane.projector()(...kasane.placeNow(kasane.rows.indexOf($near)));
        return x > 252 && x < 936 && y > 0 && y < 848")" true
    equal "$(js 'return document.querySelectorAll(".faces canvas").length')" 2
    equal "$(browser_log)" ''
}

@test "every image stands at its own place, on any page of textures, also where others are switched off" {
    need_browser
    for file in report pages; do
        page "$in/$file.html" layout=grid
        equal "$(js 'return kasane.scene.nPages')" "$(sed 's/report/1/; s/pages/6/' <<<$file)"
        equal "$(drawn | wc -l)" 24
        drawn | are_themselves
        js 'document.querySelector("#legend button").click()' >/dev/null
        equal "$(drawn | wc -l)" 18
        drawn | are_themselves
    done
    read -r x y <<<"$(place 20)"
    pointer "$(to "$x" "$y")"
    echo "20 $(pixels_of '#card canvas')" | are_themselves
}

@test "where the texture is too small, what is in sight is drawn anew of the pages themselves" {
    need_browser
    page "$in/pages.html" layout=grid\&labels=no
    js 'kasane.scene.texels = 1; kasane.change({ size: 0.1 })' >/dev/null
    comes_true 'kasane.scene.sharp === 24'
    drawn 1 | are_themselves
    js 'kasane.change({ selected: new Set([3]) })' >/dev/null
    comes_true 'kasane.scene.sharp === 1'
    equal "$(drawn 1 | awk '{ for (k = 2; k <= NF && !$k; k++); if (k <= NF) print $1 }')" 3
}

@test "a class's name stands in the plane where its images are" {
    need_browser
    page "$in/report.html"
    equal "$(js 'return kasane.labels.map(label => kasane.rows.reduce((least, _, i) => {
        const [x, y] = kasane.placeNow(i), own = kasane.facts.paths[i].startsWith(kasane.facts.classes[label.c] + "/");
        return own ? Math.min(least, Math.hypot(x - label.x, y - label.y)) : least; }, 9) < 0.2).join()')" true,true,true,true
    equal "$(js 'return [...document.querySelectorAll("#legend .face canvas")].map((face, c) =>
        kasane.facts.paths[face.dataset.image].startsWith(kasane.facts.classes[c] + "/")).join()')" true,true,true,true
}

# How far right the images reach, and the scale.
reach() {
    js 'const k = kasane, project = k.projector();
        return k.rows.reduce((most, _, i) => Math.max(most, Math.round(project(...k.placeNow(i))[0])), 0) +
            " " + k.camera.scale'
}

@test "all of the map goes aside for the details and comes back, and nothing moves where one has zoomed in" {
    need_browser
    local before x
    page "$in/report.html"
    before=$(reach)
    js 'kasane.change({ pinned: 3 })' >/dev/null
    comes_true "Math.round(kasane.camera.scale * 1e6) < $(awk '{ print int($2 * 1e6) }' <<<"$before")"
    read -r x _ <<<"$(reach)"
    [ "${before% *}" -gt 936 ] && [ "$x" -lt 936 ]
    press '\uE00C'
    comes_true "kasane.camera.scale === ${before#* }"
    equal "$(reach)" "$before"
    press +
    comes_true "kasane.camera.scale > 1.4 * ${before#* }"
    before=$(reach)
    js 'kasane.change({ pinned: 3 })' >/dev/null
    equal "$(reach)" "$before"
}

@test "a box and a lasso select what is within, whose list is a table" {
    need_browser
    page "$in/report.html" layout=classes
    read -r x y <<<"$(place 0)"
    read -r x2 y2 <<<"$(place 1)"
    js 'document.getElementById("tool-box").click()' >/dev/null
    pointer "$(to $((x - 9)) $((y - 9))),$down,$(to "$x2" "$y"),$(to $((x2 + 9)) $((y2 + 9))),$up"
    equal "$(js 'return [...kasane.state.selected].map(i => kasane.rows[i]).join(" ")')" '0 1'
    equal "$(js 'return [...document.querySelectorAll("#legend .number")].map(n => n.textContent).join()')" \
        '2 of 6,0 of 6,0 of 6,0 of 6'
    pointer "$(to $((x - 14)) $((y - 20))),$down,$(to $((x - 9)) $((y - 12))),$up"
    equal "$(js 'return kasane.state.selected.size + document.getElementById("told").textContent')" \
        '0No image has its middle in there'
    js 'document.getElementById("tool-lasso").click()' >/dev/null
    read -r x y <<<"$(place 7)"
    pointer "$(to $((x - 9)) $((y - 9))),$down,$(to $((x + 9)) $((y - 9))),$(to $((x + 9)) $((y + 9))),$(to $((x - 9)) $((y + 9))),$up"
    equal "$(js 'return [...kasane.state.selected].map(i => kasane.rows[i]).join(" ")')" 7
    equal "$(js 'return document.querySelectorAll(".sheet button").length')" 1
    js 'kasane.select([7, 2])' >/dev/null
    js 'return kasane.selectionTable([2, 7])' | cut -f 1-4 >got
    awk -F '\t' 'NR == 1 || $1 == 2 || $1 == 7' "$in/images.tsv" >want
    diff got <(cat want; echo)
    equal "$(js 'return [...document.querySelectorAll("#selection tbody tr")].map(tr => tr.cells[0].textContent).join(" ")')" '2 7'
}

@test "the list of the selection is copied, and saved as a table" {
    need_browser
    page "$in/report.html"
    js 'kasane.select([2, 7]);
        window.texts = [];
        navigator.clipboard.writeText = text => { texts.push(text); return Promise.resolve(); };
        URL.createObjectURL = blob => { texts.push(blob.text()); return "#"; };
        HTMLAnchorElement.prototype.click = function () { window.file = this.download; };
        const named = text => [...document.querySelectorAll("#selection button")].find(b => b.textContent === text);
        named("Copy list").click();
        named("Save as TSV").click()' >/dev/null
    js 'return (await Promise.all(texts)).map(t => t === kasane.selectionTable([2, 7])).join(" ") + " " + file' >got
    equal "$(cat got)" 'true true selection.tsv'
}

# Two fingers from and to X Y X Y.
two_fingers() {
    local moves='' finger
    for finger in 0 1; do
        moves+=",{\"type\":\"pointer\",\"id\":\"finger $finger\",\"parameters\":{\"pointerType\":\"touch\"},\"actions\":[
            $(to "${@:1 + 2 * finger:2}"),$down,{\"type\":\"pointerMove\",\"duration\":50,\"x\":${*:5 + 2 * finger:1},\"y\":${*:6 + 2 * finger:1}},$up]}"
    done
    driver POST /actions "{\"actions\":[${moves#,}]}" >/dev/null
}

# Image 3, but for rounding to whole pixels.
about_there() {
    local x y
    read -r x y <<<"$(place 3)"
    [ $((x - $1)) -ge -2 ] && [ $((x - $1)) -le 2 ] && [ $((y - $2)) -ge -2 ] && [ $((y - $2)) -le 2 ]
}

@test "two fingers pull the map apart and turn it, and what is under them stays under them" {
    need_browser
    page "$in/report.html" layout=classes
    read -r x y <<<"$(place 3)"
    js 'window.before = { ...kasane.camera }' >/dev/null
    two_fingers $((x - 20)) "$y" $((x + 20)) "$y" $((x - 60)) "$y" $((x + 60)) "$y"
    equal "$(js 'return [(kasane.camera.scale / before.scale).toFixed(1), (kasane.camera.roll - before.roll).toFixed(1)].join(" ")')" '3.0 0.0'
    about_there "$x" "$y"
    two_fingers $((x - 40)) "$y" $((x + 40)) "$y" "$x" $((y - 40)) "$x" $((y + 40))
    equal "$(js 'return Math.abs(kasane.camera.roll - before.roll).toFixed(1)')" 1.6
    about_there "$x" "$y"
}

@test "search, legend and keys do what they say" {
    need_browser
    page "$in/report.html"
    js 'document.getElementById("scene").focus()' >/dev/null
    press / r e n /
    equal "$(js 'return kasane.state.query + " " + kasane.shown')" 'ren/ 6'
    equal "$(js 'return [...document.querySelectorAll("#legend .number")].map(n => n.textContent).join()')" \
        '0 of 6,0 of 6,0 of 6,6'
    press z
    equal "$(js 'return document.getElementById("nothing").innerText')" \
        'No name or class has ren/z in it. Show all'
    js 'document.querySelector("#nothing button").click()' >/dev/null
    equal "$(js 'return kasane.shown + " " + document.getElementById("nothing").checkVisibility()')" '24 false'
    read -r x y <<<"$(js 'const b = document.querySelectorAll("#legend button")[2].getBoundingClientRect();
        return Math.round(b.left + 9) + " " + Math.round(b.top + 9)')"
    picked='return [...kasane.scene.flags].map((f, i) => f & 2 ? kasane.facts.paths[i].split("/")[0] : "").join("")'
    pointer "$(to "$x" "$y")"
    equal "$(js "$picked")" hinatahinatahinatahinatahinatahinata
    pointer "$(to 600 60)"
    equal "$(js "$picked")" ''
    press '\uE00C' 3
    equal "$(js 'return kasane.state.query + kasane.shown + kasane.state.layout')" 24classes
    js 'document.querySelectorAll("#legend button")[1].click()' >/dev/null
    equal "$(js 'return kasane.shown')" 18
    js 'document.getElementById("legend-none").click()' >/dev/null
    equal "$(js 'return kasane.shown')" 0
    js 'document.getElementById("legend-all").click(); kasane.change({ pinned: 6 })' >/dev/null
    press '\uE014'
    equal "$(js 'return kasane.rows[kasane.state.hovered]')" 7
    press '\uE007'
    equal "$(js 'return document.querySelector("#pinned").dataset.row')" 7
    press ' ' '\uE00C'
    equal "$(js 'return kasane.state.pinned + " " + [...kasane.state.selected].join(" ")')" '-1 7'
    press +
    comes_true 'kasane.camera.scale > kasane.camera.fitScale * 1.4'
    press 0
    comes_true 'kasane.camera.scale === kasane.camera.fitScale'
    press b
    equal "$(js 'return kasane.state.tool')" box
}

@test "the address keeps the view" {
    need_browser
    page "$in/report.html" layout=pca
    js 'kasane.change({ colour: "split", off: new Set([1]), query: "a", pinned: 4, theme: "dark", selected: new Set([2, 3, 4, 9]) })' >/dev/null
    pointer "$(to 700 400),$down,$(to 640 430),$(to 600 450),$up"
    press q
    address=$(js 'await new Promise(r => setTimeout(r, 400)); return location.hash.slice(1)')
    all='const k = kasane, s = k.state, c = k.camera; return [s.layout, s.colour, [...s.off], s.query, s.pinned,
        document.documentElement.dataset.theme, [...s.selected], k.shown, ...[c.x, c.y, c.scale / c.fitScale, c.roll].map(v => v.toFixed(3))].join(" ")'
    was=$(js "$all")
    equal "$(grep -o 'selected=[^&]*' <<<"$address")" selected=2-4,9
    page "$in/report.html" "$address"
    equal "$(js "$all")" "$was"
    equal "$(js 'return kasane.camera.roll !== 0')" true
    page "$in/report.html" 'layout=%00&colour=x&off=9-1,99999999999&row=-1&selected=zz&camera=1,2,x,4,5,6,7&find=%F0'
    equal "$(js 'return kasane.state.layout + kasane.state.colour + kasane.state.pinned')" mapclass-1
    equal "$(browser_log)" ''
}

@test "the run shows its sentences, losses with values, reconstructions, kernels, and what was made from what" {
    need_browser
    page "$in/report.html" view=run
    equal "$(js 'return document.querySelector(".sentences p").textContent.replaceAll("\u00a0", " ")')" "$(sed '1s/+-/±/g; 1q' "$in/evaluation.txt")"
    equal "$(js 'return document.querySelectorAll(".chart").length + " " + document.querySelectorAll(".kernels canvas").length')" '1 4'
    read -r x y <<<"$(js 'const b = document.querySelector(".chart svg").getBoundingClientRect();
        document.querySelector(".chart").scrollIntoView(); const c = document.querySelector(".chart svg").getBoundingClientRect();
        return Math.round(c.left + c.width * .15) + " " + Math.round(c.top + c.height / 2)')"
    pointer "$(to "$x" "$y")"
    js 'return document.querySelector(".chart output").textContent' | grep -F "epoch 1: train $(awk 'NR == 2 { printf "%.4f", $2 }' "$in/stage-1.tsv")"
    tools=$(js 'return [...document.querySelectorAll(".graph b")].map(b => b.textContent).join(" ")')
    equal "$tools" 'pictures import-images train-stage extract map pca evaluate report'
    js '[...document.querySelectorAll(".graph button")][2].click()' >/dev/null
    js 'return document.getElementById("settings").innerText' | grep -A 1 -x filters | grep -x 4
    equal "$(js 'return [...document.querySelectorAll("#skipped td")].map(td => td.textContent).join(" ")')" \
        'ren/cut.png no picture'
    js 'document.querySelector("#reconstructions button").click()' >/dev/null
    equal "$(js 'return kasane.state.view + " " + kasane.state.pinned')" \
        "map $(block error "$in/report.html" | od -An -v -tf4 -w4 | awk '{ print $1, NR - 1 }' | sort -g | awk 'NR == 1 { print $2 }')"
    equal "$(browser_log)" ''
}

@test "names that look like HTML, and bytes that are no text, are shown as text" {
    { printf 'row\tsplit\tclass\tpath\n'
        printf '0\ttrain\t</script><b>x\t<img src=x onerror=alert(1)>.png\n'
        printf '1\ttest\t"a'\''&amp;\t\xe2\x80\xaegnp.\xff.png\n'
        printf '2\ttest\t"a'\''&amp;\t<!--.png\n'
    } >index.tsv
    tensor rows :3 "$in/images.npy.zst" -o images.npy.zst
    report images.npy.zst --images images.npy.zst --index index.tsv -o report.html 2>/dev/null
    need_browser
    page report.html 'row=1&layout=rows'
    equal "$(js 'return [kasane.shown, document.querySelectorAll("b, img").length].join(" ")')" '3 1'
    equal "$(js 'return kasane.facts.classes.join(" | ") + " | " + kasane.facts.paths.join(" | ")')" \
        $'</script><b>x | "a\'&amp; | <img src=x onerror=alert(1)>.png | \xe2\x80\xaegnp.\\xff.png | <!--.png'
    equal "$(js 'return document.getElementById("pinned-name").firstChild.tagName')" BDI
    equal "$(browser_log)$(browser_requests)" ''
}

@test "without index, images, model, tables and evaluation there is still a report" {
    report "$in/features.npy.zst" -o few.html 2>/dev/null
    report "$in/features.npy.zst" --index "$in/images.tsv" --pca "$in/pca.tsv" -o more.html 2>/dev/null
    need_browser
    page few.html
    equal "$(js 'return kasane.shown + " " + kasane.state.layout')" '24 rows'
    js 'kasane.change({ view: "run" })' >/dev/null
    page more.html row=3
    equal "$(js 'return kasane.shown + " " + kasane.state.layout')" '24 grid'
    equal "$(browser_log)" ''
}

@test "a sample of --limit rows has each class in its share, and the page says so" {
    cd "$in"
    report features.npy.zst --index images.tsv --limit 9 -o "$BATS_TEST_TMPDIR/sample.html" 2>/dev/null
    cd "$BATS_TEST_TMPDIR"
    equal "$(block class sample.html | od -An -v -tu2 -w2 | sort | uniq -c | awk '{ print $1 }' | sort -n | paste -sd ' ')" '2 2 2 3'
    need_browser
    page sample.html
    equal "$(js 'return document.getElementById("count").textContent.slice(0, 27)')" 'A sample of 9 of 24 images,'
}

@test "no reader of the page meets a fault that axe-core knows" {
    need_browser
    need_node axe-core
    axe=$NODE_PATH/axe-core/axe.min.js
    for look in 'theme=light&row=3&selected=1-9' 'theme=dark&row=3&selected=1-9' theme=light\&view=run theme=dark\&view=run; do
        page "$in/report.html" "$look"
        js "$(cat "$axe")" >/dev/null
        equal "$(js 'for (const d of document.querySelectorAll("details")) d.open = true;
            const found = await axe.run();
            return found.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")).join("\n")')" ''
    done
}

@test "on the screen of a phone the panels come from below, one at a time, and fit" {
    need_browser
    driver POST /goog/cdp/execute '{"cmd":"Emulation.setDeviceMetricsOverride","params":{"width":390,"height":844,"deviceScaleFactor":1,"mobile":true}}' >/dev/null
    page "$in/report.html" row=3
    for panel in controls details; do
        js "document.querySelector('[data-sheet=$panel]').click()" >/dev/null
        equal "$(js "const panels = [...document.querySelectorAll('.panel')].filter(p => p.checkVisibility());
            const b = panels[0].getBoundingClientRect();
            return [panels.length, panels[0].id, b.left, b.right, b.bottom, document.documentElement.scrollWidth].join(' ')")" \
            "1 $panel 0 390 844 390"
    done
    driver POST /goog/cdp/execute '{"cmd":"Emulation.clearDeviceMetricsOverride","params":{}}' >/dev/null
}
