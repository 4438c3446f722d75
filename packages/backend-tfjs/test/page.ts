/** Runs in a page: the conformance suite on an engine of TensorFlow.js, bundled as an application would do it. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createTfjsBackend, pixelsToInput, type TfjsDevice } from "@ppt-vit/backend-tfjs";
import { conformanceCases } from "@ppt-vit/conformance";
import { isPptError, parseImageProcessorConfig } from "@ppt-vit/core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
// These imports register the flags that are set below, before the engines start.
import type { MathBackendWebGL } from "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import { runCases } from "../../../test/browser/run-cases.js";
import { tinyProgram } from "./tiny-model.js";

interface Report {
  readonly name: string;
  readonly precision: string;
  readonly nonFinite: boolean;
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
}

declare global {
  interface Window {
    runTfjsConformance: typeof runTfjsConformance;
    classifyOnGpu: typeof classifyOnGpu;
    runAfterContextLoss: typeof runAfterContextLoss;
    failureOfWasm: typeof failureOfWasm;
  }
}

/** Runs the cases whose names have these prefixes. `flags` are set in TensorFlow.js first. */
async function runTfjsConformance(
  device: TfjsDevice,
  prefixes: readonly string[],
  flags: Readonly<Record<string, boolean | number>> = {},
): Promise<Report> {
  setWasmPaths("/wasm/");
  const create = () => createTfjsBackend({ device });
  // Small tensors run on the GPU too, because the shaders are what is tested.
  for (const [flag, value] of Object.entries({ WEBGL_CPU_FORWARD: false, WEBGPU_CPU_FORWARD: false, ...flags }))
    tf.env().set(flag, value);
  const backend = await create();
  const { name, capabilities } = backend;
  await backend.dispose();
  const cases = await conformanceCases({
    create,
    reference: () => createCpuBackend(),
    readGolden: async (file) => new Uint8Array(await (await fetch(`/golden/${file}`)).arrayBuffer()),
    footprint: () => tf.memory().numTensors,
  });
  return { name, ...capabilities, ...(await runCases(cases, prefixes)) };
}

/** Runs a picture from a canvas through `fromPixels` to its logits. Nothing may be read back on the way. */
async function classifyOnGpu(device: "webgl" | "webgpu") {
  const backend = await createTfjsBackend({ device });
  const { program, ...options } = tinyProgram();
  const executable = await backend.compile(program, options);
  await tf.setBackend(device);
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [20, 12];
  const context = canvas.getContext("2d")!;
  context.fillStyle = "rgb(200, 100, 50)";
  context.fillRect(2, 3, 7, 11);
  const config = parseImageProcessorConfig({ size: { height: 20, width: 12 } });

  // A first run makes the constants.
  tf.dispose(executable.runTensors({ pixel_values: tf.zeros([1, 3, 20, 12]) }));
  let reads = 0;
  const counted = [tf.engine(), tf.backend()].map((target) => {
    const { read, readSync } = target;
    Object.assign(target, {
      read(...args: Parameters<typeof read>) {
        reads++;
        return read.apply(target, args);
      },
      readSync(...args: Parameters<typeof readSync>) {
        reads++;
        return readSync.apply(target, args);
      },
    });
    return () => Object.assign(target, { read, readSync });
  });
  const before = tf.memory().numTensors;
  const input = tf.tidy(() => pixelsToInput(tf, tf.browser.fromPixels(canvas, 3), config));
  const outputs = executable.runTensors({ pixel_values: input });
  const readsOnTheWay = reads;
  for (const restore of counted) restore();

  const logits = await outputs.logits!.data();
  const pixelValues = Float32Array.from(await input.data());
  const { logits: again } = await executable.run({ pixel_values: { shape: [1, 3, 20, 12], data: pixelValues } });
  tf.dispose([input, outputs]);
  const tensorsLeft = tf.memory().numTensors - before;
  await backend.dispose();
  return { reads: readsOnTheWay, sameAsRun: again!.data.every((value, i) => value === logits[i]), tensorsLeft };
}

/** The error of creating a backend on wasm. */
function failureOfWasm(): Promise<string> {
  setWasmPaths("/wasm/");
  return createTfjsBackend({ device: "wasm" }).then(
    () => "no failure",
    (error: unknown) => (isPptError(error) ? `${error.code} ${error.message}` : `not named: ${error}`),
  );
}

/** The error of a run after the browser took the WebGL context away. */
async function runAfterContextLoss(): Promise<string> {
  const backend = await createTfjsBackend({ device: "webgl" });
  const executable = await backend.compile((ops, _params, { x }) => ({ y: ops.exp(x!) }), {
    params: {},
    inputs: { x: [-1, 3] },
  });
  const { gl } = (tf.backend() as MathBackendWebGL).getGPGPUContext();
  gl.getExtension("WEBGL_lose_context")!.loseContext();
  try {
    await executable.run({ x: { shape: [1, 3], data: Float32Array.of(1, 2, 3) } });
    return "no error";
  } catch (error) {
    return isPptError(error) ? `${error.code} ${error.message}` : String(error);
  }
}

Object.assign(window, { runTfjsConformance, classifyOnGpu, runAfterContextLoss, failureOfWasm });
