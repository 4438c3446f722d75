/**
 * GFLOP/s of the wasm backend's products, for the shapes of DeiT-S, beside those of ONNX Runtime's wasm on one thread and the
 * peaks of loops that multiply and add in registers alone. All take turns. `ofPeak` compares with the loop of the same kind of
 * numbers, and, where the engine has it, of relaxed SIMD. Strassen's algorithm saves an eighth of the products, so it may exceed 1.
 * `pnpm bench --benchmark benchmarks/measures/wasm-kernels.mjs [--set rounds=60]`
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
/**
 * Layers of one run. More would make copies of inputs weigh less, but runs of a few milliseconds find a moment without other work
 * on a busy machine, so the fastest round counts.
 */
const layers = 1;

export async function measure({ settings: given, tell }) {
  const rounds = Number(given.rounds ?? 60);
  const backends = {
    wasm: createWasmBackend({ threads: 1 }),
    "onnx-wasm": await createOnnxBackend({ device: "wasm", threads: 1 }),
  };
  const contenders = await registerLoops();
  for (const [M, O, I] of shapes)
    for (const dtype of ["fp32", "q8"])
      for (const [name, backend] of Object.entries(backends)) {
        tell(`${name}, ${dtype}, ${M} x ${O} x ${I}`);
        const run = await linearLayers(backend, dtype, M, O, I);
        contenders.push({ name: `${name}, ${dtype}, ${M} x ${O} x ${I}`, dtype, flop: 2 * layers * M * O * I, run });
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
  const gflops = contenders.map(({ flop }, index) => flop / times[index][0] / 1e6);
  const peakOf = (wanted) =>
    Math.max(...gflops.filter((_, i) => contenders[i].isPeak && contenders[i].dtype === wanted));
  return {
    settings: { rounds, layers, threads: 1, wasm: backends.wasm.runtime },
    measurements: contenders.map(({ name, dtype }, index) => ({
      name,
      facts: {
        fastestMs: times[index][0],
        medianMs: medians[index],
        gflops: gflops[index],
        ofPeak: gflops[index] / peakOf(dtype),
      },
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

/** Steps of loops in registers: `x` is a sum, `$a` and `$b` do not change. `flop` counts what a step does for one vector. */
const steps = [
  ["fp32", 8, "multiply and add", (x) => `(f32x4.add (f32x4.mul ${x} (local.get $a)) (local.get $b))`],
  ["fp32", 8, "fused multiply and add", (x) => `(f32x4.relaxed_madd ${x} (local.get $a) (local.get $b))`],
  [
    "q8",
    16,
    "products of 16 bits and add",
    (x) => `(i32x4.add (i32x4.dot_i16x8_s ${x} (local.get $a)) (local.get $b))`,
  ],
  [
    "q8",
    // 32, but a product of 14 bits is two of bytes.
    16,
    "products of bytes, two for one of 14 bits",
    (x) => `(i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get $b) (local.get $a) ${x})`,
  ],
];

/** A loop for each step that this engine has: twelve independent sums. */
async function registerLoops() {
  const wabt = await loadWabt();
  const count = 500_000;
  const sums = Array.from({ length: 12 }, (_, i) => `$x${i}`);
  const loops = [];
  for (const [dtype, flop, name, step] of steps) {
    const body = sums.map((x) => `(local.set ${x} ${step(`(local.get ${x})`)})`).join("\n");
    const total = sums.reduce((sum, x) => (sum ? `(v128.xor ${sum} (local.get ${x}))` : `(local.get ${x})`), "");
    const text = `(module (func (export "run") (param $n i32) (result i32)
      (local $a v128) (local $b v128) ${sums.map((x) => `(local ${x} v128)`).join(" ")}
      (local.set $a (f32x4.splat (f32.const 0.5))) (local.set $b (f32x4.splat (f32.const 1)))
      (loop $again ${body}
        (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))
      (i32x4.extract_lane 0 ${total})))`;
    const binary = wabt.parseWat("peak.wat", text, { simd: true, relaxed_simd: true }).toBinary({}).buffer;
    if (!WebAssembly.validate(binary)) continue;
    const { instance } = await WebAssembly.instantiate(binary);
    loops.push({
      name: `registers only: ${name}`,
      dtype,
      isPeak: true,
      flop: count * sums.length * flop,
      run: () => instance.exports.run(count),
    });
  }
  return loops;
}
