/** The golden cases: results of the PPT authors' published code in float64 (golden/README.md). */
import {
  type OutputOptions,
  parseModelConfig,
  parseSafetensors,
  type ReductionConfig,
  type SafetensorsFile,
  type VisionModelConfig,
  type VisionOutput,
} from "@ppt-vit/core";
import type { Backend, HostTensor } from "@ppt-vit/core/backend";
import listed from "../golden/cases.json" with { type: "json" };
import { type ConformanceCase, type CreateBackend, expectClose, tolerancesOf, withBackend } from "./harness.js";
import { layerNorm } from "./reference.js";
import { expectDecisions, expectTokens, expectVariances, runModel } from "./whole-model.js";

/** Reads one file of the package's `golden` folder. */
export type ReadGolden = (file: string) => Promise<Uint8Array>;

/** Address of the folder of golden files, for `fetch` or the file system. */
export const goldenUrl = new URL("../golden/", import.meta.url);

interface GoldenCase {
  readonly case: string;
  readonly model: string;
  readonly batch: number;
  readonly r: number;
  readonly layers: number[];
  readonly threshold: number;
  readonly proportional_attention: boolean;
  readonly tokens: number[];
}

const goldenList: readonly GoldenCase[] = listed;

interface LoadedCase {
  readonly config: VisionModelConfig;
  readonly weights: SafetensorsFile;
  readonly expected: SafetensorsFile;
  readonly reduction?: ReductionConfig;
}

/** The content of a gzipped file, in Node and in browsers. */
export async function unpacked(file: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([Uint8Array.from(file)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function load(golden: GoldenCase, read: ReadGolden): Promise<LoadedCase> {
  const [config, weights, expected] = await Promise.all(
    [`${golden.model}.model.json`, `${golden.model}.model.safetensors.gz`, `${golden.case}.safetensors.gz`].map(read),
  );
  return {
    config: parseModelConfig(JSON.parse(new TextDecoder().decode(config))),
    weights: parseSafetensors(await unpacked(weights!), golden.model),
    expected: parseSafetensors(await unpacked(expected!), golden.case),
    ...(golden.layers.length > 0 && {
      reduction: {
        layers: golden.layers,
        tokensRemoved: golden.r,
        threshold: golden.threshold,
        proportionalAttention: golden.proportional_attention,
      },
    }),
  };
}

const everything: OutputOptions = { lastHiddenState: true, source: true, scores: true };

const run = (
  backend: Backend,
  { config, weights, reduction }: LoadedCase,
  pixels: HostTensor,
  outputs: OutputOptions = everything,
): Promise<VisionOutput> => runModel({ config, weights, backend, reduction, outputs }, pixels);

/** The authors' scores without the distillation token, which they score too. The others are scaled to sum to 1. */
function withoutProtected(scores: HostTensor, surplus: number): HostTensor {
  const [B, N] = scores.shape as [number, number];
  const rows = Array.from({ length: B }, (_, image) => {
    const kept = Array.from(scores.data.subarray(image * N + surplus, (image + 1) * N));
    const sum = kept.reduce((a, b) => a + b, 0);
    return kept.map((score) => (surplus > 0 ? score / sum : score));
  });
  return { shape: [B, N - surplus], data: Float32Array.from(rows.flat()) };
}

function compare(
  golden: GoldenCase,
  loaded: LoadedCase,
  output: VisionOutput,
  exact: boolean,
  tolerance: number,
): void {
  const { config, weights, expected, reduction } = loaded;
  expectClose("logits", output.logits, expected.read("logits"), tolerance);
  if (!reduction && output.stages.length > 0) throw new Error("an unreduced model reports stages");
  if (reduction) compareStages(golden, loaded, output, exact);
  // In reduced precision, tokens with close scores may change places.
  if (!exact) return;
  const hidden = layerNorm(
    expected.read("last_hidden_state_before_norm"),
    weights.read("norm.weight"),
    weights.read("norm.bias"),
    config.layerNormEpsilon,
  );
  expectClose("lastHiddenState", output.lastHiddenState, hidden, tolerance);
  if (!reduction) return;
  expectTokens(output, expected);
}

function compareStages(
  golden: GoldenCase,
  { config, expected }: LoadedCase,
  output: VisionOutput,
  exact: boolean,
): void {
  const tokens = [output.stages[0]!.tokensIn, ...output.stages.map((stage) => stage.tokensOut)];
  if (tokens.join() !== golden.tokens.join()) throw new Error(`tokens ${tokens}, expected ${golden.tokens}`);
  const { stages } = output;
  const surplus = config.distillationToken ? 1 : 0;
  stages.forEach((stage, k) => {
    expectDecisions({ stages, k, expected });
    if (!exact) return;
    const scores = withoutProtected(expected.read(`scores.${k}`), surplus);
    expectClose(`scores of stage ${k}`, stage.scores, scores, 1e-4);
    // The golden variance includes the distillation token's score, which this project never computes.
    if (surplus === 0) expectVariances({ stages, k, expected });
  });
}

export function goldenCases(create: CreateBackend, { capabilities }: Backend, read: ReadGolden): ConformanceCase[] {
  const exact = capabilities.precision === "float32";
  const tolerance = tolerancesOf(capabilities).model;
  const byCase = goldenList.map((golden) => ({
    name: `golden: ${golden.case}`,
    run: () =>
      withBackend(create, async (backend) => {
        const loaded = await load(golden, read);
        const pixels = loaded.expected.read("pixel_values");
        compare(golden, loaded, await run(backend, loaded, pixels), exact, tolerance);
        // Without other outputs, the last block computes only the rows that the head reads.
        const { logits } = await run(backend, loaded, pixels, {});
        expectClose("logits alone", logits, loaded.expected.read("logits"), tolerance);
      }),
  }));
  // In reduced precision the order of tokens may differ, so single images cannot be compared.
  return exact ? [...byCase, batchInvariance(create, capabilities.batchInvariant ? 0 : tolerance, read)] : byCase;
}

/** Checks that an image's result does not depend on the other images of its batch. */
function batchInvariance(create: CreateBackend, tolerance: number, read: ReadGolden): ConformanceCase {
  return {
    name: "golden: each image alone as in the batch",
    run: () =>
      withBackend(create, async (backend) => {
        const loaded = await load(goldenList.find((golden) => golden.case === "adaptive")!, read);
        const pixels = loaded.expected.read("pixel_values");
        const together = await run(backend, loaded, pixels);
        const B = pixels.shape[0]!;
        for (let image = 0; image < B; image++) {
          const row = (x: HostTensor): HostTensor => {
            const length = x.data.length / B;
            return { shape: [1, ...x.shape.slice(1)], data: x.data.slice(image * length, (image + 1) * length) };
          };
          const alone = await run(backend, loaded, row(pixels));
          expectClose(`logits of image ${image}`, alone.logits, row(together.logits), tolerance);
          expectClose(
            `hidden state of image ${image}`,
            alone.lastHiddenState,
            row(together.lastHiddenState!),
            tolerance,
          );
          expectClose(`source of image ${image}`, alone.source, row(together.source!), 0);
          alone.stages.forEach((stage, k) => {
            if (stage.policies[0] !== together.stages[k]!.policies[image])
              throw new Error(`image ${image} got another action in stage ${k} than in the batch`);
          });
        }
      }),
  };
}
