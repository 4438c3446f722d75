import { packageBuild } from "../../tsup.base.js";
import { esbuildWat } from "../../wat.js";

/** One file for each entry of `exports` in package.json. */
const entry = ["index", "backend", "loading", "on-demand", "options", "policy", "testing"].map(
  (name) => `src/${name}.ts`,
);

/**
 * What brings the code of every family, and what does without it, must not share a file of the build: bundlers that split code leave out
 * whole files.
 */
const apart = [
  "../apart",
  "at-once",
  "other-models",
  "parse-config",
  "preprocessing",
  "readers",
  "read-config",
  "read-processor",
].map((name) => `src/vit/${name}.ts`);

export default packageBuild({ entry: [...entry, ...apart], dts: { entry }, esbuildPlugins: [esbuildWat] });
