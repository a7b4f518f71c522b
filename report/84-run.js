// run: the page beside the map: what came of the run, in sentences first.

/* Pins image i and shows it on the map. */
function showOnMap(i) {
    change({ view: 'map' });
    pin(i, true);
}

function imageButton(i, label, ...tiles) {
    return element(
        'button',
        {
            type: 'button',
            'aria-label': label,
            title: label,
            'data-row': rows[i],
            onclick: () => showOnMap(i),
        },
        ...tiles,
    );
}

function headSection() {
    const lines = (facts.summary || '').replace(/ \+- /g, '\u00a0±\u00a0').split('\n');
    const sentences = lines.filter(line => /^[A-Z].*\.$/.test(line));
    const last = facts.logs.at(-1),
        loss = last && last.rows.length && last.rows.at(-1)[last.columns.indexOf('val_loss')];
    const figures = [
        [thousands(facts.rows), facts.rows === 1 ? 'image' : 'images'],
        hasClasses && [thousands(classes.length), 'classes'],
        facts.image && [facts.image[1] + ' × ' + facts.image[0], 'pixels each'],
        [thousands(facts.numbers), 'numbers each'],
        loss && [(+loss).toPrecision(4), 'last loss, of the test rows'],
        errors && [median(errors).toPrecision(2), 'median reconstruction error'],
    ].filter(Boolean);
    return element(
        'section',
        { id: 'summary', style: 'margin-top:0' },
        element('h2', { class: 'unseen' }, 'Summary'),
        element(
            'div',
            { class: 'figures' },
            ...figures.map(([figure, what]) =>
                element('div', {}, element('b', {}, figure), element('span', {}, what)),
            ),
        ),
        element(
            'div',
            { class: 'sentences' },
            ...sentences.map(line => element('p', {}, named(line))),
        ),
    );
}

// --- reconstructions and kernels ---

function reconstructionSection() {
    if (!errors) return null;
    const order = Array.from({ length: N }, (_, i) => i).sort((a, b) => errors[a] - errors[b]);
    const n = Math.min(N, 24),
        picked = Array.from(
            { length: n },
            (_, k) => order[Math.round((k * (N - 1)) / Math.max(1, n - 1))],
        );
    return element(
        'section',
        { id: 'reconstructions' },
        element('h2', {}, 'Reconstructions'),
        element(
            'p',
            { class: 'lead' },
            'Above the image, below what the net gives back; from the ' +
                'best to the worst of all, evenly. The number is the mean squared error.',
        ),
        element(
            'div',
            { class: 'strip' },
            ...picked.map(i =>
                element(
                    'figure',
                    {},
                    imageButton(
                        i,
                        nameOf(i) + ', error ' + errors[i].toPrecision(3),
                        tile(i),
                        tile(i, 'reconstructions'),
                    ),
                    element('figcaption', {}, errors[i].toPrecision(2)),
                ),
            ),
        ),
    );
}

function kernelCanvas(weights, [R, S, C, K], k) {
    const made = element('canvas', {
        width: S,
        height: R,
        role: 'img',
        'aria-label': 'Kernel ' + (k + 1),
    });
    const context = made.getContext('2d'),
        image = context.createImageData(S, R);
    let largest = 1e-12;
    for (let p = k; p < weights.length; p += K) largest = Math.max(largest, Math.abs(weights[p]));
    for (let p = 0; p < R * S; p++)
        for (let c = 0; c < 4; c++)
            image.data[4 * p + c] =
                c === 3
                    ? 255
                    : 127.5 + (127.5 * weights[(p * C + (C === 3 ? c : 0)) * K + k]) / largest;
    context.putImageData(image, 0, 0);
    return made;
}

function kernelSection() {
    const weights = takeNumbers('kernels', Float32Array),
        shape = facts.kernels;
    if (!weights || (shape[2] !== 3 && shape[2] !== 1)) return null;
    return element(
        'section',
        { id: 'kernels' },
        element('h2', {}, 'Kernels of the first layer'),
        element(
            'p',
            { class: 'lead' },
            many(shape[3], 'kernel') +
                ' of ' +
                shape[0] +
                ' × ' +
                shape[1] +
                ' pixels, as pictures: grey is 0, each to its own largest weight.',
        ),
        element(
            'div',
            { class: 'kernels box' },
            ...Array.from({ length: shape[3] }, (_, k) => kernelCanvas(weights, shape, k)),
        ),
    );
}

