/** Several settings on the same pictures: which there are, and what the answers under the others than the first tell. */
import { mergeReduction, modelCost, PptError, type ReductionConfig, reasonOf } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import { type Checkpoint, readReduction, resolveReduction } from "@ppt-vit/pipeline";
import { reductionList } from "../../flags/reduction-list.js";
import { type ReductionFlags, reductionOf } from "../../flags/reduction-options.js";
import { differenceSummary } from "./answers.js";
import { accuracyOf, agreementOf } from "./score.js";
import {
  type EvalReport,
  type EvalSettings,
  isScored,
  isUnlabelled,
  type ReductionSummary,
  type UsedPicture,
} from "./types.js";

/** Settings under the name that `--reduction` gave them. */
export type NamedReduction = NonNullable<EvalSettings["reductions"]>[number];

/**
 * The settings that the flags ask for: one, none, or several with their names. Single settings override those of each.
 * @throws PptError INVALID_REDUCTION, NOT_FOUND
 */
export function reductionsOf(
  checkpoint: Checkpoint,
  flags: ReductionFlags,
): { readonly reduction: ReductionConfig | undefined; readonly reductions?: readonly NamedReduction[] } {
  const { reduction: list, ...single } = flags;
  const names = flags.ppt && list !== undefined ? reductionList(list) : [];
  if (names.length < 2) return { reduction: resolveReduction(checkpoint, reductionOf(flags)) };
  const reductions = names.map((name) => ({ name, reduction: namedReduction(checkpoint, name, single) }));
  return { reduction: reductions[0]!.reduction, reductions };
}

function namedReduction(checkpoint: Checkpoint, name: string, flags: ReductionFlags): ReductionConfig {
  const merged = mergeReduction(readReduction(name), reductionOf(flags) as Partial<ReductionConfig>);
  try {
    const reduction = resolveReduction(checkpoint, merged)!;
    // Layers that the model lacks are found here, and not after the first model has been compiled.
    modelCost(checkpoint.config, reduction);
    return reduction;
  } catch (cause) {
    throw new PptError("INVALID_REDUCTION", `${name}: ${reasonOf(cause)}`, { cause });
  }
}

/** What the answers under each of the other settings tell; undefined if there is only one. */
export function reductionSummaries(
  used: readonly UsedPicture[],
  { reductions, labelled }: Pick<EvalSettings, "reductions" | "labelled">,
): ReductionSummary[] | undefined {
  const pictures = used.filter(isScored);
  const unlabelled = used.filter(isUnlabelled);
  return reductions?.slice(1).map(({ name }, i) => {
    if (labelled === false) {
      const difference = differenceSummary(unlabelled.map((picture) => picture.reductions![i]!));
      return { name, ...accuracyOf([]), difference };
    }
    const own = pictures.map((picture) => picture.reductions![i]!);
    const compared = pictures.flatMap(({ unreduced }, k) => (unreduced ? [[own[k]!, unreduced] as const] : []));
    const beside = agreementOf(own.map((score, k) => [score, pictures[k]!] as const));
    return {
      name,
      ...accuracyOf(own),
      ...(compared.length > 0 && { agreement: agreementOf(compared) }),
      besideFirst: {
        same: beside.same,
        rightOnlyThis: beside.rightOnlyReduced,
        rightOnlyFirst: beside.rightOnlyUnreduced,
        pValue: mcNemar(beside.rightOnlyReduced, beside.rightOnlyUnreduced),
      },
    };
  });
}

/** The two-sided exact test of McNemar: with n = a + b tosses of a fair coin, min(1, 2 P(X <= min(a, b))). */
export function mcNemar(a: number, b: number): number {
  const n = a + b;
  let logTerm = -n * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= Math.min(a, b); k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((n - k) / (k + 1));
  }
  return Math.min(1, 2 * tail);
}

/** A sentence for each of the other settings beside the first. */
export const besideFirst = ({ settings: { reductions = [] }, summary }: EvalReport): string[] =>
  (summary.reductions ?? []).flatMap(({ name, besideFirst }) => {
    if (!besideFirst) return [];
    const { rightOnlyThis, rightOnlyFirst, same, pValue } = besideFirst;
    return [
      `${name} beside ${reductions[0]!.name}: ${counted(same, "same answer")}, right only here ${rightOnlyThis}, right only there ${rightOnlyFirst} (McNemar p = ${pValue.toPrecision(2)})`,
    ];
  });
