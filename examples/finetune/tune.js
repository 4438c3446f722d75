/** Trains the demo model with a strong reduction, without labels: the unreduced model says what each picture is. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseReduction } from "@ppt-vit/core";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { finetune } from "@ppt-vit/finetune";
import { checkpointFolder, readCheckpoint } from "@ppt-vit/pipeline";

/** 17 of 197 tokens are left after one block. */
const reduction = parseReduction({ layers: [2], tokensRemoved: 180, policy: "diffrate" });

/** Trains on the first pictures of the demo model's samples, far too few for a model that is to be used. */
export async function tune(out, pictures = 8) {
  const checkpoint = await readCheckpoint("demo");
  const folder = fileURLToPath(demoSamplesUrl);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".png"))
    .sort()
    .slice(0, pictures);
  const list = files.map((name) => ({ file: `${folder}/${name}` }));
  return finetune({
    checkpoint,
    folder: await checkpointFolder("demo"),
    reduction,
    pictures: list,
    evaluation: list, // pictures of their own, where there are enough
    out,
    train: "reduced",
    augmentation: "none",
    learningRate: 5e-5,
    epochs: 3,
    batch: 4,
    onProgress: (progress) => progress.kind === "evaluation" && console.log(progress.step, progress.distance),
  });
}
