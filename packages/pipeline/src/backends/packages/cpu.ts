import { devices } from "@ppt-vit/backend-cpu/devices";
import { inViteBuild, notInstalledOr, type VitePart } from "@ppt-vit/core/backend";
import { type BackendPackage, installed, runPeer } from "./package.js";

const name = "@ppt-vit/backend-cpu";
const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/backend-cpu.js", import.meta.url), { type: "module" });

export const cpu: BackendPackage = {
  name,
  devices,
  async load() {
    if (inViteBuild) return runPeer(name, part);
    try {
      return installed(await import("@ppt-vit/backend-cpu"));
    } catch (error) {
      throw notInstalledOr(error, name);
    }
  },
};
