/**
 * `@ppt-vit/core/on-demand`: functions of the main entry for code that is loaded on demand, as apart.ts says. The code of the model must be
 * here already: `loadConfigReader` loads it.
 */
export { describeReduction } from "./reduction/describe.js";
export { prepareVisionProgram } from "./vit/model.js";
export { randomWeights } from "./vit/random-weights.js";
export { findVerificationRecord, recordVerification, verificationInput, verifyModel } from "./vit/verification.js";
export { weightBytes } from "./vit/weight-bytes.js";
export { readParameters } from "./vit/weights.js";
