import { classify } from "./classify.js";

declare global {
  interface Window {
    classifyHere: typeof classify;
    classifyInWorker: typeof classify;
  }
}

window.classifyHere = classify;
window.classifyInWorker = () =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
