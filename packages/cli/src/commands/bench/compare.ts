/** `ppt-vit bench --compare A B`: what changed beyond noise between two recorded results. */
import { PptError } from "@ppt-vit/core";
import { median } from "@ppt-vit/pipeline";
import { print } from "../../output/print.js";
import { readDocument } from "./documents.js";
import type { BenchDocument, CellResult } from "./schema.js";
import { spread } from "./statistics.js";

/** A change below this share counts as noise even where turns repeat well. */
const smallestChange = 0.05;

export interface Change {
  readonly name: string;
  /** Time in B over time in A. */
  readonly ratio: number;
  /** How far the ratio may lie from 1 by chance: twice the spread of both. */
  readonly noise: number;
  readonly verdict: "faster" | "slower" | "same";
  /** Over the unreduced model in A and in B. They compare neighbours in time, so they are steadier than times. */
  readonly speedups?: readonly [number, number];
}

const nameOf = ({ model, batch, backend, policy }: CellResult) => `${model}, batch ${batch}, ${backend}, ${policy}`;

/** Results that were recorded without turns have no spread to compare by. */
const comparable = ({ results }: BenchDocument) => results.filter(({ turnMs }) => turnMs.length > 0);

/** Every cell that both documents have, with its turns. */
export function compareDocuments(a: BenchDocument, b: BenchDocument): Change[] {
  const before = new Map(comparable(a).map((result) => [nameOf(result), result]));
  return comparable(b).flatMap((after) => {
    const name = nameOf(after);
    const old = before.get(name);
    if (!old) return [];
    const ratio = median(after.turnMs) / median(old.turnMs);
    const noise = Math.max(smallestChange, 2 * (spread(after.turnMs) + spread(old.turnMs)));
    const verdict = Math.abs(Math.log(ratio)) <= Math.log1p(noise) ? "same" : ratio < 1 ? "faster" : "slower";
    const speedups =
      after.policy !== "unreduced" && old.speedup !== null && after.speedup !== null
        ? { speedups: [old.speedup, after.speedup] as const }
        : {};
    return [{ name, ratio, noise, verdict, ...speedups }];
  });
}

const percent = (ratio: number) => `${ratio < 1 ? "" : "+"}${((ratio - 1) * 100).toFixed(0)} %`;

/** The largest distance of a ratio from 1, in either direction, as a ratio above 1. */
const farthest = (ratios: readonly number[]) => Math.exp(Math.max(...ratios.map((ratio) => Math.abs(Math.log(ratio)))));

export function compareCommand([a, b]: readonly [string, string]): void {
  const [before, after] = [readDocument(a), readDocument(b)];
  const changes = compareDocuments(before, after);
  if (changes.length === 0) throw new PptError("INVALID_INPUT", `${a} and ${b} have no cell with turns in common`);
  const lines = changes.map(({ name, ratio, noise, verdict, speedups }) => {
    const gain = speedups ? `, speedup ${speedups[0].toFixed(2)}x -> ${speedups[1].toFixed(2)}x` : "";
    return `${verdict.padEnd(6)}  ${percent(ratio).padStart(6)} time  (noise ${(100 * noise).toFixed(0)} %)  ${name}${gain}`;
  });
  const names = (document: BenchDocument) => new Set(comparable(document).map(nameOf));
  const onlyIn = (file: string, one: BenchDocument, other: BenchDocument) =>
    [...names(one)].filter((name) => !names(other).has(name)).map((name) => `only in ${file}: ${name}`);
  const machines =
    before.hardware.cpu === after.hardware.cpu
      ? []
      : [`different machines: ${before.hardware.cpu}; ${after.hardware.cpu}`];
  const gains = changes.flatMap(({ speedups }) => (speedups ? [speedups[1] / speedups[0]] : []));
  const summary = `times differ by up to ${percent(farthest(changes.map(({ ratio }) => ratio)))}`;
  print(
    ...machines,
    ...lines,
    ...onlyIn(a, before, after),
    ...onlyIn(b, after, before),
    gains.length > 0 ? `${summary}, speedups by up to ${percent(farthest(gains))}` : summary,
  );
}
