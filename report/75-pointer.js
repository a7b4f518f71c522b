// pointer: mouse, fingers and keys on the map.

const canvas = byId('scene');
const fingers = new Map(); // pointerId: [x, y]
let drag = null; // { kind: pan, turn, box or lasso; began, moved }

const here = event => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
};

/* The camera is moved by hand. */
function byHand() {
    flight = null;
    wantedCamera = null;
    isFitted = false;
    wantFrame();
    keepAddress();
}

function dragKind(event) {
    if (event.shiftKey || (state.tool === 'box' && !event.altKey)) return 'box';
    if (event.altKey || state.tool === 'lasso') return 'lasso';
    return layout(state.layout).flat || event.button === 2 ? 'pan' : 'turn';
}

function turnBy(dx, dy) {
    if (layout(state.layout).flat) {
        camera.roll += dx;
    } else {
        camera.yaw += dx;
        camera.pitch = Math.max(-1.55, Math.min(1.55, camera.pitch + dy));
    }
    byHand();
}

canvas.addEventListener('pointerdown', event => {
    const at = here(event);
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at);
    if (fingers.size === 2) {
        drag = null;
        outline = null;
    } else if (fingers.size === 1 && event.button !== 1) {
        drag = { kind: dragKind(event), began: at, last: at, moved: false };
    }
});

