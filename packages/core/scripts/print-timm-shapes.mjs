/**
 * Prints the tensors and the epsilon that core expects of each model of timm, as JSON for make-tables.py --check. It needs a
 * build.
 */
import { readFileSync } from "node:fs";
import { parseModelConfig, weightShapes } from "../dist/index.js";

const table = readFileSync(new URL("../src/vit/families/timm-models.ts", import.meta.url), "utf8");
const names = [...table.split("timmAliases")[0].matchAll(/^ {2}"?([\w.]+)"?: \{/gm)].map(([, name]) => name);
const expected = names.map((name) => {
  const config = parseModelConfig({ architecture: name, num_classes: 1000 });
  return [name, { shapes: weightShapes(config), epsilon: config.layerNormEpsilon }];
});
process.stdout.write(JSON.stringify(Object.fromEntries(expected)));
