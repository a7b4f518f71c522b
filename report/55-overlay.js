// overlay: names of classes, the pinned image and its neighbours, the image pointed at, the lasso;
// and which image is under a pixel.

const pen = byId('overlay').getContext('2d');
let outline = null; // of box or lasso, [[x, y], ...], pixels
let labels = []; // { c, x, y, z, n }

// --- names of classes ---

/* The middle one of VALUES. */
function median(values) {
    const sorted = Float64Array.from(values).sort();
    return sorted[sorted.length >> 1];
}

/* Where names stand in this layout: in a class's middle, by medians, of what is shown. */
function placeLabels() {
    const { at, labels: given } = layout(state.layout);
    labels = [];
    if (!hasClasses || (state.layout === 'grid' && classes.length > 60)) return;
    const members = classes.map(() => []);
    for (let i = 0; i < N; i++) if (isShown[i]) members[classOf[i]].push(i);
    members.forEach((list, c) => {
        const place = given && given.find(label => label.c === c);
        if (list.length && (place || !given))
            labels.push(
                place
                    ? { ...place, z: 0, n: list.length, above: true }
                    : {
                          c,
                          n: list.length,
                          x: median(list.map(i => at[3 * i])),
                          y: median(list.map(i => at[3 * i + 1])),
                          z: median(list.map(i => at[3 * i + 2])),
                      },
            );
    });
    labels.sort((a, b) => b.n - a.n || a.c - b.c);
}

function drawLabels(project, paper, ink) {
    const taken = [];
    pen.font = '600 13px system-ui, sans-serif';
    pen.lineJoin = 'round';
    for (const { c, x, y, z, above } of labels.slice(0, 60)) {
        const [px, py, w] = project(x, y, z),
            name = className(c);
        const text = name.length > 24 ? name.slice(0, 23) + '…' : name;
        const width = pen.measureText(text).width + 18;
        const box = above ? [px, py - 21, width, 20] : [px - width / 2, py - 10, width, 20];
        if (
            w < NEAR ||
            px < 0 ||
            py < 0 ||
            px > camera.width ||
            py > camera.height ||
            taken.some(
                t =>
                    t[0] < box[0] + box[2] &&
                    box[0] < t[0] + t[2] &&
                    t[1] < box[1] + box[3] &&
                    box[1] < t[1] + t[3],
            )
        )
            continue;
        taken.push(box);
        pen.textBaseline = 'middle';
        pen.textAlign = 'left';
        if (!above) {
            pen.fillStyle = paper;
            pen.globalAlpha = 0.84;
            pen.beginPath();
            pen.roundRect(...box, 10);
            pen.fill();
            pen.globalAlpha = 1;
        }
        pen.fillStyle = classColour(c);
        pen.beginPath();
        pen.arc(box[0] + (above ? 4 : 9), box[1] + 10, 3.5, 0, 7);
        pen.fill();
        pen.fillStyle = ink;
        pen.fillText('\u2068' + text + '\u2069', box[0] + (above ? 12 : 16), box[1] + 10.5);
    }
}

// --- marks ---

function ring(i, project, colour, width) {
    const [x, y, w] = project(...placeNow(i)),
        dots = dotShare() > 0.5;
    if (w < NEAR) return null;
    const side = dots ? Math.max(5, Math.min(15, sideNow() * 0.8)) : sideNow() / w;
    const t = facts.thumbnails || { width: 1, height: 1 },
        longer = Math.max(t.width, t.height);
    const a = dots ? side : (side * t.width) / longer,
        b = dots ? side : (side * t.height) / longer;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.roundRect(x - a / 2 - 2, y - b / 2 - 2, a + 4, b + 4, dots ? a : Math.min(a * 0.1 + 3, 11));
    pen.stroke();
    return [x, y];
}

