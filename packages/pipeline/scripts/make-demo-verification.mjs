/**
 * Makes the demo model's `verification.json` with the CPU backend. Run after a build:
 * `node packages/pipeline/scripts/make-demo-verification.mjs`.
 */
import { writeFileSync } from "node:fs";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, recordVerification } from "@ppt-vit/core";
import { demoModelUrl } from "@ppt-vit/demo-model";
import { readCheckpoint } from "@ppt-vit/pipeline";

const { config, weights, reduction } = await readCheckpoint("demo");
const backend = createCpuBackend();
const records = [];
for (const settings of [undefined, reduction]) {
  const model = await createVisionModel({ config, weights, backend, reduction: settings });
  records.push(await recordVerification(model, settings));
  await model.dispose();
}
writeFileSync(new URL("verification.json", demoModelUrl), `${JSON.stringify(records)}\n`);
