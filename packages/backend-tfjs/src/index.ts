export { createTfjsBackend, type TfjsBackend, type TfjsBackendOptions, type TfjsExecutable } from "./backend.js";
export type { TfjsDevice } from "./runtime.js";
export type { Tfjs } from "./tfjs.js";
