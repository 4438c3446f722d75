/** The kernels over one memory: what one executable computes with. */
import type { Kernels } from "./kernels.js";
import type { LinearMemory } from "./memory.js";

export class Engine {
  readonly memory: LinearMemory;
  /** They hold the memory too, so they are dropped with it. */
  #kernels: Kernels | undefined;
  readonly #endThreads: () => Promise<void>;

  constructor(memory: LinearMemory, kernels: Kernels, endThreads: () => Promise<void>) {
    this.memory = memory;
    this.#kernels = kernels;
    this.#endThreads = endThreads;
  }

  /** Whether quantised products are products of bytes here: `assembly/bytes.ts`. */
  get multipliesBytes(): boolean {
    return this.kernels.multipliesBytes() !== 0;
  }

  get kernels(): Kernels {
    return this.#kernels!;
  }

  async dispose(): Promise<void> {
    this.#kernels = undefined;
    this.memory.dispose();
    await this.#endThreads();
  }
}
