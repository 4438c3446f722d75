/** Tests TensorFlow.js tensors as inputs and outputs, reading back, memory, several engines, and errors. */
import { createTfjsBackend, createTfjsOps, pixelsToInput, type TfjsDevice } from "@ppt-vit/backend-tfjs";
import { hostTensor, isPptError, type Program, parseImageProcessorConfig, processImage } from "@ppt-vit/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tinyPixels, tinyProgram } from "./tiny-model.js";

afterEach(() => vi.restoreAllMocks());

async function tinyExecutable(device: TfjsDevice = "wasm") {
  const backend = await createTfjsBackend({ tf, device });
  const { program, ...options } = tinyProgram();
  return { backend, executable: await backend.compile(program, options) };
}

// The packages of both engines register themselves when they load.
await (await createTfjsBackend({ device: "cpu" })).dispose();
await (await createTfjsBackend({ device: "wasm" })).dispose();

describe("runTensors", () => {
  it("computes what run computes, from tensors to tensors, without reading anything back", async () => {
    await tf.setBackend("wasm");
    const { backend, executable } = await tinyExecutable();
    const pixels = tinyPixels(3);
    const expected = await executable.run({ pixel_values: pixels });
    const feed = tf.tensor(pixels.data, [...pixels.shape]);

    const reads = [vi.spyOn(tf.engine(), "read"), vi.spyOn(tf.engine(), "readSync")];
    const before = tf.memory().numTensors;
    const outputs = executable.runTensors({ pixel_values: feed });
    for (const read of reads) expect(read).not.toHaveBeenCalled();
    expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
    expect(tf.memory().numTensors - before).toBe(Object.keys(outputs).length);
    for (const [name, x] of Object.entries(outputs)) {
      expect(x.shape).toEqual(expected[name]!.shape);
      expect(await x.data()).toEqual(expected[name]!.data);
    }
    tf.dispose(outputs);
    expect(feed.isDisposed).toBe(false);
    feed.dispose();
    await backend.dispose();
  });

  it("refuses what does not fit", async () => {
    const { backend, executable } = await tinyExecutable();
    await tf.setBackend("cpu");
    const elsewhere = tf.zeros([1, 3, 20, 12]);
    await tf.setBackend("wasm");
    const [small, whole] = [tf.zeros([1, 3, 20, 11]), tf.zeros([1, 3, 20, 12], "int32")];
    const codeOf = (feeds: Record<string, tf.Tensor>) => {
      try {
        return executable.runTensors(feeds);
      } catch (error) {
        return isPptError(error) ? `${error.code} ${error.message}` : error;
      }
    };
    expect(codeOf({})).toMatch(/INVALID_INPUT .*missing/);
    expect(codeOf({ pixel_values: small })).toMatch(/INVALID_INPUT .*\[1,3,20,11\], expected \[-1,3,20,12\]/);
    expect(codeOf({ pixel_values: whole })).toMatch(/INVALID_INPUT .*int32, expected float32/);
    expect(codeOf({ pixel_values: elsewhere })).toMatch(/INVALID_INPUT .*another engine than 'wasm'/);
    await executable.dispose();
    expect(codeOf({ pixel_values: elsewhere })).toMatch(/DISPOSED/);
    tf.dispose([elsewhere, small, whole]);
    await backend.dispose();
  });

  it("leaves a parameter alone that the program returns", async () => {
    const backend = await createTfjsBackend({ tf, device: "cpu" });
    const shift = { shape: [2], data: Float32Array.of(1, 2) };
    const executable = await backend.compile((_ops, params) => ({ a: params.shift!, b: params.shift! }), {
      params: { shift },
      inputs: {},
    });
    (await executable.run({})).a!.data.fill(7);
    tf.dispose(executable.runTensors({}));
    expect(await executable.run({})).toEqual({ a: shift, b: shift });
    await backend.dispose();
  });
});

