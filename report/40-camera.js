// camera: from the places of a layout to pixels of the canvas and back.
//
//     v = R (place - target)           R: roll, then pitch, then yaw
//     w = 1 - v.z * scale / f          f: how far the eye is, in pixels; w = 1 at the target
//     pixel = middle + v.xy * scale / w, y down

const camera = {
    x: 0,
    y: 0,
    z: 0, // the target, which is in the middle
    scale: 1, // pixels to a unit
    yaw: 0,
    pitch: 0,
    roll: 0, // radians
    width: 1,
    height: 1, // of the canvas, pixels of CSS
    left: 0,
    right: 0,
    bottom: 0, // taken by panels and tools
    fitScale: 1,
};
const NEAR = 0.08; // the least w that is drawn

const middle = () => ({
    x: (camera.left + camera.width - camera.right) / 2,
    y: (camera.height - camera.bottom) / 2,
});
const eye = () => 1.6 * Math.max(camera.width, camera.height);

/* R, row by row. */
function rotation() {
    const [cy, sy] = [Math.cos(camera.yaw), Math.sin(camera.yaw)];
    const [cp, sp] = [Math.cos(camera.pitch), Math.sin(camera.pitch)];
    const [cr, sr] = [Math.cos(camera.roll), Math.sin(camera.roll)];
    return [
        cr * cy - sr * sp * sy,
        -sr * cp,
        cr * sy + sr * sp * cy,
        sr * cy + cr * sp * sy,
        cr * cp,
        sr * sy - cr * sp * cy,
        -cp * sy,
        sp,
        cp * cy,
    ];
}

/* A function that gives [x, y, w] of a place. */
function projector() {
    const R = rotation(),
        { x: mx, y: my } = middle(),
        { scale } = camera,
        f = eye();
    return (px, py, pz) => {
        const dx = px - camera.x,
            dy = py - camera.y,
            dz = pz - camera.z;
        const w = 1 - ((R[6] * dx + R[7] * dy + R[8] * dz) * scale) / f;
        return [
            mx + ((R[0] * dx + R[1] * dy + R[2] * dz) * scale) / w,
            my - ((R[3] * dx + R[4] * dy + R[5] * dz) * scale) / w,
            w,
        ];
    };
}

/* The place under the pixel, in the plane through the target. */
function placeUnder(x, y) {
    const R = rotation(),
        m = middle();
    const a = (x - m.x) / camera.scale,
        b = (m.y - y) / camera.scale;
    return [
        camera.x + R[0] * a + R[3] * b,
        camera.y + R[1] * a + R[4] * b,
        camera.z + R[2] * a + R[5] * b,
    ];
}

function panBy(dx, dy) {
    const m = middle(),
        place = placeUnder(m.x - dx, m.y - dy);
    [camera.x, camera.y, camera.z] = place;
}

/* Zooms so that what is under the pixel stays there. */
function zoomAt(x, y, factor) {
    const before = placeUnder(x, y);
    camera.scale = Math.max(
        camera.fitScale / 4,
        Math.min(camera.fitScale * 400, camera.scale * factor),
    );
    const after = placeUnder(x, y);
    camera.x += before[0] - after[0];
    camera.y += before[1] - after[1];
    camera.z += before[2] - after[2];
}

