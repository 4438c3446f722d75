/**
 * Compares reduction policies with a second Vision Transformer, written here in plain JavaScript for one image at a time. Its
 * stages ask the policy's reference for their rows, and average or add them up here.
 */
import {
  createVisionModel,
  policies,
  policiesOf,
  prepareVisionProgram,
  type ReductionConfig,
  type ReductionPolicy,
  randomWeights,
  specialTokens,
  type Threshold,
  type VisionModelConfig,
  weightsFrom,
} from "@ppt-vit/core";
import type { Backend, HostTensor, Tensors } from "@ppt-vit/core/backend";
import { type PolicyReference, policyReferences, type ReferenceRow } from "@ppt-vit/core/policy";
import {
  type ConformanceCase,
  type CreateBackend,
  expectClose,
  reducedTolerance,
  uniform,
  withBackend,
} from "./harness.js";
import { tinyConfig } from "./models.js";
import { erf } from "./reference.js";

type Vector = readonly number[];

interface Token {
  readonly x: Vector;
  readonly size: number;
  /** Indices of the input tokens that it contains. */
  readonly contains: readonly number[];
}

/** A policy and the reference that it is compared with. */
export interface TestedPolicy {
  readonly policy: ReductionPolicy;
  readonly reference: PolicyReference;
}

/** A schedule under which policies are tested. */
interface Schedule {
  /** Follows the policy's name in the case's name. */
  readonly how: string;
  readonly layers: readonly number[];
  readonly tokensRemoved: readonly number[];
  /** Whether to use the opposite of the policy's own `proportionalAttention`. Default: false. */
  readonly otherAttention?: boolean;
  readonly distillationToken?: boolean;
}

const schedules: readonly Schedule[] = [
  { how: "", layers: [0, 1], tokensRemoved: [4, 3] },
  { how: " in every block", layers: [0, 1, 2], tokensRemoved: [3, 3, 2] },
  { how: " with the other proportional attention", layers: [0, 1], tokensRemoved: [4, 4], otherAttention: true },
  {
    how: ", as many tokens as can be, distillation token",
    layers: [0, 1],
    tokensRemoved: [3, 1000],
    distillationToken: true,
  },
];

const weightSeed = 12;
const batch = 3;

const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const plus = (a: Vector, b: Vector) => a.map((value, i) => value + b[i]!);
const times = (a: Vector, factor: number) => a.map((value) => value * factor);
const total = (values: Vector) => values.reduce((sum, value) => sum + value, 0);

function softmax(logits: Vector): Vector {
  const highest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - highest));
  return times(exponentials, 1 / total(exponentials));
}

/** The layers of one model, under timm's names. */
function layersOf(weights: Tensors<HostTensor>, epsilon: number) {
  const row = (x: HostTensor, i: number) => {
    const length = x.data.length / x.shape[0]!;
    return Array.from(x.data.subarray(i * length, (i + 1) * length));
  };
  return {
    row,
    linear(name: string, x: Vector): Vector {
      const [weight, bias] = [weights[`${name}.weight`]!, weights[`${name}.bias`]!];
      return Array.from(bias.data, (b, o) => b + dot(row(weight, o), x));
    },
    norm(name: string, x: Vector): Vector {
      const mean = total(x) / x.length;
      const deviation = Math.sqrt(total(x.map((value) => (value - mean) ** 2)) / x.length + epsilon);
      const [weight, bias] = [weights[`${name}.weight`]!.data, weights[`${name}.bias`]!.data];
      return x.map((value, c) => ((value - mean) / deviation) * weight[c]! + bias[c]!);
    },
  };
}

interface Outcome {
  readonly logits: Vector;
  readonly tokens: readonly Token[];
}

/** How the reference reduces tokens. */
interface ReferenceReduction {
  /** The policy's reference and the number of tokens that leave each stage, by block. */
  readonly stages: ReadonlyMap<number, { readonly reference: PolicyReference; readonly left: number }>;
  readonly proportionalAttention: boolean;
}

