import { packageBuild } from "../../tsup.base.js";

// The page's side of a worker is a file of its own, so that a bundle of it alone leaves the model's code out.
const entries = ["src/index.ts", "src/browser.ts", "src/browser/worker.ts"];

export default packageBuild({
  entry: [...entries, "src/vite/*.ts"],
  dts: { entry: entries },
  // The devices of backend packages are copied: they are known where a package is not installed.
  noExternal: [/^@ppt-vit\/backend-\w+\/devices$/],
});
