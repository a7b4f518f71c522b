// state: what is shown now, kept in the address, told to whoever draws.

const state = {
    view: 'map', // or run
    layout: '', // layouts.js
    colour: '', // colours.js
    images: true, // images where there is room, else dots alone
    labels: true,
    size: 0, // of images: two to this power
    off: new Set(), // numbers of legend entries that are switched off
    query: '',
    pinned: -1, // image
    hovered: -1,
    lit: -1, // entry of the legend that is pointed at
    selected: new Set(),
    tool: 'move', // or box, lasso
    theme: '', // light, dark; else the system's
};

const listeners = [];
/* Calls each(changed) after a change; changed: a Set of keys of the state. */
function onChange(each) {
    listeners.push(each);
}

let changedKeys = new Set();
/* Sets what CHANGES says, and tells everyone before the next frame. */
function change(changes) {
    for (const [key, value] of Object.entries(changes))
        if (state[key] !== value) {
            state[key] = value;
            changedKeys.add(key);
        }
    if (changedKeys.size) tellAll();
}

function tellAll() {
    const changed = changedKeys;
    changedKeys = new Set();
    for (const each of listeners) each(changed);
}

// --- the address ---

/* Numbers as ranges, "0-3,7". */
function formatRanges(numbers) {
    const sorted = [...numbers].sort((a, b) => a - b),
        parts = [];
    for (let i = 0, first; i < sorted.length; i++) {
        if (i === 0 || sorted[i] !== sorted[i - 1] + 1) first = sorted[i];
        if (i + 1 === sorted.length || sorted[i + 1] !== sorted[i] + 1)
            parts.push(first === sorted[i] ? first : first + '-' + sorted[i]);
    }
    return parts.join(',');
}

function parseRanges(text, most) {
    const numbers = new Set();
    for (const part of text.split(',')) {
        const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
        if (match)
            for (let n = +match[1]; n <= +(match[2] || match[1]) && numbers.size < most; n++)
                numbers.add(n);
    }
    return numbers;
}

const MOST_IN_ADDRESS = 2000; // characters of the selection

function formatAddress() {
    const p = new URLSearchParams();
    if (state.view !== 'map') p.set('view', state.view);
    p.set('layout', state.layout);
    p.set('colour', state.colour);
    if (!state.images) p.set('images', 'no');
    if (!state.labels) p.set('labels', 'no');
    if (state.size) p.set('size', state.size);
    if (state.off.size) p.set('off', formatRanges(state.off));
    if (state.query) p.set('find', state.query);
    if (state.pinned >= 0) p.set('row', rows[state.pinned]);
    if (state.selected.size) {
        const text = formatRanges([...state.selected].map(i => rows[i]));
        if (text.length <= MOST_IN_ADDRESS) p.set('selected', text);
    }
    if (state.theme) p.set('theme', state.theme);
    const camera = formatCamera();
    if (camera) p.set('camera', camera);
    return '#' + p.toString().replace(/%2C/g, ',');
}

/* Takes from the address what makes sense; the rest stays as it is by default. */
function parseAddress() {
    const p = new URLSearchParams(location.hash.slice(1)),
        found = {};
    const among = (key, names) => names.includes(p.get(key)) && (found[key] = p.get(key));
    found.view = p.get('view') === 'run' ? 'run' : 'map';
    among('layout', layoutNames());
    among('colour', colourNames());
    among('theme', ['light', 'dark']);
    found.images = p.get('images') !== 'no';
    found.labels = p.get('labels') !== 'no';
    found.size = Math.max(-2, Math.min(2, +p.get('size') || 0));
    found.off = parseRanges(p.get('off') || '', 1e6);
    found.query = p.get('find') || '';
    found.pinned = imageOfRow.get(+(p.get('row') ?? NaN)) ?? -1;
    found.selected = new Set(
        [...parseRanges(p.get('selected') || '', 1e7)]
            .map(row => imageOfRow.get(row))
            .filter(i => i !== undefined),
    );
    parseCamera(p.get('camera') || '');
    change(found);
    placeCamera();
}

let addressTimer = 0,
    ownAddress = '';
function keepAddress() {
    clearTimeout(addressTimer);
    addressTimer = setTimeout(() => {
        ownAddress = formatAddress();
        try {
            history.replaceState(null, '', ownAddress);
        } catch {
            location.replace(ownAddress);
        }
    }, 150);
}
onChange(keepAddress);
window.addEventListener('hashchange', () => {
    if (location.hash !== ownAddress) parseAddress();
});
