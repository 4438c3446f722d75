/** Tests that the table of compatibility says what the code does: every family is loaded for every task. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseModelConfig, type VisionModelConfig } from "@ppt-vit/core";
import { type CheckpointFiles, fromPretrained, type TaskName } from "@ppt-vit/pipeline";
import { describe, expect, test } from "vitest";
import type { Family } from "../packages/core/src/vit/family.js";
import { namesOf } from "../packages/core/src/vit/find-names.js";
import { randomWeightsUnder } from "../packages/core/src/vit/random-weights.js";
import { root } from "../scripts/workspace.mjs";
import { safetensorsFile } from "./safetensors-file.js";

interface Facts {
  readonly family: Family;
  readonly types: readonly string[];
  readonly cases: readonly string[];
  readonly labels: boolean;
  readonly embeddings: boolean;
  readonly zeroShot: boolean;
  readonly depth: boolean;
}

// Modules without types.
const load = (file: string) => import(pathToFileURL(join(root, "apps/docs/generate", file)).href);
const { readCompatibility } = await load("compatibility.mjs");
const { suites } = await load("suites.mjs");
const { families, cases }: { families: Facts[]; cases: string[] } = await readCompatibility();

type Json = Family["examples"][number];

/** A checkpoint of random weights, in memory. */
function checkpointOf({ names }: Family, json: Json, config: VisionModelConfig): CheckpointFiles {
  const [height, width] = config.imageSize;
  const files: Readonly<Record<string, Uint8Array>> = {
    "config.json": Buffer.from(JSON.stringify(json)),
    "preprocessor_config.json": Buffer.from(JSON.stringify({ do_center_crop: false, size: { height, width } })),
    "model.safetensors": safetensorsFile(randomWeightsUnder(namesOf(names[0]!, config), config, 1)),
  };
  return { name: String(json.model_type ?? json.architecture), read: async (file) => files[file] };
}

/** Whether a model loads for a task. Any other error than that the model is not for it is one of the test. */
async function loads(family: Family, json: Json, task: TaskName, texts: boolean): Promise<boolean> {
  const config = parseModelConfig(json);
  const width = config.projection ?? config.hiddenSize;
  const textEmbeddings = {
    labels: ["a"],
    embeddings: { shape: [1, width], data: new Float32Array(width).fill(1) },
    logitScale: 1,
    ...(config.projection === undefined && { logitBias: 0 }),
  };
  try {
    const given = texts ? { textEmbeddings } : {};
    const options = { task, reduction: false, backend: "cpu", ...given } as const;
    await (await fromPretrained(checkpointOf(family, json, config), options as { task: TaskName })).dispose();
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    return false;
  }
}

describe.each(families)("$family.title", (facts) => {
  test("does the tasks that the table names, and no others", async () => {
    const some = async (task: TaskName, texts = false) => {
      for (const json of facts.family.examples)
        if ((parseModelConfig(json).labels.length === 0 || !texts) && (await loads(facts.family, json, task, texts)))
          return true;
      return false;
    };
    expect({
      labels: await some("image-classification"),
      zeroShot: await some("image-classification", true),
      embeddings: await some("image-feature-extraction"),
      depth: await some("depth-estimation"),
    }).toEqual({
      labels: facts.labels,
      zeroShot: facts.zeroShot,
      embeddings: facts.embeddings,
      depth: facts.depth,
    });
  });

  test("is run as a whole model by every backend that runs the whole suite", () => {
    const whole = suites.filter((suite: { cases: string[] }) => suite.cases.includes(""));
    expect(whole.length).toBeGreaterThan(5);
    expect(facts.cases.length).toBeGreaterThan(1);
    for (const name of facts.cases) expect(cases).toContain(name);
  });
});

test("lists the families without a class token, and their cases of published code", () => {
  for (const [type, start] of [
    ["siglip", "golden model: siglip"],
    ["ijepa", "golden model: ijepa"],
  ] as const) {
    const facts = families.find(({ types }) => types.includes(type));
    expect(facts?.cases.filter((name) => name.startsWith(start)).length, type).toBeGreaterThan(1);
  }
});

test("gives each case that runs a whole model to a family", () => {
  const whole = cases.filter((name) => /^(golden|golden family|golden model|model):/.test(name));
  const owned = new Set(families.flatMap((facts) => facts.cases));
  expect(whole.filter((name) => !owned.has(name))).toEqual([]);
});
