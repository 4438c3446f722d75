/** Token pictures: what the demo model prunes and pools in some of its sample pictures, for the component TokenStages. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained, outlinePath, prunedPatches, tokenGroups } from "@ppt-vit/pipeline";
import sharp from "sharp";
import { generated } from "./paths.mjs";

/** Of these, one is pooled in every stage, and two are pruned in some. */
const names = ["000_dog", "001_cat", "004_panda"];

/** Outlines of 224 by 224 pixels, on the picture as the model sees it. */
export async function writeTokens() {
  const classifier = await fromPretrained("demo", { backend: "cpu", trace: true });
  const whole = await fromPretrained("demo", { backend: "cpu", reduction: false });
  mkdirSync(join(generated, "tokens"), { recursive: true });
  const pictures = [];
  for (const name of names) {
    const path = fileURLToPath(new URL(`${name}.png`, demoSamplesUrl));
    const { labels, stages, image } = await classifier.classify(path, { topK: 1 });
    const unreduced = await whole.classify(path, { topK: 1 });
    const { width, height, data } = image;
    await sharp(Buffer.from(data), { raw: { width, height, channels: 3 } })
      .webp({ quality: 82 })
      .toFile(join(generated, "tokens", `${name}.webp`));
    const drawn = stages.map(({ layer, tokensIn, tokensOut, policy, tokenOfPatch }) => ({
      layer,
      tokensIn,
      tokensOut,
      policy,
      pruned: outlinePath(prunedPatches(tokenOfPatch), classifier.patches, [width, height]),
      merged: [...tokenGroups(tokenOfPatch).values()]
        .filter((patches) => patches.length > 1)
        .map((patches) => ({
          fill: meanColour(image, patches, classifier.patches),
          outline: outlinePath(patches, classifier.patches, [width, height], 0.7),
        })),
    }));
    const shown = ([{ label, probability }]) => ({ label, percent: (100 * probability).toFixed(1) });
    pictures.push({ name, width, height, reduced: shown(labels), unreduced: shown(unreduced.labels), stages: drawn });
  }
  const { gmacs, tokens } = classifier;
  writeFileSync(join(generated, "tokens.json"), JSON.stringify({ gmacs, tokens, pictures }));
  await classifier.dispose();
  await whole.dispose();
}

function meanColour({ width, data }, patches, [rows, columns]) {
  const sums = [0, 0, 0];
  const size = width / columns;
  for (const patch of patches)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const at = 3 * ((Math.floor(patch / columns) * size + y) * width + (patch % columns) * size + x);
        for (let channel = 0; channel < 3; channel++) sums[channel] += data[at + channel];
      }
  if (rows !== columns) throw new Error("the demo model's pictures are square");
  return `rgb(${sums.map((sum) => Math.round(sum / (patches.length * size * size))).join(" ")})`;
}