// --- the evaluation ---

const figure = value => (Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(3));

/* Lines by what is measured, columns by measure, of the rows ROWS_OF. */
function measureTable(lines, rowsOf) {
    const list = lines.filter(
        l =>
            l.rows_of === rowsOf &&
            l.class === '' &&
            l.predicted === '' &&
            l.value !== '' &&
            l.what !== 'reconstruction',
    );
    const whats = [...new Set(list.map(l => l.what))],
        measures = [...new Set(list.map(l => l.measure))];
    const best = measure => Math.max(...list.filter(l => l.measure === measure).map(l => +l.value));
    const cell = (what, measure) => {
        const l = list.find(line => line.what === what && line.measure === measure);
        if (!l) return element('td', {});
        return element(
            'td',
            { class: +l.value === best(measure) ? 'best' : null },
            figure(+l.value),
            ' ',
            element('small', {}, '± ' + figure((l.high - l.low) / 2)),
        );
    };
    return list.length
        ? element(
              'div',
              { class: 'wide', tabindex: 0, role: 'group', 'aria-label': 'Measures' },
              element(
                  'table',
                  { class: 'measures' },
                  element(
                      'thead',
                      {},
                      element(
                          'tr',
                          {},
                          element(
                              'th',
                              { scope: 'col' },
                              rowsOf === 'all' ? 'All rows' : 'Rows of ' + rowsOf,
                          ),
                          ...measures.map(m => element('th', { scope: 'col' }, named(m))),
                      ),
                  ),
                  element(
                      'tbody',
                      {},
                      ...whats.map(what =>
                          element(
                              'tr',
                              {},
                              element('th', { scope: 'row' }, named(what)),
                              ...measures.map(m => cell(what, m)),
                          ),
                      ),
                  ),
              ),
          )
        : null;
}

function confusionTable(lines) {
    const list = lines.filter(l => l.measure === 'confusion' && l.what === 'features');
    const names = [...new Set(list.flatMap(l => [l.class, l.predicted]))].sort();
    if (names.length < 2 || names.length > 30) return null;
    const count = (a, b) =>
        list.filter(l => l.class === a && l.predicted === b).reduce((sum, l) => sum + +l.rows, 0);
    const body = names.map(a => {
        const counts = names.map(b => count(a, b)),
            sum = counts.reduce((x, y) => x + y, 0) || 1;
        return element(
            'tr',
            {},
            element('th', { scope: 'row' }, named(shownName(a))),
            ...counts.map((n, k) => {
                const share = n / sum,
                    right = names[k] === a;
                return element(
                    'td',
                    {
                        style: n
                            ? 'background:color-mix(in srgb, var(' +
                              (right ? '--accent' : '--bad') +
                              ') ' +
                              Math.round(8 + share * (right ? 30 : 60)) +
                              '%, transparent)'
                            : null,
                    },
                    n ? String(n) : '',
                );
            }),
        );
    });
    return element(
        'div',
        {},
        element(
            'h3',
            { style: 'margin:22px 0 6px' },
            'What the probe on the features takes each class for',
        ),
        element(
            'div',
            { class: 'wide', tabindex: 0, role: 'group', 'aria-label': 'Confusion' },
            element(
                'table',
                { class: 'confusion' },
                element(
                    'thead',
                    {},
                    element(
                        'tr',
                        {},
                        element('td', {}),
                        ...names.map(b => element('th', { scope: 'col' }, named(shownName(b)))),
                    ),
                ),
                element('tbody', {}, ...body),
            ),
        ),
    );
}

/* What the columns of measureTable say. */
const MEASURES = {
    'nearest-1': 'rows whose nearest other row is of their class',
    'nearest-5': 'rows of whose five nearest most are of their class',
    'precision-10': 'of the ten nearest rows, those of the same class',
    probe: 'rows whose class a linear probe tells that was trained on others',
    silhouette: 'how much nearer a row is to its own class than to the next, −1 to 1',
    clusters: 'what clusters of the rows, found without the classes, tell of these',
};

