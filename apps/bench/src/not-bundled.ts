/** Replaces ONNX Runtime's packages in the bundle. `worker.ts` loads the runtime from the folder `ort/` of the page instead. */
throw new Error("ONNX Runtime is not part of this bundle: use one of the backends that worker.ts provides");

export {};
