/**
 * Backends in a real Chromium, each in a browser of its own: `chromium:wasm-2` runs `wasm` on two threads. A run is timed outside of the
 * page; asking for it and reading the logits takes about a millisecond. The memory is that of the process beside the browser.
 * `pnpm bench --contenders benchmarks/contenders/browser.mjs --models deit-s --batches 1 --reference chromium:onnx-wasm-1
 * --backends chromium:wasm-1,chromium:wasm-1:q8,chromium:onnx-wasm-1,chromium:onnx-wasm-1:q8`
 *
 * `chromium:onnx-webgpu` is WebGPU over SwiftShader, which emulates a GPU on the CPU:
 * `pnpm bench --contenders benchmarks/contenders/browser.mjs --backends chromium:onnx-webgpu --models demo --batches 1`
 */
import { host, launch } from "../pages/host.mjs";

function contender(name, device, { threads, quantize } = {}) {
  return {
    name,
    async prepare({ source, geometry, reduction }, batch) {
      if (!geometry && source !== "demo") throw new Error(`${name} runs geometries and the demo model, not ${source}`);
      const { url } = await host("model.js");
      const browser = await launch({ software: device === "onnx-webgpu" });
      const page = await browser.newPage();
      page.setDefaultTimeout(0);
      await page.goto(url);
      await page.evaluate((what) => globalThis.prepare(what), { geometry, reduction });
      await page.evaluate((batch) => globalThis.setInput(batch), batch);
      return async () => {
        const { kernels } = await page.evaluate((how) => globalThis.load(how), { device, threads, quantize });
        const run = async (_, batch) => Float32Array.from(await page.evaluate((batch) => globalThis.run(batch), batch));
        return Object.assign(run, kernels !== undefined && { kernels });
      };
    },
  };
}

const threaded = ["wasm", "onnx-wasm"].flatMap((device) =>
  [1, 2].flatMap((threads) =>
    [undefined, "q8"].map((quantize) =>
      contender(`chromium:${device}-${threads}${quantize ? `:${quantize}` : ""}`, device, { threads, quantize }),
    ),
  ),
);

export const contenders = [...threaded, contender("chromium:onnx-webgpu", "onnx-webgpu")];
