/** Kernels over one shared memory, whose large calls several threads share. */
import { Engine } from "./engine.js";
import { instantiate, type Kernels } from "./kernels.js";
import { LinearMemory } from "./memory.js";
import { compileKernels, type KernelSource } from "./modules.js";
import { lostError, ThreadPool } from "./pool.js";
import { activatedScratch, attentionScratch, jobOf, quantizedScratch, sharedKernels } from "./split.js";
import type { Threads } from "./threads.js";

/** Undefined if the host gives no threads, or no memory that they share. */
export async function startOnThreads(
  source: KernelSource,
  threads: Threads,
  others: number,
): Promise<Engine | undefined> {
  let pool: ThreadPool | undefined;
  try {
    const started = new ThreadPool(others, {
      refused: (reason) => threads.refuse(reason),
      lost: (reason) => threads.lose(reason),
    });
    pool = started;
    const memory = new LinearMemory(true);
    const module = await compileKernels(source, true);
    const kernels = await instantiate(module, memory.memory);
    const number = await started.attach(module, memory.memory);
    return new Engine(memory, onThreads(kernels, started, number), () => started.end());
  } catch (error) {
    threads.refuse(error);
    await pool?.end();
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
