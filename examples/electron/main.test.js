/**
 * Runs the bundled main process in Node. The binary of Electron is not needed: a small module stands in for `electron`, and
 * keeps what the main process registers. So windows and their messages are not tested here.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { test } from "node:test";
import { demoSamplesUrl } from "@ppt-vit/demo-model";

const electron = `
  export const handlers = new Map();
  export const loaded = [];
  export const ipcMain = { handle: (name, handler) => void handlers.set(name, handler) };
  export const app = { whenReady: async () => {} };
  export class BrowserWindow { async loadFile(path) { loaded.push(path); } }`;
const address = `data:text/javascript,${encodeURIComponent(electron)}`;
const hooks = `export const resolve = (name, context, next) =>
  name === "electron" ? { url: ${JSON.stringify(address)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);

test("the main process opens its window and labels a picture", async () => {
  const { handlers, loaded } = await import(address);
  await import("./dist/main.js");
  assert.match(loaded[0], /dist.index\.html$/);
  const { buffer } = Uint8Array.from(readFileSync(new URL("000_dog.png", demoSamplesUrl)));
  assert.equal(await handlers.get("label")({}, buffer), "dog");
});
