// panels: controls, legend, the card under the pointer, the pinned image, the selection.

/* For a reader of the screen; SHOWN: for everyone, for a while. */
const tell = (text, shown) => {
    byId('told').textContent = text;
    if (shown)
        byId('told').animate(
            { opacity: [0, 1, 1, 0], offset: [0, 0.06, 0.9, 1] },
            { duration: 2600 },
        );
};

/* Pins image i; FAR: it may be out of sight, and is then brought to the middle. */
function pin(i, far) {
    change({ pinned: i });
    if (far) bringIntoSight(i);
    if (i >= 0) {
        tell('Pinned: ' + pathOf(i));
        openSheet('details');
    }
}

function select(images) {
    change({ selected: new Set(images) });
    if (state.selected.size) {
        tell(many(state.selected.size, 'image') + ' selected');
        openSheet('details');
    }
}

/* "class akane, train": what is known of image i, as elements. */
function chips(i) {
    const chip = (text, colour) =>
        element(
            'span',
            { class: 'chip', '--colour': colour },
            colour ? element('i') : null,
            named(text),
        );
    return element(
        'div',
        { class: 'chips' },
        hasClasses ? chip(className(classOf[i]), classColour(classOf[i])) : null,
        splitOf ? chip(splitName(i)) : null,
    );
}

// --- controls ---

function makeControls() {
    kinds.forEach(([name, title, note, , , path], k) => {
        const input = element('input', {
            type: 'radio',
            name: 'layout',
            value: name,
            onchange: () => goToLayout(name),
        });
        byId('layouts').append(
            element(
                'label',
                { title: title + ' (' + (k + 1) + ')' },
                input,
                drawing(
                    'svg',
                    { viewBox: '0 0 20 20', 'aria-hidden': 'true' },
                    drawing('path', { d: path, 'stroke-width': path.includes('h0') ? 2.2 : 1.5 }),
                ),
                title,
                note ? element('small', {}, note) : null,
            ),
        );
    });
    for (const [name, { title }] of Object.entries(colours))
        byId('colour').append(element('option', { value: name }, title));
    byId('colour').addEventListener('change', event =>
        change({ colour: event.target.value, off: new Set(), lit: -1 }),
    );
    byId('size').addEventListener('input', event => change({ size: +event.target.value }));
    byId('images').addEventListener('change', event => change({ images: event.target.checked }));
    byId('labels').addEventListener('change', event => change({ labels: event.target.checked }));
    byId('legend-all').addEventListener('click', () => change({ off: new Set() }));
    byId('legend-none').addEventListener('click', () =>
        change({ off: new Set(colours[state.colour].entries.keys()) }),
    );
    for (const key of ['images', 'size']) byId(key).closest('.pair').hidden = !facts.thumbnails;
    byId('labels').closest('.pair').hidden = !hasClasses;
}

function updateControls() {
    for (const input of document.getElementsByName('layout'))
        input.checked = input.value === state.layout;
    byId('colour').value = state.colour;
    byId('size').value = state.size;
    byId('images').checked = state.images;
    byId('labels').checked = state.labels;
    for (const tool of ['move', 'box', 'lasso'])
        byId('tool-' + tool).setAttribute('aria-pressed', state.tool === tool);
    byId('map').classList.toggle('selecting', state.tool !== 'move');
    if (byId('search').value !== state.query) byId('search').value = state.query;
    byId('found').textContent = state.query ? thousands(nFound) + ' found' : '';
}

// --- legend ---

