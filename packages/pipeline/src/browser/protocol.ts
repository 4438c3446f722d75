/** What a page and its classifier worker say to each other. */
import { isPptError, PptError, type PptErrorCode } from "@ppt-vit/core";
import type { ProgressInfo } from "../checkpoint.js";
import type { ClassifyOptions, PretrainedOptions } from "../classifier.js";
import type { Labels, PictureRun } from "../result.js";
import type { BrowserImageInput } from "./decode.js";
import type { PortableSource } from "./files.js";
import type { ImageClassifier } from "./from-pretrained.js";

/** Loading options that can be sent: no functions, and a backend by its name. */
export type PortableOptions = Omit<PretrainedOptions, "backend" | "signal" | "progress_callback"> & {
  readonly backend?: string;
};

/** Every request has an answer under its number; an `abort` ends the request of that number. */
export type Request = { readonly id: number } & (
  | { readonly kind: "load"; readonly source: PortableSource; readonly options: PortableOptions }
  | {
      readonly kind: "classify";
      readonly classifier: number;
      readonly inputs: readonly BrowserImageInput[];
      readonly options: Omit<ClassifyOptions, "signal">;
    }
  | { readonly kind: "dispose"; readonly classifier: number }
  | { readonly kind: "abort" }
);

/** A classifier's facts. */
export type Description = Omit<ImageClassifier, "classify" | "classifyAll" | "dispose">;

/** `progress` and `picture` may come many times before `done` or `failed`. */
export type Reply = { readonly id: number } & (
  | { readonly kind: "progress"; readonly info: ProgressInfo }
  | {
      readonly kind: "picture";
      readonly index: number;
      readonly result: (Labels & PictureRun) | { error: PortableError };
    }
  | { readonly kind: "done"; readonly description?: Description }
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
