import { esbuildAssemblyScript } from "../../assemblyscript.js";
import { packageBuild } from "../../tsup.base.js";

export default packageBuild({ entry: ["src/index.ts", "src/devices.ts"], esbuildPlugins: [esbuildAssemblyScript] });
