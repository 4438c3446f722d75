/** The headers that a host of the app sends with every file: here, in the build and in the recipes of the README. */

/** The host of the Hub's files, and those that it sends large files from. */
const hub = ["https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co"];

/**
 * A worker obeys the header of its own script and no `<meta>` of the page, so every script needs it. Nothing is listed that
 * the app can do without: no `blob:` scripts or workers (TensorFlow.js would start its WebAssembly threads from them), no
 * inline styles, no code from text. `'wasm-unsafe-eval'` allows to compile WebAssembly, and no JavaScript.
 */
const directives: Readonly<Record<string, readonly string[]>> = {
  "default-src": ["'none'"],
  "script-src": ["'self'", "'wasm-unsafe-eval'"],
  "worker-src": ["'self'"],
  "connect-src": ["'self'", ...hub],
  "img-src": ["'self'", "blob:"],
  "style-src": ["'self'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
  "frame-ancestors": ["'none'"],
};

const policyOf = (given: typeof directives) =>
  Object.entries(given)
    .map(([name, sources]) => [name, ...sources].join(" "))
    .join("; ");

const policyHeader = "Content-Security-Policy";

export const headers: Readonly<Record<string, string>> = {
  [policyHeader]: policyOf(directives),
  // A page with these two may share memory between threads, which WebAssembly's threads need.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Vite's development server puts styles into the page. */
export const developmentHeaders: Readonly<Record<string, string>> = {
  ...headers,
  [policyHeader]: policyOf({ ...directives, "style-src": ["'self'", "'unsafe-inline'"] }),
};

/** For hosts that send no headers: what a `<meta>` can say. It guards the page and none of its workers. */
export const metaPolicy: string = policyOf(
  Object.fromEntries(Object.entries(directives).filter(([name]) => name !== "frame-ancestors")),
);

/** `_headers` of Netlify and Cloudflare Pages. */
export const headersFile: string = `/*\n${Object.entries(headers)
  .map(([name, value]) => `  ${name}: ${value}\n`)
  .join("")}`;
