/** The precisions that the benchmark compares: those of weights, and half precision where a backend computes in it. */
import { type WeightDtypeName, weightDtypeNames } from "@ppt-vit/core";
import type { BackendChoice } from "./machine.js";

/** Computing in 16 bits is a property of a backend, and not of weights. The worker has such backends under names of their own. */
export const half = "fp16";

export type PrecisionName = WeightDtypeName | typeof half;

const [full, ...quantised] = weightDtypeNames;

/** All precisions; the first is the one that the others are compared with. */
export const precisionNames: readonly PrecisionName[] = [full!, half, ...quantised];

/** The name of a backend in half precision. */
export const inHalf = (backend: string): string => `${backend}:${half}`;

/** What `fromPretrained` takes for a precision on a backend. */
export const loadedAs = (backend: string, precision: PrecisionName) =>
  precision === half ? { backend: inHalf(backend) } : { backend, dtype: precision };

/** Whether a backend has a precision in this browser. Every backend has those of weights. */
export const hasPrecision = ({ halfPrecision }: BackendChoice, precision: PrecisionName): boolean =>
  precision !== half || halfPrecision === true;
