import { packageBuild } from "../../tsup.base.js";

const entries = ["src/index.ts", "src/devices.ts"];

export default packageBuild({ entry: [...entries, "src/parts.ts", "src/vite/*.ts"], dts: { entry: entries } });
