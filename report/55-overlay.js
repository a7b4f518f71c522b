// overlay: names of classes, the pinned image and its neighbours, the image pointed at, the lasso;
// and which image is under a pixel.

const pen = byId('overlay').getContext('2d');
let outline = null; // of box or lasso, [[x, y], ...], pixels
let labels = []; // { c, n, x, y, z, path or above }

// --- names of classes ---

/* The middle one of VALUES. */
function median(values) {
    const sorted = Float64Array.from(values).sort();
    return sorted[sorted.length >> 1];
}

/* Where names stand in this layout: in the plane where a class is densest, with an outline; in
 * space and in a grid in its middle, by medians. Of what is shown. */
function placeLabels() {
    const { at, labels: given, flat, cell } = layout(state.layout);
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
                    : flat && !cell
                      ? { c, n: list.length, z: 0, ...outlineOf(list, at) }
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

/* The image that stands for class c: in the plane the one nearest to where the class is densest. */
function faceOf(c) {
    const plane = planar(),
        list = [];
    for (let i = 0; i < N; i++) if (classOf[i] === c && !plane?.missing[i]) list.push(i);
    if (!plane || !list.length) return classOf.indexOf(c);
    const { x, y } = densestIn(densityOf(list, plane.at)),
        far = i => Math.hypot(plane.at[3 * i] - x, plane.at[3 * i + 1] - y);
    return list.reduce((best, i) => (far(i) < far(best) ? i : best));
}

/* The class that is pointed at in the legend; -1: none. */
const litClass = () => (state.colour === 'class' ? litNow() : -1);

/* Its outline: as the plane lies now, but as thin as ever. */
function drawOutline(paper) {
    const label = labels.find(({ c, path }) => path && c === litClass());
    if (!label) return;
    const R = rotation(),
        m = middle(),
        { x, y, scale } = camera;
    const view = new DOMMatrix([R[0], -R[3], R[1], -R[4], 0, 0].map(v => v * scale));
    const at = new DOMMatrix().translate(m.x, m.y).multiply(view).translate(-x, -y);
    const line = new Path2D();
    line.addPath(label.path, at);
    pen.lineCap = 'round';
    for (const [width, colour] of [
        [4, paper],
        [2, classColour(label.c)],
    ]) {
        pen.lineWidth = width;
        pen.strokeStyle = colour;
        pen.stroke(line);
    }
}

/* Whether boxes [left, top, width, height] overlap. */
const overlap = (a, b) =>
    a[0] < b[0] + b[2] && b[0] < a[0] + a[2] && a[1] < b[1] + b[3] && b[1] < a[1] + a[3];

/* A name gives way upwards or downwards to those of larger classes and to the pinned image; where
 * there is no room it is left out. */
function drawLabels(project, paper, ink) {
    const taken = [];
    if (state.pinned >= 0) {
        const [x, y, w] = project(...placeNow(state.pinned)),
            half = sideNow() / w / 2;
        taken.push([x - half, y - half, 2 * half, 2 * half]);
    }
    pen.font = '600 14px system-ui, sans-serif';
    pen.lineJoin = 'round';
    for (const { c, x, y, z, above } of labels.slice(0, 60)) {
        const [px, py, w] = project(x, y, z),
            name = className(c);
        const text = name.length > 24 ? name.slice(0, 23) + '…' : name;
        const width = pen.measureText(text).width + (above ? 12 : 28);
        const box = (above ? [0] : [0, -25, 25])
            .map(dy => [above ? px : px - width / 2, py + dy - (above ? 23 : 11), width, 22])
            .find(at => !taken.some(other => overlap(at, other)));
        if (!box || w < NEAR || px < 0 || py < 0 || px > camera.width || py > camera.height)
            continue;
        taken.push(box);
        pen.globalAlpha = litClass() < 0 || litClass() === c ? 1 : 0.4;
        pen.textBaseline = 'middle';
        pen.textAlign = 'left';
        if (!above) {
            pen.fillStyle = paper;
            pen.beginPath();
            pen.roundRect(...box, 11);
            pen.fill();
        }
        pen.fillStyle = classColour(c);
        pen.beginPath();
        pen.arc(box[0] + (above ? 4 : 11), box[1] + 11, 4, 0, 7);
        pen.fill();
        pen.fillStyle = ink;
        pen.fillText('\u2068' + text + '\u2069', box[0] + (above ? 12 : 19), box[1] + 11.5);
    }
    pen.globalAlpha = 1;
}

// --- sharp images, where the texture is too small for all to be ---

const MOST_SHARP = 600, // in sight
    MOST_WAITING = 8;
let sharp = new Map(), // image: its canvas
    nWaiting = 0;

/* Draws the images in sight once more, of the pages themselves, as far as these are decoded. */
function drawSharp() {
    const t = facts.thumbnails,
        side = sideNow(),
        seen = [],
        before = sharp;
    sharp = new Map();
    scene.sharp = 0;
    if (
        side * devicePixelRatio < 1.5 * scene.texels ||
        dotShare() > 0 ||
        scene.time < 1 ||
        !layout(state.layout).flat
    )
        return;
    eachShown((i, x, y) => {
        if (x > -side && y > -side && x < camera.width + side && y < camera.height + side)
            seen.push([i, x, y]);
    });
    if (seen.length > MOST_SHARP) return;
    const scale = side / Math.max(t.width, t.height),
        [w, h] = [t.width * scale, t.height * scale],
        frame = frameOf(side),
        round = Math.min(0.08 * Math.min(w, h), 9);
    for (const [i, x, y] of seen) {
        if (!before.has(i) && nWaiting < MOST_WAITING && !drag) {
            nWaiting++;
            before.set(
                i,
                tile(i, 'thumbnails', () => {
                    nWaiting--;
                    wantFrame(false);
                }),
            );
        }
        const image = before.get(i);
        if (image) sharp.set(i, image);
        if (!image || image.dataset.drawn === undefined || isFaint(i)) continue;
        scene.sharp++;
        pen.beginPath();
        pen.roundRect(x - w / 2, y - h / 2, w, h, round);
        pen.fillStyle = cssColour(i);
        pen.fill();
        pen.drawImage(
            image,
            x - w / 2 + frame,
            y - h / 2 + frame,
            w - 2 * frame,
            h - 2 * frame,
        );
    }
}

// --- marks ---

function ring(i, project, colour, width) {
    const [x, y, w] = project(...placeNow(i)),
        dots = dotShare() > 0.5;
    if (w < NEAR) return null;
    const side = dots ? Math.max(5, Math.min(12, sideNow() * 0.42)) : sideNow() / w;
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

function drawPinned(project, accent, paper) {
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
    ring(state.pinned, project, paper, 6);
    ring(state.pinned, project, accent, 3);
}

function drawLasso(accent, wash) {
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
    drawSharp();
    drawPinned(project, colour('accent'), colour('paper'));
    if (state.labels && scene.time >= 1) {
        drawOutline(colour('paper'));
        drawLabels(project, colour('raised'), colour('ink'));
    }
    if (state.hovered >= 0 && state.hovered !== state.pinned && isShown[state.hovered])
        ring(state.hovered, project, colour('ink'), 2.5);
    drawLasso(colour('accent'), colour('wash'));
}

// --- what is where ---

/* Calls visit(i, x, y, w) for each image that is shown, as projector() has it: without an array for
 * each, for there are many. */
function eachShown(visit) {
    const R = rotation(),
        m = middle(),
        f = eye(),
        { x: cx, y: cy, z: cz, scale } = camera,
        { from, to } = scene;
    for (let i = 0, k = 0; i < N; i++, k += 3) {
        if (!isShown[i]) continue;
        const e = progressOf(i),
            dx = from[k] + (to[k] - from[k]) * e - cx,
            dy = from[k + 1] + (to[k + 1] - from[k + 1]) * e - cy,
            dz = from[k + 2] + (to[k + 2] - from[k + 2]) * e - cz;
        const w = 1 - ((R[6] * dx + R[7] * dy + R[8] * dz) * scale) / f;
        if (w < NEAR) continue;
        visit(
            i,
            m.x + ((R[0] * dx + R[1] * dy + R[2] * dz) * scale) / w,
            m.y - ((R[3] * dx + R[4] * dy + R[5] * dz) * scale) / w,
            w,
        );
    }
}

/* The image under the pixel, the one on top; -1: none. */
function imageAt(x, y) {
    const dots = dotShare() > 0.5,
        side = sideNow();
    const t = facts.thumbnails || { width: 1, height: 1 },
        longer = Math.max(t.width, t.height);
    const half = dots ? [9, 9] : [(side * t.width) / longer / 2, (side * t.height) / longer / 2];
    const flat = layout(state.layout).flat;
    let found = -1,
        best = Infinity;
    eachShown((i, px, py, w) => {
        const dx = Math.abs(px - x),
            dy = Math.abs(py - y),
            by = dots ? 1 : w;
        if (dx > half[0] / by || dy > half[1] / by) return;
        const judged = dots ? dx * dx + dy * dy : flat ? -i : w; // later ones lie on top
        if (judged < best) {
            best = judged;
            found = i;
        }
    });
    return found;
}

/* The images shown whose middle is within the polygon, pixels. */
function imagesWithin(polygon) {
    const found = new Set();
    const [left, top, right, bottom] = [
        Math.min(...polygon.map(p => p[0])),
        Math.min(...polygon.map(p => p[1])),
        Math.max(...polygon.map(p => p[0])),
        Math.max(...polygon.map(p => p[1])),
    ];
    eachShown((i, x, y) => {
        let inside = false;
        if (x < left || x > right || y < top || y > bottom) return;
        for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
            const [ax, ay] = polygon[a],
                [bx, by] = polygon[b];
            if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
        }
        if (inside) found.add(i);
    });
    return found;
}

/* The nearest image to image i in the direction (dx,dy) of the screen; -1: none. */
function imageTowards(i, dx, dy) {
    const m = middle();
    const [x, y] = i < 0 ? [m.x, m.y] : projector()(...placeNow(i));
    let found = -1,
        best = Infinity;
    eachShown((j, px, py) => {
        if (j === i) return;
        const along = (px - x) * dx + (py - y) * dy,
            across = Math.abs((px - x) * dy - (py - y) * dx);
        const judged = i < 0 ? Math.hypot(px - x, py - y) : along + 2.5 * across;
        if ((i < 0 || along > 0.5) && judged < best) {
            best = judged;
            found = j;
        }
    });
    return found;
}
