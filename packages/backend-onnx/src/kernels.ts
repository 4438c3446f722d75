/**
 * Counts the kernels of a graph: what a GPU launches in one run. A launch costs microseconds whatever it computes, so for one
 * image the number of kernels limits the speed (docs/decisions/0024-kernels-on-gpus.md).
 */
import type { NodeProto } from "./proto.js";

/** Kernels of a graph. The names of nodes tell the step: `blocks.3/ppt/match/Slice` belongs to `ppt/match`. */
export interface KernelCount {
  readonly total: number;
  /** Kernels of each operator, the most frequent first. */
  readonly byOperator: Readonly<Record<string, number>>;
  /** Kernels of each step of the model, all blocks together: `attention`, `mlp`, `ppt/rank`. */
  readonly byStep: Readonly<Record<string, number>>;
}

/** Operators that give the same bytes another shape or name, so nothing is launched. */
const free: ReadonlySet<string> = new Set(["Reshape", "Identity", "Squeeze", "Unsqueeze", "Flatten", "Constant"]);

/** Whether a run launches something for a node. */
export const isKernel = ({ opType }: Pick<NodeProto, "opType">): boolean => !free.has(opType);

/** Outside the blocks, and in graphs of other programs, the first part of a name is the step. */
function stepOf(name: string): string {
  const parts = name.split("/").slice(0, -1);
  const inBlock = /^blocks\.\d+$/.test(parts[0] ?? "");
  return (inBlock ? parts.slice(1) : parts.slice(0, 1)).join("/") || "unnamed";
}

/** Each node that launches something counts once. */
export function countKernels(nodes: readonly Pick<NodeProto, "name" | "opType">[]): KernelCount {
  const kernels = nodes.filter(isKernel);
  return {
    total: kernels.length,
    byOperator: tally(kernels.map(({ opType }) => opType)),
    byStep: tally(kernels.map(({ name }) => stepOf(name))),
  };
}

/** How often each name occurs. Of equally frequent names the first in the alphabet comes first. */
function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}
