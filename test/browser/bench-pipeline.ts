/** Runs in a page: exports the pipeline as an application imports it, for the test to call. */
import * as pipeline from "@ppt-vit/pipeline/browser";

declare global {
  interface Window {
    pipeline: typeof pipeline;
    startWorker: () => pipeline.ClassifierWorker;
  }
}

window.pipeline = pipeline;
window.startWorker = () => pipeline.createClassifierWorker(new Worker("/worker.js", { type: "module" }));