describe("constants", () => {
  it("that a program makes anew in every run, and numbers that change, are gone when the next run ends", async () => {
    const backend = await createTfjsBackend({ tf, device: "cpu" });
    await tf.setBackend("cpu");
    let runs = 0;
    const program: Program = (ops, _params, { x }) => {
      runs++;
      const weight = hostTensor([64, 64], () => runs);
      return { y: ops.mul(ops.linear(x!, ops.constant(weight)), 1 / runs) };
    };
    const executable = await backend.compile(program, { params: {}, inputs: { x: [1, 64] } });
    const x = hostTensor([1, 64], () => 1);
    const y = { shape: [1, 64], data: new Float32Array(64).fill(64) };
    expect(await executable.run({ x })).toEqual({ y });
    const { numTensors, numBytes } = tf.memory();
    for (let run = 0; run < 50; run++) expect((await executable.run({ x })).y!.data[63]).toBeCloseTo(64, 4);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    await backend.dispose();
  });

  it("that runTensors makes anew are gone when the next run ends", async () => {
    const backend = await createTfjsBackend({ tf, device: "wasm" });
    await tf.setBackend("wasm");
    const program: Program = (ops, _params, { x }) =>
      ops.scope("made here", () => ({ y: ops.linear(x!, ops.constant(hostTensor([64, 64], () => 1))) }));
    const executable = await backend.compile(program, { params: {}, inputs: { x: [1, 64] } });
    const x = tf.ones([1, 64]);
    tf.dispose(executable.runTensors({ x }));
    const { numTensors, numBytes } = tf.memory();
    for (let run = 0; run < 50; run++) tf.dispose(executable.runTensors({ x }));
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    x.dispose();
    await backend.dispose();
  });

  it("of operations in somebody's own tidy go with it", async () => {
    await tf.setBackend("cpu");
    const { ops, dispose } = createTfjsOps(tf);
    const before = tf.memory().numTensors;
    for (let step = 1; step <= 20; step++)
      tf.tidy(() => void ops.mul(ops.constant(hostTensor([3], () => step)), 1 / step));
    expect(tf.memory().numTensors).toBe(before);
    dispose();
  });
});

describe("run", () => {
  it("reads each output once, asynchronously, and uses no sort, gather or scatter", async () => {
    // This engine runs the default operations. wasm would split batches with gatherND.
    await tf.setBackend("cpu");
    const { backend, executable } = await tinyExecutable("cpu");
    const read = vi.spyOn(tf.engine(), "read");
    const readSync = vi.spyOn(tf.engine(), "readSync");
    let outputs = 0;
    const { kernelNames } = await tf.profile(async () => {
      outputs = Object.keys(await executable.run({ pixel_values: tinyPixels(2) })).length;
      return tf.zeros([1]);
    });
    expect(read).toHaveBeenCalledTimes(outputs);
    expect(readSync).not.toHaveBeenCalled();
    expect(kernelNames).toContain("_FusedMatMul");
    expect(kernelNames.filter((name) => /TopK|Gather|Scatter|Unique|Where/.test(name))).toEqual([]);
    await backend.dispose();
  });
});

describe.each(["cpu", "wasm"] as const)("memory on %s", (device) => {
  it("is the same after 500 runs as after 1, and after disposal as before creation", async () => {
    await tf.setBackend(device);
    const empty = tf.memory();
    // Unlike tf.memory(), this count includes tensors that kernels make for each other.
    const held = () => tf.engine().backend.numDataIds();
    const heldWhenEmpty = held();
    const { backend, executable } = await tinyExecutable(device);
    const feeds = { pixel_values: tinyPixels(1) };
    await executable.run(feeds);
    const { numTensors, numBytes } = tf.memory();
    const heldAfterOne = held();
    for (let run = 1; run < 500; run++) await executable.run(feeds);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    expect(held()).toBe(heldAfterOne);
    await backend.dispose();
    expect(held()).toBe(heldWhenEmpty);
    expect(tf.memory()).toMatchObject({ numTensors: empty.numTensors, numBytes: empty.numBytes });
  });
});

describe("several engines in one process", () => {
  it("run side by side, and the active one stays active", async () => {
    await tf.setBackend("cpu");
    const [onWasm, onCpu] = [await tinyExecutable("wasm"), await tinyExecutable("cpu")];
    expect(tf.getBackend()).toBe("cpu");
    const feeds = { pixel_values: tinyPixels(2) };
    const runs = await Promise.all([onWasm, onCpu, onWasm].map(({ executable }) => executable.run(feeds)));
    expect(tf.getBackend()).toBe("cpu");
    runs[0]!.logits!.data.forEach((value, i) => void expect(runs[1]!.logits!.data[i]).toBeCloseTo(value, 4));
    expect(runs[2]).toEqual(runs[0]);
    await Promise.all([onWasm.backend.dispose(), onCpu.backend.dispose()]);
  });

  it("start one after the other, and wait for one that the application starts", async () => {
    await tf.setBackend("cpu");
    const { backend, executable } = await tinyExecutable("wasm");
    let start = () => {};
    tf.registerBackend("webgl", async () => {
      await new Promise<void>((resolve) => {
        start = resolve;
      });
      return tf.findBackend("cpu");
    });
    const starting = tf.setBackend("webgl");
    const run = executable.run({ pixel_values: tinyPixels(1) });
    const others = [createTfjsBackend({ tf, device: "cpu" }), createTfjsBackend({ tf, device: "wasm" })];
    start();
    expect(await starting).toBe(true);
    expect((await run).logits!.data.every(Number.isFinite)).toBe(true);
    for (const other of await Promise.all(others)) await other.dispose();
    expect(tf.getBackend()).toBe("webgl");
    await tf.setBackend("cpu");
    vi.spyOn(tf.findBackend("cpu"), "dispose").mockImplementation(() => {});
    tf.removeBackend("webgl");
    await backend.dispose();
  });

  it("takes the active engine where none is named", async () => {
    for (const engine of ["cpu", "wasm"]) {
      await tf.setBackend(engine);
      const backend = await createTfjsBackend({ tf });
      expect(backend.name).toBe(`tfjs-${engine}`);
      await backend.dispose();
    }
  });
});

