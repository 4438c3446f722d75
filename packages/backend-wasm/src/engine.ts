/** The kernels over one memory: what one executable computes with. */
import { instantiate, type Kernels } from "./kernels.js";
import { LinearMemory } from "./memory.js";
import { asTyped, compileKernels, type KernelSource } from "./modules.js";
import { lostError, type ThreadPool } from "./pool.js";
import { activatedScratch, attentionScratch, jobOf, quantizedScratch, sharedKernels } from "./split.js";
import type { Threads } from "./threads.js";

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

  /** @param parameterBytes of the program that the engine is for: small ones get no threads */
  static async start(source: KernelSource, threads: Threads, parameterBytes: number): Promise<Engine> {
    const pool = threads.poolFor(parameterBytes);
    return (pool && (await startOnThreads(source, threads, pool))) ?? startAlone(source);
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

async function startAlone(source: KernelSource): Promise<Engine> {
  const memory = new LinearMemory();
  const module = await compileKernels(source, false);
  return new Engine(memory, await asTyped(() => instantiate(module, memory.memory)), async () => {});
}

/** Undefined if the host gives no threads, or no memory that they share. */
async function startOnThreads(source: KernelSource, threads: Threads, pool: ThreadPool): Promise<Engine | undefined> {
  try {
    const memory = new LinearMemory(true);
    const module = await compileKernels(source, true);
    const kernels = await instantiate(module, memory.memory);
    const number = await pool.attach(module, memory.memory);
    return new Engine(memory, onThreads(kernels, pool, number), () => pool.end());
  } catch (error) {
    threads.refuse(error);
    await pool.end();
    return undefined;
  }
}

/** The same kernels, which share large calls with the threads of the pool. */
function onThreads(kernels: Kernels, pool: ThreadPool, memory: number): Kernels {
  const share =
    <N extends (typeof sharedKernels)[number]>(name: N) =>
    (...given: Parameters<Kernels[N]>): void => {
      if (pool.stuck !== undefined) throw lostError(pool.stuck, false);
      const job = pool.isUsable ? jobOf(name, given, kernels, pool.size) : undefined;
      if (job) pool.run(memory, job, kernels);
      else (kernels[name] as (...given: Parameters<Kernels[N]>) => void)(...given);
    };
  return {
    ...kernels,
    ...(Object.fromEntries(sharedKernels.map((name) => [name, share(name)])) as Pick<
      Kernels,
      (typeof sharedKernels)[number]
    >),
    attentionScratch: (N, d) => (pool.isUsable ? pool.size : 1) * attentionScratch(kernels, N, d),
    activatedScratch: (K) => (pool.isUsable ? pool.size : 1) * activatedScratch(kernels, K),
    quantizedScratch: (K) => (pool.isUsable ? pool.size : 1) * quantizedScratch(kernels, K),
  };
}
