/** Stands in for ONNX Runtime's packages, which `worker.ts` loads from the files beside the page instead. */
throw new Error("ONNX Runtime is served beside the page, not bundled: name a backend that the worker offers");

export {};
