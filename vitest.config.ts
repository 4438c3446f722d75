import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { viteAssemblyScript } from "./assemblyscript.js";
import { viteWat } from "./wat.js";

const fromRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests of packages import sources, so they need no build. Tests in `test/` run what was built. */
export default defineConfig({
  plugins: [viteWat, viteAssemblyScript],
  resolve: {
    alias: [
      { find: /^@ppt-vit\/core\/([a-z-]+)$/, replacement: fromRoot("packages/core/src/$1.ts") },
      { find: /^@ppt-vit\/([a-z-]+)\/(devices|eager|maps)$/, replacement: fromRoot("packages/$1/src/$2.ts") },
      { find: /^@ppt-vit\/([a-z-]+)$/, replacement: fromRoot("packages/$1/src/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Shared machines may be several times slower, and may emulate GPUs.
    testTimeout: 240_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    maxWorkers: 2,
    // Tests neither see nor change what the automatic choice of a backend remembers on this machine.
    env: { PPT_VIT_CACHE_DIR: "" },
    // TensorFlow.js's gradients are modules that import each other without file extensions, which Node cannot load.
    server: { deps: { inline: [/tfjs-core\/dist\/(?!tf-core\.node)/] } },
  },
});
