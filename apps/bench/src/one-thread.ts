/** A backend of the registry on one thread, to compare with its threads. The page offers it where it has threads, `worker.ts` opens it. */
export const oneThread = { of: "wasm", name: "wasm-1" };
