/** The code that plain ViTs do without. Other files reach it by model-code.ts, so that it is loaded with the first model that needs it. */
export {
  gatherByProbe,
  pooledLayers,
  poolMacs,
  poolNames,
  poolShapes,
  poolTensor,
  probeQuery,
} from "./attention-pool.js";
export { predictDepth } from "./depth/head.js";
export { depthMacs, depthParameters, depthShapes } from "./depth/layers.js";
export { families } from "./families/index.js";
export { type Grid, interpolatePositions, sinusoids } from "./positions.js";
export { refusedTypes } from "./refused-types.js";
export { coordinatesOf, rotationAnywhere, rotationAtFirst } from "./rotary.js";
