/** `@ppt-vit/backend-tfjs`: runs programs on TensorFlow.js. */
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
export { type OpenedTfjs, type OpenTfjsOptions, openTfjs } from "./open.js";
export { pixelsToInput } from "./pixels.js";
export type { ProgramTensor, TensorOf, Tfjs, TfjsTensor } from "./public-types.js";

/** The descriptors of this package's backends, one for each device. */
export const backends: readonly BackendDescriptor[] = /* @__PURE__ */ devices.map((description) => ({
  ...description,
  open: () => createTfjsBackend({ device: description.device }),
}));
