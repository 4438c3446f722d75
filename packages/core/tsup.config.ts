import { packageBuild } from "../../tsup.base.js";
import { esbuildWat } from "../../wat.js";

/** One file for each entry of `exports` in package.json. */
const entry = ["src/index.ts", "src/backend.ts", "src/options.ts", "src/policy.ts", "src/testing.ts"];

export default packageBuild({ entry, esbuildPlugins: [esbuildWat] });
