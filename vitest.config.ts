import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { viteWat } from "./wat.js";

const fromRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests import the packages' sources, so that a change is tested without a build; `test/` tests what was built. */
export default defineConfig({
  plugins: [viteWat],
  resolve: {
    alias: [
      { find: /^@ppt-vit\/core\/([a-z-]+)$/, replacement: fromRoot("packages/core/src/$1.ts") },
      { find: /^@ppt-vit\/([a-z-]+)\/devices$/, replacement: fromRoot("packages/$1/src/devices.ts") },
      { find: /^@ppt-vit\/([a-z-]+)$/, replacement: fromRoot("packages/$1/src/index.ts") },
    ],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // A machine that others use too may be several times slower, and GPUs are emulated on it.
    testTimeout: 240_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    // TensorFlow.js's gradients come only as modules that name each other without file endings, which Node does not load.
    server: { deps: { inline: [/tfjs-core\/dist\/(?!tf-core\.node)/] } },
  },
});
