/**
 * `@ppt-vit/backend-cpu/eager` and, for code that is loaded on demand, `@ppt-vit/backend-cpu/maps`: this backend's operations for other eager backends of this project, whose tensors are arrays
 * in memory of their own. It is no interface for applications and may change in any release.
 */
export { plainPrimitives } from "./primitives.js";
export { selectionOverrides } from "./selection.js";
export type { TensorStore } from "./store.js";
