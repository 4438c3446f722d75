/** Tests that failures of a device become errors that say what to do, and that the backend keeps working where it can. */
import type { Program } from "@ppt-vit/core";
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { createOnnxBackend, type OnnxDevice, type OnnxRuntime } from "../src/index.js";
import { runtimeError } from "../src/reasons.js";
import { loading } from "../src/runtime.js";
import { useSoftwareVulkan } from "./webgpu.js";

const found = useSoftwareVulkan();

const N = 512;
/** x [B,N] -> y [B], the sum of N x N products, which exceeds the memory of any device for many images. */
const outerProduct: Program = (ops, _params, { x }) => {
  const products = ops.exp(ops.matMul(ops.reshape(x!, [-1, N, 1]), ops.reshape(x!, [-1, 1, N])));
  return { y: ops.reshape(ops.sum(ops.sum(products, 2), 1), [-1]) };
};
const outerProductOptions = { params: {}, inputs: { x: [-1, N] } };
const zeros = (batch: number) => ({ x: { shape: [batch, N], data: new Float32Array(batch * N) } });

/** Batch sizes whose products take 4 TB, 17 GB and 3 GB, because limits are hit in different places. */
const tooMany: readonly { device: OnnxDevice; batch: number; needs: boolean }[] = [
  { device: "cpu", batch: 4_000_000, needs: true },
  { device: "wasm", batch: 16_000, needs: true },
  { device: "webgpu", batch: 16_000, needs: found },
  { device: "webgpu", batch: 3_000, needs: found },
];

describe("out of memory", () => {
  it.each(tooMany.filter(({ needs }) => needs))(
    "$device, $batch images: fewer run afterwards",
    async ({ device, batch }) => {
      const backend = await createOnnxBackend({ device, sessionOptions: { logSeverityLevel: 4 } });
      const executable = await backend.compile(outerProduct, outerProductOptions);
      await expect(executable.run(zeros(batch))).rejects.toMatchObject({
        code: "OUT_OF_MEMORY",
        message: expect.stringMatching(/^run on device '\w+': out of memory \([^/]+\): run fewer images at once, or/),
        cause: expect.any(Error),
      });
      const { y } = await executable.run(zeros(2));
      expect(Array.from(y!.data)).toEqual([N * N, N * N]);
      await backend.dispose();
    },
  );
});

describe("an unsupported dtype", () => {
  it.skipIf(!found)("is found while the backend is created", async () => {
    await expect(
      createOnnxBackend({ device: "webgpu", dtype: "fp16", sessionOptions: { logSeverityLevel: 4 } }),
    ).rejects.toMatchObject({
      code: "UNSUPPORTED_DTYPE",
      message: expect.stringMatching(/the GPU cannot compute in half precision .*pass dtype 'fp32'$/),
    });
  });
});

/** Messages of ONNX Runtime 1.30 in Node and in Chromium, where it would take too long or need a real GPU to cause them. */
const said: readonly [string, string, string][] = [
  ["OUT_OF_MEMORY", "failed to call OrtRun(). ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc", "std::bad_alloc"],
  [
    "OUT_OF_MEMORY",
    "Non-zero status code returned while running MatMul node. Name:'MatMul' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 160000000000\n",
    "Non-zero status code returned while running MatMul node. Name:'MatMul' Status Message: Failed to allocate memory for requested buffer of size 160000000000",
  ],
  [
    "OUT_OF_MEMORY",
    "WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While validating entries[2]",
    "WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.",
  ],
  [
    "DEVICE_LOST",
    "failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: /mnt/a/core/providers/webgpu/buffer_manager.cc:643 void onnxruntime::webgpu::BufferManager::Download(WGPUBuffer, void *, size_t) const map_async_result.status == wgpu::MapAsyncStatus::Success was false. Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: Failed to execute 'mapAsync' on 'GPUBuffer': The Device was lost before mapping was resolved.\n",
    "Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: Failed to execute 'mapAsync' on 'GPUBuffer': The Device was lost before mapping was resolved.",
  ],
  ["BACKEND_UNAVAILABLE", "no such operator", "no such operator"],
];

describe("reasons of the runtime", () => {
  it.each(said)("%s: %s", (code, message, reason) => {
    const cause = new Error(message);
    expect(runtimeError("run", "webgpu", cause, "see the cause")).toMatchObject({
      code,
      message: expect.stringContaining(` (${reason}): `),
      cause,
    });
  });
});

