/** Starts the kernels of an executable, with the code for threads only where there are several. */
import { loadedCode } from "@ppt-vit/core/backend";
import { Engine } from "./engine.js";
import { instantiate } from "./kernels.js";
import { LinearMemory } from "./memory.js";
import { asTyped, compileKernels, type KernelSource } from "./modules.js";
import type { Threads } from "./threads.js";

/** @param parameterBytes of the program that the engine is for: small ones get no threads */
export async function startEngine(source: KernelSource, threads: Threads, parameterBytes: number): Promise<Engine> {
  const others = threads.othersFor(parameterBytes);
  if (others === 0) return startAlone(source);
  const { startOnThreads } = await loadedCode(import(/* lazy */ "./threaded.js"));
  return (await startOnThreads(source, threads, others)) ?? startAlone(source);
}

async function startAlone(source: KernelSource): Promise<Engine> {
  const memory = new LinearMemory();
  const module = await compileKernels(source, false);
  return new Engine(memory, await asTyped(() => instantiate(module, memory.memory)), async () => {});
}
