/** Tests how a missing package is told from one that fails, and what must be installed on each platform. */
import { isNotInstalled, notInstalledOr, packagesOn } from "@ppt-vit/core/backend";
import { describe, expect, it } from "vitest";

describe("a package that is not there", () => {
  it.each([
    ["Node", "Cannot find package 'onnxruntime-web' imported from /app/index.js"],
    ["webpack", "Cannot find module 'onnxruntime-web/wasm'"],
    ["Chromium", "Failed to resolve module specifier 'onnxruntime-web/webgpu'"],
    ["Vite", 'Could not resolve "onnxruntime-web/ort-wasm-simd-threaded.mjs?url" imported by "@ppt-vit/backend-onnx".'],
    ["esbuild", 'Dynamic require of "onnxruntime-web" is not supported'],
    [
      "Firefox",
      "The specifier \u201connxruntime-web/wasm\u201d was a bare specifier, but was not remapped to anything.",
    ],
  ])("is known by the error of %s", (_, message) => {
    const found = notInstalledOr(new TypeError(message), "onnxruntime-node", "onnxruntime-web");
    expect(isNotInstalled(found)).toBe(true);
    expect(String(found)).toContain("onnxruntime-web is not installed");
  });

  it.each([
    ["a file of an installed package", "Cannot find module '/app/node_modules/onnxruntime-web/dist/ort.mjs'"],
    ["what an installed package needs", "Cannot find package 'long' imported from /app/onnxruntime-web/ort.js"],
    ["a package with a longer name", "Cannot find package 'onnxruntime-web-extra' imported from /app/index.js"],
    ["a library of the system", "libonnxruntime.so.1: cannot open shared object file"],
  ])("is not %s", (_, message) => {
    const error = new Error(message);
    expect(notInstalledOr(error, "onnxruntime-web")).toBe(error);
    expect(isNotInstalled(error)).toBe(false);
  });
});

it("the packages of a backend are those of the platform", () => {
  const both = { name: "one", packages: ["a", "b"] };
  const each = { name: "two", packages: { node: ["a"], browser: ["b"] } };
  expect([packagesOn("node", both), packagesOn("browser", both)]).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
  expect([packagesOn("node", each), packagesOn("browser", each)]).toEqual([["a"], ["b"]]);
  expect(packagesOn("node", { name: "three" })).toEqual([]);
});
