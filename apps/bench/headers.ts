/** The headers that a host must send with every file. The build and the README's recipes contain the same headers. */

/** The Hub, and the hosts that serve its large files. */
const hub = ["https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co"];

/**
 * Every script needs this header, because a worker obeys the header of its own script and ignores a `<meta>` of the page.
 * Only what the app needs is allowed. `blob:` scripts and workers are not (TensorFlow.js would start its WebAssembly threads
 * from them), nor are inline styles and code from text. `'wasm-unsafe-eval'` allows compiling WebAssembly, but no JavaScript.
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
  // These two allow sharing memory between threads, which WebAssembly's threads need.
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Vite's development server inlines styles into the page. */
export const developmentHeaders: Readonly<Record<string, string>> = {
  ...headers,
  [policyHeader]: policyOf({ ...directives, "style-src": ["'self'", "'unsafe-inline'"] }),
};

/** The part of the policy that a `<meta>` can hold, for hosts that send no headers. It protects the page, not its workers. */
export const metaPolicy: string = policyOf(
  Object.fromEntries(Object.entries(directives).filter(([name]) => name !== "frame-ancestors")),
);

/** Names below `assets/` hold a digest of the content, so a browser need not ask for such a file twice. */
export const assetHeaders: Readonly<Record<string, string>> = {
  "Cache-Control": "public, max-age=31536000, immutable",
};

/** The `_headers` file for Netlify and Cloudflare Pages. */
export const headersFile: string = Object.entries({ "/*": headers, "/assets/*": assetHeaders })
  .map(([path, given]) => [path, ...Object.entries(given).map(([name, value]) => `  ${name}: ${value}`), ""].join("\n"))
  .join("");
