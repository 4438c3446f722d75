import { packageBuild } from "../../tsup.base.js";
import { esbuildWat } from "../../wat.js";

export default packageBuild({ esbuildPlugins: [esbuildWat] });
