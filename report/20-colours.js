// colours: what a colour means, and the legend that says so.

const TEN = [
    '#3f6fd8',
    '#e8743b',
    '#2ca37a',
    '#d64a6b',
    '#8a63d2',
    '#e0a526',
    '#18a4c4',
    '#a0693f',
    '#d86cc0',
    '#7f9a34',
];
const GREY = '#9aa0aa';

/* n colours apart from one another: ten by hand, more around the wheel in three lightnesses. */
function palette(n) {
    return Array.from({ length: n }, (_, i) =>
        n <= TEN.length ? TEN[i] : rgbOfOklch([0.66, 0.56, 0.76][i % 3], 0.15, i * 137.508 + 20),
    );
}

/* "#rrggbb" of lightness 0..1, chroma and hue in degrees (Ottosson 2020, OKLab). */
function rgbOfOklch(L, C, h) {
    const a = C * Math.cos((h * Math.PI) / 180),
        b = C * Math.sin((h * Math.PI) / 180);
    const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
    const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
    const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
    const linear = [
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
    ];
    return (
        '#' +
        linear
            .map(v => {
                const x = Math.max(0, Math.min(1, v));
                const c = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
                return Math.round(255 * c)
                    .toString(16)
                    .padStart(2, '0');
            })
            .join('')
    );
}

const bytesOfColour = hex => [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));

// Dark blue over teal to yellow: even steps in lightness.
const RAMP = ['#2b1d5e', '#2f4f98', '#217f9f', '#35ad8a', '#93cf5c', '#f7e04b'].map(bytesOfColour);
function rampColour(t) {
    const at = Math.max(0, Math.min(1, t)) * (RAMP.length - 1);
    const k = Math.min(Math.floor(at), RAMP.length - 2);
    return RAMP[k].map((low, c) => Math.round(low + (at - k) * (RAMP[k + 1][c] - low)));
}

/* The ranks of errors as 0..1: a few large ones do not take all the colours. */
function errorRanks() {
    const order = Uint32Array.from({ length: N }, (_, i) => i).sort(
        (a, b) => errors[a] - errors[b],
    );
    const ranks = new Float32Array(N);
    order.forEach((i, rank) => {
        ranks[i] = N > 1 ? rank / (N - 1) : 0;
    });
    return ranks;
}
const ranks = errors && errorRanks();

/* Ways to colour: entries of the legend, and which one an image has; or a value from 0 to 1. */
const colours = {};
if (hasClasses)
    colours.class = {
        title: 'class',
        entries: classes.map((name, c) => ({ name: className(c) })),
        entry: i => classOf[i],
    };
if (splitOf && splitOf.includes(1) && splitOf.includes(0))
    colours.split = {
        title: 'train or test',
        entries: [{ name: 'train' }, { name: 'test' }],
        entry: i => splitOf[i],
    };
if (hasClasses && near.features && near.features.k)
    colours.nearest = {
        title: 'nearest neighbour',
        entries: [
            { name: 'same class', colour: '#2ca37a' },
            { name: 'another class', colour: '#e8743b' },
        ],
        entry: i => (nearestAgrees(i) ? 0 : 1),
    };
if (errors)
    colours.error = {
        title: 'reconstruction error',
        value: i => ranks[i],
        ends: () => {
            const sorted = errors.toSorted();
            return [sorted[0], sorted[N - 1]].map(e => e.toPrecision(2));
        },
    };
if (!Object.keys(colours).length)
    colours.none = {
        title: 'nothing',
        entries: [{ name: 'images', colour: TEN[0] }],
        entry: () => 0,
    };

for (const way of Object.values(colours))
    if (way.entries) {
        const picked = palette(way.entries.length);
        way.entries.forEach((entry, k) => {
            entry.colour ||= picked[k];
            entry.bytes = bytesOfColour(entry.colour);
            entry.n = 0;
        });
        for (let i = 0; i < N; i++) way.entries[way.entry(i)].n++;
    }

const colourNames = () => Object.keys(colours);
state.colour = colourNames()[0];

/* [r, g, b] of image i, 0..255, as coloured now. */
function colourOf(i) {
    const way = colours[state.colour];
    return way.value ? rampColour(way.value(i)) : way.entries[way.entry(i)].bytes;
}
const cssColour = i => 'rgb(' + colourOf(i).join(' ') + ')';
const classColour = c => (colours.class ? colours.class.entries[c].colour : GREY);

// --- which images are shown ---

const isShown = new Uint8Array(N).fill(1), // by legend, search and layout
    isFound = new Uint8Array(N).fill(1); // by the search
let nShown = N,
    nFound = 0;

const folded = text => text.normalize('NFKC').toLowerCase();
const foldedNames = Array.from({ length: N }, (_, i) =>
    folded(pathOf(i) + (hasClasses ? ' ' + className(classOf[i]) : '')),
);

function updateShown() {
    const way = colours[state.colour],
        words = folded(state.query).split(/\s+/).filter(Boolean);
    const missing = layouts[state.layout].missing;
    nShown = nFound = 0;
    for (let i = 0; i < N; i++) {
        const on = !(missing && missing[i]) && !(way.entries && state.off.has(way.entry(i)));
        const found = words.every(word => foldedNames[i].includes(word));
        isShown[i] = on && found ? 1 : 0;
        isFound[i] = found ? 1 : 0;
        nShown += isShown[i];
        nFound += found;
    }
}
