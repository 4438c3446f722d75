/** Plugins for esbuild and Vite that assemble WebAssembly text: `import binary from "./x.wat"` gives a Uint8Array. */
import { readFile } from "node:fs/promises";
import type { Plugin as EsbuildPlugin } from "esbuild";
import type { Plugin as VitePlugin } from "vitest/config";
import loadWabt from "wabt";

async function assemble(path: string): Promise<Uint8Array> {
  const wabt = await loadWabt();
  const module = wabt.parseWat(path, await readFile(path, "utf8"), { simd: true });
  try {
    module.validate();
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

export const esbuildWat: EsbuildPlugin = {
  name: "wat",
  setup(build) {
    build.onLoad({ filter: /\.wat$/ }, async ({ path }) => ({ contents: await assemble(path), loader: "binary" }));
  },
};

export const viteWat: VitePlugin = {
  name: "wat",
  async load(id) {
    return id.endsWith(".wat") ? `export default Uint8Array.of(${await assemble(id)})` : undefined;
  },
};
