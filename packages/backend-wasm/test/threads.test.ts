/** Tests of threads: the same bits, hosts without threads, threads that break, and that none is left. */
import { Worker, type WorkerOptions } from "node:worker_threads";
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { createVisionModel, parseModelConfig, quantizeRows, randomWeights, weightsFrom } from "@ppt-vit/core";
import type { Program } from "@ppt-vit/core/backend";
import { afterEach, describe, expect, it, vi } from "vitest";
import { jobOf } from "../src/split.js";

/** Large enough that every kind of kernel call is shared. 5 heads suit no number of threads. */
const config = parseModelConfig({
  model_type: "vit",
  hidden_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 5,
  intermediate_size: 644,
  image_size: 224,
  patch_size: 16,
  num_labels: 10,
  layer_norm_eps: 1e-6,
});
const pixelValues = Float32Array.from({ length: 2 * 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.01));

/** Threads that were started, and no others. */
const started: Worker[] = [];
const isGone = ({ threadId }: Worker) => threadId === -1;

/** Starts threads from the script `file`, or from that of the package. */
function watchThreads(file?: URL, how?: string) {
  const real = process.getBuiltinModule;
  class Watched extends Worker {
    constructor(script: URL, options: WorkerOptions) {
      super(file ?? script, { ...options, workerData: { how } });
      started.push(this);
    }
  }
  vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
    name === "node:worker_threads" ? { Worker: Watched } : real(name)) as typeof real);
}
const watchBroken = (how: string) => watchThreads(new URL("./fixtures/broken-worker.js", import.meta.url), how);

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await Promise.all(started.splice(0).map((worker) => worker.terminate()));
});

/** Rows of ones: 64 for every element. */
const program: Program = (ops, { w }, { x }) => ({ y: ops.linear(x!, w!) });
const params = { w: { shape: [512, 64], data: new Float32Array(512 * 64).fill(1) } };
const inputs = { x: [-1, 64] };
const feeds = { x: { shape: [256, 64], data: new Float32Array(256 * 64).fill(1) } };
const isRight = ({ y }: Readonly<Record<string, { data: Float32Array }>>) =>
  y!.data.length === 256 * 512 && y!.data.every((value) => value === 64);

describe("threads", () => {
  it.each([undefined, "q8"] as const)("give the same bits in any number (%s)", async (quantize) => {
    const results = [];
    for (const threads of [1, 2, 3]) {
      const backend = createWasmBackend({ threads });
      const model = await createVisionModel({
        config,
        weights: weightsFrom(randomWeights(config, 1)),
        backend,
        quantize,
        reduction: { layers: [0], tokensRemoved: 40, threshold: { scaleFree: 0.6 } },
        outputs: { source: "stages" },
      });
      const one = await model.run({ pixelValues: pixelValues.subarray(0, pixelValues.length / 2), batch: 1 });
      const { logits, stages } = await model.run({ pixelValues, batch: 2 });
      results.push([one.logits.data, logits.data, stages[0]!.source!.data]);
      expect(backend.runtime).toMatch(threads === 1 ? /, 1 thread$/ : new RegExp(`, ${threads} threads$`));
      expect(model.notices).toEqual([]);
      await backend.dispose();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it("share a call only where that is worth it", () => {
    const call = (M: number) => jobOf("multiply", [0, 0, 64, 0, 0, 0, M, 512, 64], {} as never, 2)?.chunks;
    expect([1, 10, 60, 100_000].map(call)).toEqual([undefined, undefined, 9, 32]);
  });

  it.each([3, 30])("share the columns of 8-bit products with %i rows", async (M) => {
    const O = 1003;
    const K = 300;
    const w = quantizeRows({ shape: [O, K], data: Float32Array.from({ length: O * K }, (_, i) => Math.sin(i * i)) });
    const x = { shape: [M, K], data: Float32Array.from({ length: M * K }, (_, i) => Math.sin(i)) };
    const outputs = [];
    for (const threads of [1, 2, 3]) {
      const backend = createWasmBackend({ threads });
      const executable = await backend.compile(program, { params: { w }, inputs: { x: [-1, K] } });
      outputs.push((await executable.run({ x })).y!.data);
      await backend.dispose();
    }
    expect(Math.hypot(...outputs[0]!.subarray(-O))).toBeGreaterThan(0);
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[2]).toEqual(outputs[0]);
    const shared = [0, 0, 0, 0, 0, 0, 0, 4 * O, M, O, 304, 0, 0] as const;
    expect(jobOf("multiplyQuantized", [...shared], {} as never, 2)?.counted).toBe(9);
  });

  it("end with their model, and with the backend", async () => {
    watchThreads();
    const backend = createWasmBackend({ threads: 3 });
    const executables = await Promise.all([1, 2, 3].map(() => backend.compile(program, { params, inputs })));
    for (const executable of executables) expect(isRight(await executable.run(feeds))).toBe(true);
    await executables[0]!.dispose();
    expect(isRight(await executables[1]!.run(feeds))).toBe(true);
    expect(started).toHaveLength(6);
    expect(started.filter(isGone)).toHaveLength(2);
    await backend.dispose();
    expect(started.every(isGone)).toBe(true);
  });

  it("are not started for small models unless they are asked for", async () => {
    watchThreads();
    const backend = createWasmBackend();
    await backend.compile(program, { params, inputs });
    expect(started).toEqual([]);
    await backend.dispose();
  });
});

describe("a host without threads", () => {
  /** What a backend for three threads says, after it has computed rightly. */
  async function said() {
    const backend = createWasmBackend({ threads: 3 });
    const executable = await backend.compile(program, { params, inputs });
    expect(isRight(await executable.run(feeds))).toBe(true);
    await backend.dispose();
    expect(executable.notices).toEqual([
      `backend 'wasm' computes on one thread: ${/1 thread \((.*)\)$/.exec(backend.runtime!)?.[1]}`,
    ]);
    return executable.notices![0];
  }

  it("because the page is not isolated", async () => {
    vi.stubGlobal("crossOriginIsolated", false);
    expect(await said()).toMatch(/not cross-origin isolated: send it with the headers 'Cross-Origin-Opener-Policy/);
  });

  it("because it has no shared memory", async () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    expect(await said()).toMatch(/this host has no shared memory$/);
  });

  it("because its WebAssembly has none", async () => {
    const real = WebAssembly.validate;
    vi.spyOn(WebAssembly, "validate").mockImplementation((binary) => {
      // Limits with a maximum that is shared.
      const isShared = new TextDecoder("latin1").decode(binary as Uint8Array<ArrayBuffer>).includes("memory\x02\x03");
      return !isShared && real(binary);
    });
    expect(await said()).toMatch(/WebAssembly has no shared memory$/);
  });

  it("because it has no workers", async () => {
    const real = process.getBuiltinModule;
    vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
      name === "node:worker_threads" ? undefined : real(name)) as typeof real);
    expect(await said()).toMatch(/this host has no workers$/);
  });

  it("because the script of threads is not where the package is", async () => {
    watchThreads(new URL("file:///nowhere/ppt-vit-wasm-thread.js"));
    expect(await said()).toMatch(/threads cannot be started: .*nowhere/);
  });

  it("because threads refuse the kernels", async () => {
    watchBroken("refuses");
    expect(await said()).toMatch(/threads cannot be started: .*no modules here/);
  });

  it("because the host refuses memory for them", async () => {
    const Memory = WebAssembly.Memory;
    vi.stubGlobal("WebAssembly", {
      ...Object.fromEntries(
        Object.getOwnPropertyNames(WebAssembly).map((name) => [name, WebAssembly[name as "Memory"]]),
      ),
      Memory: new Proxy(Memory, {
        construct(Real, [descriptor]: [WebAssembly.MemoryDescriptor]) {
          if (descriptor.shared) throw new RangeError("could not allocate memory");
          return new Real(descriptor);
        },
      }),
    });
    expect(await said()).toMatch(/threads cannot be started: .*could not allocate memory/);
  });
});

