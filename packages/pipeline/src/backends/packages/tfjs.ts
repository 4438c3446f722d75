import { devices } from "@ppt-vit/backend-tfjs/devices";
import { inViteBuild, notInstalledOr, type VitePart } from "@ppt-vit/core/backend";
import { type BackendPackage, installed, runPeer } from "./package.js";

const name = "@ppt-vit/backend-tfjs";
const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/backend-tfjs.js", import.meta.url), { type: "module" });

export const tfjs: BackendPackage = {
  name,
  devices,
  async load() {
    if (inViteBuild) return runPeer(name, part);
    try {
      return installed(await import("@ppt-vit/backend-tfjs"));
    } catch (error) {
      throw notInstalledOr(error, name);
    }
  },
};
