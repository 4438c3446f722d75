import type { BackendDescriptor } from "@ppt-vit/core";
import { createTfjsBackend } from "./backend.js";
import { devices } from "./devices.js";

export {
  createTfjsBackend,
  createTfjsOps,
  type TfjsBackend,
  type TfjsBackendOptions,
  type TfjsExecutable,
} from "./backend.js";
export type { TfjsDevice, TfjsDeviceDescription } from "./devices.js";
export { pixelsToInput } from "./pixels.js";
export type { Tfjs, TfjsTensor } from "./tfjs.js";

/** The backends that can be asked for by name, one for each device. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ devices.map((description) => ({
  ...description,
  open: () => createTfjsBackend({ device: description.device }),
}));
