import { devices } from "@ppt-vit/backend-onnx/devices";
import { inViteBuild, notInstalledOr, type VitePart } from "@ppt-vit/core/backend";
import { type BackendPackage, installed, runPeer } from "./package.js";

const name = "@ppt-vit/backend-onnx";
const part: VitePart = (SharedWorker, URL) =>
  new SharedWorker(new URL("./vite/backend-onnx.js", import.meta.url), { type: "module" });

export const onnx: BackendPackage = {
  name,
  devices,
  async load() {
    if (inViteBuild) return runPeer(name, part);
    try {
      return installed(await import("@ppt-vit/backend-onnx"));
    } catch (error) {
      throw notInstalledOr(error, name);
    }
  },
};
