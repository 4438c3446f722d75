/** The messages between a page and its worker. */
import { isPptError, PptError, type PptErrorCode } from "@ppt-vit/core";
import type { LoadOptions, ProgressInfo } from "../checkpoint/options.js";
import type { BatchOptions, ModelOptions } from "../tasks/options.js";
import type { OwnOptions, TaskName } from "../tasks/registry.js";
import type { BrowserImageInput } from "./decode.js";
import type { PortableSource } from "./files.js";

/** Loading options that can be sent: without functions, and with a backend by its name. */
export type PortableOptions = Omit<ModelOptions, "backend" | "signal" | "progress_callback"> & {
  readonly backend?: string;
};

/** The options of a worker's `fromPretrained` for a task. Functions stay in the page, and a backend is named. */
export type WorkerOptions<Name extends TaskName> = { readonly task?: Name | undefined } & PortableOptions &
  LoadOptions &
  OwnOptions<Name>;

/** Every request is answered under its number. `abort` ends the request of that number. */
export type Request = { readonly id: number } & (
  | {
      readonly kind: "load";
      readonly source: PortableSource;
      /** The same for the same source: the worker may keep what it read. */
      readonly key: number;
      readonly options: PortableOptions;
      /** Whether the page listens to progress. If not, the worker's console gets the notices. */
      readonly reports: boolean;
    }
  | {
      readonly kind: "run";
      readonly model: number;
      /** The name of one of the model's methods for a single picture. */
      readonly method: string;
      readonly inputs: readonly BrowserImageInput[];
      readonly options: Omit<BatchOptions, "signal">;
    }
  | {
      /** What a checkpoint can be used for, or its files. */
      readonly kind: "inspect" | "files";
      readonly source: PortableSource;
      readonly key: number;
      readonly options: LoadOptions;
      readonly reports: boolean;
    }
  | { readonly kind: "dispose"; readonly model: number }
  | { readonly kind: "abort" }
);

/** `progress` and `picture` may come many times before `done` or `failed`, which is the last reply. */
export type Reply = { readonly id: number } & (
  | { readonly kind: "progress"; readonly info: ProgressInfo }
  | { readonly kind: "picture"; readonly index: number; readonly result: object | { error: PortableError } }
  | { readonly kind: "done"; readonly facts?: object }
  | { readonly kind: "failed"; readonly error: PortableError }
);

/** An error in a form that can be sent: structured clones lose its class and code. */
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

/** The error, with the worker's stack as its cause. */
export function unpackError({ name, message, code, stack }: PortableError): Error {
  const cause = new Error(message);
  if (stack) cause.stack = stack;
  if (code) return new PptError(code, message, { cause });
  if (name === "AbortError") return new DOMException(message, name);
  const error = new Error(message, { cause });
  error.name = name;
  return error;
}
