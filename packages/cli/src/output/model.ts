/** Says in words what a model is, and what its reduction did to a picture. */
import { defaultDtype } from "@ppt-vit/core";
import type { ImageStage, ModelFacts } from "@ppt-vit/pipeline";
import { describeVerification } from "./verified.js";

export function headline({ model, backend, dtype, tokens, gmacs, reduction, verification }: ModelFacts): string {
  const cost = reduction
    ? `${gmacs.unreduced.toFixed(2)} -> ${gmacs.reduced.toFixed(2)} GMACs`
    : `${gmacs.unreduced.toFixed(2)} GMACs, unreduced`;
  const verified = verification ? `, ${describeVerification(verification)}` : "";
  return `model ${model} on ${backend}${dtype === defaultDtype ? "" : ` in ${dtype}`}, tokens ${tokens.join(" -> ")}, ${cost}${verified}`;
}

/** `197 tokens, pool to 147 (variance 3.14e-6), ...` */
export const describeStages = (tokens: number | undefined, stages: readonly ImageStage[]): string =>
  [
    `${stages[0]?.tokensIn ?? tokens} tokens`,
    ...stages.map(
      ({ policy, tokensOut, variance }) => `${policy} to ${tokensOut} (variance ${variance.toExponential(2)})`,
    ),
  ].join(", ");

/** `, 12 ms an image in the model`; nothing if no image was run. */
export function meanLatency(results: readonly { readonly latencyMs: number }[]): string {
  const sum = results.reduce((total, { latencyMs }) => total + latencyMs, 0);
  return results.length > 0 ? `, ${(sum / results.length).toFixed(0)} ms an image in the model` : "";
}
