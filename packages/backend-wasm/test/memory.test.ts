/** Tests of the linear memory: who has which part of it, growth, refusal, and that nothing is kept. */
import { createWasmBackend } from "@ppt-vit/backend-wasm";
import { tinyConfig } from "@ppt-vit/conformance";
import { createVisionModel, randomWeights, weightsFrom } from "@ppt-vit/core";
import type { Program } from "@ppt-vit/core/backend";
import { afterEach, describe, expect, it, vi } from "vitest";
import { heldBytes } from "../../backend-cpu/test/held-bytes.js";
import { LinearMemory } from "../src/memory.js";
import { WasmStore } from "../src/store.js";

const realGrow = WebAssembly.Memory.prototype.grow;

/** A host that gives the memory no more than `most` bytes. */
const refuseBeyond = (most: number) =>
  vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(function (this: WebAssembly.Memory, pages) {
    if (this.buffer.byteLength + pages * 65_536 > most) throw new RangeError("Maximum memory size exceeded");
    return realGrow.call(this, pages);
  });

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Every memory that is made from now on, as long as somebody holds it. */
function watchMemories(): WeakRef<WebAssembly.Memory>[] {
  const made: WeakRef<WebAssembly.Memory>[] = [];
  const watched = new Proxy(WebAssembly.Memory, {
    construct(Real, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const memory = new Real(descriptor);
      made.push(new WeakRef(memory));
      return memory;
    },
  });
  vi.stubGlobal("WebAssembly", Object.assign(Object.create(WebAssembly), { Memory: watched }));
  return made;
}

