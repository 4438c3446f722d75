export {
  createTfjsBackend,
  createTfjsOps,
  type TfjsBackend,
  type TfjsBackendOptions,
  type TfjsExecutable,
} from "./backend.js";
export { pixelsToInput } from "./pixels.js";
export type { TfjsDevice } from "./runtime.js";
export type { Tfjs, TfjsTensor } from "./tfjs.js";
