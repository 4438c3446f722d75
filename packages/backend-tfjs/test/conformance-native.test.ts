/** Runs the suite on native TensorFlow, if it is installed: `pnpm --filter @ppt-vit/backend-tfjs test:native`. */
import { createRequire } from "node:module";
import type { Tfjs } from "@ppt-vit/backend-tfjs";
import type { memory } from "@tensorflow/tfjs-core";
import { describe, it } from "vitest";
import { describeConformance } from "./describe-conformance.js";

const require = createRequire(import.meta.url);

/** Whether a package is installed. It is not a dependency, because its install script downloads libtensorflow. */
function isInstalled(name: string): boolean {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

for (const device of ["node", "node-gpu"] as const) {
  const name = `@tensorflow/tfjs-${device}`;
  if (isInstalled(name)) {
    const tf = require(name) as Tfjs & { memory: typeof memory };
    describeConformance(`TensorFlow.js, ${device}`, { tf, device }, () => tf.memory().numTensors);
  } else
    describe(`TensorFlow.js, ${device}`, () => {
      it.skip(`needs ${name}, which is not installed: see the package's README`);
    });
}
