/** `pnpm types` compares this package's types of ONNX Runtime with its own. This file is not run. */
import type { OnnxRuntime, OnnxSessionOptions } from "@ppt-vit/backend-onnx";
import type * as native from "onnxruntime-node";
import type * as web from "onnxruntime-web";

export const runtimes = (...given: (typeof native | typeof web)[]): readonly OnnxRuntime[] => given;

/** All settings are known here, but for the weights, which this package passes itself. */
export const known: readonly (keyof OnnxSessionOptions)[] = [] as Exclude<
  keyof native.InferenceSession.SessionOptions,
  "externalData"
>[];
export const taken = (ours: OnnxSessionOptions): native.InferenceSession.SessionOptions => ours;
export const given = (theirs: native.InferenceSession.SessionOptions): OnnxSessionOptions => theirs;
