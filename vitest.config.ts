import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { viteWat } from "./wat.js";

const fromRoot = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Tests import the packages' sources, so that a change is tested without a build; `test/` tests what was built. */
export default defineConfig({
  plugins: [viteWat],
  resolve: {
    alias: [{ find: /^@ppt-vit\/([a-z-]+)$/, replacement: fromRoot("packages/$1/src/index.ts") }],
  },
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // TensorFlow.js's gradients come only as modules that name each other without file endings, which Node does not load.
    server: { deps: { inline: [/tfjs-core\/dist\/(?!tf-core\.node)/] } },
  },
});
