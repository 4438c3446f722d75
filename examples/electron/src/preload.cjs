// What the window may ask the main process.
const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("label", (/** @type {ArrayBuffer} */ bytes) => ipcRenderer.invoke("label", bytes));
