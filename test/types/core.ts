/** `@ppt-vit/core` and the backend without dependencies: they need no library but the language's. */
import { type CpuBackendOptions, createCpuBackend } from "@ppt-vit/backend-cpu";
import {
  type Backend,
  createVisionModel,
  isPptError,
  type PolicyName,
  type PptErrorCode,
  parseModelConfig,
  parseReduction,
  type ReductionConfig,
  type VisionModel,
  type WeightSource,
} from "@ppt-vit/core";
import type { BackendDescriptor, Primitives, Program, Tensor } from "@ppt-vit/core/backend";
import { type Checks, checkOptions, flag } from "@ppt-vit/core/options";
import { highest, hostTensor, type PolicyReference, policies, type ReductionPolicy } from "@ppt-vit/core/policy";
import { random } from "@ppt-vit/core/testing";
import { same } from "./expect.js";

export async function logits(config: unknown, weights: WeightSource, pixelValues: Float32Array) {
  const model: VisionModel = await createVisionModel({
    config: parseModelConfig(config),
    weights,
    backend: createCpuBackend(),
  });
  const { logits, stages } = await model.run({ pixelValues, batch: 1 });
  same<typeof logits.data, Float32Array>(true);
  same<(typeof stages)[number]["layer"], number>(true);
  return logits.data;
}
// @ts-expect-error a model needs its weights
export const withoutWeights = () => createVisionModel({ backend: createCpuBackend() });

/** Codes are a union, so a misspelt one is found. */
export function advice(error: unknown): string {
  if (!isPptError(error)) return "";
  const { code } = error;
  same<typeof code, PptErrorCode>(true);
  // @ts-expect-error there is no such code
  if (code === "NO_SUCH_CODE") return "";
  switch (code) {
    case "NOT_FOUND":
      return error.message;
    default:
      return code;
  }
}

const own = {
  name: "first",
  title: "keep the first",
  description: "drops the last tokens",
  colour: "#e69f00",
  proportionalAttention: false,
  settings: {},
  mostRemovable: (tokens, protectedTokens) => tokens - protectedTokens,
  action: (): "prune" => "prune",
  destinations:
    ({ tokensIn }) =>
    (ops) => ({ destination: ops.constant(hostTensor([1, tokensIn], (j) => j)) }),
} satisfies ReductionPolicy;
export const reference: PolicyReference = {
  settings: {},
  rows: ({ unprotected, removed }) => highest(unprotected, unprotected, unprotected.length - removed),
};

export const reductions: readonly ReductionConfig[] = [
  { layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 },
  { layers: [3], tokensRemoved: [{ share: 0.25 }], policy: "tome" },
  { layers: [3], tokensRemoved: 8, policy: own },
  parseReduction({}),
  // @ts-expect-error a misspelt setting
  { layers: [3], tokensRemoved: 8, treshold: 7e-5 },
  // @ts-expect-error a policy that does not exist
  { layers: [3], tokensRemoved: 8, policy: "tomé" },
  // @ts-expect-error tokensRemoved is missing
  { layers: [3] },
];
export const names: readonly PolicyName[] = policies.map(({ name }) => name);

export const cpuOptions: readonly CpuBackendOptions[] = [
  { decomposed: ["softmax"] },
  { decomposed: undefined },
  // @ts-expect-error not a composite
  { decomposed: ["softmix"] },
  // @ts-expect-error not an option
  { threads: 2 },
];

export const double: Program = (ops, _params, { x }) => ({ y: ops.mul(x!, 2) });
export const descriptor: BackendDescriptor = {
  name: "mine",
  open: async (): Promise<Backend> => createCpuBackend(),
};
export type Own<T extends Tensor> = Pick<Primitives<T>, "add" | "matMul">;

const checks: Checks<{ loud?: boolean | undefined }> = { loud: flag };
export const checked = (given: { loud?: boolean }) => checkOptions("mine", given, checks).loud;
export const drawn: number = random(1)();
