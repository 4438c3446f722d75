/** The golden cases of LV-ViT and T2T-ViT: results of their own published code in float64, with PPT inserted. */
import {
  parseModelConfig,
  parseSafetensors,
  type ReductionConfig,
  type SafetensorsFile,
  type VisionModelConfig,
  type VisionOutput,
  type WeightSource,
  weightsFrom,
} from "@ppt-vit/core";
import type { Backend, HostTensor } from "@ppt-vit/core/backend";
import listed from "../golden/families/cases.json" with { type: "json" };
import { type DrawnTensors, drawTensors } from "./drawn.js";
import type { ReadGolden } from "./golden.js";
import { type ConformanceCase, type CreateBackend, expectClose, tolerancesOf, withBackend } from "./harness.js";
import { expectDecisions, expectTokens, expectVariances, runModel } from "./whole-model.js";

interface FamilyCase {
  readonly case: string;
  readonly layers: number[];
  readonly r: number;
  readonly threshold: number;
}

const familyList: readonly FamilyCase[] = listed;

interface Loaded {
  config(denseHead: boolean): VisionModelConfig;
  readonly weights: WeightSource;
  readonly expected: SafetensorsFile;
  readonly pixels: HostTensor;
}

async function readJson(read: ReadGolden, file: string) {
  return JSON.parse(new TextDecoder().decode(await read(`families/${file}`)));
}

/** The tensors of `<name>.drawn.json`, and those of the `stored` file that it names. */
async function readTensors(read: ReadGolden, name: string): Promise<Record<string, HostTensor>> {
  const drawn: DrawnTensors = await readJson(read, `${name}.drawn.json`);
  const tensors = drawTensors(drawn);
  if (drawn.stored !== undefined) {
    const stored = parseSafetensors(await read(`families/${drawn.stored}`), drawn.stored);
    for (const tensor of stored.names) tensors[tensor] = stored.read(tensor);
  }
  return tensors;
}

/** The float32 weights of a golden family model, under the names of its own code. families/cases.json lists each `name`. */
export async function goldenFamilyWeights(name: string, read: ReadGolden): Promise<Record<string, HostTensor>> {
  return readTensors(read, `${name}.model`);
}

async function load(name: string, read: ReadGolden): Promise<Loaded> {
  const [json, weights, expected, pixels] = await Promise.all([
    readJson(read, `${name}.model.json`),
    goldenFamilyWeights(name, read),
    read(`families/${name}.safetensors`),
    readTensors(read, "pixel_values"),
  ]);
  // `stem` is a sentence for people. So is `dense_head`, which is replaced below.
  const { family, stem: _, ...fields } = json;
  return {
    config: (denseHead) => parseModelConfig({ ...fields, model_type: family, dense_head: denseHead }),
    weights: weightsFrom(weights),
    expected: parseSafetensors(expected, name),
    pixels: pixels.pixel_values!,
  };
}

const run = (
  backend: Backend,
  { weights, pixels }: Loaded,
  config: VisionModelConfig,
  reduction?: ReductionConfig,
): Promise<VisionOutput> =>
  runModel({ config, weights, backend, reduction, outputs: { source: reduction !== undefined } }, pixels);

function compareReduction(output: VisionOutput, expected: SafetensorsFile, exact: boolean): void {
  const { stages } = output;
  for (const k of stages.keys()) {
    expectDecisions({ stages, k, expected });
    if (exact) expectVariances({ stages, k, expected });
  }
  // In reduced precision, tokens with close scores may change places.
  if (exact) expectTokens(output, expected);
}

export function familyCases(create: CreateBackend, { capabilities }: Backend, read: ReadGolden): ConformanceCase[] {
  const exact = capabilities.precision === "float32";
  const tolerance = tolerancesOf(capabilities).model;
  return familyList.flatMap(({ case: name, layers, r, threshold }) => {
    const againstGolden = (what: string, check: (backend: Backend, loaded: Loaded) => Promise<void>) => ({
      name: `golden family: ${name}, ${what}`,
      run: () => withBackend(create, async (backend) => check(backend, await load(name, read))),
    });
    const unreduced = (tensor: string, denseHead: boolean) => async (backend: Backend, loaded: Loaded) => {
      const { logits } = await run(backend, loaded, loaded.config(denseHead));
      expectClose(tensor, logits, loaded.expected.read(tensor), tolerance);
    };
    return [
      againstGolden("unreduced", unreduced("logits.unreduced", false)),
      ...(name === "lvvit" ? [againstGolden("dense head", unreduced("logits.unreduced_dense", true))] : []),
      againstGolden("with PPT", async (backend, loaded) => {
        // The config has the dense head, so this also checks that a reduced model uses the class token's head alone.
        const reduction = { layers, tokensRemoved: r, threshold };
        const output = await run(backend, loaded, loaded.config(true), reduction);
        expectClose("logits.ppt", output.logits, loaded.expected.read("logits.ppt"), tolerance);
        compareReduction(output, loaded.expected, exact);
      }),
    ];
  });
}
