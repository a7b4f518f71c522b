// layouts: where the images stand. A layout has places (N,3), a unit of about -1..1, y up;
// missing (N): 1 where an image has none; cell: the side of a square for each image where they
// stand in a grid, else 0; flat: z is 0; labels: where names of classes stand, or null.

const ASPECT = innerWidth > 760 ? 1.35 : 0.75; // of a grid, width by height

const layouts = {};

function scatter(name, axes) {
    const at = new Float32Array(3 * N),
        missing = new Uint8Array(N);
    const from = places[name],
        P = facts[name].axes;
    for (let i = 0; i < N; i++) {
        missing[i] = from[i * P] === -32768 ? 1 : 0;
        for (let axis = 0; axis < axes && !missing[i]; axis++)
            at[3 * i + axis] = from[i * P + axis] / 32767;
    }
    return { at, missing, cell: 0, flat: axes === 2, labels: null };
}

/* The layout on which nearness in a grid rests. */
const planar = () => (places.map ? layout('map') : places.pca ? layout('pca') : null);

/* Cells (column, line) of a grid about the middle, of the side CELL. */
function toGrid(at, i, column, line, columns, lines, cell) {
    at[3 * i] = (column + 0.5 - columns / 2) * cell;
    at[3 * i + 1] = (lines / 2 - line - 0.5) * cell;
}

/* Brings those N of PART to its front that come first by KEY(image), equals by number, as sorting
 * would, but in no order (Hoare 1961, quickselect). */
function bringFirst(part, n, key) {
    const before = (i, j) => key(i) < key(j) || (key(i) === key(j) && i < j);
    for (let low = 0, high = part.length - 1; low < high;) {
        const pivot = part[(low + high) >> 1];
        let i = low,
            j = high;
        while (i <= j) {
            while (before(part[i], pivot)) i++;
            while (before(pivot, part[j])) j--;
            if (i <= j) {
                [part[i], part[j]] = [part[j], part[i]];
                i++;
                j--;
            }
        }
        if (n <= j) high = j;
        else if (n >= i) low = i;
        else return;
    }
}

/* Images in cells so that those near one another stay so: the places are halved, again and again,
 * along the longer side of the cells that are left. */
function nearGrid() {
    const from = planar(),
        at = new Float32Array(3 * N),
        missing = from.missing;
    const list = Uint32Array.from({ length: N }, (_, i) => i).filter(i => !missing[i]);
    const columns = Math.max(1, Math.ceil(Math.sqrt(list.length * ASPECT)));
    const lines = Math.max(1, Math.ceil(list.length / columns)),
        cell = 2 / columns;
    const halve = (part, x, y, width, height) => {
        if (part.length === 0) return;
        if (width === 1 && height === 1) {
            toGrid(at, part[0], x, y, columns, lines, cell);
            return;
        }
        const wide = width >= height,
            axis = wide ? 0 : 1,
            sign = wide ? 1 : -1;
        const half = (wide ? width : height) >> 1;
        const n = Math.min(part.length, half * (wide ? height : width)); // what is empty comes last
        bringFirst(part, n, i => sign * from.at[3 * i + axis]);
        halve(part.subarray(0, n), x, y, wide ? half : width, wide ? height : half);
        halve(
            part.subarray(n),
            wide ? x + half : x,
            wide ? y : y + half,
            wide ? width - half : width,
            wide ? height : height - half,
        );
    };
    halve(list, 0, 0, columns, lines);
    return { at, missing, cell, flat: true, labels: null };
}

