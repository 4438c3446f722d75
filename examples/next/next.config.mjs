/** With these headers a page has shared memory, and the backend `wasm` several threads. */
const isolation = [
  { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
  { key: "Cross-Origin-Embedder-Policy", value: "require-corp" },
];

export default {
  headers: async () => [{ source: "/:path*", headers: isolation }],
};