let legendOf = '';
function updateLegend() {
    const way = colours[state.colour];
    byId('scale').hidden = !way.value;
    byId('legend').hidden = byId('legend-all').hidden = byId('legend-none').hidden = !way.entries;
    if (legendOf !== state.colour) {
        legendOf = state.colour;
        byId('legend').replaceChildren(
            ...(way.entries || []).map((entry, k) =>
                element(
                    'li',
                    {},
                    element(
                        'button',
                        {
                            type: 'button',
                            '--colour': entry.colour,
                            'data-entry': k,
                            onclick: event => toggleEntry(k, event.altKey),
                            ondblclick: () => onlyEntry(k),
                            onpointerenter: event =>
                                event.pointerType === 'mouse' && change({ lit: k }),
                            onpointerleave: () => change({ lit: -1 }),
                            title: 'Switch on or off; double click: it alone',
                        },
                        state.colour === 'class' && facts.thumbnails && way.entries.length <= 60
                            ? element('span', { class: 'face' }, tile(faceOf(k)))
                            : element('i'),
                        element('bdi', { class: 'name' }, entry.name),
                        element('span', { class: 'number' }),
                    ),
                ),
            ),
        );
        if (way.value) {
            const stops = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
                t => 'rgb(' + rampColour(t).join(' ') + ')',
            );
            byId('scale').firstElementChild.style.background =
                'linear-gradient(to right, ' + stops.join(', ') + ')';
            way.ends().forEach((end, k) => {
                byId('scale').querySelectorAll('span')[k].textContent = end;
            });
        }
    }
    const picked = picksOf(way),
        most = Math.max(...(way.entries || []).map(entry => entry.n));
    for (const button of byId('legend').querySelectorAll('button')) {
        const k = +button.dataset.entry,
            { n } = way.entries[k];
        button.setAttribute('aria-pressed', !state.off.has(k));
        button.style.setProperty('--all', n / most);
        button.style.setProperty('--picked', picked[k] / most);
        button.querySelector('.number').textContent =
            (picked[k] < n ? thousands(picked[k]) + ' of ' : '') + thousands(n);
    }
}

/* Of each entry of the legend how many are selected or, where nothing is, found. */
function picksOf(way) {
    const picked = new Uint32Array(way.entries ? way.entries.length : 0);
    for (let i = 0; way.entries && i < N; i++)
        picked[way.entry(i)] += state.selected.size ? state.selected.has(i) : isFound[i];
    return picked;
}

function toggleEntry(k, alone) {
    if (alone) {
        onlyEntry(k);
        return;
    }
    const off = new Set(state.off);
    off.has(k) ? off.delete(k) : off.add(k);
    change({ off });
}

function onlyEntry(k) {
    change({
        off: new Set([...colours[state.colour].entries.keys()].filter(other => other !== k)),
    });
}

// --- the image pointed at ---

let cardOf = -1;
function updateCard(x, y) {
    const card = byId('card'),
        i = state.hovered;
    card.hidden = i < 0 || x === undefined || i === state.pinned;
    if (card.hidden) return;
    if (cardOf !== i) {
        cardOf = i;
        card.replaceChildren(
            ...(facts.thumbnails ? [tile(i)] : []),
            element('bdi', { class: 'name' }, nameOf(i)),
            chips(i),
        );
        card.dataset.row = rows[i];
    }
    const { offsetWidth: w, offsetHeight: h } = card;
    const left = x + 22 + w > camera.width - camera.right ? x - w - 22 : x + 22;
    card.style.left = Math.max(6, left) + 'px';
    card.style.top = Math.max(6, Math.min(camera.height - h - 6, y - h / 3)) + 'px';
}

// --- the pinned image ---

function side(kind, title, i, others) {
    if (!near[kind] || !near[kind].k) return null;
    const list = nearestOf(kind, i),
        same = list.filter(n => classOf && classOf[n.image] === classOf[i]).length;
    return element(
        'div',
        {},
        element('h3', {}, title),
        element(
            'div',
            { class: 'row' },
            element('p', {}, hasClasses ? same + '/' + list.length + ' of its class' : ''),
            element(
                'button',
                {
                    type: 'button',
                    class: 'link',
                    'aria-label': 'Select what is near by ' + kind,
                    onclick: () => select([i, ...list.map(n => n.image)]),
                },
                'select',
            ),
        ),
        element(
            'div',
            { class: 'tiles', 'data-near': kind },
            ...list.map(({ image, distance }) =>
                tileButton(
                    image,
                    nameOf(image) +
                        (hasClasses ? ', ' + className(classOf[image]) : '') +
                        ', distance ' +
                        distance.toPrecision(3),
                    others.has(image),
                ),
            ),
        ),
    );
}

