/** `@ppt-vit/core/testing`: what tests and the conformance suite need beyond what users do. */
export { iota } from "./composites.js";
export { interpolatePositions } from "./vit/positions.js";
export { random } from "./vit/random-weights.js";
