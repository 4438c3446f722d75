/** Loads the code of rare composites when a program first calls one. No executable knows its program before it runs. */
import { type CompileOptions, type Executable, loadedCode, makeExecutable } from "@ppt-vit/core/backend";
import type { Engine } from "./engine.js";
import type { RareComposites } from "./rare.js";
import type { WasmStore } from "./store.js";

let code: typeof import("./rare.js") | undefined;

/** Ends a run that needs code which is not here. */
class NotHere extends Error {}

/** They throw until `startingAgain` has loaded their code. */
export function rarely(engine: Engine, store: WasmStore): RareComposites {
  let made: RareComposites | undefined;
  const composites = () => {
    if (!code) throw new NotHere();
    made ??= code.rareComposites(engine, store);
    return made;
  };
  return {
    unfold: (...operands) => composites().unfold(...operands),
    convolution: (...operands) => composites().convolution(...operands),
    resizeBilinear: (...operands) => composites().resizeBilinear(...operands),
  };
}

/** The executable, whose first run loads the code of rare composites that it calls, and starts again. */
export const startingAgain = (executable: Executable, inputs: CompileOptions["inputs"]): Executable =>
  // With a queue of its own: while code is loaded no other run starts, and `dispose` waits.
  makeExecutable({
    inputs,
    async run(feeds) {
      try {
        return await executable.run(feeds);
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
        code = await loadedCode(import(/* lazy */ "./rare.js"));
        return executable.run(feeds);
      }
    },
    dispose: () => executable.dispose(),
  });
