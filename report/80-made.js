// made: what was made from what, out of the history that ends the file, and each one's settings.

/* The records of the history: the comment behind all else. */
function readRecords() {
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT);
    let found = [];
    for (let node; (node = walker.nextNode());) {
        const match = /^ ?kasane-history (\{.*\}) ?$/s.exec(node.data);
        if (match) found = JSON.parse(match[1]).history;
    }
    return found;
}

const sameRun = record =>
    JSON.stringify([record.tool, record.revision, record.settings, record.derived, record.inputs]);

/* Nodes { record, outputs, from: Set of nodes, depth }, ancestors first; those of one run are one.
 * What was read and has no record of its own is a node without settings. */
function graphOf(records) {
    const runs = new Map(),
        makers = new Map();
    for (const record of records) {
        const key = sameRun(record);
        if (!runs.has(key)) runs.set(key, { record, outputs: [], from: new Set() });
        runs.get(key).outputs.push(record.output);
        makers.set(record.output, runs.get(key));
    }
    const own = records.at(-1);
    for (const node of [...runs.values()])
        for (const [k, input] of node.record.inputs.entries()) {
            if (!makers.has(input)) {
                const title = node.record === own ? facts.inputs[k] : sourceName(node.record);
                makers.set(input, {
                    record: { tool: title, inputs: [] },
                    outputs: [input],
                    from: new Set(),
                    source: true,
                });
                runs.set(input, makers.get(input));
            }
            if (makers.get(input) !== node) node.from.add(makers.get(input));
        }
    const nodes = [...runs.values()];
    const depthOf = node => (node.depth ??= 1 + Math.max(-1, ...[...node.from].map(depthOf)));
    nodes.forEach(depthOf);
    return nodes;
}

const sourceName = record => (record.tool === 'import-images' ? 'pictures' : 'a file');

/* What a node is called, beside the name of its program. */
function nodeNote(node) {
    const s = node.record.settings || {},
        d = node.record.derived || {};
    const inner = { ...d, ...s };
    switch (node.record.tool) {
        case 'import-images':
            return inner.size ? inner.size + ' × ' + inner.size + ' pixels' : '';
        case 'augment':
            return (
                (s.split || 'all') +
                ', ' +
                (s.margin === '0' ? 'as they are' : 'margin ' + s.margin)
            );
        case 'train-stage':
            return (
                'stage ' +
                (inner.stage || '?') +
                ', ' +
                s.filters +
                ' filters, ' +
                s.epochs +
                ' epochs'
            );
        case 'finetune':
            return s.epochs + ' epochs';
        case 'pca':
            return s.components + ' components';
        case 'map':
            return 'perplexity ' + s.perplexity;
        case 'neighbours':
            return 'k ' + s.k;
        case 'report':
            return 'this page';
        default:
            return node.source ? 'not ours, or older' : '';
    }
}

const NODE = { width: 158, height: 46, dx: 14, dy: 34 };

/* Places the nodes in lines by depth, each line ordered by where its ancestors stand. */
function placeNodes(nodes) {
    const deepest = Math.max(...nodes.map(node => node.depth)),
        lines = [];
    for (const node of nodes)
        // what nothing precedes stands right above what uses it
        if (node.from.size === 0) {
            const users = nodes.filter(other => other.from.has(node)).map(other => other.depth);
            node.depth = Math.max(0, Math.min(...users, deepest) - 1);
        }
    for (let depth = 0; depth <= deepest; depth++)
        lines.push(nodes.filter(node => node.depth === depth));
    const widest = Math.max(...lines.map(line => line.length));
    const step = NODE.width + NODE.dx;
    lines.forEach((line, depth) => {
        for (const node of line) {
            const above = [...node.from].filter(other => other.x !== undefined);
            node.wish = above.length ? above.reduce((sum, o) => sum + o.x, 0) / above.length : 0;
        }
        line.sort((a, b) => a.wish - b.wish);
        line.forEach((node, k) => {
            node.x = ((widest - line.length) * step) / 2 + k * step;
            node.y = depth * (NODE.height + NODE.dy);
        });
    });
    return {
        width: widest * step - NODE.dx,
        height: lines.length * (NODE.height + NODE.dy) - NODE.dy,
    };
}