describe("linear memory", () => {
  it("is one gap again once everything is given back, in whatever order", () => {
    const memory = new LinearMemory();
    const free = memory.freeBytes;
    for (const order of ["012345", "543210", "024135", "314205"]) {
      const blocks = [1, 70, 64, 5000, 12, 900].map((bytes) => memory.take(bytes));
      const ends = blocks.map(({ address, bytes }) => address + bytes);
      blocks.slice(1).forEach(({ address }, i) => void expect(address).toBeGreaterThanOrEqual(ends[i]!));
      for (const index of order) memory.release(blocks[Number(index)]!);
      expect(memory.freeBytes).toBe(free);
      // Gaps that were not merged could not hold this.
      memory.release(memory.take(free));
    }
  });

  it("grows by what is missing, and keeps what tensors hold", () => {
    const memory = new LinearMemory();
    const store = new WasmStore(memory);
    const x = store.constant({ shape: [3], data: Float32Array.of(1, 2, 3) });
    const before = x.data;
    const large = store.take([100_000]);
    large.data.fill(7);
    expect(before.length).toBe(0); // detached
    expect([...x.data]).toEqual([1, 2, 3]);
    expect(memory.buffer.byteLength).toBeLessThan(400_000 + 2 * 65_536);
  });

  it.each([false, true])("grows to 4 GB, and says what ends there (shared: %s)", (shared) => {
    const memory = new LinearMemory(shared);
    // Memory that nobody writes to takes no room on the host.
    const large = memory.take(3_900_000_000);
    expect(() => memory.take(400_000_000)).toThrow(
      expect.objectContaining({
        code: "OUT_OF_MEMORY",
        message: expect.stringMatching(
          /needs 4301 MB .*more than the 4 GB .*: use smaller batches, or a smaller model$/,
        ),
      }),
    );
    const last = memory.take(300_000_000);
    new Uint8Array(memory.buffer, last.address + 299_999_999, 1)[0] = 7;
    expect(memory.buffer.byteLength).toBeGreaterThan(4_200_000_000);
    memory.release(large);
    memory.release(last);
    memory.dispose();
  });

  it("frees what a scope made and did not return, also if its body throws", () => {
    const memory = new LinearMemory();
    const store = new WasmStore(memory);
    const free = memory.freeBytes;
    const kept = store.scope(() => {
      store.take([64]);
      return { kept: store.share(store.take([64]), [8, 8], "float32") };
    });
    expect(memory.freeBytes).toBe(free - 256);
    expect(() =>
      store.scope(() => {
        store.take([64]);
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(kept.kept.data.length).toBe(64);
    store.endRun();
    expect(memory.freeBytes).toBe(free);
  });
});

describe("memory of a backend", () => {
  const inputs = { x: [-1, 256] };
  const program: Program = (ops, _params, { x }) => ({ y: ops.matMul(x!, ops.transpose(x!, [1, 0])) });
  const feed = (rows: number) => ({ x: { shape: [rows, 256], data: new Float32Array(rows * 256).fill(0.5) } });

  it("that the host refuses is a typed error, and smaller runs work after it", async () => {
    const backend = createWasmBackend();
    const executable = await backend.compile(program, { params: {}, inputs });
    refuseBeyond(4_000_000);
    await expect(executable.run(feed(2000))).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
      message: expect.stringMatching(/backend 'wasm' needs \d+ MB .*refuses.*smaller batches/),
    });
    const { y } = await executable.run(feed(3));
    expect([...y!.data]).toEqual(new Array(9).fill(64));
    const params = { w: { shape: [2000, 1000], data: new Float32Array(2_000_000) } };
    await expect(backend.compile(program, { params, inputs })).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    await backend.dispose();
  });

  it("that the host refuses from the start is a typed error", async () => {
    const Memory = WebAssembly.Memory;
    const refused = new Proxy(Memory, {
      construct() {
        throw new RangeError("could not allocate memory");
      },
    });
    vi.stubGlobal("WebAssembly", Object.assign(Object.create(WebAssembly), { Memory: refused }));
    for (const threads of [1, 2]) {
      const backend = createWasmBackend({ threads });
      await expect(backend.compile(program, { params: {}, inputs })).rejects.toMatchObject({
        code: "OUT_OF_MEMORY",
        message: expect.stringMatching(/which this host refuses \(could not allocate memory\)/),
      });
      await backend.dispose();
    }
  });

  it("is given back with the executable on several threads, too", async () => {
    const made = watchMemories();
    const before = process.memoryUsage().rss;
    const backend = createWasmBackend({ threads: 2 });
    // Shared memory that a thread kept would stay: 8 times 20 MB.
    for (let round = 0; round < 8; round++) {
      const executable = await backend.compile(program, { params: {}, inputs });
      await executable.run(feed(2000));
      await executable.dispose();
    }
    await heldBytes();
    expect(made).toHaveLength(8);
    expect(made.filter((memory) => memory.deref() !== undefined).length).toBeLessThan(3);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
    await backend.dispose();
  });

  it("does not grow after the first run, nor does the host's", async () => {
    const model = await createVisionModel({
      config: tinyConfig,
      weights: weightsFrom(randomWeights(tinyConfig, 1)),
      backend: createWasmBackend(),
      reduction: { layers: [0, 1], tokensRemoved: 3, threshold: { scaleFree: 0.6 } },
    });
    const pixelValues = new Float32Array(8 * 3 * 20 * 12).fill(0.5);
    await model.run({ pixelValues, batch: 8 });
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
    const before = await heldBytes();
    const one = pixelValues.subarray(0, pixelValues.length / 8);
    for (let run = 0; run < 200; run++)
      await model.run(run % 4 === 0 ? { pixelValues, batch: 8 } : { pixelValues: one, batch: 1 });
    expect(grow).not.toHaveBeenCalled();
    expect((await heldBytes()) - before).toBeLessThan(2 ** 20);
    await model.dispose();
  });

  it("ends with the executable, even if that is still held", async () => {
    const made = watchMemories();
    const backend = createWasmBackend();
    const executable = await backend.compile(program, { params: {}, inputs });
    await executable.run(feed(5));
    await heldBytes();
    expect(made.map((memory) => memory.deref() !== undefined)).toEqual([true]);
    await executable.dispose();
    await heldBytes();
    expect(made.map((memory) => memory.deref())).toEqual([undefined]);
    await expect(executable.run(feed(5))).rejects.toMatchObject({ code: "DISPOSED" });
    await backend.dispose();
  });
});
