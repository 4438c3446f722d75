/** JavaScript modules that are named on the command line: contenders, and benchmarks of another kind. */
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { PptError } from "@ppt-vit/core";
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
    `--contenders ${path}: must export contenders, a list of { name: string, prepare(model, batch) }`,
  );
}

/** @throws PptError INVALID_OPTION unless the module exports `measure` */
export async function loadBenchmark(path: string): Promise<Benchmark> {
  const { measure } = await load(path, "--benchmark");
  if (typeof measure === "function") return { measure: measure as Benchmark["measure"] };
  throw new PptError("INVALID_OPTION", `--benchmark ${path}: must export measure(context)`);
}

async function load(path: string, option: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(resolve(path)).href);
  } catch (cause) {
    throw new PptError("INVALID_OPTION", `${option} ${path}: cannot be loaded: ${(cause as Error).message}`, { cause });
  }
}

const isContender = (value: unknown): value is Contender =>
  typeof value === "object" &&
  value !== null &&
  "name" in value &&
  typeof value.name === "string" &&
  "prepare" in value &&
  typeof value.prepare === "function";
