/**
 * GFLOP/s of the wasm backend's products, for the shapes of DeiT-S, beside those of ONNX Runtime's wasm on one thread and the
 * peak of a loop that multiplies and adds in registers alone. All take turns.
 * `pnpm bench --benchmark benchmarks/measures/wasm-kernels.mjs [--set rounds=15]`
 */
import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { hostTensor, quantizeRows } from "@ppt-vit/core";
import loadWabt from "wabt";

/** [tokens, outputs, inputs] */
const shapes = [
  [197, 1536, 384],
  [197, 384, 1536],
  [197, 384, 384],
  [147, 1536, 384],
];
/** Layers of one run, so that copies of inputs and outputs weigh little. */
const layers = 8;

export async function measure({ settings: given, tell }) {
  const rounds = Number(given.rounds ?? 15);
  const backends = {
    wasm: createWasmBackend({ threads: 1 }),
    "onnx-wasm": await createOnnxBackend({ device: "wasm", threads: 1 }),
  };
  const contenders = [{ name: "register-only multiply and add", ...(await registerLoop()) }];
  for (const [M, O, I] of shapes)
    for (const dtype of ["fp32", "q8"])
      for (const [name, backend] of Object.entries(backends)) {
        tell(`${name}, ${dtype}, ${M} x ${O} x ${I}`);
        const run = await linearLayers(backend, dtype, M, O, I);
        contenders.push({ name: `${name}, ${dtype}, ${M} x ${O} x ${I}`, flop: 2 * layers * M * O * I, run });
      }
  const times = contenders.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, { run }] of contenders.entries()) {
      await run();
      const start = performance.now();
      await run();
      times[index].push(performance.now() - start);
    }
  await Promise.all(Object.values(backends).map((backend) => backend.dispose()));
  const medians = times.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]);
  const gflops = contenders.map(({ flop }, index) => flop / medians[index] / 1e6);
  return {
    settings: { rounds, layers, threads: 1 },
    measurements: contenders.map(({ name }, index) => ({
      name,
      facts: { medianMs: medians[index], gflops: gflops[index], ofPeak: gflops[index] / gflops[0] },
    })),
  };
}

/** A run of `layers` linear layers on one input, each with its own weight. */
async function linearLayers(backend, dtype, M, O, I) {
  const weight = (seed) => hostTensor([O, I], (i) => Math.sin(i * 0.37 + seed) / Math.sqrt(I));
  const params = { bias: hostTensor([O], (i) => Math.cos(i)) };
  for (let layer = 0; layer < layers; layer++)
    params[`w${layer}`] = dtype === "q8" ? quantizeRows(weight(layer)) : weight(layer);
  const program = (ops, { bias, ...weights }, { x }) => {
    const outputs = Object.values(weights).map((one) => ops.linear(x, one, bias));
    // One number of each product, so that little is copied and nothing is left out.
    const parts = outputs.map((y) => ops.slice(ops.slice(y, 1, 0, 1), 2, 0, 1));
    return { y: parts.reduce((sum, part) => ops.add(sum, part)) };
  };
  const executable = await backend.compile(program, { params, inputs: { x: [1, M, I] } });
  const x = hostTensor([1, M, I], (i) => Math.sin(i * 0.11));
  return () => executable.run({ x });
}

/** Twelve independent sums in registers: x = x * a + b in vectors of four floats. */
async function registerLoop() {
  const count = 2_000_000;
  const sums = Array.from({ length: 12 }, (_, i) => `$x${i}`);
  const step = sums.map(
    (x) => `(local.set ${x} (f32x4.add (f32x4.mul (local.get ${x}) (local.get $a)) (local.get $b)))`,
  );
  const total = sums.reduce((sum, x) => (sum ? `(f32x4.add ${sum} (local.get ${x}))` : `(local.get ${x})`), "");
  const text = `(module (func (export "run") (param $n i32) (result f32)
    (local $a v128) (local $b v128) ${sums.map((x) => `(local ${x} v128)`).join(" ")}
    (local.set $a (f32x4.splat (f32.const 0.5))) (local.set $b (f32x4.splat (f32.const 1)))
    (loop $again ${step.join("\n")}
      (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))
    (f32x4.extract_lane 0 ${total})))`;
  const module = (await loadWabt()).parseWat("peak.wat", text, { simd: true });
  const { instance } = await WebAssembly.instantiate(module.toBinary({}).buffer);
  return { flop: count * sums.length * 8, run: () => instance.exports.run(count) };
}
