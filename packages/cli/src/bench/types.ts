/** The document that `ppt-vit bench` writes and that reports and comparisons read. */
import type { BenchPolicy } from "./model.js";

/** What one process measures. */
export interface CellSettings {
  /** A name of `contenderNames`; ONNX backends take `:fp16` behind it. */
  readonly backend: string;
  /** A geometry, `demo`, or a folder. */
  readonly model: string;
  readonly policy: BenchPolicy;
  /** Images per run. */
  readonly batch: number;
}

export interface CellResult extends CellSettings {
  /** Multiply-accumulates of one image, 1e9. */
  readonly gmacs: number;
  /** Backend and model, weights in memory; the random weights of a geometry are not counted. */
  readonly loadMs: number;
  readonly firstRunMs: number;
  /** Median run of each turn, in the order of the rounds. */
  readonly turnMs: readonly number[];
  /** Over all runs, readback included. */
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly imagesPerSecond: number;
  /** Median over the rounds of the unreduced model's turn over this one's, on the same backend, model and batch. */
  readonly speedup: number | null;
  readonly effectiveGflops: number;
  readonly peakMemoryBytes: number;
}

/** A cell that could not be measured, and why. */
export interface CellFailure extends CellSettings {
  readonly code: string;
  readonly message: string;
}

export interface BenchDocument {
  readonly benchmark: "ppt-vit bench";
  readonly version: 1;
  readonly date: string;
  /** Of this repository, where the command ran from it. */
  readonly commit?: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly hardware: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly platform: string;
    readonly arch: string;
    /** Processes that wanted a core in the minute before: near 0 on a quiet machine. */
    readonly loadBefore: number;
  };
  readonly settings: {
    /** Time for each pair of model and batch, opening included. */
    readonly secondsPerGroup: number;
    readonly runsPerTurn: number;
    readonly turnLimitMs: number;
    readonly maxRounds: number;
  };
  /** The fastest 2048-cube product of onnxruntime-node here; null where it is not installed. */
  readonly peakMatmulGflops: number | null;
  readonly results: readonly CellResult[];
  readonly failures: readonly CellFailure[];
}
