/** Checks of the arguments of public functions. Callers may be JavaScript, so types alone do not protect them. */
import { type Check, check, checkArgument, count, hostTensorCheck, shaped } from "./options.js";

const isCount = count().holds;
const isFunction = (value: unknown): boolean => typeof value === "function";
const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isCount);

export const configCheck: Check = shaped("a configuration, as parseModelConfig() makes it", {
  imageSize: isPair,
  patchSize: isPair,
  channels: isCount,
  hiddenSize: isCount,
  layers: isCount,
  heads: isCount,
  intermediateSize: isCount,
  activation: (value) => typeof value === "string",
  layerNormEpsilon: isNumber,
  pooling: (value) => typeof value === "string",
  labels: Array.isArray,
});

/** @throws PptError INVALID_INPUT */
export const requireConfig = (where: string, config: unknown): void =>
  checkArgument(where, "config", config, configCheck);

export const weightsCheck: Check = shaped(
  "weights with names, has() and read(), as parseSafetensors() or weightsFrom() make them",
  { names: Array.isArray, has: isFunction, read: isFunction },
);

/** @throws PptError INVALID_INPUT */
export const requireWeights = (where: string, weights: unknown): void =>
  checkArgument(where, "weights", weights, weightsCheck);

/** `[height, width]`. `withImageSize` checks whether the size fits a model. */
export const imageSizeCheck: Check = check(
  "[height, width] in pixels",
  (value) => Array.isArray(value) && value.length === 2 && Array.from(value).every((n) => typeof n === "number"),
);

const isByteArray = (value: unknown): boolean => value instanceof Uint8Array || value instanceof Uint8ClampedArray;
/** Any number passes here: the functions themselves refuse wrong lengths, with their own error code. */
const isAnyNumber = (value: unknown): boolean => typeof value === "number";
const isSize = shaped("", { width: isAnyNumber, height: isAnyNumber }).holds;
const imageCheck = shaped("an image { width, height, data: Uint8Array }", {
  width: isAnyNumber,
  height: isAnyNumber,
  data: isByteArray,
});
const triple = (value: unknown): boolean => Array.isArray(value) && value.length === 3 && value.every(isNumber);
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const processorCheck = shaped("a configuration, as parseImageProcessorConfig() makes it", {
  doResize: isFlag,
  size: (value) => typeof value === "object" && value !== null,
  resample: (value) => typeof value === "string",
  doCenterCrop: isFlag,
  cropSize: isSize,
  doRescale: isFlag,
  rescaleFactor: isNumber,
  doNormalize: isFlag,
  imageMean: triple,
  imageStd: triple,
});
const sizeCheck = check("a size { width, height }", isSize);

/** @throws PptError INVALID_INPUT */
export const requireImage = (where: string, image: unknown): void => checkArgument(where, "image", image, imageCheck);
/** @throws PptError INVALID_INPUT */
export const requireProcessor = (where: string, config: unknown): void =>
  checkArgument(where, "config", config, processorCheck);
/** @throws PptError INVALID_INPUT */
export const requireSize = (where: string, size: unknown): void => checkArgument(where, "size", size, sizeCheck);

/** @throws PptError INVALID_INPUT */
export const requireTensors = (where: string, name: string, tensors: unknown): void =>
  checkArgument(
    where,
    name,
    tensors,
    check("tensors by name, each { shape, data: Float32Array }", (value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
      return Object.values(value).every(hostTensorCheck.holds);
    }),
  );
