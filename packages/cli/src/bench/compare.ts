/** `ppt-vit bench --compare A.json B.json`: what changed beyond noise. */
import { readFileSync } from "node:fs";
import { PptError } from "@ppt-vit/core";
import { median, spread } from "./statistics.js";
import type { BenchDocument, CellResult } from "./types.js";

/** Smaller changes are not told from noise even where turns repeat well. */
const smallestChange = 0.05;

export interface Change {
  readonly name: string;
  /** Time in B over time in A. */
  readonly ratio: number;
  /** What a ratio may differ from 1 by chance: twice the spread of both. */
  readonly noise: number;
  readonly verdict: "faster" | "slower" | "same";
}

const nameOf = ({ model, batch, backend, policy }: CellResult) => `${model}, batch ${batch}, ${backend}, ${policy}`;

/** Every cell that both documents have. */
export function compareDocuments(a: BenchDocument, b: BenchDocument): Change[] {
  const before = new Map(a.results.map((result) => [nameOf(result), result]));
  return b.results.flatMap((after) => {
    const name = nameOf(after);
    const old = before.get(name);
    if (!old) return [];
    const ratio = median(after.turnMs) / median(old.turnMs);
    const noise = Math.max(smallestChange, 2 * (spread(after.turnMs) + spread(old.turnMs)));
    const verdict = Math.abs(Math.log(ratio)) <= Math.log1p(noise) ? "same" : ratio < 1 ? "faster" : "slower";
    return [{ name, ratio, noise, verdict }];
  });
}

/** @throws PptError NOT_FOUND, INVALID_INPUT */
export function readDocument(file: string): BenchDocument {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new PptError("NOT_FOUND", `${file}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const document = parse(text);
  if (document?.benchmark !== "ppt-vit bench" || document.version !== 1)
    throw new PptError("INVALID_INPUT", `${file}: not a result of ppt-vit bench`);
  return document;
}

function parse(text: string): BenchDocument | undefined {
  try {
    return JSON.parse(text) as BenchDocument;
  } catch {
    return undefined;
  }
}

export function compareCommand([a, b]: readonly [string, string]): void {
  const [before, after] = [readDocument(a), readDocument(b)];
  const changes = compareDocuments(before, after);
  if (changes.length === 0) throw new PptError("INVALID_INPUT", `${a} and ${b} have no cell in common`);
  const lines = changes.map(({ name, ratio, noise, verdict }) => {
    const change = `${((ratio - 1) * 100).toFixed(0)} % time`.padStart(11);
    return `${verdict.padEnd(6)}  ${change}  (noise ${(100 * noise).toFixed(0)} %)  ${name}`;
  });
  const machines =
    before.hardware.cpu === after.hardware.cpu
      ? []
      : [`different machines: ${before.hardware.cpu}; ${after.hardware.cpu}`];
  process.stdout.write([...machines, ...lines, ""].join("\n"));
}
