// start: who draws what after which change; then the first picture.

function goToLayout(name) {
    if (name === state.layout) return;
    wantedCamera = null;
    change({ layout: name });
}

onChange(changed => {
    const any = (...names) => names.some(name => changed.has(name));
    if (any('theme')) applyTheme();
    if (any('view')) {
        byId('map').hidden = state.view !== 'map';
        byId('run').hidden = state.view !== 'run';
        for (const view of ['map', 'run'])
            byId('view-' + view).setAttribute('aria-pressed', state.view === view);
        if (state.view === 'run') makeRun();
        else resize();
    }
    if (any('layout')) {
        layout(state.layout);
        const ms = scene.layout ? 1100 : 0;
        sendPlaces(ms);
        if (!wantedCamera) {
            const fit = fittingCamera(state.layout, null);
            camera.fitScale = fit.scale;
            isFitted = true;
            flyTo(fit, ms);
        }
    }
    if (any('layout', 'off', 'query', 'colour')) {
        updateShown();
        updateCount();
        placeLabels();
    }
    if (any('layout', 'off', 'query', 'colour', 'selected', 'lit')) sendFlags();
    if (any('colour') && gl) sendColours();
    if (any('off', 'colour', 'query', 'selected')) updateLegend();
    if (any('layout', 'colour', 'size', 'images', 'labels', 'tool', 'query')) updateControls();
    if (any('pinned', 'colour')) updatePinned();
    if (any('selected', 'colour')) updateSelection();
    if (any('pinned', 'selected')) updateHint();
    wantFrame(any('layout', 'off', 'query', 'colour', 'selected', 'size', 'images', 'lit'));
});

byId('view-map').addEventListener('click', () => change({ view: 'map' }));
byId('view-run').addEventListener('click', () => change({ view: 'run' }));
byId('search').addEventListener('input', event => change({ query: event.target.value }));
byId('theme').addEventListener('click', () =>
    change({
        theme: document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark',
    }),
);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme);
for (const tool of ['move', 'box', 'lasso'])
    byId('tool-' + tool).addEventListener('click', () => change({ tool }));
byId('zoom-in').addEventListener('click', () => zoomStep(1.5));
byId('zoom-out').addEventListener('click', () => zoomStep(1 / 1.5));
byId('turn').addEventListener('click', () => {
    isFitted = false;
    flyTo(
        layout(state.layout).flat
            ? { roll: camera.roll + Math.PI / 6 }
            : { yaw: camera.yaw + Math.PI / 6 },
        350,
    );
});
byId('nothing').lastElementChild.addEventListener('click', () =>
    change({ query: '', off: new Set() }),
);
byId('fit').addEventListener('click', fitAll);
byId('help-open').addEventListener('click', () => byId('help').showModal());
byId('help-close').addEventListener('click', () => byId('help').close());
for (const button of document.querySelectorAll('[data-sheet]'))
    button.addEventListener('click', () => openSheet(button.dataset.sheet));
for (const button of document.querySelectorAll('.sheet-head .close'))
    button.addEventListener('click', () => openSheet(''));

/* When all of the file is there, its history too. */
function start() {
    makeControls();
    startScene();
    layout(state.layout);
    for (const key of Object.keys(state)) changedKeys.add(key);
    updateHint();
    resize();
    parseAddress();
    new ResizeObserver(resize).observe(byId('map'));
}
applyTheme();
document.addEventListener('DOMContentLoaded', start);

// For whoever looks in with the browser's own tools.
window.kasane = {
    state,
    change,
    select,
    camera,
    scene,
    facts,
    rows,
    imageAt,
    imagesWithin,
    placeNow,
    projector,
    drawScene,
    gl,
    goToLayout,
    fitAll,
    selectionTable,
    get labels() {
        return labels;
    },
    get shown() {
        return nShown;
    },
};