/**
 * A runtime that loses its device in the second run, with the message of onnxruntime-node. A test cannot cause it
 * otherwise.
 */
function losingRuntime(): { readonly ort: OnnxRuntime; readonly counts: { runs: number; released: number } } {
  const counts = { runs: 0, released: 0 };
  const session = {
    inputNames: ["x"],
    outputNames: ["y"],
    async run() {
      counts.runs++;
      if (counts.runs > 1) throw new Error("VK_ERROR_DEVICE_LOST");
      return {};
    },
    async release() {
      counts.released++;
    },
  };
  const Tensor = class {
    dispose() {}
  };
  return { ort: { InferenceSession: { create: async () => session }, Tensor } as never, counts };
}

describe("a lost device", () => {
  it("fails this and later runs, which do not reach the runtime; dispose works", async () => {
    const { ort, counts } = losingRuntime();
    const backend = await createOnnxBackend({ device: "webgpu", ort });
    const executable = await backend.compile(outerProduct, outerProductOptions);
    await executable.run(zeros(1));
    const lost = expect.objectContaining({
      code: "DEVICE_LOST",
      message: expect.stringMatching(/device was lost \(VK_ERROR_DEVICE_LOST\): dispose this backend/),
    });
    for (let run = 0; run < 3; run++) await expect(executable.run(zeros(1))).rejects.toEqual(lost);
    expect(counts.runs).toBe(2);
    await backend.dispose();
    expect(counts.released).toBe(1);
  });
});

describe("a runtime that cannot be loaded", () => {
  const failing = (message: string, code: string) => () => Promise.reject(Object.assign(new Error(message), { code }));

  it.each([
    ["ERR_MODULE_NOT_FOUND", "Cannot find package 'onnxruntime-node'", "needs onnxruntime-node: npm install"],
    [
      "ERR_DLOPEN_FAILED",
      "libonnxruntime.so.1: cannot open shared object file",
      "needs onnxruntime-node, which could not be loaded (libonnxruntime.so.1: cannot open shared object file): npm",
    ],
  ])("%s says what is missing", async (code, message, said) => {
    await expect(loading("cpu", "onnxruntime-node", failing(message, code))).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringContaining(said),
    });
  });
});

describe("session options", () => {
  it("reach the runtime as they are, and win over what the backend sets", async () => {
    const seen: unknown[] = [];
    const recording: OnnxRuntime = {
      ...ort,
      InferenceSession: {
        create(model, options) {
          seen.push(options);
          return ort.InferenceSession.create(model, options);
        },
      },
    };
    const sessionOptions = {
      graphOptimizationLevel: "basic",
      enableCpuMemArena: false,
      extra: { session: { force_spinning_stop: "0" } },
    } as const;
    const backend = await createOnnxBackend({ device: "cpu", ort: recording, sessionOptions });
    await backend.compile(outerProduct, outerProductOptions);
    await backend.dispose();
    expect(seen).toEqual([expect.objectContaining({ executionProviders: ["cpu"], ...sessionOptions })]);
  });
});

describe("threads", () => {
  it("are counted where they were asked for", async () => {
    for (const options of [{ threads: 2 }, { sessionOptions: { intraOpNumThreads: 2 } }]) {
      const backend = await createOnnxBackend({ device: "cpu", ...options });
      expect(backend.info.threads).toBe(2);
      const executable = await backend.compile(outerProduct, outerProductOptions);
      await executable.run(zeros(1));
      await backend.dispose();
    }
  });

  it.each([0, -1, 1.5, Number.NaN])("%d is refused", async (threads) => {
    await expect(createOnnxBackend({ threads })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `createOnnxBackend: threads is ${threads}, expected a whole number of at least 1`,
    });
  });

  it("are not for WebGPU", async () => {
    await expect(createOnnxBackend({ device: "webgpu", threads: 2 })).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  it("of wasm stay as the first session found them", async () => {
    const backend = await createOnnxBackend({ device: "wasm", threads: 1 });
    await backend.compile(outerProduct, outerProductOptions);
    expect(backend.info.threads).toBe(1);
    await backend.dispose();
    await expect(createOnnxBackend({ device: "wasm", threads: 3 })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/^threads is 3, but this runtime already has 1/),
    });
  });
});

describe("graph capture", () => {
  it.each(["cpu", "wasm", "webgpu"] as const)("in Node is refused on %s", async (device) => {
    await expect(createOnnxBackend({ device, graphCapture: { batch: 2 } })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/needs device 'webgpu' in a browser/),
    });
  });
});
