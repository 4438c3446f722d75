/**
 * The scripts of a build by Vite, which finds them by this very text. So each is written out. With the parameters `SharedWorker`
 * and `URL`, only Vite follows the address. This file is an entry of the build: where code of the same chunk uses these globals,
 * our own build would rename the parameters (docs/decisions/0014-bundlers.md).
 */
import type { VitePart } from "@ppt-vit/core/backend";

const core: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/core.js", import.meta.url), { type: "module" });
const cpu: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/cpu.js", import.meta.url), { type: "module" });
const wasm: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/wasm.js", import.meta.url), { type: "module" });
const webgl: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/webgl.js", import.meta.url), { type: "module" });
const webgpu: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/webgpu.js", import.meta.url), { type: "module" });

export const viteParts = { core, cpu, wasm, webgl, webgpu };