function factList(i) {
    const list = element('dl', { class: 'facts' });
    const add = (name, value) =>
        list.append(element('dt', {}, name), element('dd', {}, named(String(value))));
    add('row', rows[i]);
    if (facts.paths) add('path', pathOf(i));
    if (hasClasses) add('class', className(classOf[i]));
    if (splitOf) add('split', splitName(i));
    if (errors) add('reconstruction error', errors[i].toPrecision(3));
    if (near.pixels) add('pixels compared at', comparedSize());
    for (const [name, axis] of [
        ['map', 'x'],
        ['pca', 'pc'],
    ])
        for (let k = 0; places[name] && k < facts[name].axes; k++)
            if (!isNaN(coordinate(name, i, k)))
                add(axis + (k + 1), coordinate(name, i, k).toPrecision(4));
    return list;
}

function updatePinned() {
    const box = byId('pinned'),
        i = state.pinned;
    box.hidden = i < 0;
    if (i < 0) return;
    const images = kind =>
        new Set(near[kind] && near[kind].k ? nearestOf(kind, i).map(n => n.image) : []);
    box.dataset.row = rows[i];
    box.replaceChildren(
        element(
            'div',
            { class: 'row' },
            element('h2', { id: 'pinned-name' }, named(nameOf(i))),
            element('button', { type: 'button', class: 'link', onclick: () => pin(-1) }, 'unpin'),
        ),
        chips(i),
        facts.thumbnails
            ? element(
                  'div',
                  { class: 'faces' },
                  element('figure', {}, tile(i), element('figcaption', {}, 'the image')),
                  facts.reconstructions
                      ? element(
                            'figure',
                            {},
                            tile(i, 'reconstructions'),
                            element('figcaption', {}, 'what the net gives back'),
                        )
                      : null,
              )
            : '',
        element(
            'div',
            { class: 'sides' },
            side('features', 'Near by features', i, images('pixels')),
            side('pixels', 'Near by pixels', i, images('features')),
        ),
        factList(i),
    );
}

// --- the selection ---

const MOST_TILES = 600,
    MOST_LINES = 400;

/* A field of TSV, as index files write them. */
const field = text =>
    String(text).replace(
        /[\\\t\n\r]/g,
        c => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[c],
    );

function tableColumns() {
    return [
        ['row', i => rows[i]],
        splitOf && ['split', splitName],
        facts.classes && ['class', i => classes[classOf[i]]],
        facts.paths && ['path', pathOf],
        errors && ['error', i => errors[i].toPrecision(6)],
    ].filter(Boolean);
}

function selectionTable(images) {
    const columns = tableColumns();
    return [
        columns.map(([name]) => name),
        ...images.map(i => columns.map(([, value]) => field(value(i)))),
    ]
        .map(line => line.join('\t') + '\n')
        .join('');
}

