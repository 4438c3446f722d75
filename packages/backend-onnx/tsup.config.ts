import { packageBuild } from "../../tsup.base.js";

const entries = ["src/index.ts", "src/browser.ts", "src/devices.ts", "src/wasm.ts", "src/webgpu.ts"];

export default packageBuild({ entry: [...entries, "src/vite/wasm.ts", "src/vite/webgpu.ts"], dts: { entry: entries } });
