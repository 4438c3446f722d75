import { devices } from "@ppt-vit/backend-wasm/devices";
import { inViteBuild, notInstalledOr, type VitePart } from "@ppt-vit/core/backend";
import { type BackendPackage, installed, runPeer } from "./package.js";

const name = "@ppt-vit/backend-wasm";
const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/backend-wasm.js", import.meta.url), { type: "module" });

export const wasm: BackendPackage = {
  name,
  devices,
  async load() {
    if (inViteBuild) return runPeer(name, part);
    try {
      return installed(await import("@ppt-vit/backend-wasm"));
    } catch (error) {
      throw notInstalledOr(error, name);
    }
  },
};