function edge(from, to) {
    const x1 = from.x + NODE.width / 2,
        y1 = from.y + NODE.height,
        x2 = to.x + NODE.width / 2;
    const y2 = to.y,
        bend = Math.min(60, (y2 - y1) / 2 + 4);
    return drawing('path', { d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` });
}

function showSettings(node) {
    const { record } = node,
        list = element('dl', { class: 'facts' });
    for (const [key, value] of [
        ...Object.entries(record.settings || {}),
        ...Object.entries(record.derived || {}),
    ])
        list.append(
            element('dt', {}, named(key)),
            element('dd', {}, named(value === '' ? '—' : String(value))),
        );
    byId('settings').replaceChildren(
        element('h3', {}, named(record.tool)),
        element('p', { class: 'quiet' }, nodeNote(node)),
        list,
        element(
            'dl',
            { class: 'facts' },
            element('dt', {}, 'revision'),
            element('dd', {}, String(record.revision ?? '—')),
            ...node.outputs.flatMap(output => [
                element('dt', {}, 'digest'),
                element('dd', { title: output }, output.slice(7, 19) + '…'),
            ]),
        ),
    );
}

/* Only what the page was made from. */
function ancestors(nodes, last) {
    const found = new Set(),
        visit = node => {
            if (!found.has(node)) {
                found.add(node);
                node.from.forEach(visit);
            }
        };
    visit(last);
    return nodes.filter(node => found.has(node));
}

function madeSection() {
    const records = readRecords();
    if (!records.length) return null;
    const all = graphOf(records),
        own = all.find(node => node.record.tool === 'report');
    const nodes = own ? ancestors(all, own) : all,
        size = placeNodes(nodes);
    nodes.sort((a, b) => a.depth - b.depth || a.x - b.x);
    const svg = drawing('svg', { width: size.width, height: size.height, 'aria-hidden': 'true' });
    const graph = element(
        'div',
        { class: 'graph', tabindex: 0, role: 'group', 'aria-label': 'What was made from what' },
        svg,
    );
    const edges = [];
    for (const node of nodes)
        for (const from of node.from) {
            const path = edge(from, node);
            edges.push({ from, node, path });
            svg.append(path);
        }
    graph.style.width = size.width + 2 + 'px';
    graph.style.height = size.height + 8 + 'px';
    const buttons = nodes.map(node =>
        element(
            'button',
            {
                type: 'button',
                'aria-pressed': 'false',
                onclick: () => press(node),
                style:
                    `left:${node.x}px;top:${node.y}px;` +
                    `width:${NODE.width}px;height:${NODE.height}px`,
            },
            element('b', {}, node.record.tool),
            element('span', {}, nodeNote(node)),
        ),
    );
    const press = pressed => {
        buttons.forEach((button, k) => button.setAttribute('aria-pressed', nodes[k] === pressed));
        edges.forEach(e =>
            e.path.classList.toggle('lit', e.from === pressed || e.node === pressed),
        );
        showSettings(pressed);
    };
    graph.append(...buttons);
    const made = element(
        'section',
        { id: 'made' },
        element('h2', {}, 'What was made from what'),
        element(
            'p',
            { class: 'lead' },
            'Each program that ran, and its settings, as the files of ' +
                'the run remember them. Press one to see all of its settings.',
        ),
        element(
            'div',
            { class: 'made' },
            graph,
            element('div', {
                class: 'box',
                id: 'settings',
                role: 'region',
                'aria-live': 'polite',
                'aria-label': 'Settings',
            }),
        ),
    );
    queueMicrotask(() =>
        press(nodes.find(node => node.record.tool === 'finetune') || nodes.at(-1)),
    );
    return made;
}
