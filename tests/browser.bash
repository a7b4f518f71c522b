# A browser for tests, loaded after helper: chromium without a window, told what to do by
# chromium-driver, whose protocol (WebDriver) is JSON over HTTP.

need_browser() {
    local program
    [ -z "${SAN-}" ] || skip "the sanitizers change no page"
    for program in chromium chromedriver curl jq; do
        command -v "$program" >/dev/null || skip "no $program"
    done
}

# browser_start [OPTION]...: a window of 1300 x 900. Once per file; browser_stop ends it.
browser_start() {
    local options folder=$BATS_FILE_TMPDIR/browser
    mkdir -p "$folder"
    # Its processes must not keep what bats waits for.
    chromedriver --port=0 >"$folder/log" 2>&1 </dev/null 3>&- 4>&- &
    echo $! >"$folder/pid"
    await "$!" grep -q 'successfully on port' "$folder/log"
    export BROWSER
    BROWSER=http://127.0.0.1:$(sed -n 's/.*successfully on port \([0-9]*\).*/\1/p' "$folder/log")
    options=$(printf '%s\n' --headless --no-sandbox --use-gl=angle --use-angle=swiftshader \
        --enable-unsafe-swiftshader --window-size=1300,900 --force-prefers-reduced-motion \
        --user-data-dir="$folder/profile" "$@" | jq -R . | jq -sc .)
    driver POST /session "{\"capabilities\":{\"alwaysMatch\":{
        \"goog:chromeOptions\":{\"args\":$options},
        \"goog:loggingPrefs\":{\"browser\":\"ALL\",\"performance\":\"ALL\"}}}}" >"$folder/session"
    BROWSER=$BROWSER/session/$(jq -r .value.sessionId "$folder/session")
}

browser_stop() {
    [ ! -e "$BATS_FILE_TMPDIR/browser/pid" ] || {
        curl -s -m 20 -X DELETE "$BROWSER" >/dev/null || true
        kill "$(cat "$BATS_FILE_TMPDIR/browser/pid")"
    }
}

# driver METHOD PATH [JSON]: the answer; fails, and says why, where it is an error.
driver() {
    local answer
    answer=$(curl -s -m 60 -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "$3"} \
        "$BROWSER$2")
    if jq -e '.value | objects | has("error")' <<<"$answer" >/dev/null; then
        jq -r '.value.message' <<<"$answer" >&2
        return 1
    fi
    printf '%s\n' "$answer"
}

# page FILE [HASH]: opens it anew, and waits until the images are there.
page() {
    local url
    url="file://$(realpath "$1")${2:+#$2}"
    driver POST /url '{"url":"about:blank"}' >/dev/null
    browser_log >/dev/null
    browser_requests >/dev/null
    driver POST /url "$(jq -n --arg url "$url" '{$url}')" >/dev/null
    equal "$(js 'const k = window.kasane;
        for (let n = 0; n < 1000 && !(k && k.scene.layout && k.scene.ready === k.scene.nPages); n++)
            await new Promise(r => setTimeout(r, 25));
        return k.scene.ready === k.scene.nPages')" true
}

# js SCRIPT: runs it in the page, and prints what it returns, as JSON without quotes around text.
js() {
    driver POST /execute/sync "$(jq -n --arg s "return (async () => { $1 })()" \
        '{script: $s, args: []}')" | jq -rc .value
}

# comes_true EXPRESSION: waits for it.
comes_true() {
    equal "$(js "for (let n = 0; n < 1000 && !($1); n++) await new Promise(r => setTimeout(r, 25));
        return $1")" true
}

# What the console said since it was last asked, a line each.
browser_log() {
    driver POST /se/log '{"type":"browser"}' | jq -r '.value[].message'
}

# What was asked for since then, other than the page and what it makes itself.
browser_requests() {
    driver POST /se/log '{"type":"performance"}' | jq -r '.value[].message | fromjson | .message |
        select(.method == "Network.requestWillBeSent") | .params.request.url' |
        grep -vE '^(blob|data|about):' | grep -v '^file://.*\.html' || true
}

# pointer ACTIONS: of a mouse, as WebDriver has them, between commas.
pointer() {
    driver POST /actions "{\"actions\":[{\"type\":\"pointer\",\"id\":\"mouse\",
        \"parameters\":{\"pointerType\":\"mouse\"},\"actions\":[$1]}]}" >/dev/null
}
to() { printf '{"type":"pointerMove","duration":0,"x":%d,"y":%d}' "$1" "$2"; }
down='{"type":"pointerDown","button":0}' up='{"type":"pointerUp","button":0}'

# press KEY...: each is pressed and let go; \uE000 to \uE05D are keys without a character.
press() {
    local key actions=
    for key in "$@"; do
        actions+=",{\"type\":\"keyDown\",\"value\":\"$key\"}"
        actions+=",{\"type\":\"keyUp\",\"value\":\"$key\"}"
    done
    driver POST /actions "{\"actions\":[{\"type\":\"key\",\"id\":\"keys\",
        \"actions\":[${actions#,}]}]}" >/dev/null
}

# place ROW: where the middle of an image is in the window, "x y", whole pixels.
place() {
    js "const k = kasane, box = document.getElementById('scene').getBoundingClientRect();
        const i = k.rows.indexOf($1), [x, y] = k.projector()(...k.placeNow(i));
        return Math.round(x + box.left) + ' ' + Math.round(y + box.top)"
}
