/** The content types of the files that the checks' servers send. */
import { extname } from "node:path";

const contentTypes = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".jpg": "image/jpeg",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webp": "image/webp",
};

/** Of a file, by the ending of its name. */
export const contentTypeOf = (path) => contentTypes[extname(path)] ?? "application/octet-stream";
