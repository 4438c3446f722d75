/** Tests that the browser entry exports everything that the Node entry does, except what needs native code. */
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
