/** What every page and worker of the browser tests is served with. */

/**
 * As strict a policy as an application may have: no code from text, no scripts or workers from blobs, no inline scripts. A
 * package that needs more than `'wasm-unsafe-eval'` fails the whole suite. `data:` is the icon of the test pages.
 */
export const strictPolicy =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'";

/** Cross-origin isolated, too, so that WebAssembly may use threads. */
export const strictHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": strictPolicy,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
