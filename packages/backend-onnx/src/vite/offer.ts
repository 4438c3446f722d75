/** Shared by the parts of a build by Vite. They use whatever module the name resolves to, so an application may replace it. */
import { offerPart, partAddress } from "@ppt-vit/core/backend";

interface Configurable {
  readonly env: { readonly wasm: { wasmPaths?: unknown } };
}

interface Address {
  readonly default: string;
}

/** Sets the addresses of the loader and the WebAssembly file: threads start from the loader, whose address a part does not know. */
export function offerRuntime(name: string, runtime: Configurable, loader: Address, binary: Address): void {
  runtime.env.wasm.wasmPaths = { mjs: partAddress(loader.default), wasm: partAddress(binary.default) };
  offerPart(name, runtime);
}
