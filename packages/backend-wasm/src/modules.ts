/** The kernels as modules: compiled from the bytes in this package for one of two sets of instructions, or passed in. */
import { firstLineOf, isPptError, PptError } from "@ppt-vit/core";
import { loadedCode, requireWebAssembly } from "@ppt-vit/core/backend";
import relaxedTag from "../assembly/index.ts?relaxed&tag";
import simdTag from "../assembly/index.ts?simd&tag";
import relaxedProbe from "../assembly/probe.ts?relaxed";
import simdProbe from "../assembly/probe.ts?simd";
import { sharedBinary } from "./shared-binary.js";

/** `relaxed-simd` has fused multiply-add: Node 22, Chromium 114 and newer. */
export type Instructions = "relaxed-simd" | "simd";

/** The sets of instructions, the fastest first. */
export const instructionSets: readonly Instructions[] = ["relaxed-simd", "simd"];

/** What one set of instructions has. Only the kernels that an engine takes are loaded. */
interface InstructionSet {
  /** A small binary with its instructions, for the engine to validate. */
  readonly probe: Uint8Array<ArrayBuffer>;
  /** Tells its kernels from all others. */
  readonly tag: string;
  load(): Promise<{ readonly binary: Uint8Array<ArrayBuffer> }>;
}
const sets: Readonly<Record<Instructions, InstructionSet>> = {
  "relaxed-simd": {
    probe: relaxedProbe,
    tag: relaxedTag,
    load: () => import(/* part */ "./binaries/relaxed-simd.js"),
  },
  simd: { probe: simdProbe, tag: simdTag, load: () => import(/* part */ "./binaries/simd.js") },
};

/** What an executable's kernels are made of. */
export interface KernelSource {
  readonly instructions: Instructions;
  /** Compiled by the caller. */
  readonly module?: WebAssembly.Module;
}

/**
 * The kernels to use here: those passed in, or the fastest that this engine has, among `wanted` if that is given.
 * @throws PptError BACKEND_UNAVAILABLE if WebAssembly, or its SIMD, is missing or forbidden; INVALID_OPTION for a module that is
 * not this package's
 */
export function chooseKernels(wanted: Instructions | undefined, module: WebAssembly.Module | undefined): KernelSource {
  if (module) return { instructions: instructionsOf(module, wanted), module };
  requireCompiler();
  const found = (wanted ? [wanted] : instructionSets).find((one) => WebAssembly.validate(sets[one].probe));
  if (found) return { instructions: found };
  throw new PptError(
    "BACKEND_UNAVAILABLE",
    wanted === "relaxed-simd"
      ? "backend 'wasm': this engine has no relaxed SIMD in WebAssembly: leave out the option 'instructions'"
      : "backend 'wasm' needs SIMD in WebAssembly, which this engine does not have: update it, or pass backend 'cpu'",
  );
}

const passIt = "import '@ppt-vit/backend-wasm/kernels.wasm' as a module and pass it as the option 'module'";

function requireCompiler(): void {
  try {
    requireWebAssembly("backend 'wasm'");
  } catch (error) {
    if (typeof WebAssembly !== "object" || !isPptError(error)) throw error;
    throw new PptError(error.code, `${error.message}; a host that compiles no bytes: ${passIt}`, { cause: error });
  }
}

/** The build ends each binary with a custom section of this name, whose content tells the binary from all others. */
const tagSection = "ppt-vit";

function instructionsOf(module: WebAssembly.Module, wanted: Instructions | undefined): Instructions {
  const [section] = WebAssembly.Module.customSections(module, tagSection);
  const tag = section && new TextDecoder().decode(section);
  const found = instructionSets.find((one) => sets[one].tag === tag);
  if (!found)
    throw new PptError(
      "INVALID_OPTION",
      `createWasmBackend: the module has ${tag === undefined ? "no kernels of ppt-vit" : "the kernels of another version"}: pass that of '@ppt-vit/backend-wasm/kernels.wasm' from the version that is installed`,
    );
  if (wanted && wanted !== found)
    throw new PptError(
      "INVALID_OPTION",
      `createWasmBackend: the module has the instructions '${found}', but 'instructions' is '${wanted}': leave it out`,
    );
  return found;
}

/** Whether this engine knows memory that threads share. */
export const knowsSharedMemory = (instructions: Instructions): boolean =>
  WebAssembly.validate(sharedBinary(sets[instructions].probe));

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/**
 * Compiled once, on the first call.
 * @param shared whether the kernels import shared memory
 * @throws PptError BACKEND_UNAVAILABLE if the host compiles no bytes; OUT_OF_MEMORY; DOWNLOAD_FAILED
 */
export async function compileKernels({ instructions, module }: KernelSource, shared: boolean) {
  if (module) return module;
  const key = `${instructions} ${shared}`;
  const known = compiled.get(key);
  if (known) return known;
  const made = loadedCode(sets[instructions].load()).then(({ binary }) =>
    asTyped(() => WebAssembly.compile(shared ? sharedBinary(binary) : binary)),
  );
  compiled.set(key, made);
  // What failed once, for lack of memory, may be tried again.
  made.catch(() => compiled.delete(key));
  return made;
}

/** The result of `start`, which compiles or instantiates kernels. */
export async function asTyped<R>(start: () => Promise<R>): Promise<R> {
  try {
    return await start();
  } catch (cause) {
    const reason = firstLineOf(cause);
    if (cause instanceof RangeError)
      throw new PptError("OUT_OF_MEMORY", `backend 'wasm': this host refuses memory for its kernels (${reason})`, {
        cause,
      });
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `backend 'wasm': this host does not compile its kernels (${reason}): allow 'wasm-unsafe-eval' in the Content-Security-Policy, or ${passIt}`,
      { cause },
    );
  }
}
