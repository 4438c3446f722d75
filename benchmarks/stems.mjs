/**
 * What the overrides of `unfold` and `convolution` are worth: each against its default decomposition, with everything else
 * that the backend overrides, at the sizes of LV-ViT-S and T2T-ViT-14. `pnpm bench:stems [--runs 20] [--out FILE]`
 *
 * Both forms of one operation take turns in one process, so that a busy machine slows them alike: read the ratios.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createTfjsBackend } from "@ppt-vit/backend-tfjs";
import { defaultComposites, hostTensor, random } from "@ppt-vit/core";
import { environment, median, quantile } from "./environment.mjs";

const { values: flags } = parseArgs({ options: { runs: { type: "string", default: "20" }, out: { type: "string" } } });
const runs = Number(flags.runs);
const warmUp = 3;

const next = random(1);
const noise = (...shape) => hostTensor(shape, () => next() - 0.5);
const windowOf = (kernel, stride, padding) => ({
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
});

const convolution = (inputs, window) => ({
  params: { weight: noise(64, inputs, ...window.kernel), bias: noise(64) },
  apply: (composites, { weight, bias }, x) => composites.convolution(x, weight, bias, window),
});
const unfold = (window) => ({ params: {}, apply: (composites, _params, x) => composites.unfold(x, window) });

const operations = {
  "LV-ViT, first convolution": { image: [1, 3, 224, 224], ...convolution(3, windowOf(7, 2, 3)) },
  "LV-ViT, second convolution": { image: [1, 64, 112, 112], ...convolution(64, windowOf(3, 1, 1)) },
  "T2T-ViT, first soft split": { image: [1, 3, 224, 224], ...unfold(windowOf(7, 4, 2)) },
  "T2T-ViT, second soft split": { image: [1, 64, 56, 56], ...unfold(windowOf(3, 2, 1)) },
};
/** Made once for each set of operations, as their constants are. */
const decompositions = new WeakMap();
function decomposed(ops) {
  if (!decompositions.has(ops))
    decompositions.set(
      ops,
      defaultComposites(ops, () => ops),
    );
  return decompositions.get(ops);
}
const forms = { "as the backend runs it": (ops) => ops, "default decomposition": decomposed };
const backends = {
  cpu: () => createCpuBackend(),
  "onnx-cpu": () => createOnnxBackend({ device: "cpu" }),
  "tfjs-wasm": () => createTfjsBackend({ device: "wasm" }),
};

const results = [];
for (const [name, create] of Object.entries(backends))
  for (const [operation, { image, params, apply }] of Object.entries(operations)) {
    const backend = await create();
    const x = noise(...image);
    const cells = [];
    for (const [form, composites] of Object.entries(forms)) {
      // One number comes back, so that reading the result takes no part in the time.
      const program = (ops, p, inputs) => {
        const y = apply(composites(ops), p, inputs.x);
        const flat = ops.reshape(y, [1, y.shape.reduce((product, n) => product * n)]);
        return { sum: ops.sum(flat, 1) };
      };
      const executable = await backend.compile(program, { params, inputs: { x: image } });
      cells.push({ form, executable, times: [] });
    }
    for (let run = -warmUp; run < runs; run++)
      for (const { executable, times } of cells) {
        const start = performance.now();
        await executable.run({ x });
        if (run >= 0) times.push(performance.now() - start);
      }
    await backend.dispose();
    const [own, byDefault] = cells;
    const speedup = median(own.times.map((time, round) => byDefault.times[round] / time));
    results.push(
      ...cells.map(({ form, times }) => ({
        backend: name,
        operation,
        form,
        medianMs: median(times),
        p90Ms: quantile(times, 0.9),
        ...(form === own.form && { speedup }),
      })),
    );
    process.stderr.write(`${name}, ${operation}: ${speedup.toFixed(2)}\n`);
  }

console.table(results);
const document = { benchmark: "stems", ...environment(), settings: { runs, warmUp }, results };
if (flags.out) writeFileSync(flags.out, `${JSON.stringify(document, null, 2)}\n`);
