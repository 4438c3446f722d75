/** The headers of every page and worker of the browser tests. */

/**
 * As strict a content security policy as an application may have: no code from text, no scripts or workers from blobs, no
 * inline scripts. A package that needs more than `'wasm-unsafe-eval'` fails the suite. `data:` is for the pages' icon.
 */
export const strictPolicy =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'";

/** The pages are also cross-origin isolated, so that WebAssembly may use threads. */
export const strictHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": strictPolicy,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
