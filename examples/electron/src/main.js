// The main process: it has the model, and answers the window.
import { fileURLToPath } from "node:url";
import { app, BrowserWindow, ipcMain } from "electron";
import { label } from "./label.js";

ipcMain.handle("label", (_event, /** @type {ArrayBuffer} */ bytes) => label(new Uint8Array(bytes)));

await app.whenReady();
const preload = fileURLToPath(new URL("./preload.cjs", import.meta.url));
const window = new BrowserWindow({ webPreferences: { preload } });
await window.loadFile(fileURLToPath(new URL("./index.html", import.meta.url)));
