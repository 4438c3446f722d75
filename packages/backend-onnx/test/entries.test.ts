/** Tests that the browser entry exports everything that the Node entry does, except what needs native code. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import * as browser from "../src/browser.js";
import * as node from "../src/index.js";

it("has the same exports", () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
});

it("says that native code needs Node, and runs on WebAssembly", async () => {
  await expect(browser.createOnnxBackend({ device: "cpu" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  const backend = await browser.createOnnxBackend({ device: "wasm" });
  expect(backend.name).toBe("onnx-wasm");
  await backend.dispose();
});

// The older provider for WebGPU (jsep) and WebGL are deprecated (microsoft/onnxruntime 29716).
it("loads for WebGPU the binary of the native provider, and none of a deprecated one", () => {
  // Inside Vitest no import is resolved for a page, so the package says where its entry lies.
  const folder = dirname(dirname(createRequire(import.meta.url).resolve("onnxruntime-web")));
  const { exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const binaries = readFileSync(join(folder, exports["./webgpu"].import.default), "utf8").match(
    /ort-wasm-simd-threaded[.a-z]*(?=\.(?:wasm|mjs))/g,
  );
  expect([...new Set(binaries)]).toEqual(["ort-wasm-simd-threaded.asyncify"]);
});
