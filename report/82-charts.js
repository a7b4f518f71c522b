// charts: the losses of each training, with values where one points.

const CHART = { width: 400, height: 210, left: 52, right: 10, top: 10, bottom: 26 };

/* Round numbers from LOW to HIGH, about N of them. */
function ticks(low, high, n) {
    const rough = (high - low) / n || 1,
        power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find(m => m * power >= rough) * power,
        found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step)
        found.push(+v.toPrecision(12));
    return found;
}

function logTitle(log, k) {
    return log.tool === 'finetune'
        ? 'The deep net, tuned'
        : log.stage
          ? 'Stage ' + log.stage
          : 'Training ' + (k + 1);
}

function chart(log, k) {
    const column = name => {
        const c = log.columns.indexOf(name);
        return c < 0 ? null : log.rows.map(row => (row[c] === '' ? NaN : Number(row[c])));
    };
    const epochs = column('epoch') || log.rows.map((_, i) => i + 1);
    const lines = [
        ['loss', 'train', 'of-train'],
        ['val_loss', 'test', 'of-test'],
    ]
        .map(([name, title, look]) => ({ title, look, values: column(name) }))
        .filter(line => line.values && line.values.some(Number.isFinite));
    const values = lines.flatMap(line => line.values).filter(Number.isFinite);
    if (!values.length) return null;
    let low = Math.min(...values),
        high = Math.max(...values);
    const slack = (high - low || Math.abs(high) || 1) * 0.05;
    [low, high] = [low - slack, high + slack];
    const { width, height, left, right, top, bottom } = CHART,
        last = epochs.at(-1),
        first = epochs[0];
    const x = e =>
        left + (last > first ? (e - first) / (last - first) : 0.5) * (width - left - right);
    const y = v => top + ((high - v) / (high - low)) * (height - top - bottom);
    const svg = drawing('svg', {
        viewBox: `0 0 ${width} ${height}`,
        role: 'img',
        'aria-label': logTitle(log, k) + ': loss by epoch; the table below has the numbers',
    });
    for (const v of ticks(low, high, 4))
        svg.append(
            drawing('line', { class: 'grid', x1: left, x2: width - right, y1: y(v), y2: y(v) }),
            drawing('text', { x: left - 7, y: y(v) + 4, 'text-anchor': 'end' }, String(v)),
        );
    for (const e of ticks(first, last, 5).filter(Number.isInteger))
        svg.append(drawing('text', { x: x(e), y: height - 7, 'text-anchor': 'middle' }, String(e)));
    for (const line of lines)
        svg.append(
            drawing('polyline', {
                class: 'line ' + line.look,
                points: line.values
                    .map((v, i) => (Number.isFinite(v) ? x(epochs[i]) + ',' + y(v) : ''))
                    .join(' '),
            }),
        );
    const cross = drawing('line', {
        class: 'cross',
        y1: top,
        y2: height - bottom,
        visibility: 'hidden',
    });
    const said = element('output', {}),
        rate = column('learning_rate');
    svg.append(cross);
    const show = i => {
        cross.setAttribute('x1', x(epochs[i]));
        cross.setAttribute('x2', x(epochs[i]));
        said.replaceChildren(
            'epoch ' + epochs[i] + ': ',
            lines.map(line => line.title + ' ' + line.values[i].toPrecision(5)).join(', ') +
                (rate && Number.isFinite(rate[i]) ? ', rate ' + rate[i].toPrecision(3) : ''),
        );
    };
    const shownLast = () => {
        cross.setAttribute('visibility', 'hidden');
        show(epochs.length - 1);
    };
    svg.addEventListener('pointermove', event => {
        const box = svg.getBoundingClientRect(),
            at = ((event.clientX - box.left) / box.width) * width;
        let nearest = 0;
        epochs.forEach((e, i) => {
            if (Math.abs(x(e) - at) < Math.abs(x(epochs[nearest]) - at)) nearest = i;
        });
        cross.setAttribute('visibility', 'visible');
        show(nearest);
    });
    svg.addEventListener('pointerleave', shownLast);
    shownLast();
    return element(
        'div',
        { class: 'box chart' },
        element('div', { class: 'row' }, element('h3', {}, logTitle(log, k))),
        said,
        svg,
        element(
            'details',
            {},
            element('summary', {}, 'Numbers'),
            plainTable(log.columns, log.rows),
        ),
    );
}

function plainTable(columns, lines) {
    const rounded = text =>
        /^-?\d+\.\d{5,}$/.test(text) ? String(+(+text).toPrecision(5)) : text;
    return scrollingTable(
        'Numbers',
        columns.map(named),
        lines.map(line => line.map(text => named(rounded(text)))),
    );
}

function lossSection() {
    const charts = facts.logs.map(chart).filter(Boolean);
    if (!charts.length) return null;
    return element(
        'section',
        { id: 'losses' },
        element('h2', {}, 'Losses'),
        element(
            'p',
            { class: 'lead' },
            element('span', { class: 'key', style: 'background:var(--accent)' }),
            'of the rows trained on, ',
            element('span', { class: 'key', style: 'background:#c8742b' }),
            'of the rows kept for the test; by epoch. Point at a curve for its values.',
        ),
        element('div', { class: 'charts' }, ...charts),
    );
}
