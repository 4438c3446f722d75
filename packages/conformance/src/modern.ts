/**
 * The golden cases of backbones that the paper does not have. Their unreduced results are those of the families' published code in
 * float64; the rules of their reduction are this project's (docs/decisions/0027-no-class-token.md, 0030-rotary-positions.md).
 */
import {
  embeddingPoolingOf,
  type OutputOptions,
  parseModelConfig,
  parseSafetensors,
  type ReductionConfig,
  type SafetensorsFile,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";
import type { Backend, HostTensor } from "@ppt-vit/core/backend";
import listed from "../golden/modern/cases.json" with { type: "json" };
import { type ReadGolden, unpacked } from "./golden.js";
import { type ConformanceCase, type CreateBackend, expectClose, tolerancesOf, withBackend } from "./harness.js";
import { expectDecisions, expectTokens, expectVariances, runModel } from "./whole-model.js";

/** One run: the pictures of an input, unreduced or with the reduction of a case. */
interface ModernRun {
  readonly model: string;
  /** The file of the expected results. */
  readonly file: string;
  readonly input: string;
  readonly batch: number;
  readonly reduction?: ReductionConfig;
}

/** A case as the file lists it. `metric` is written for models with rotary positions. */
interface ListedCase {
  readonly case: string;
  readonly input: string;
  readonly batch: number;
  readonly layers: readonly number[];
  readonly r: number | readonly number[];
  readonly threshold: number;
  readonly proportional_attention: boolean;
  readonly metric?: string;
}

const reductionOf = ({ layers, r, threshold, proportional_attention, metric }: ListedCase): ReductionConfig => ({
  layers,
  tokensRemoved: r,
  threshold,
  proportionalAttention: proportional_attention,
  ...(metric === "plain" && { metric }),
});

const runs: readonly ModernRun[] = listed.models.flatMap(({ model, inputs, cases }) => [
  ...inputs.map(({ input, batch }) => ({ model, file: input, input, batch })),
  ...(cases as readonly ListedCase[]).map((listed) => ({
    model,
    file: `case-${listed.case}`,
    input: listed.input,
    batch: listed.batch,
    reduction: reductionOf(listed),
  })),
]);

const everything: OutputOptions = { lastHiddenState: true, source: true, scores: true, pooled: true };

interface Loaded {
  readonly config: VisionModelConfig;
  readonly weights: SafetensorsFile;
  /** [B, 3, H, W] */
  readonly pixels: HostTensor;
  readonly expected: SafetensorsFile;
}

async function load({ model, file, input, batch }: ModernRun, read: ReadGolden): Promise<Loaded> {
  const [config, weights, pictures, expected] = await Promise.all(
    ["config.json", "model.safetensors", `${input}.safetensors.gz`, `${file}.safetensors.gz`].map((name) =>
      read(`modern/${model}/${name}`),
    ),
  );
  const tensors = parseSafetensors(weights!, model);
  const all = parseSafetensors(await unpacked(pictures!), input).read("pixel_values");
  const [stored, ...shape] = all.shape as [number, ...number[]];
  return {
    config: parseModelConfig(JSON.parse(new TextDecoder().decode(config)), tensors),
    weights: tensors,
    pixels: { shape: [batch, ...shape], data: all.data.subarray(0, (all.data.length / stored) * batch) },
    expected: parseSafetensors(await unpacked(expected!), file),
  };
}

/** What stands for a picture. A classifier has no embedding of its own. */
function embeddingOf(config: VisionModelConfig, output: VisionOutput): HostTensor {
  const { embedding, attentionToken, classToken, meanToken } = output;
  const pooled = { attention: attentionToken, mean: meanToken, class: classToken, distilled: undefined };
  return embedding ?? pooled[embeddingPoolingOf(config)]!;
}

export function modernCases(create: CreateBackend, { capabilities }: Backend, read: ReadGolden): ConformanceCase[] {
  const tolerance = tolerancesOf(capabilities).model;
  const exact = capabilities.precision === "float32";

  async function check(backend: Backend, run: ModernRun): Promise<void> {
    const { config, weights, pixels, expected } = await load(run, read);
    const imageSize = [pixels.shape[2]!, pixels.shape[3]!] as const;
    const { reduction } = run;
    const output = await runModel({ config, weights, backend, imageSize, reduction, outputs: everything }, pixels);
    const { stages } = output;
    for (const k of stages.keys()) {
      expectDecisions({ stages, k, expected });
      if (!exact) continue;
      expectVariances({ stages, k, expected });
      expectClose(`scores.${k}`, stages[k]!.scores!, expected.read(`scores.${k}`), tolerance);
    }
    // In reduced precision, tokens with close scores may change places, and the answers follow the tokens.
    if (reduction && !exact) return;
    if (reduction) expectTokens(output, expected);
    const answers: Readonly<Record<string, HostTensor | undefined>> = {
      last_hidden_state: output.lastHiddenState!,
      embedding: embeddingOf(config, output),
      logits: output.logits,
      predicted_depth: output.predictedDepth,
    };
    for (const [name, values] of Object.entries(answers))
      if (expected.has(name)) expectClose(name, values, expected.read(name), tolerance);
  }

  return runs.map((run) => ({
    name: `golden model: ${run.model}, ${run.file}`,
    run: () => withBackend(create, (backend) => check(backend, run)),
  }));
}
