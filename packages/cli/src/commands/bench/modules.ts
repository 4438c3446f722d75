/** JavaScript modules that are named on the command line: contenders, and benchmarks of another kind. */
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { isPptError, PptError, reasonOf } from "@ppt-vit/core";
import { found, jsonValue } from "@ppt-vit/core/options";
import type { Contender } from "./contenders/contender.js";
import type { Measurement } from "./schema.js";

/** What a benchmark is given besides the measured packages, which it imports itself. */
export interface BenchmarkContext {
  /** The `KEY=VALUE` pairs of `--set`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Shows what is being done. */
  tell(status: string): void;
  /** `config.json` of a geometry. @throws PptError INVALID_OPTION where none has this name */
  geometry(name: string): Readonly<Record<string, unknown>>;
}

/** What a module of `--benchmark` exports. It measures something else than runs of a model. */
export interface Benchmark {
  measure(context: BenchmarkContext): Promise<{
    /** The settings that were used, defaults included, for the record. */
    readonly settings: Readonly<Record<string, unknown>>;
    readonly measurements: readonly Measurement[];
  }>;
}

/** The name of a benchmark, and of the file of its results: that of its module. */
export const nameOfModule = (path: string): string => basename(path).replace(/\.[cm]?js$/, "");

/** @throws PptError INVALID_OPTION unless the module exports `contenders` */
export async function loadContenders(path: string): Promise<readonly Contender[]> {
  const { contenders } = await load(path, "--contenders");
  if (Array.isArray(contenders) && contenders.length > 0 && contenders.every(isContender)) return contenders;
  throw new PptError(
    "INVALID_OPTION",
    `--contenders ${path}: must export contenders, a list of { name, prepare(model, batch) }; a name is not empty and has no comma`,
  );
}

/** @throws PptError INVALID_OPTION unless the module exports `measure` */
export async function loadBenchmark(path: string): Promise<Benchmark> {
  const { measure } = await load(path, "--benchmark");
  const refuse = (what: string, cause?: unknown): never => {
    throw new PptError("INVALID_OPTION", `--benchmark ${path}: ${what}`, { cause });
  };
  if (typeof measure !== "function") return refuse("must export measure(context)");
  return {
    async measure(context) {
      let measured: Awaited<ReturnType<Benchmark["measure"]>>;
      try {
        measured = await measure(context);
      } catch (cause) {
        if (isPptError(cause)) throw cause;
        return refuse(`measure() fails: ${reasonOf(cause)}`, cause);
      }
      if (!jsonValue.holds(measured)) refuse(`measure() gives ${found(measured)}, expected ${jsonValue.expected}`);
      return measured;
    },
  };
}

async function load(path: string, option: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw new PptError("INVALID_OPTION", `${option} ${path}: cannot be loaded: ${reasonOf(cause)}`, { cause });
  }
}

const isContender = (value: unknown): value is Contender =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  // --backends is a list with commas.
  /^[^,]+$/.test(value.name) &&
  "prepare" in value &&
  typeof value.prepare === "function";
