import { type BackendHere, classify } from "./classify.js";

declare global {
  interface Window {
    classifyHere: typeof classify;
    classifyInWorker: typeof classify;
  }
}

window.classifyHere = classify;
window.classifyInWorker = (name: BackendHere) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module", name });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
