/** The kernels over one memory: what one executable computes with. */
import { compileKernels, type Instructions, instantiate, type Kernels } from "./kernels.js";
import { LinearMemory } from "./memory.js";

export class Engine {
  readonly memory: LinearMemory;
  /** They hold the memory too, so they are dropped with it. */
  #kernels: Kernels | undefined;

  private constructor(memory: LinearMemory, kernels: Kernels) {
    this.memory = memory;
    this.#kernels = kernels;
  }

  static async start(instructions: Instructions): Promise<Engine> {
    const memory = new LinearMemory();
    return new Engine(memory, await instantiate(await compileKernels(instructions), memory.memory));
  }

  get kernels(): Kernels {
    return this.#kernels!;
  }

  dispose(): void {
    this.#kernels = undefined;
    this.memory.dispose();
  }
}
