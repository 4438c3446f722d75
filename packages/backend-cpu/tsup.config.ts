import { packageBuild } from "../../tsup.base.js";

export default packageBuild({ entry: ["src/index.ts", "src/devices.ts", "src/eager.ts", "src/maps.ts"] });
