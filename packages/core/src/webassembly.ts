/** Whether WebAssembly may be used here, found out before a runtime fails on it in words of its own. */
import { PptError } from "./errors.js";

/** The smallest module there is: the format's magic number and version. */
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/**
 * @param what needs it, for the message
 * @throws PptError BACKEND_UNAVAILABLE where there is no WebAssembly, or the content security policy forbids it
 */
export function requireWebAssembly(what: string): void {
  if (typeof WebAssembly !== "object")
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `${what} needs WebAssembly, which does not exist here: pass backend 'cpu'`,
    );
  try {
    new WebAssembly.Module(emptyModule);
  } catch (cause) {
    throw new PptError(
      "BACKEND_UNAVAILABLE",
      `${what} needs WebAssembly, which the Content-Security-Policy of this page or worker forbids: allow 'wasm-unsafe-eval' in script-src`,
      { cause },
    );
  }
}
