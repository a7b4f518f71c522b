// run_onnx.js MODEL ROWS.npy WANT: runs an ONNX model by onnxruntime, on all rows at once and on
// the first alone, and holds what it gives to 1e-5 of WANT: an .npy file, or the .ppm of a sheet of
// `reconstruct --columns 1`, whose pixels are rounded. Prints the names and the shape.
const fs = require('fs');
const ort = require('onnxruntime-node');

function read(path) {
    const file = fs.readFileSync(path), start = 10 + file.readUInt16LE(8);
    const head = file.toString('latin1', 10, start);
    const dims = /\(([^)]*)\)/.exec(head)[1].split(',').filter((n) => n.trim()).map(Number);
    const data = file.buffer.slice(file.byteOffset + start, file.byteOffset + file.length);
    return head.includes('|u1') ? new ort.Tensor('uint8', new Uint8Array(data), dims)
        : new ort.Tensor('float32', new Float32Array(data), dims);
}

// The wanted numbers, and how far from them a result may be.
function wanted(path, dims) {
    if (path.endsWith('.npy'))
        return { data: read(path).data, most: 1e-5 };
    const file = fs.readFileSync(path), [N, H, W] = dims, gap = 2, margin = 8;
    const head = /^P6\s(\d+)\s(\d+)\s255\s/.exec(file.toString('latin1', 0, 40)), data = [];
    for (let n = 0; n < N; n++)
        for (let y = 0; y < H; y++)
            for (let x = 0; x < 3 * W; x++) {
                const line = margin + n * (2 * H + gap + margin) + H + gap + y;
                data.push(file[head[0].length + 3 * (line * Number(head[1]) + margin) + x] / 255);
            }
    return { data, most: 0.5 / 255 + 1e-5 };
}

async function main([model, rows, want]) {
    const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
    const [input] = session.inputNames, [output] = session.outputNames, all = read(rows);
    const given = (await session.run({ [input]: all }))[output];
    const { data, most } = wanted(want, given.dims), items = given.data.length / given.dims[0];
    const first = new ort.Tensor(all.type, all.data.slice(0, all.data.length / all.dims[0]),
        [1, ...all.dims.slice(1)]);
    const alone = (await session.run({ [input]: first }))[output];
    const far = (x) => x.reduce((worst, v, i) => Math.max(worst, Math.abs(v - data[i])), 0);
    if (data.length !== given.data.length || alone.data.length !== items)
        throw new Error(`${given.data.length} numbers, want ${data.length}`);
    if (!(far(given.data) <= most && far(alone.data) <= most))
        throw new Error(`off by ${far(given.data)} and ${far(alone.data)}, want at most ${most}`);
    console.log(`${input} -> ${output} (${given.dims.join(',')})`);
}

main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exit(1);
});
