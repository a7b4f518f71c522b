// outlines: where a class is dense in the plane, as lines around it and a place for its name.

const FIELD = 96, // cells to a side
    REACH = 1.2; // of the plane, -REACH to REACH
const cellOf = v =>
    Math.max(0, Math.min(FIELD - 1, Math.floor(((v + REACH) / (2 * REACH)) * FIELD)));
const middleOf = cell => ((cell + 0.5) / FIELD) * 2 * REACH - REACH;

/* The field, spread by means of five cells that are APART, three times along each axis. */
function spread(field, apart) {
    for (const cells of [1, FIELD, 1, FIELD, 1, FIELD]) {
        const step = apart * cells;
        const next = new Float32Array(field.length);
        for (let k = 2 * step; k < field.length - 2 * step; k++)
            for (let d = -2; d <= 2; d++) next[k] += field[k + d * step] / 5;
        field = next;
    }
    return field;
}

/* How dense the images of LIST stand, placed AT (FIELD,FIELD). */
function densityOf(list, at) {
    const counts = new Float32Array(FIELD * FIELD);
    for (const i of list) counts[cellOf(at[3 * i + 1]) * FIELD + cellOf(at[3 * i])]++;
    return spread(counts, 1);
}

/* { x, y } in the middle of where that is densest. */
function densestIn(field) {
    const wide = spread(field, 2);
    let top = 0;
    wide.forEach((value, k) => {
        if (value > wide[top]) top = k;
    });
    return { x: middleOf(top % FIELD), y: middleOf(Math.floor(top / FIELD)) };
}

/* The lines along which the field is LEVEL (marching squares), in the units of the plane. */
function linesAt(field, level) {
    const path = new Path2D();
    for (let y = 0; y + 1 < FIELD; y++)
        for (let x = 0; x + 1 < FIELD; x++) {
            const k = y * FIELD + x,
                corners = [field[k], field[k + 1], field[k + FIELD + 1], field[k + FIELD]],
                cuts = [];
            for (let c = 0; c < 4; c++) {
                const a = corners[c],
                    b = corners[(c + 1) % 4],
                    t = (level - a) / (b - a);
                if (a < level === b < level) continue;
                cuts.push([
                    middleOf(x + [t, 1, 1 - t, 0][c]),
                    middleOf(y + [0, t, 1, 1 - t][c]),
                ]);
            }
            for (let c = 0; c + 1 < cuts.length; c += 2) {
                path.moveTo(...cuts[c]);
                path.lineTo(...cuts[c + 1]);
            }
        }
    return path;
}

/* Of the images LIST, placed AT: { x, y } in the middle of where they are densest, and the path
 * around the densest WITHIN of them, a share. */
function outlineOf(list, at, within = 0.75) {
    const field = densityOf(list, at),
        own = i => field[cellOf(at[3 * i + 1]) * FIELD + cellOf(at[3 * i])];
    const levels = Float32Array.from(list, own).sort();
    return {
        ...densestIn(field),
        path: linesAt(field, levels[Math.floor((1 - within) * list.length)]),
    };
}