/* Two fingers: what is under them stays under them. */
function pinch(id, at) {
    const [a, b] = [...fingers.keys()],
        other = fingers.get(id === a ? b : a),
        before = fingers.get(id);
    const was = [before[0] - other[0], before[1] - other[1]],
        is = [at[0] - other[0], at[1] - other[1]];
    const m = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    panBy((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    zoomAt(...m, Math.hypot(...is) / Math.max(1, Math.hypot(...was)));
    if (layout(state.layout).flat) {
        const place = placeUnder(...m);
        camera.roll -= Math.atan2(
            was[0] * is[1] - was[1] * is[0],
            was[0] * is[0] + was[1] * is[1],
        );
        const after = placeUnder(...m);
        camera.x += place[0] - after[0];
        camera.y += place[1] - after[1];
    }
    byHand();
}

function dragTo(at) {
    const dx = at[0] - drag.last[0],
        dy = at[1] - drag.last[1];
    drag.moved ||= Math.hypot(at[0] - drag.began[0], at[1] - drag.began[1]) > 4;
    if (!drag.moved) return;
    if (drag.kind === 'pan') {
        panBy(dx, dy);
        byHand();
    } else if (drag.kind === 'turn') {
        turnBy(dx * 0.007, dy * 0.007);
    } else if (drag.kind === 'box') {
        const [x, y] = drag.began;
        outline = [[x, y], [at[0], y], at, [x, at[1]]];
    } else {
        outline ||= [drag.began];
        outline.push(at);
    }
    byId('map').classList.toggle('dragging', drag.kind === 'pan' || drag.kind === 'turn');
    drag.last = at;
    change({ hovered: -1 });
    updateCard();
    wantFrame(false);
}

let lastMove = '';
canvas.addEventListener('pointermove', event => {
    const at = here(event);
    const moved = at.join() !== lastMove; // browsers tell of moves that are none
    lastMove = at.join();
    if (fingers.size === 2 && fingers.has(event.pointerId)) {
        pinch(event.pointerId, at);
        fingers.set(event.pointerId, at);
    } else if (drag) {
        dragTo(at);
    } else if (moved && event.pointerType !== 'touch') {
        hoverAt(...at);
    }
});

function hoverAt(x, y) {
    const i = imageAt(x, y);
    change({ hovered: i });
    byId('map').classList.toggle('pointing', i >= 0 && state.tool === 'move');
    updateCard(x, y);
}

function endDrag(event) {
    const ended = fingers.size === 1 ? drag : null,
        at = here(event);
    fingers.delete(event.pointerId);
    drag = null;
    byId('map').classList.remove('dragging');
    if (!ended) return;
    if (!ended.moved) {
        const i = imageAt(...at);
        if (i >= 0 && (event.ctrlKey || event.metaKey)) toggleSelected(i);
        else pin(i, i >= 0 && at[0] > camera.width - DETAILS);
        updateCard();
    } else if (outline) {
        const found = imagesWithin(outline);
        if (!found.size) tell('No image has its middle in there', true);
        select(event.ctrlKey || event.metaKey ? [...state.selected, ...found] : found);
    }
    outline = null;
    wantFrame(false);
}
canvas.addEventListener('pointerup', endDrag);
canvas.addEventListener('pointercancel', event => {
    fingers.delete(event.pointerId);
    drag = outline = null;
    wantFrame();
});
canvas.addEventListener('pointerleave', () => {
    change({ hovered: -1 });
    updateCard();
});
canvas.addEventListener('contextmenu', event => event.preventDefault());
canvas.addEventListener('dblclick', event => {
    zoomAt(...here(event), 2);
    byHand();
});
canvas.addEventListener(
    'wheel',
    event => {
        const step = event.deltaY * (event.deltaMode === 1 ? 24 : 1) * (event.ctrlKey ? 6 : 1);
        event.preventDefault();
        zoomAt(...here(event), Math.exp(-step * 0.0016));
        byHand();
        hoverAt(...here(event));
    },
    { passive: false },
);

function toggleSelected(i) {
    const selected = new Set(state.selected);
    selected.has(i) ? selected.delete(i) : selected.add(i);
    select(selected);
}

// --- keys ---

/* Moves the map so that image i is not beyond its edge, nor under a panel. */
function bringIntoSight(i) {
    const [x, y] = projector()(...placeNow(i)),
        m = middle();
    if (flight && isFitted) return; // all of them come into sight
    if (
        x < camera.left + 30 ||
        y < 30 ||
        x > camera.width - camera.right - 30 ||
        y > camera.height - camera.bottom - 30
    ) {
        panBy(m.x - x, m.y - y);
        byHand();
    }
}

/* Goes to the next image in a direction, or moves the map. */
function arrow(event, dx, dy) {
    if (event.shiftKey) {
        panBy(-dx * 80, -dy * 80);
        byHand();
        return;
    }
    const i = imageTowards(state.hovered >= 0 ? state.hovered : state.pinned, dx, dy);
    if (i < 0) return;
    change({ hovered: i });
    bringIntoSight(i);
    updateCard(...projector()(...placeNow(i)));
    tell(nameOf(i) + (hasClasses ? ', ' + className(classOf[i]) : ''));
}

const zoomStep = factor => {
    const m = middle();
    isFitted = false;
    const goal = { ...(flight ? flight.goal : camera) };
    flyTo(
        {
            scale: Math.max(
                camera.fitScale / 4,
                Math.min(camera.fitScale * 400, goal.scale * factor),
            ),
        },
        220,
    );
    return m;
};

const mapKeys = {
    ArrowLeft: event => arrow(event, -1, 0),
    ArrowRight: event => arrow(event, 1, 0),
    ArrowUp: event => arrow(event, 0, -1),
    ArrowDown: event => arrow(event, 0, 1),
    Enter: () => state.hovered >= 0 && pin(state.hovered),
    ' ': () => state.hovered >= 0 && toggleSelected(state.hovered),
};

const keys = {
    '+': () => zoomStep(1.5),
    '=': () => zoomStep(1.5),
    '-': () => zoomStep(1 / 1.5),
    0: fitAll,
    q: () => turnBy(-0.2618, 0),
    e: () => turnBy(0.2618, 0),
    m: () => change({ tool: 'move' }),
    b: () => change({ tool: 'box' }),
    l: () => change({ tool: 'lasso' }),
    '/': () => byId('search').focus(),
    '?': () => byId('help').showModal(),
    Escape: undo,
};

function undo() {
    if (outline || state.tool !== 'move') {
        outline = drag = null;
        change({ tool: 'move' });
    } else if (state.pinned >= 0) {
        pin(-1);
    } else if (state.selected.size) {
        select([]);
    } else {
        change({ query: '' });
    }
}

document.addEventListener('keydown', event => {
    const inField = event.target.closest(
        'input[type="search"], select, dialog, input[type="range"]',
    );
    if (
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        (inField && event.key !== 'Escape') ||
        byId('help').open
    )
        return;
    if (event.target.id === 'search') {
        change({ query: '' });
        canvas.focus();
        return;
    }
    const onMap = document.activeElement === canvas || document.activeElement === document.body;
    const number = +event.key;
    let action =
        (onMap && state.view === 'map' && mapKeys[event.key]) ||
        keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (number >= 1 && number <= kinds.length) action = () => goToLayout(kinds[number - 1][0]);
    if (!action) return;
    event.preventDefault();
    action(event);
});
