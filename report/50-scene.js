// scene: images as dots and as squares of a texture array, by WebGL 2.
// Each image has in buffers: where it comes from and goes to, its colour, its flags. They are sent
// once; a change of layout sends places, of colour colours, of anything else one byte an image.

const VERTEX = `
precision highp float;
precision highp int;
uniform mat3 rotation;
uniform vec3 target;
uniform vec2 middle, room;           // pixels
uniform float scale, eye, time;      // time: of the change, 0 to 1
uniform vec2 sides;                  // of an image before and after it, pixels
uniform float ratio, dot_share;      // pixels of the screen to one of CSS; of dots, 0 to 1
uniform int state_mask;              // images that are not picked out are faint
layout(location = 0) in vec3 from;
layout(location = 1) in vec3 to;
layout(location = 2) in vec4 colour;
layout(location = 3) in uint flags;  // 1: shown, 2: picked out
layout(location = 4) in float rank;  // of moving, 0 to 1
layout(location = 5) in uint image;
out vec3 v_colour;
out float v_alpha;
float w;
float side;

vec4 place()
{
    float t = clamp(time * 1.5 - .5 * rank, 0., 1.);
    t = t < .5 ? 4. * t * t * t : 1. - pow(2. - 2. * t, 3.) / 2.;
    vec3 v = rotation * (mix(from, to, t) - target);
    w = 1. - v.z * scale / eye;
    side = mix(sides.x, sides.y, t) / w;
    v_colour = colour.rgb;
    v_alpha = state_mask == 0 || (flags & 2u) != 0u ? 1. : .12;
    if ((flags & 1u) == 0u || w < .08)
        return vec4(2., 2., 2., 1.);
    vec2 at = (middle + vec2(v.x, v.y) * scale / w) / room * 2. - 1.;
    return vec4(at * w, (1. - .16 / w) * w, w);
}
`;

const DOT_VERTEX =
    '#version 300 es\n' +
    VERTEX +
    `
void main()
{
    gl_Position = place();
    gl_PointSize = clamp(side * .42, 3.5, 12.) * ratio + 1.;
    v_alpha *= dot_share;
}`;

const DOT_FRAGMENT = `#version 300 es
precision highp float;
in vec3 v_colour;
in float v_alpha;
out vec4 result;
void main()
{
    vec2 p = gl_PointCoord * 2. - 1.;
    float r = length(p), edge = fwidth(r);
    float a = (1. - smoothstep(1. - edge * 1.5, 1., r)) * v_alpha;
    if (a < .02)
        discard;
    a *= mix(.7, 1., smoothstep(.5, .8, r)); // what lies below shows through
    result = vec4(v_colour * a, a);
}`;

const TILE_VERTEX =
    '#version 300 es\n' +
    VERTEX +
    `
uniform ivec2 cells;                 // columns and lines of a page
uniform vec2 cell, tile, page;       // of a page, texels
uniform int ready;                   // pages that are there
out vec2 v_at, v_half;               // -1..1 across the image; half its size, pixels
out vec3 v_texture;
void main()
{
    vec4 centre = place();
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2. - 1.;
    int per_page = cells.x * cells.y, k = int(image) % per_page;
    int number = int(image) / per_page;
    vec2 shape = tile / max(tile.x, tile.y);
    v_half = shape * side * .5 * ratio;
    v_at = corner;
    vec2 begin = vec2(k % cells.x, k / cells.x) * cell;
    vec2 inner = vec2(corner.x, -corner.y) * (tile * .5 - .5) + tile * .5;
    v_texture = vec3((begin + inner) / page, float(number));
    gl_Position = centre + vec4(corner * shape * side / room * centre.w, 0., 0.);
    if (number >= ready)
        gl_Position = vec4(2., 2., 2., 1.);
    v_alpha *= 1. - dot_share;
}`;

