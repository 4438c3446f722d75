/** `@ppt-vit/core/backend`: everything that a backend package needs. */

export { meanToken } from "./attention-composites.js";
export {
  type BackendDescription,
  type BackendDescriptor,
  type BackendPlatform,
  packagesOn,
} from "./backend-descriptor.js";
export { type BilinearTap, bilinearTaps } from "./bilinear.js";
export { completeOps, type OwnComposites } from "./complete-ops.js";
export { type Overrides, resolveOps } from "./composites.js";
export { namingViolations, requireWebAssembly } from "./content-security.js";
export { defaultComposites } from "./default-composites.js";
export { collectTensors, compileEager, type EagerSession } from "./eager.js";
export {
  callProgram,
  checkFeedShapes,
  checkProgram,
  type ExecutableParts,
  makeExecutable,
  type OwnedExecutables,
  ownExecutables,
} from "./executable.js";
export { loadedCode } from "./lazy-code.js";
export { briefData, computedTensor, derivedTensor, isLazy, lazyTensor, type Readings } from "./lazy-tensor.js";
export { isNotInstalled, NotInstalled, notInstalledOr } from "./not-installed.js";
export type * from "./seam.js";
export {
  broadcastShapes,
  matMulShape,
  sameShape,
  showShape,
  sizeOf,
  stridesOf,
  windowPositions,
  withLength,
} from "./shape.js";
export { inViteBuild, offerPart, partAddress, runPart, type VitePart, type ViteWorker } from "./vite-parts.js";