/* The camera that shows all of the images of LIST (null: all) in this layout. */
function fittingCamera(name, list) {
    const { at, missing, cell, flat } = layout(name);
    const low = [Infinity, Infinity, Infinity],
        high = [-Infinity, -Infinity, -Infinity];
    const take = i => {
        for (let axis = 0; axis < 3 && !(missing && missing[i]); axis++) {
            low[axis] = Math.min(low[axis], at[3 * i + axis]);
            high[axis] = Math.max(high[axis], at[3 * i + axis]);
        }
    };
    if (list) list.forEach(take);
    else for (let i = 0; i < N; i++) take(i);
    if (low[0] > high[0])
        return { x: 0, y: 0, z: 0, scale: camera.fitScale, yaw: 0, pitch: 0, roll: 0 };
    const size = low.map((l, axis) => Math.max(high[axis] - l + cell, list ? 0.12 : 0.02));
    const room = [
        camera.width - camera.left - camera.right - 60,
        camera.height - camera.bottom - 70,
    ];
    const scale = flat
        ? Math.min(room[0] / size[0], room[1] / size[1])
        : (Math.min(...room) / Math.hypot(...size)) * 1.15;
    return {
        x: (low[0] + high[0]) / 2,
        y: (low[1] + high[1]) / 2,
        z: (low[2] + high[2]) / 2,
        scale,
        yaw: flat ? 0 : 0.55,
        pitch: flat ? 0 : 0.35,
        roll: 0,
    };
}

// --- smooth changes ---

const CAMERA_KEYS = ['x', 'y', 'z', 'scale', 'yaw', 'pitch', 'roll'];
const reduced = matchMedia('(prefers-reduced-motion: reduce)');
let flight = null;

/* Goes there within MS milliseconds. */
function flyTo(goal, ms = 600) {
    const from = {};
    CAMERA_KEYS.forEach(key => {
        from[key] = camera[key];
    });
    flight = {
        from,
        goal: { ...from, ...goal },
        began: performance.now(),
        ms: reduced.matches ? 0 : ms,
    };
    wantFrame();
}

const ease = t => (t < 0.5 ? 4 * t * t * t : 1 - (2 - 2 * t) ** 3 / 2);

/* Moves the camera on its way; whether it has further to go. */
function flyOn(now) {
    if (!flight) return false;
    const t = flight.ms ? Math.min(1, (now - flight.began) / flight.ms) : 1,
        e = ease(t);
    for (const key of CAMERA_KEYS) {
        const [a, b] = [flight.from[key], flight.goal[key]];
        camera[key] = e >= 1 ? b : key === 'scale' ? a * (b / a) ** e : a + (b - a) * e;
    }
    if (t >= 1) {
        flight = null;
        keepAddress();
    }
    return !!flight;
}

let isFitted = true; // as it shows all, which the address need not say

function formatCamera() {
    const c = flight ? flight.goal : camera;
    if (isFitted) return '';
    return [c.x, c.y, c.z, c.scale / camera.fitScale, c.yaw, c.pitch, c.roll]
        .map(v => +v.toFixed(4))
        .join(',');
}

let wantedCamera = null;
function parseCamera(text) {
    const numbers = text.split(',').map(Number);
    wantedCamera =
        numbers.length === 7 && numbers.every(Number.isFinite) && numbers[3] > 0 ? numbers : null;
    isFitted = !wantedCamera;
}

/* At the start, and when the size of the canvas changes: as the address says, or all. */
function placeCamera() {
    const fit = fittingCamera(state.layout, null);
    if (wantedCamera) {
        const n = wantedCamera;
        Object.assign(camera, {
            x: n[0],
            y: n[1],
            z: n[2],
            scale: n[3] * fit.scale,
            yaw: n[4],
            pitch: n[5],
            roll: n[6],
        });
        isFitted = false;
    } else if (isFitted) {
        Object.assign(camera, fit);
    }
    camera.fitScale = fit.scale;
    flight = null;
    wantFrame();
}

/* The details take RIGHT pixels of the canvas, or give them back: nothing jumps, and where all was
 * to be seen it is again. */
function makeRoom(right) {
    if (right === camera.right) return;
    panBy((right - camera.right) / 2, 0);
    camera.right = right;
    const fit = fittingCamera(state.layout, null);
    camera.fitScale = fit.scale;
    if (isFitted) flyTo(fit, 400);
}

function fitAll() {
    const list = state.query || state.off.size ? [...isShown.keys()].filter(i => isShown[i]) : null;
    isFitted = !list;
    wantedCamera = null;
    camera.fitScale = fittingCamera(state.layout, null).scale;
    flyTo(fittingCamera(state.layout, list && list.length ? list : null));
}
