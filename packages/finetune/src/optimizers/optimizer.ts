/** The interface of an optimiser. Each is one file here, listed in `index.ts`. It runs on the host, so every device gives the same bits. */

export interface UpdateSettings {
  readonly learningRate: number;
  /** 0 for norms and biases. */
  readonly weightDecay: number;
  /** Number of this update, from 1. */
  readonly step: number;
}

export interface Optimizer {
  readonly name: string;
  readonly description: string;
  /** Names of the values that it keeps for each weight. They are 0 at the start. */
  readonly slots: readonly string[];
  /** Changes `values` and `slots` in place. */
  update(
    values: Float32Array,
    gradient: Float32Array,
    slots: Readonly<Record<string, Float32Array>>,
    settings: UpdateSettings,
  ): void;
}
