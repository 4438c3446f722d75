import { packageBuild } from "../../tsup.base.js";
import { esbuildWat } from "../../wat.js";

export default packageBuild({
  entry: ["src/index.ts", "src/options.ts", "src/policy.ts"],
  esbuildPlugins: [esbuildWat],
});
