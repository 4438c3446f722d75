/** What the parts of a build by Vite have in common. Modules are taken as they are: an application may put others in their place. */
import { offerPart, partAddress } from "@ppt-vit/core";

interface Configurable {
  readonly env: { readonly wasm: { wasmPaths?: unknown } };
}

interface Address {
  readonly default: string;
}

/** Threads start from the loader's own file: the script that a part becomes does not know its address. */
export function offerRuntime(name: string, runtime: Configurable, loader: Address, binary: Address): void {
  runtime.env.wasm.wasmPaths = { mjs: partAddress(loader.default), wasm: partAddress(binary.default) };
  offerPart(name, runtime);
}
