/** What a page and its worker say to each other. */
import { isPptError, PptError, type PptErrorCode } from "@ppt-vit/core";
import type { ProgressInfo } from "../checkpoint/checkpoint.js";
import type { BatchOptions } from "../tasks/batches.js";
import type { PretrainedOptions } from "../tasks/classifier.js";
import type { FeatureExtractorOptions } from "../tasks/feature-extractor.js";
import type { BrowserImageInput } from "./decode.js";
import type { PortableSource } from "./files.js";

/** Loading options that can be sent: no functions, and a backend by its name. */
type Portable<Options> = Omit<Options, "backend" | "signal" | "progress_callback"> & { readonly backend?: string };
export type PortableOptions = Portable<PretrainedOptions>;
export type PortableExtractorOptions = Portable<FeatureExtractorOptions>;

/** What a model does with many pictures: the names of its generators. */
export type Method = "classifyAll" | "embedAll" | "featuresAll";

/** Every request has an answer under its number; an `abort` ends the request of that number. */
export type Request = { readonly id: number } & (
  | {
      readonly kind: "load";
      readonly source: PortableSource;
      readonly options: PortableOptions | PortableExtractorOptions;
    }
  | {
      readonly kind: "run";
      readonly model: number;
      readonly method: Method;
      readonly inputs: readonly BrowserImageInput[];
      readonly options: Omit<BatchOptions, "signal">;
    }
  | { readonly kind: "dispose"; readonly model: number }
  | { readonly kind: "abort" }
);

/** What a model tells of itself: everything but its functions. */
export type Description<Model> = {
  [Key in keyof Model as Model[Key] extends (...args: never[]) => unknown ? never : Key]: Model[Key];
};

/** `progress` and `picture` may come many times before `done` or `failed`. */
export type Reply = { readonly id: number } & (
  | { readonly kind: "progress"; readonly info: ProgressInfo }
  | { readonly kind: "picture"; readonly index: number; readonly result: object | { error: PortableError } }
  | { readonly kind: "done"; readonly description?: object }
  | { readonly kind: "failed"; readonly error: PortableError }
);

/** An error as a message: structured clones lose the class and the code. */
export interface PortableError {
  readonly name: string;
  readonly message: string;
  readonly code?: PptErrorCode;
  readonly stack?: string;
}

export function packError(error: unknown): PortableError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, stack } = error;
  return { name, message, ...(stack && { stack }), ...(isPptError(error) && { code: error.code }) };
}

/** The error again, with the worker's stack as its cause. */
export function unpackError({ name, message, code, stack }: PortableError): Error {
  const cause = new Error(message);
  if (stack) cause.stack = stack;
  if (code) return new PptError(code, message, { cause });
  if (name === "AbortError") return new DOMException(message, name);
  const error = new Error(message, { cause });
  error.name = name;
  return error;
}
