// tiles: single images, cut out of the pages.

/* Pages of this kind that are kept decoded: of 400 MB in all. */
const mostPages = m => Math.ceil(1e8 / (m.columns * m.cell_width * m.lines * m.cell_height));
const pageFiles = {}; // name-k: Blob
const pageCache = new Map();

function pageFile(name, k) {
    const key = name + '-' + k;
    pageFiles[key] ||= new Blob([takeBytes(key)], { type: 'image/jpeg' });
    return pageFiles[key];
}

/* Page k as pixels; of those at full scale the last few are kept. */
function decodePage(name, k, options = {}) {
    const key = name + '-' + k;
    const decode = () =>
        createImageBitmap(pageFile(name, k), {
            ...options,
            colorSpaceConversion: 'none',
            premultiplyAlpha: 'none',
        });
    if (options.resizeWidth) return decode();
    const page = pageCache.get(key) || decode();
    pageCache.delete(key);
    pageCache.set(key, page);
    if (pageCache.size > mostPages(facts[name])) pageCache.delete(pageCache.keys().next().value);
    return page;
}

/* A canvas with image i; 'reconstructions': what the net gives back for it. Calls done() when it is
 * drawn. */
function tile(i, name = 'thumbnails', done = () => {}) {
    const m = facts[name],
        canvas = element('canvas', { class: 'tile' });
    if (!m) {
        canvas.width = canvas.height = 8;
        const context = canvas.getContext('2d');
        context.fillStyle = cssColour(i);
        context.fillRect(0, 0, 8, 8);
        return canvas;
    }
    canvas.width = m.width;
    canvas.height = m.height;
    canvas.dataset.image = i;
    const perPage = m.columns * m.lines,
        k = i % perPage;
    decodePage(name, Math.floor(i / perPage)).then(page => {
        canvas
            .getContext('2d')
            .drawImage(
                page,
                (k % m.columns) * m.cell_width,
                Math.floor(k / m.columns) * m.cell_height,
                m.width,
                m.height,
                0,
                0,
                m.width,
                m.height,
            );
        canvas.dataset.drawn = '';
        done();
    });
    return canvas;
}

/* A button with image i that pins it; SHARED: it is marked. */
function tileButton(i, label, shared = false) {
    return element(
        'button',
        {
            type: 'button',
            title: label,
            'aria-label': label,
            'data-row': rows[i],
            class: shared ? 'shared' : null,
            '--colour': hasClasses ? classColour(classOf[i]) : 'transparent',
            onclick: () => pin(i, true),
            onpointerenter: () => change({ hovered: i }),
            onpointerleave: () => change({ hovered: -1 }),
        },
        tile(i),
    );
}