function saveTable(images) {
    const url = URL.createObjectURL(
        new Blob([selectionTable(images)], { type: 'text/tab-separated-values' }),
    );
    element('a', { href: url, download: 'selection.tsv' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

async function copyTable(images) {
    const text = selectionTable(images);
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // a page from disk may not be allowed to
        const area = element('textarea', { class: 'unseen', 'aria-hidden': 'true' });
        area.value = text;
        document.body.append(area);
        area.select();
        document.execCommand('copy');
        area.remove();
    }
    tell(many(images.length, 'line') + ' copied', true);
}

function classCounts(images) {
    const counts = new Map();
    images.forEach(i => counts.set(classOf[i], (counts.get(classOf[i]) || 0) + 1));
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6);
}

function updateSelection() {
    const box = byId('selection'),
        images = [...state.selected].sort((a, b) => a - b);
    const more = (most, what) =>
        images.length > most
            ? element(
                  'p',
                  { class: 'quiet' },
                  'and ' + thousands(images.length - most) + ' more ' + what,
              )
            : null;
    const button = (text, onclick) =>
        element('button', { type: 'button', class: 'plain', onclick }, text);
    box.hidden = images.length === 0;
    if (box.hidden) {
        box.replaceChildren();
        return;
    }
    const columns = tableColumns();
    box.replaceChildren(
        element(
            'div',
            { class: 'row' },
            element('h2', { id: 'selection-title' }, many(images.length, 'image') + ' selected'),
            element(
                'button',
                { type: 'button', class: 'link', onclick: () => select([]) },
                'clear',
            ),
        ),
        hasClasses
            ? element(
                  'div',
                  { class: 'chips' },
                  ...classCounts(images).map(([c, n]) =>
                      element(
                          'span',
                          { class: 'chip', '--colour': classColour(c) },
                          element('i'),
                          named(className(c)),
                          ' ' + n,
                      ),
                  ),
              )
            : '',
        facts.thumbnails
            ? element(
                  'div',
                  {
                      class: 'tiles sheet',
                      tabindex: 0,
                      role: 'group',
                      'aria-label': 'Contact sheet',
                  },
                  ...images.slice(0, MOST_TILES).map(i => tileButton(i, pathOf(i))),
              )
            : '',
        more(MOST_TILES, 'images') || '',
        element(
            'div',
            { class: 'buttons' },
            button('Copy list', () => copyTable(images)),
            button('Save as TSV', () => saveTable(images)),
            button('Zoom to', () => zoomTo(images)),
        ),
        element(
            'details',
            {
                open: state.tableOpen,
                ontoggle: event => {
                    state.tableOpen = event.target.open;
                },
            },
            element('summary', {}, 'As a table'),
            scrollingTable(
                'Table',
                columns.map(([name]) => name),
                images
                    .slice(0, MOST_LINES)
                    .map(i => columns.map(([, value]) => named(String(value(i))))),
            ),
            more(MOST_LINES, 'lines') || '',
        ),
    );
}

function zoomTo(images) {
    isFitted = false;
    flyTo(fittingCamera(state.layout, images));
}

// --- all together ---

const isIdle = () => state.pinned < 0 && state.selected.size === 0;

/* What the details take of the canvas, pixels. */
const DETAILS = 364;
const detailsWidth = () => (isIdle() || byId('map').clientWidth <= 760 ? 0 : DETAILS);

function updateHint() {
    byId('hint').hidden = !isIdle();
    byId('details').classList.toggle('empty', isIdle());
    byId('hint').textContent =
        'Point at an image to see it, click it to see what is near. Shift and drag selects.';
    makeRoom(detailsWidth());
}

function updateCount() {
    const whole =
        many(facts.rows, 'image') +
        (hasClasses ? ', ' + many(classes.length, 'class', 'classes') : '') +
        ', ' +
        thousands(facts.numbers) +
        ' numbers each';
    const sample =
        facts.shown < facts.rows ? 'A sample of ' + thousands(N) + ' of ' + whole : whole;
    byId('count').textContent = nShown < N ? thousands(nShown) + ' shown of ' + sample : sample;
    byId('nothing').hidden = nShown > 0;
    byId('nothing').firstElementChild.textContent = nFound
        ? 'All of these are switched off in the legend. '
        : 'No name or class has ' + state.query + ' in it. ';
    byId('count').title = facts.shown < facts.rows ? 'Of each class its share, at random' : '';
}

function openSheet(name) {
    for (const id of ['controls', 'details']) byId(id).classList.toggle('open', id === name);
}

function applyTheme() {
    const dark = state.theme
        ? state.theme === 'dark'
        : matchMedia('(prefers-color-scheme: dark)').matches;
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    wantFrame();
}
