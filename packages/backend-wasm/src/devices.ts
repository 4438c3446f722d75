/** The device of this package, as plain data. The pipeline bundles a copy, so it knows the device without this package. */
import type { BackendDescription } from "@ppt-vit/core/backend";

export const devices: readonly BackendDescription[] = [{ name: "wasm", needs: "webassembly" }];
