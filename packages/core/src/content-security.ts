/**
 * Errors that name what a content security policy blocks. Without them a blocked runtime fails with an unrelated message, or
 * waits for ever.
 */
import { PptError } from "./errors.js";

/** The smallest valid WebAssembly module: the format's magic number and version. */
const emptyModule = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/**
 * Requires that WebAssembly can run here.
 * @param what names the part that needs it, for the message
 * @throws PptError BACKEND_UNAVAILABLE if there is no WebAssembly, or the content security policy forbids it
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

/** The fields used of a page's or worker's `securitypolicyviolation` event. */
interface Violation {
  readonly effectiveDirective: string;
  readonly blockedURI: string;
}
interface Scope {
  addEventListener?(type: "securitypolicyviolation", listener: (violation: Violation) => void): void;
  removeEventListener?(type: "securitypolicyviolation", listener: (violation: Violation) => void): void;
}

/** Directives that apply when a runtime loads its parts. */
const ofRuntimes = /^(script-src|worker-src|connect-src)/;

/**
 * The result of `start`, which loads a runtime's scripts, WebAssembly and workers. If `start` fails and something was blocked
 * meanwhile, the error names the blocked address. A blocked worker fails at once, because runtimes would wait for its
 * threads for ever.
 * @param what names what starts, for the message
 * @throws PptError BACKEND_UNAVAILABLE if something was blocked; else what `start` throws
 */
export async function namingViolations<R>(what: string, start: () => Promise<R>): Promise<R> {
  const scope = globalThis as Scope;
  let first: Violation | undefined;
  let onWorker = (_: Violation) => {};
  const listener = (violation: Violation) => {
    if (!ofRuntimes.test(violation.effectiveDirective)) return;
    first ??= violation;
    if (violation.effectiveDirective === "worker-src") onWorker(violation);
  };
  const named = ({ effectiveDirective, blockedURI }: Violation, cause?: unknown) =>
    new PptError(
      "BACKEND_UNAVAILABLE",
      `${what}: the Content-Security-Policy of this page or worker blocks '${blockedURI}': allow it in ${effectiveDirective.replace("-elem", "")}`,
      { cause },
    );
  const blocked = new Promise<never>((_, reject) => {
    onWorker = (violation) => reject(named(violation));
  });
  scope.addEventListener?.("securitypolicyviolation", listener);
  try {
    return await Promise.race([start(), blocked]);
  } catch (cause) {
    // The event may arrive one task after the failure.
    await new Promise((resolve) => setTimeout(resolve));
    throw first ? named(first, cause) : cause;
  } finally {
    scope.removeEventListener?.("securitypolicyviolation", listener);
  }
}