function drawPinned(project, accent) {
    if (state.pinned < 0 || !isShown[state.pinned]) return;
    const [x, y, w] = project(...placeNow(state.pinned));
    if (near.features && w >= NEAR) {
        pen.strokeStyle = accent;
        for (const [rank, { image }] of nearestOf('features', state.pinned).entries()) {
            const [nx, ny, nw] = project(...placeNow(image));
            if (!isShown[image] || nw < NEAR) continue;
            pen.globalAlpha = 0.9 - rank * 0.045;
            pen.lineWidth = 2.6 - rank * 0.12;
            pen.beginPath();
            pen.moveTo(x, y);
            pen.lineTo(nx, ny);
            pen.stroke();
        }
        pen.globalAlpha = 1;
    }
    ring(state.pinned, project, accent, 3);
}

function drawOutline(accent, wash) {
    if (!outline) return;
    pen.beginPath();
    outline.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.fillStyle = wash;
    pen.fill();
    pen.strokeStyle = accent;
    pen.lineWidth = 1.5;
    pen.setLineDash([5, 4]);
    pen.stroke();
    pen.setLineDash([]);
}

function drawOverlay() {
    const style = getComputedStyle(document.documentElement),
        project = projector();
    const colour = name => style.getPropertyValue('--' + name).trim();
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, camera.width, camera.height);
    drawPinned(project, colour('accent'));
    if (state.labels && scene.time >= 1) drawLabels(project, colour('raised'), colour('ink'));
    if (state.hovered >= 0 && isShown[state.hovered])
        ring(state.hovered, project, colour('ink'), 2.5);
    drawOutline(colour('accent'), colour('wash'));
}

// --- what is where ---

/* The image under the pixel, the one on top; -1: none. */
function imageAt(x, y) {
    const project = projector(),
        dots = dotShare() > 0.5,
        side = sideNow();
    const t = facts.thumbnails || { width: 1, height: 1 },
        longer = Math.max(t.width, t.height);
    const half = dots ? [9, 9] : [(side * t.width) / longer / 2, (side * t.height) / longer / 2];
    const flat = layout(state.layout).flat;
    let found = -1,
        best = Infinity;
    for (let i = 0; i < N; i++) {
        if (!isShown[i]) continue;
        const [px, py, w] = project(...placeNow(i)),
            by = dots ? 1 : w;
        const dx = Math.abs(px - x),
            dy = Math.abs(py - y);
        if (w < NEAR || dx > half[0] / by || dy > half[1] / by) continue;
        const judged = dots ? Math.hypot(dx, dy) : flat ? -i : w; // later ones lie on top
        if (judged < best) {
            best = judged;
            found = i;
        }
    }
    return found;
}

/* The images shown whose middle is within the polygon, pixels. */
function imagesWithin(polygon) {
    const project = projector(),
        found = new Set();
    for (let i = 0; i < N; i++) {
        const [x, y, w] = project(...placeNow(i));
        let inside = false;
        for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
            const [ax, ay] = polygon[a],
                [bx, by] = polygon[b];
            if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
        }
        if (inside && isShown[i] && w >= NEAR) found.add(i);
    }
    return found;
}

/* The nearest image to image i in the direction (dx,dy) of the screen; -1: none. */
function imageTowards(i, dx, dy) {
    const project = projector(),
        m = middle();
    const [x, y] = i < 0 ? [m.x, m.y] : project(...placeNow(i));
    let found = -1,
        best = Infinity;
    for (let j = 0; j < N; j++) {
        if (!isShown[j] || j === i) continue;
        const [px, py, w] = project(...placeNow(j));
        const along = (px - x) * dx + (py - y) * dy,
            across = Math.abs((px - x) * dy - (py - y) * dx);
        const judged = i < 0 ? Math.hypot(px - x, py - y) : along + 2.5 * across;
        if (w >= NEAR && (i < 0 || along > 0.5) && judged < best) {
            best = judged;
            found = j;
        }
    }
    return found;
}