/* A square of images for each class, the squares in lines like words. */
function classGrid() {
    const members = classes.map(() => []);
    for (let i = 0; i < N; i++) members[classOf[i]].push(i);
    const blocks = members
        .map((list, c) => ({ c, list, columns: Math.ceil(Math.sqrt(list.length)) }))
        .filter(block => block.list.length);
    const gap = Math.max(1, Math.round(Math.sqrt(N) / 14)),
        above = Math.ceil(gap / 2);
    /* Squares in lines of at most so many cells; what they need, the larger of width and height. */
    const place = most => {
        let x = 0,
            y = above,
            highest = 0,
            width = 0;
        const corners = blocks.map(({ columns, list }) => {
            if (x > 0 && x + columns > most) {
                x = 0;
                y += highest + gap + above;
                highest = 0;
            }
            const corner = [x, y];
            x += columns + gap;
            width = Math.max(width, x - gap);
            highest = Math.max(highest, Math.ceil(list.length / columns));
            return corner;
        });
        const lines = y + highest;
        return { corners, width, lines, need: Math.max(width, lines * ASPECT) };
    };
    let best = { need: Infinity };
    for (let k = 0, most = -gap; k < Math.min(blocks.length, 100); k++) {
        most += blocks[k].columns + gap;
        const tried = place(most);
        if (tried.need < best.need) best = tried;
    }
    const { corners, width, lines, need } = best,
        cell = 2 / need;
    const at = new Float32Array(3 * N),
        labels = [];
    blocks.forEach(({ c, list, columns }, b) => {
        const [x, y] = corners[b];
        list.forEach((i, k) =>
            toGrid(at, i, x + (k % columns), y + Math.floor(k / columns), width, lines, cell),
        );
        labels.push({ c, x: (x - width / 2) * cell, y: (lines / 2 - y) * cell });
    });
    return { at, missing: null, cell, flat: true, labels };
}

/* One line after another. */
function rowGrid() {
    const columns = Math.max(1, Math.ceil(Math.sqrt(N * ASPECT))),
        lines = Math.ceil(N / columns);
    const at = new Float32Array(3 * N),
        cell = 2 / columns;
    for (let i = 0; i < N; i++)
        toGrid(at, i, i % columns, Math.floor(i / columns), columns, lines, cell);
    return { at, missing: null, cell, flat: true, labels: null };
}

const kinds = [
    [
        'map',
        'Nearness',
        't-SNE',
        () => places.map,
        () => scatter('map', 2),
        'M5 6h0M7 9h0M5 9.5h0M8 6.5h0M14 5h0M16 7h0M13.5 8h0M10 14h0M12 15.5h0M9 16h0M12 12.5h0',
    ],
    [
        'grid',
        'Nearness, in a grid',
        '',
        () => places.map || places.pca,
        nearGrid,
        'M3 3h4v4H3zM8 3h4v4H8zM13 3h4v4h-4zM3 8h4v4H3zM8 8h4v4H8zM13 8h4v4h-4zM3 13h4v4H3z',
    ],
    [
        'classes',
        'Class',
        '',
        () => hasClasses,
        classGrid,
        'M3 5h5v5H3zM12 5h5v5h-5zM3 14h5M12 14h3',
    ],
    [
        'pca',
        'Components',
        'PCA 2-D',
        () => places.pca,
        () => scatter('pca', 2),
        'M4 3v13h13M8 12h0M10 9h0M13 10h0M12 6h0M15 5h0',
    ],
    [
        'space',
        'Components',
        'PCA 3-D',
        () => places.pca && facts.pca.axes > 2,
        () => scatter('pca', 3),
        'M10 11V3M10 11l7 4M10 11l-7 4M13 8h0M7 7h0M10 15h0',
    ],
    [
        'rows',
        'Order of rows',
        '',
        () => !places.map && !places.pca,
        rowGrid,
        'M3 5h14M3 10h14M3 15h9',
    ],
].filter(([, , , there]) => there());

/* The layout of this name, made when it is first wanted. */
function layout(name) {
    if (!layouts[name]) layouts[name] = kinds.find(kind => kind[0] === name)[4]();
    return layouts[name];
}
const layoutNames = () => kinds.map(kind => kind[0]);
state.layout = layoutNames()[0];
