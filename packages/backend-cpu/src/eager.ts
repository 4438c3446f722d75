/**
 * `@ppt-vit/backend-cpu/eager`: this backend's operations for other eager backends of this project, whose tensors are arrays
 * in memory of their own. It is no interface for applications and may change in any release.
 */
export { addToChannels, positionsOn, rowsOfStrip } from "./maps.js";
export { cpuOverrides } from "./overrides.js";
export { cpuPrimitives } from "./primitives.js";
export type { TensorStore } from "./store.js";
