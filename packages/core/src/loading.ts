/**
 * `@ppt-vit/core/loading`: the functions of the main entry that a page needs for a checkpoint which `loadConfigReader` has read. Those of
 * the main entry answer for any configuration and so bring the code of every model; these bring that of plain ViTs.
 */
export { modelCost } from "./cost.js";
export { modelFingerprint } from "./fingerprint.js";
export { loadConfigReader } from "./vit/load-family.js";
export { loadModelCode } from "./vit/load-model-code.js";
export { createVisionModel } from "./vit/model.js";
export { headsFit } from "./vit/weights.js";
