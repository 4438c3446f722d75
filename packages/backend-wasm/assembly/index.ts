/**
 * The kernels. Arguments are addresses, bytes between rows (strides), and numbers of elements. `src/kernels.ts`
 * declares them for JavaScript.
 */
export { attention, attentionScratch } from "./attention";
export { multipliesBytes } from "./bytes";
export { activation, add, cutPatches } from "./elementwise";
export { multiply, packColumns, packRows } from "./products";
export { activatedScratch, multiplyQuantized, quantize, quantizeActivated, quantizedScratch } from "./quantized";
export { addRows, divideRows, l2Norm, layerNorm, lpNormalize, softmax } from "./rows";
export { groupRows } from "./strassen";