describe("a thread that breaks in mid-run", () => {
  it.each([
    ["exits", /a thread ended in mid-run.* run again, which takes one thread$/],
    ["fails", /a kernel failed in a thread.* run again, which takes one thread$/],
  ])("%s: the run fails, and the next ones take one thread", async (how, message) => {
    watchBroken(how);
    const backend = createWasmBackend({ threads: 2 });
    const executable = await backend.compile(program, { params, inputs });
    // The thread may sleep while a run passes, so it gets several.
    const error = await failureOf(executable.run);
    expect(error).toMatchObject({ code: "DEVICE_LOST", message: expect.stringMatching(message) });
    for (let run = 0; run < 3; run++) expect(isRight(await executable.run(feeds))).toBe(true);
    expect(backend.runtime).toMatch(/1 thread \(a (thread|kernel) .*\)$/);
    await backend.dispose();
  });

  it("hangs: the executable is lost, and a new one works", async () => {
    watchBroken("hangs");
    const backend = createWasmBackend({ threads: 2 });
    const executable = await backend.compile(program, { params, inputs });
    // Ten seconds pass at once.
    vi.spyOn(Atomics, "wait").mockReturnValue("timed-out");
    for (let run = 0; run < 2; run++)
      await expect(failureOf(executable.run)).resolves.toMatchObject({
        code: "DEVICE_LOST",
        message: expect.stringMatching(/did not finish its part within 10 s.*compile the program again/),
      });
    const another = await backend.compile(program, { params, inputs });
    expect(isRight(await another.run(feeds))).toBe(true);
    await backend.dispose();
  });

  it("ends between two runs: the next one works", async () => {
    watchThreads();
    const backend = createWasmBackend({ threads: 3 });
    const executable = await backend.compile(program, { params, inputs });
    await started[0]!.terminate();
    expect(isRight(await executable.run(feeds))).toBe(true);
    expect(backend.runtime).toMatch(/1 thread \(it ended with code 1\)$/);
    await backend.dispose();
    expect(started.every(isGone)).toBe(true);
  });

  async function failureOf(run: (given: typeof feeds) => Promise<unknown>): Promise<unknown> {
    for (let i = 0; i < 1000; i++) {
      try {
        await run(feeds);
      } catch (error) {
        return error;
      }
    }
    return undefined;
  }
});
