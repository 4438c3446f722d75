/** What a run saves, to go on from there with the same bits. */
import { readFileSync } from "node:fs";
import { isPptError, PptError, parseSafetensors } from "@ppt-vit/core";
import type { HostTensor } from "@ppt-vit/core/backend";
import { writeSafetensors } from "../output/safetensors.js";
import { writeWhole } from "../output/write-file.js";
import type { Evaluation, StepRecord } from "./progress.js";
import { copyOf, type TrainedWeights } from "./weights.js";

/** Everything that the numbers of a run depend on. */
export type RunIdentity = Readonly<Record<string, unknown>>;

export interface RunState {
  /** Steps that are done. */
  step: number;
  /** Seconds that all processes of the run have worked. */
  seconds: number;
  readonly steps: StepRecord[];
  readonly evaluations: Evaluation[];
  /** The best evaluation so far, and the weights that it is of. Undefined without pictures to evaluate on. */
  best: { readonly evaluation: Evaluation; readonly values: Map<string, Float32Array> } | undefined;
  readonly weights: TrainedWeights;
}

const format = "ppt-vit finetune";
const version = 2;

const flat = (data: Float32Array): HostTensor => ({ shape: [data.length], data });

/** Writes the state of a run. @throws PptError WRITE_FAILED */
export function saveState(path: string, identity: RunIdentity, state: RunState): void {
  const { step, seconds, steps, evaluations, best, weights } = state;
  const tensors: Record<string, HostTensor> = {};
  for (const [name, data] of weights.values) tensors[`value/${name}`] = flat(data);
  for (const [name, slots] of weights.slots)
    for (const [slot, data] of Object.entries(slots)) tensors[`${slot}/${name}`] = flat(data);
  if (weights.average !== weights.values)
    for (const [name, data] of weights.average) tensors[`average/${name}`] = flat(data);
  if (best) for (const [name, data] of best.values) tensors[`best/${name}`] = flat(data);
  const record = { format, version, identity, step, seconds, steps, evaluations, best: best?.evaluation ?? null };
  writeWhole(path, writeSafetensors(tensors, { state: JSON.stringify(record) }));
}

/**
 * Fills `state`, which is that of a run at its start, with what an earlier run saved.
 * @throws PptError INVALID_INPUT if the file is of another run, or damaged
 */
export function loadState(path: string, identity: RunIdentity, state: RunState): void {
  const refuse: (what: string, cause?: unknown) => never = (what, cause) => {
    throw new PptError(
      "INVALID_INPUT",
      `${path}: ${what}: give the options that the run began with, or begin anew with another folder or --force`,
      { cause },
    );
  };
  try {
    const file = parseSafetensors(readFileSync(path), path);
    const record = JSON.parse(file.metadata.get("state") ?? "null") as
      | (Omit<RunState, "weights" | "best"> & {
          format: string;
          version: number;
          identity: RunIdentity;
          best: Evaluation | null;
        })
      | null;
    if (record?.format !== format || record.version !== version) refuse("is no state of this program's version");
    const other = differing(record.identity, identity);
    if (other) refuse(`belongs to another run: its ${other}`);
    const fill = (prefix: string, values: ReadonlyMap<string, Float32Array>) => {
      for (const [name, data] of values) {
        const saved = file.read(`${prefix}/${name}`).data;
        if (saved.length !== data.length)
          refuse(`holds '${prefix}/${name}' with ${saved.length} values, not ${data.length}`);
        data.set(saved);
      }
    };
    const { weights } = state;
    fill("value", weights.values);
    if (weights.average !== weights.values) fill("average", weights.average);
    for (const slot of Object.keys([...weights.slots.values()][0] ?? {}))
      fill(slot, new Map([...weights.slots].map(([name, slots]) => [name, slots[slot]!])));
    if (record.best) {
      const values = copyOf(weights.values);
      fill("best", values);
      state.best = { evaluation: record.best, values };
    }
    state.step = record.step;
    state.seconds = record.seconds;
    state.steps.push(...record.steps);
    state.evaluations.push(...record.evaluations);
  } catch (cause) {
    if (isPptError(cause) && cause.code === "INVALID_INPUT") throw cause;
    refuse(`cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
}

/** Says which entry differs, and how. */
function differing(saved: RunIdentity, now: RunIdentity): string | undefined {
  const shown = (value: unknown) => (value === undefined ? "missing" : JSON.stringify(value).slice(0, 80));
  for (const name of new Set([...Object.keys(saved), ...Object.keys(now)])) {
    const [before, after] = [shown(saved[name]), shown(now[name])];
    if (JSON.stringify(saved[name]) !== JSON.stringify(now[name])) return `${name} was ${before} and is ${after}`;
  }
  return undefined;
}