describe("errors say what to do", () => {
  const unavailable = (message: RegExp) =>
    expect.objectContaining({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(message) });

  it("an unknown device", async () => {
    await expect(createTfjsBackend({ device: "gpu" as TfjsDevice })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: "unknown TensorFlow.js device 'gpu'; known are cpu, wasm, webgl, webgpu, node, node-gpu",
    });
  });

  it("an engine that the given TensorFlow.js does not have", async () => {
    await expect(createTfjsBackend({ tf, device: "webgl" })).rejects.toEqual(
      unavailable(/has no engine 'webgl' here; registered: .*cpu.*Import @tensorflow\/tfjs-backend-webgl/),
    );
    await expect(createTfjsBackend({ tf, device: "node" })).rejects.toEqual(unavailable(/Pass @tensorflow\/tfjs-node/));
  });

  it("an engine that does not start; the one before stays active", async () => {
    await tf.setBackend("cpu");
    vi.spyOn(console, "warn").mockImplementation(() => {});
    tf.registerBackend("webgl", () => Promise.reject(new Error("no WebGL")));
    try {
      await expect(createTfjsBackend({ tf, device: "webgl" })).rejects.toEqual(
        unavailable(/'webgl' did not start. No WebGL here: take device 'wasm'/),
      );
      expect(tf.getBackend()).toBe("cpu");
    } finally {
      tf.removeBackend("webgl");
    }
  });

  it("an engine that was removed", async () => {
    const { KernelBackend } = tf;
    await tf.setBackend("cpu");
    tf.registerBackend("webgl", () => tf.findBackend("cpu") as InstanceType<typeof KernelBackend>);
    tf.copyRegisteredKernels("cpu", "webgl");
    const { backend, executable } = await tinyExecutable("webgl");
    vi.spyOn(tf.findBackend("cpu"), "dispose").mockImplementation(() => {});
    tf.removeBackend("webgl");
    await expect(executable.run({ pixel_values: tinyPixels(1) })).rejects.toEqual(unavailable(/was removed/));
    await backend.dispose();
  });

  it("what TensorFlow.js throws in a run", async () => {
    const { backend, executable } = await tinyExecutable("wasm");
    await executable.run({ pixel_values: tinyPixels(1) });
    vi.spyOn(tf.engine(), "read").mockRejectedValue(new Error("device lost"));
    const before = tf.memory().numTensors;
    await expect(executable.run({ pixel_values: tinyPixels(1) })).rejects.toEqual(
      unavailable(/'wasm' failed: device lost/),
    );
    expect(tf.memory().numTensors).toBe(before);
    await backend.dispose();
  });
});

describe("pixelsToInput", () => {
  const config = parseImageProcessorConfig({ size: { height: 4, width: 6 }, image_mean: [0.4, 0.5, 0.6] });
  const bytes = Uint8Array.from({ length: 4 * 6 * 3 }, (_, i) => (i * 37) % 256);

  it("gives the values of processImage, as a tensor", async () => {
    const expected = processImage({ width: 6, height: 4, data: bytes }, config);
    const pixels = tf.tensor3d(bytes, [4, 6, 3], "int32");
    const input = pixelsToInput(tf, pixels, config);
    expect(input.shape).toEqual(expected.shape);
    const values = await input.data();
    expected.data.forEach((value, i) => void expect(values[i]).toBeCloseTo(value, 5));
    const batch = pixelsToInput(tf, tf.stack([pixels, pixels]), config);
    expect(batch.shape).toEqual([2, 3, 4, 6]);
  });

  it("refuses other shapes", () => {
    expect(() => pixelsToInput(tf, tf.zeros([4, 6, 4]), config)).toThrow(
      /expected pixels \[H,W,3\] or \[B,H,W,3\], got \[4,6,4\]/,
    );
  });
});