/** Runs one image [channels, H, W] through the model. */
function classify(config: VisionModelConfig, pixels: Float32Array, reduction: ReferenceReduction): Outcome {
  const weights = randomWeights(config, weightSeed);
  const { row, linear, norm } = layersOf(weights, config.layerNormEpsilon);
  const { heads, hiddenSize: C } = config;
  const d = C / heads;
  const head = (x: Vector, h: number) => x.slice(h * d, (h + 1) * d);
  const special = specialTokens(config);
  const { stages, proportionalAttention } = reduction;

  const embedded = [
    Array.from(weights.cls_token!.data),
    ...(config.distillationToken ? [Array.from(weights.dist_token!.data)] : []),
    ...patchesOf(config, pixels).map((patch) =>
      Array.from(
        { length: C },
        (_, c) => weights["patch_embed.proj.bias"]!.data[c]! + dot(row(weights["patch_embed.proj.weight"]!, c), patch),
      ),
    ),
  ];
  const positions = weights.pos_embed!.data;
  let tokens: Token[] = embedded.map((x, i) => ({
    x: plus(x, Array.from(positions.subarray(i * C, (i + 1) * C))),
    size: 1,
    contains: [i],
  }));

  for (let layer = 0; layer < config.layers; layer++) {
    const name = `blocks.${layer}`;
    const qkv = tokens.map(({ x }) => linear(`${name}.attn.qkv`, norm(`${name}.norm1`, x)));
    const part = (k: number) => qkv.map((row) => row.slice(k * C, (k + 1) * C));
    const [q, keys, values] = [part(0), part(1), part(2)];
    const attend = (i: number, h: number) =>
      softmax(
        keys.map((key, j) => {
          const bias = proportionalAttention ? Math.log(tokens[j]!.size) : 0;
          return dot(head(q[i]!, h), head(key, h)) / Math.sqrt(d) + bias;
        }),
      );
    const everyHead = Array.from({ length: heads }, (_, h) => h);
    const mixed = tokens.map((_, i) =>
      everyHead.flatMap((h) => {
        const weight = attend(i, h);
        return Array.from({ length: d }, (_, c) => total(values.map((value, j) => weight[j]! * value[h * d + c]!)));
      }),
    );
    const attended = tokens.map((token, i) => ({ ...token, x: plus(token.x, linear(`${name}.attn.proj`, mixed[i]!)) }));

    const classRows = everyHead.map((h) => attend(0, h));
    const attention = tokens.map((_, j) => total(classRows.map((row) => row[j]!)) / heads);
    const meanKeys = keys.map((key) =>
      Array.from({ length: d }, (_, c) => total(everyHead.map((h) => key[h * d + c]!)) / heads),
    );
    const stage = stages.get(layer);
    let reduced: readonly Token[] = attended;
    if (stage) {
      const { reference, left } = stage;
      const rows = reference.rows(
        {
          ...{ attention, keys: meanKeys, values, layer, depth: config.layers, protectedTokens: special },
          unprotected: tokens.map((_, i) => i).slice(special),
          removed: tokens.length - left,
        },
        reference.settings,
      );
      // Without proportional attention every stage starts from sizes of 1.
      const sized = proportionalAttention ? attended : attended.map((token) => ({ ...token, size: 1 }));
      reduced = [...sized.slice(0, special), ...rows.map((row) => tokenOf(row, sized))];
    }

    tokens = reduced.map((token) => {
      const hidden = linear(`${name}.mlp.fc1`, norm(`${name}.norm2`, token.x));
      const activated = hidden.map((value) => (value * (1 + erf(value / Math.SQRT2))) / 2);
      return { ...token, x: plus(token.x, linear(`${name}.mlp.fc2`, activated)) };
    });
  }
  return { logits: linear("head", norm("norm", tokens[0]!.x)), tokens };
}

/** The values of each patch, in the order channel, row, column. */
function patchesOf(
  { imageSize: [H, W], patchSize: [h, w], channels }: VisionModelConfig,
  pixels: Float32Array,
): Vector[] {
  const patches: Vector[] = [];
  for (let top = 0; top < H; top += h)
    for (let left = 0; left < W; left += w)
      patches.push(
        Array.from({ length: channels * h * w }, (_, i) => {
          const [channel, y, x] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
          return pixels[(channel * H + top + y) * W + left + x]!;
        }),
      );
  return patches;
}

/** One row as a token: the sum with the row's weights if it has any, else the mean weighted by size. */
function tokenOf({ tokens, weights }: ReferenceRow, all: readonly Token[]): Token {
  const held = tokens.map((i) => all[i]!);
  const size = total(held.map((token) => token.size));
  const sum = held.map((token, i) => times(token.x, weights ? weights[i]! : token.size)).reduce(plus);
  return { x: weights ? sum : times(sum, 1 / size), size, contains: held.flatMap(({ contains }) => contains) };
}

const stack = (rows: readonly Vector[], ...shape: number[]): HostTensor => ({
  shape: [rows.length, ...shape],
  data: Float32Array.from(rows.flat()),
});

