/** `@ppt-vit/core/testing`: helpers that only tests and the conformance suite need. */
export { iota } from "./host-tensor.js";
export { type Grid, interpolatePositions } from "./vit/positions.js";
export { random } from "./vit/random-weights.js";
