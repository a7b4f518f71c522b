'use strict';
// data: what the file holds. Blocks are numbers, little-endian, in base64; facts are everything
// else. Images are numbered 0..N-1 here; rows[i] is the row of image i in the tensors.

const byId = id => document.getElementById(id);
const facts = JSON.parse(byId('facts').textContent);
const N = facts.shown;

/* The bytes of a block, whose text is let go; null where there is none. */
function takeBytes(name) {
    const element = byId('block-' + name);
    if (!element) return null;
    const text = element.textContent;
    element.remove();
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const binary = atob(text),
        bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
}

function takeNumbers(name, Type) {
    const bytes = takeBytes(name);
    return bytes && new Type(bytes.buffer, 0, bytes.length / Type.BYTES_PER_ELEMENT);
}

const rows = takeNumbers('row', Uint32Array);
const classOf = takeNumbers('class', Uint16Array);
const splitOf = takeNumbers('split', Uint8Array);
const errors = takeNumbers('error', Float32Array);
const places = { map: takeNumbers('map', Int16Array), pca: takeNumbers('pca', Int16Array) };
const near = {};
for (const kind of ['features', 'pixels'])
    if (facts['near_' + kind])
        near[kind] = {
            ...facts['near_' + kind],
            rows: takeNumbers('near-' + kind, Uint32Array),
            distances: takeNumbers('near-' + kind + '-distances', Uint16Array),
        };

const classes = facts.classes || [];
const hasClasses = classes.length > 1;
const imageOfRow = new Map();
for (let i = 0; i < N; i++) imageOfRow.set(rows[i], i);

/* A name for people: never empty. */
const shownName = name => (name === '' ? '(no name)' : name);
const className = c => shownName(classes[c]);
const pathOf = i => (facts.paths ? facts.paths[i] : 'row ' + rows[i]);
const nameOf = i => pathOf(i).slice(pathOf(i).lastIndexOf('/') + 1) || pathOf(i);
const splitName = i => (splitOf[i] ? 'test' : 'train');

/* The coordinate of image i on an axis of 'map' or 'pca'; NaN: it has none. */
function coordinate(name, i, axis) {
    const number = places[name][i * facts[name].axes + axis];
    return number === -32768 ? NaN : facts[name].centre[axis] + number * facts[name].step;
}

/* Whether the nearest other image by the features is of the same class. */
function nearestAgrees(i) {
    return classOf[near.features.rows[i * near.features.k]] === classOf[i];
}

/* The k nearest of image i: [{ image, distance }], nearest first. */
function nearestOf(kind, i) {
    const { k, step, rows, distances } = near[kind],
        unit = kind === 'pixels' ? facts.pixel_unit : 1;
    return Array.from({ length: k }, (_, c) => ({
        image: rows[i * k + c],
        distance: (distances[i * k + c] * step) / unit,
    }));
}

/* Of the images whose pixels are compared, "32 × 32". */
const comparedSize = () => facts.compared[1] + ' × ' + facts.compared[0];

const thousands = number => number.toLocaleString('en');
const many = (number, what, more) =>
    thousands(number) + ' ' + (number === 1 ? what : more || what + 's');

/* An element: element('p', { class: 'quiet', onclick: f }, 'text', child). Text is text. */
function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes))
        if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
        else if (key.startsWith('--')) made.style.setProperty(key, value);
        else if (value === true) made.setAttribute(key, '');
        else if (value !== false && value !== null && value !== undefined)
            made.setAttribute(key, value);
    made.append(...children.filter(child => child !== null && child !== undefined));
    return made;
}

/* A name from outside, whose direction does not reach its surroundings. */
const named = name => element('bdi', {}, name);

/* A table that scrolls, called LABEL: what stands in its heads, and in the cells of each line. */
function scrollingTable(label, heads, lines) {
    const row = (tag, attributes, cells) =>
        element('tr', {}, ...cells.map(cell => element(tag, attributes, cell)));
    return element(
        'div',
        { class: 'scrolls', tabindex: 0, role: 'group', 'aria-label': label },
        element(
            'table',
            {},
            element('thead', {}, row('th', { scope: 'col' }, heads)),
            element('tbody', {}, ...lines.map(cells => row('td', {}, cells))),
        ),
    );
}

/* The same for SVG. */
function drawing(tag, attributes = {}, ...children) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
}
