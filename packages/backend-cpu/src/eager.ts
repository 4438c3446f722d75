/**
 * `@ppt-vit/backend-cpu/eager`: this backend's operations for other eager backends of this project, whose tensors are arrays
 * in memory of their own. It is no interface for applications and may change in any release.
 */
export { addToChannels, mapOverrides, positionsOn, rowsOfStrip } from "./maps.js";
export { cpuPrimitives } from "./primitives.js";
export { selectionOverrides } from "./selection.js";
export type { TensorStore } from "./store.js";