function evaluationSection() {
    if (!facts.evaluation || !facts.evaluation.rows.length) return null;
    const { columns } = facts.evaluation;
    const lines = facts.evaluation.rows.map(row =>
        Object.fromEntries(columns.map((name, k) => [name, row[k]])),
    );
    const given = lines.filter(l => l.what === 'reconstruction'),
        measures = measureTable(lines, 'all');
    return element(
        'section',
        { id: 'evaluation' },
        element('h2', {}, 'Are the features any good?'),
        element(
            'p',
            { class: 'lead' },
            'How well each tells the classes apart, with half of the ' +
                '95 % interval; the best of a column is green.',
        ),
        element(
            'div',
            { class: 'box' },
            measures || '',
            element('div', { style: 'height:18px' }),
            measureTable(lines, 'test') || '',
            measures
                ? element(
                      'details',
                      {},
                      element('summary', {}, 'What the columns say'),
                      element(
                          'dl',
                          { class: 'meanings' },
                          ...Object.entries(MEASURES).flatMap(([name, says]) => [
                              element('dt', {}, name),
                              element('dd', {}, says),
                          ]),
                      ),
                  )
                : '',
            confusionTable(lines) || '',
            given.length && !facts.summary
                ? element(
                      'p',
                      { style: 'margin-top:18px' },
                      'What the net gives back: ' +
                          given.map(l => l.measure + ' ' + figure(+l.value)).join(', ') +
                          '.',
                  )
                : '',
            element(
                'details',
                {},
                element('summary', {}, 'All figures'),
                plainTable(columns, facts.evaluation.rows),
            ),
        ),
    );
}

// --- near-duplicates, skipped pictures ---

const MOST_PAIRS = 60;
function duplicateSection() {
    if (!facts.duplicates) return null;
    const pairs = facts.duplicates,
        leaks = pairs.filter(([i, j]) => splitOf && splitOf[i] !== splitOf[j]).length;
    return element(
        'section',
        { id: 'duplicates' },
        element('h2', {}, 'Near-duplicates'),
        element(
            'p',
            { class: 'lead' },
            (pairs.length === 0 ? 'No two images' : many(pairs.length, 'pair') + ' of images') +
                ' differ by at most ' +
                facts.duplicate +
                ' (root mean square, of 1), compared at ' +
                comparedSize() +
                ' pixels. ',
            leaks
                ? element(
                      'span',
                      { class: 'leak' },
                      many(leaks, 'pair') + ' across train and test.',
                  )
                : null,
        ),
        element(
            'div',
            { class: 'pairs' },
            ...pairs.slice(0, MOST_PAIRS).map(([i, j, distance]) => {
                const leak = splitOf && splitOf[i] !== splitOf[j];
                return element(
                    'figure',
                    { style: 'margin:0' },
                    element(
                        'div',
                        { class: 'two' },
                        imageButton(i, pathOf(i), tile(i)),
                        imageButton(j, pathOf(j), tile(j)),
                    ),
                    element(
                        'figcaption',
                        {},
                        named(nameOf(i)),
                        ' · ',
                        named(nameOf(j)),
                        element('br'),
                        (distance / facts.pixel_unit).toFixed(4) + ' apart',
                        leak ? element('span', { class: 'leak' }, ' train and test') : null,
                    ),
                );
            }),
        ),
        pairs.length > MOST_PAIRS
            ? element('p', { class: 'quiet' }, 'and ' + (pairs.length - MOST_PAIRS) + ' more')
            : null,
    );
}

function skippedSection() {
    if (!facts.skipped) return null;
    const { columns, rows: lines } = facts.skipped;
    return element(
        'section',
        { id: 'skipped' },
        element('h2', {}, 'Skipped pictures'),
        element(
            'p',
            { class: 'lead' },
            lines.length
                ? many(lines.length, 'file') +
                      ' of the folder ' +
                      (lines.length === 1 ? 'is' : 'are') +
                      ' not here, and why.'
                : 'Every picture of the folder is here.',
        ),
        lines.length ? element('div', { class: 'box' }, plainTable(columns, lines)) : null,
    );
}

let runMade = false;
/* Made when it is first looked at. */
function makeRun() {
    if (runMade) return;
    runMade = true;
    byId('run').replaceChildren(
        ...[
            headSection(),
            evaluationSection(),
            lossSection(),
            reconstructionSection(),
            kernelSection(),
            duplicateSection(),
            skippedSection(),
            madeSection(),
        ].filter(Boolean),
    );
}