/** The policies of one case, one per layer. */
interface TestedSchedule extends Omit<Schedule, "how"> {
  readonly name: string;
  readonly policies: readonly TestedPolicy[];
  /** The settings of the policies, as users write them. */
  readonly reduction: ReductionConfig;
}

/** The case that compares a model under one schedule with its reference. */
const caseOf = (
  create: CreateBackend,
  { capabilities }: Backend,
  { name, policies, layers, reduction, distillationToken = false }: TestedSchedule,
): ConformanceCase => ({
  name,
  run: () =>
    withBackend(create, async (backend) => {
      const exact = capabilities.precision === "float32";
      const config: VisionModelConfig = { ...tinyConfig, distillationToken };
      const options = {
        config,
        weights: weightsFrom(randomWeights(config, weightSeed)),
        reduction,
        outputs: { source: true },
      };
      const { plan } = prepareVisionProgram(options);
      const model = await createVisionModel({ ...options, backend });
      const pixels = uniform([batch, config.channels, ...config.imageSize], 13);
      const length = pixels.data.length / batch;
      const stages = new Map(
        layers.map((layer, i) => [layer, { reference: policies[i]!.reference, left: model.tokens[i + 1]! }]),
      );
      const expected = Array.from({ length: batch }, (_, image) =>
        classify(config, pixels.data.subarray(image * length, (image + 1) * length), {
          ...{ stages, proportionalAttention: plan.proportionalAttention },
        }),
      );
      const output = await model.run({ pixelValues: pixels.data, batch });
      await model.dispose();
      const decides = plan.stages.some(({ action }) => action === "byImage");
      if (decides && new Set(output.stages.flatMap(({ policies }) => policies)).size < 2)
        throw new Error("every image got the same action: choose other settings for the reference");

      const logits = stack(
        expected.map((outcome) => outcome.logits),
        config.labels.length,
      );
      expectClose("logits", output.logits, logits, exact ? 1e-4 : reducedTolerance);
      // In reduced precision, tokens with close scores may change places.
      if (!exact) return;
      const tokens = expected[0]!.tokens.length;
      const inputs = output.source!.shape[2]!;
      const rows = expected.map(({ tokens }) => tokens.map(({ size }) => size));
      expectClose("size", output.size, stack(rows, tokens), 0);
      const maps = expected.map(({ tokens }) =>
        tokens.flatMap(({ contains }) => Array.from({ length: inputs }, (_, j) => (contains.includes(j) ? 1 : 0))),
      );
      expectClose("source", output.source, stack(maps, tokens, inputs), 0);
    }),
});

/** Cases that compare a policy with its reference on one backend, one for each schedule. */
export const casesOfPolicy = (create: CreateBackend, backend: Backend, tested: TestedPolicy): ConformanceCase[] =>
  schedules.map(({ how, otherAttention = false, ...schedule }) => {
    const { policy, reference } = tested;
    const { layers, tokensRemoved } = schedule;
    const proportionalAttention = policy.proportionalAttention !== otherAttention;
    const reduction = { layers, tokensRemoved, policy, proportionalAttention, ...reference.settings };
    const name = `policy: ${policy.name}${how}`;
    return caseOf(create, backend, { ...schedule, name, policies: layers.map(() => tested), reduction });
  });

/** A policy per layer: what one leaves, with sizes, another one reduces further. */
function mixedCase(create: CreateBackend, backend: Backend): ConformanceCase {
  const layers = [0, 1, 2];
  const tokensRemoved = [3, 3, 2];
  const names = ["ppt", "diffrate", "tome"] as const;
  const tested = names.map((name) => ({ policy: policiesOf({ policy: name })[0]!, reference: policyReferences[name] }));
  const { threshold } = policyReferences.ppt.settings as { threshold: Threshold };
  // Nothing is pruned, unlike in the case of DiffRate itself.
  const reference: PolicyReference = {
    settings: {},
    rows: (seen) => policyReferences.diffrate.rows(seen, { pruneShare: 0 }),
  };
  const policies = tested.map((each, i) => (i === 1 ? { ...each, reference } : each));
  const reduction = { layers, tokensRemoved, policy: names, threshold };
  return caseOf(create, backend, { name: "policies: one per layer", layers, tokensRemoved, policies, reduction });
}

/** The cases of every policy of the registry, and of several in one schedule. */
export const policyCases = (create: CreateBackend, backend: Backend): ConformanceCase[] => [
  ...policies.flatMap((policy) => casesOfPolicy(create, backend, { policy, reference: policyReferences[policy.name] })),
  mixedCase(create, backend),
];
