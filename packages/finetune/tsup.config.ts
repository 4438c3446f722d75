import { packageBuild } from "../../tsup.base.js";

export default packageBuild({
  // A thread that reads pictures starts from a file of its own.
  entry: { index: "src/index.ts", "picture-thread": "src/data/picture-thread.ts" },
  dts: { entry: { index: "src/index.ts" } },
  // TensorFlow.js publishes its gradients as modules that Node cannot load.
  noExternal: [/^@tensorflow\/tfjs-core\/dist\/register_all_gradients/],
});