const TILE_FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2DArray;
in vec3 v_colour;
in float v_alpha;
in vec2 v_at, v_half;
in vec3 v_texture;
uniform sampler2DArray pages;
uniform float frame;
out vec4 result;
void main()
{
    float radius = min(min(v_half.x, v_half.y) * .16, 9.);
    vec2 q = abs(v_at) * v_half - v_half + radius;
    float d = length(max(q, 0.)) + min(max(q.x, q.y), 0.) - radius;
    float a = clamp(.5 - d, 0., 1.) * v_alpha;
    if (a < .02)
        discard;
    vec3 image = texture(pages, v_texture).rgb;
    float inside = clamp(-d - frame + .5, 0., 1.);
    result = vec4(mix(v_colour, image, inside) * a, a);
}`;

const gl = byId('scene').getContext('webgl2', {
    antialias: false,
    alpha: true,
    premultipliedAlpha: true,
    powerPreference: 'high-performance',
});
const MOST_NEAR = 50000; // images that are sent anew for a frame
const MOST_TEXELS = matchMedia('(pointer: coarse)').matches ? 32e6 : 96e6;
const scene = {
    ready: 0,
    nPages: 0,
    changeBegan: 0,
    changeMs: 0,
    time: 1,
    sides: [1, 1],
    layout: '',
    texels: Infinity, // of the longer side of an image, where the texture is shrunk
    sharp: 0, // images that were drawn of the pages themselves
    frames: 0,
    drawn: 0,
};

function fail(text) {
    byId('trouble').textContent = text;
    byId('trouble').hidden = false;
}

function compile(vertex, fragment) {
    const program = gl.createProgram(),
        uniforms = {};
    for (const [type, text] of [
        [gl.VERTEX_SHADER, vertex],
        [gl.FRAGMENT_SHADER, fragment],
    ]) {
        const shader = gl.createShader(type);
        gl.shaderSource(shader, text);
        gl.compileShader(shader);
        if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS))
            throw new Error(gl.getShaderInfoLog(shader));
        gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS))
        throw new Error(gl.getProgramInfoLog(program));
    for (let k = 0; k < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); k++) {
        const { name } = gl.getActiveUniform(program, k);
        uniforms[name] = gl.getUniformLocation(program, name);
    }
    return { program, uniforms };
}

function makeBuffer(data) {
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
    return buffer;
}

function sendBuffer(buffer, data) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, data);
}

/* The vertex array of dots, or of squares: the same buffers B, a step for each instance. */
function makeArray(step, b) {
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    const bind = (where, buffer, size, type, integer) => {
        if (!buffer) return;
        gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
        gl.enableVertexAttribArray(where);
        if (integer) gl.vertexAttribIPointer(where, size, type, 0, 0);
        else gl.vertexAttribPointer(where, size, type, type === gl.UNSIGNED_BYTE, 0, 0);
        gl.vertexAttribDivisor(where, step);
    };
    bind(0, b.from, 3, gl.FLOAT);
    bind(1, b.to, 3, gl.FLOAT);
    bind(2, b.colour, 4, gl.UNSIGNED_BYTE);
    bind(3, b.flags, 1, gl.UNSIGNED_BYTE, true);
    bind(4, b.rank, 1, gl.FLOAT);
    bind(5, b.image, 1, gl.UNSIGNED_INT, true);
    return array;
}

function startScene() {
    if (!gl) {
        fail(
            'This browser has no WebGL 2, or it is switched off: the map is not drawn. ' +
                'Search, details and the run work without.',
        );
        return;
    }
    scene.from = new Float32Array(3 * N);
    scene.to = new Float32Array(3 * N);
    scene.flags = new Uint8Array(N);
    scene.colour = new Uint8Array(4 * N);
    scene.buffers = {
        from: makeBuffer(scene.from),
        to: makeBuffer(scene.to),
        flags: makeBuffer(scene.flags),
        colour: makeBuffer(scene.colour),
        rank: makeBuffer(Float32Array.from({ length: N }, (_, i) => (i * 0.61803398875) % 1)),
        image: makeBuffer(Uint32Array.from({ length: N }, (_, i) => i)),
    };
    const most = Math.min(N, MOST_NEAR);
    scene.near = {
        at: new Float32Array(3 * most),
        colour: new Uint8Array(4 * most),
        flags: new Uint8Array(most),
        image: new Uint32Array(most),
    };
    const b = (scene.nearBuffers = {});
    for (const [name, data] of Object.entries(scene.near)) b[name] = makeBuffer(data);
    b.from = b.to = b.at;
    const arrays = step => ({
        all: makeArray(step, scene.buffers),
        near: makeArray(step, scene.nearBuffers),
    });
    scene.dots = { ...compile(DOT_VERTEX, DOT_FRAGMENT), ...arrays(0) };
    scene.tiles = { ...compile(TILE_VERTEX, TILE_FRAGMENT), ...arrays(1) };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    byId('scene').addEventListener('webglcontextlost', () =>
        fail('The graphics of this machine gave up the map: load the page again.'),
    );
    loadPages();
}

/* Brings the pages to the graphics, at a smaller scale where they are too many. */
async function loadPages() {
    const t = facts.thumbnails;
    if (!t) return;
    const width = t.columns * t.cell_width,
        height = t.lines * t.cell_height;
    const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    let shrink = 1;
    while (
        Math.max(width, height) / shrink > most ||
        (width * height * t.pages) / shrink ** 2 > MOST_TEXELS
    )
        shrink *= 2;
    const [w, h] = [Math.ceil(width / shrink), Math.ceil(height / shrink)];
    if (shrink > 1) scene.texels = Math.max(t.width, t.height) / shrink;
    let levels = 1; // smaller ones as long as a cell is whole texels
    for (let side = t.cell_width | t.cell_height; !((side / shrink) & 1) && levels < 5; side /= 2)
        levels++;
    scene.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, scene.texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, levels, gl.RGBA8, w, h, t.pages);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAX_LEVEL, levels - 1);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    scene.nPages = t.pages;
    const smaller = shrink > 1 ? { resizeWidth: w, resizeHeight: h, resizeQuality: 'high' } : {};
    const coming = []; // a few pages at once
    for (let k = 0, asked = 0; k < t.pages; k++) {
        for (; asked < Math.min(t.pages, k + 4); asked++)
            coming.push(decodePage('thumbnails', asked, smaller));
        const page = await coming.shift();
        gl.bindTexture(gl.TEXTURE_2D_ARRAY, scene.texture);
        gl.texSubImage3D(
            gl.TEXTURE_2D_ARRAY,
            0,
            0,
            0,
            k,
            page.width,
            page.height,
            1,
            gl.RGBA,
            gl.UNSIGNED_BYTE,
            page,
        );
        if (shrink > 1) page.close();
        if (k + 1 === t.pages) gl.generateMipmap(gl.TEXTURE_2D_ARRAY);
        scene.ready = k + 1;
        scene.loaded = performance.now(); // milliseconds since the page was opened
        wantFrame();
    }
}

// --- what is sent ---

const isFaint = i => (state.selected.size || litNow() >= 0) && !(scene.flags[i] & 2);

/* The entry of the legend that alone is not faint; -1: none. */
const litNow = () => (state.off.has(state.lit) ? -1 : state.lit);

function sendFlags() {
    const { selected } = state,
        { entry } = colours[state.colour],
        lit = litNow();
    for (let i = 0; i < N; i++)
        scene.flags[i] = isShown[i] | ((lit < 0 ? selected.has(i) : entry(i) === lit) ? 2 : 0);
    if (gl) sendBuffer(scene.buffers.flags, scene.flags);
}

function sendColours() {
    for (let i = 0; i < N; i++) scene.colour.set(colourOf(i), 4 * i);
    sendBuffer(scene.buffers.colour, scene.colour);
}

/* How far image i is on its way between two layouts, 0 to 1: as the shader does. */
const progressOf = i =>
    scene.time >= 1
        ? 1
        : ease(Math.max(0, Math.min(1, scene.time * 1.5 - 0.5 * ((i * 0.61803398875) % 1))));

/* Where it is. */
function placeNow(i) {
    const { from, to } = scene,
        e = progressOf(i);
    return [3 * i, 3 * i + 1, 3 * i + 2].map(k => from[k] + (to[k] - from[k]) * e);
}

/* Images start for the places of the layout. */
function sendPlaces(ms) {
    for (let i = 0; i < N && scene.layout; i++) scene.from.set(placeNow(i), 3 * i);
    scene.to.set(layout(state.layout).at);
    if (!scene.layout) scene.from.set(scene.to);
    scene.before = scene.layout || state.layout;
    scene.layout = state.layout;
    scene.changeBegan = performance.now();
    scene.changeMs = reduced.matches ? 0 : ms;
    scene.time = scene.changeMs ? 0 : 1;
    if (gl) {
        sendBuffer(scene.buffers.from, scene.from);
        sendBuffer(scene.buffers.to, scene.to);
    }
    wantFrame();
}

// --- a frame ---

/* The part of the plane that the images of a layout take: of 32 x 32 squares about them. */
function covered(name) {
    const made = layout(name);
    if (made.covered === undefined) {
        const taken = new Uint8Array(1024);
        for (let i = 0; i < N; i++)
            taken[
                32 * Math.floor((made.at[3 * i + 1] + 1) * 15.99) +
                    Math.floor((made.at[3 * i] + 1) * 15.99)
            ] = 1;
        made.covered = taken.reduce((sum, t) => sum + t, 0) / 1024;
    }
    return made.covered;
}

/* The side of an image in this layout, pixels. In a grid it fills its cell; elsewhere it grows
 * slower than distances do, so that zooming in draws images apart. */
function sideIn(name) {
    const { cell } = layout(name),
        user = 2 ** state.size;
    if (cell) return cell * camera.scale * Math.min(0.94, 0.94 * user);
    const area = (2 * camera.fitScale) ** 2 * covered(name);
    const plain = Math.max(3, Math.min(46, 1.9 * Math.sqrt(area / Math.max(1, N))));
    return Math.min(220, plain * user * Math.sqrt(camera.scale / camera.fitScale) ** 1.3);
}

/* How wide the frame is of an image of this side, pixels. */
const frameOf = side => Math.max(0, Math.min(3, (side - 6) / 8));

function sideNow() {
    const [a, b] = scene.sides;
    return a + (b - a) * ease(scene.time);
}

/* The least side at which images are drawn alone, pixels: very many small ones are slow. */
const SMALLEST = N > 6000 ? 13 : 9;

/* 1: dots, 0: images; between them both. */
function dotShare() {
    if (!facts.thumbnails || !state.images || scene.ready < scene.nPages) return 1;
    return Math.max(0, Math.min(1, (SMALLEST - sideNow()) / 3));
}

function setUniforms({ program, uniforms: u }, share) {
    const ratio = devicePixelRatio,
        m = middle(),
        R = rotation();
    gl.useProgram(program);
    gl.uniformMatrix3fv(u.rotation, true, R);
    gl.uniform3f(u.target, camera.x, camera.y, camera.z);
    gl.uniform2f(u.middle, m.x, camera.height - m.y);
    gl.uniform2f(u.room, camera.width, camera.height);
    gl.uniform1f(u.scale, camera.scale);
    gl.uniform1f(u.eye, eye());
    gl.uniform1f(u.time, scene.time);
    gl.uniform2f(u.sides, ...scene.sides);
    gl.uniform1f(u.ratio, ratio);
    gl.uniform1f(u.dot_share, share);
    gl.uniform1i(u.state_mask, state.selected.size || litNow() >= 0 ? 2 : 0);
    if (u.frame) {
        const t = facts.thumbnails,
            side = sideNow();
        gl.uniform2i(u.cells, t.columns, t.lines);
        gl.uniform2f(u.cell, t.cell_width, t.cell_height);
        gl.uniform2f(u.tile, t.width, t.height);
        gl.uniform2f(u.page, t.columns * t.cell_width, t.lines * t.cell_height);
        gl.uniform1i(u.ready, scene.ready);
        gl.uniform1f(u.frame, frameOf(side) * ratio);
    }
}

/* Sends the images in sight alone, where the map is near enough for them to be few: there are four
 * corners of each to be placed otherwise. Returns how many; -1: too many, draw all. */
function sendNear() {
    const { near, to, colour, flags } = scene,
        side = sideNow();
    let n = 0;
    if (scene.time < 1 || camera.scale < 1.5 * camera.fitScale) return -1;
    eachShown((i, x, y, w) => {
        const margin = side / w + 15;
        if (x < -margin || y < -margin || x > camera.width + margin || y > camera.height + margin)
            return;
        if (n < MOST_NEAR) {
            for (let axis = 0; axis < 3; axis++) near.at[3 * n + axis] = to[3 * i + axis];
            for (let c = 0; c < 4; c++) near.colour[4 * n + c] = colour[4 * i + c];
            near.flags[n] = flags[i];
            near.image[n] = i;
        }
        n++;
    });
    if (n > MOST_NEAR) return -1;
    for (const [name, data] of Object.entries(near)) {
        const size = data.length / near.flags.length;
        sendBuffer(scene.nearBuffers[name], data.subarray(0, n * size));
    }
    return n;
}

function drawScene() {
    const flat = layout(scene.layout).flat && layout(scene.before).flat;
    scene.sides = [sideIn(scene.before), sideIn(scene.layout)];
    if (!gl) return;
    const share = dotShare(),
        near = sendNear(),
        [which, n] = near < 0 ? ['all', N] : ['near', near];
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    (flat ? gl.disable : gl.enable).call(gl, gl.DEPTH_TEST);
    if (share > 0) {
        setUniforms(scene.dots, share);
        gl.bindVertexArray(scene.dots[which]);
        gl.drawArrays(gl.POINTS, 0, n);
    }
    if (share < 1) {
        setUniforms(scene.tiles, share);
        gl.bindVertexArray(scene.tiles[which]);
        gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, n);
    }
}

let frameWanted = 0,
    sceneIsOld = true;
/* IMAGES: they are drawn anew; otherwise what lies over them alone. */
function wantFrame(images = true) {
    sceneIsOld ||= images;
    if (scene.layout)
        // not before there is anything
        frameWanted ||= requestAnimationFrame(frame);
}

function frame(now) {
    frameWanted = 0;
    scene.frames++;
    const wasMoving = scene.time < 1;
    scene.time = scene.changeMs ? Math.min(1, (now - scene.changeBegan) / scene.changeMs) : 1;
    const flies = flyOn(now);
    if (sceneIsOld || wasMoving) drawScene();
    sceneIsOld = false;
    if (wasMoving && scene.time >= 1) placeLabels();
    drawOverlay();
    if (scene.time < 1 || flies) wantFrame();
}

/* The canvas takes the size of its box. */
function resize() {
    const box = byId('map').getBoundingClientRect();
    if (!box.width || !box.height) return;
    camera.width = box.width;
    camera.height = box.height;
    const narrow = box.width <= 760;
    camera.left = narrow ? 0 : 252;
    camera.right = detailsWidth();
    camera.bottom = narrow ? Math.min(280, 0.35 * box.height) : 60;
    for (const canvas of [byId('scene'), byId('overlay')]) {
        canvas.width = Math.round(box.width * devicePixelRatio);
        canvas.height = Math.round(box.height * devicePixelRatio);
    }
    if (wantedCamera || isFitted) placeCamera();
    wantFrame();
}
