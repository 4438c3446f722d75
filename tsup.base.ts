import { defineConfig, type Options } from "tsup";
import { lazyParts } from "./lazy-parts.js";

/** The build that all packages share: ESM with types, for Node >= 20.19 and current browsers. */
export function packageBuild(overrides: Options = {}): ReturnType<typeof defineConfig> {
  const { esbuildPlugins = [], plugins = [], ...rest } = overrides;
  // Without splitting an output is one file, and has no parts.
  const parts = overrides.splitting === false ? undefined : lazyParts();
  return defineConfig({
    entry: ["src/index.ts"],
    format: "esm",
    target: "es2022",
    platform: "neutral",
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: true,
    ...rest,
    esbuildPlugins: [...esbuildPlugins, ...(parts?.esbuild ?? [])],
    plugins: [...plugins, ...(parts?.tsup ?? [])],
  });
}
