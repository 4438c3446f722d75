/** Options for where and how tokens are reduced, for all commands that load a model. */
import {
  mergeReduction,
  type ObservedKeys,
  type ObservedQuery,
  type PolicyName,
  PptError,
  policies,
  policyNames,
  type ReductionConfig,
  reductionPresetNames,
  type Threshold,
  type TokensRemoved,
} from "@ppt-vit/core";
import { readReduction } from "@ppt-vit/pipeline";
import { type Command, InvalidArgumentError, Option } from "commander";
import { count, share } from "./numbers.js";
import { reductionList } from "./reduction-list.js";

export interface ReductionFlags {
  readonly ppt: boolean;
  /** The name of a preset, or the path of a `reduction.json`. */
  readonly reduction?: string;
  readonly policy?: PolicyName;
  readonly layers?: number[];
  readonly tokensRemoved?: TokensRemoved | TokensRemoved[];
  readonly threshold?: Threshold;
  readonly score?: ReductionConfig["score"];
  readonly metric?: ReductionConfig["metric"];
  readonly pruneShare?: ReductionConfig["pruneShare"];
  readonly proportionalAttention: boolean;
}

/** `3,6,9`, or a range: `0-11`. */
function layers(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const range = /^(\d+)-(\d+)$/.exec(part.trim());
    if (!range) return [count(0)(part)];
    const [first, last] = [Number(range[1]), Number(range[2])];
    if (last < first || last - first > 1000) throw new InvalidArgumentError(`${part} is no range of blocks.`);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** `50`, or a share: `25%`. */
function removed(text: string): TokensRemoved {
  if (!text.trim().endsWith("%")) return count(0)(text);
  const percent = Number(text.trim().slice(0, -1));
  if (text.trim() === "%" || !(percent >= 0 && percent <= 100))
    throw new InvalidArgumentError("expected whole numbers of at least 0, or shares from 0% to 100%.");
  return { share: percent / 100 };
}

/** `50` or `25%`, or one per layer: `40,50,25%`. */
const oneOrMore = (text: string): TokensRemoved | TokensRemoved[] =>
  text.includes(",") ? text.split(",").map(removed) : removed(text);

/** `7e-5`, `prune`, `pool`, or `scale-free:2.69`. */
function threshold(text: string): Threshold {
  if (text === "prune" || text === "pool") return text;
  const scaleFree = text.startsWith("scale-free:");
  const digits = scaleFree ? text.slice("scale-free:".length) : text;
  const value = Number(digits);
  if (digits.trim() === "" || Number.isNaN(value) || value < 0)
    throw new InvalidArgumentError("expected a number of at least 0, scale-free:NUMBER, prune or pool.");
  return scaleFree ? { scaleFree: value } : value;
}

/** As `share`, and 1 is one, too. */
const wholeShare = (text: string): number => (Number(text) === 1 || text === "100%" ? 1 : share(text));

/** `20%` or `0.2`, or one per block: `20%,0,50%`; `-` for a block whose policy has no such share. */
function pruneShares(text: string): number | (number | null)[] {
  const each = text.split(",").map((part) => (part.trim() === "-" ? null : wholeShare(part.trim())));
  const [first] = each;
  return each.length === 1 && typeof first === "number" ? first : each;
}

/** `class` or `mean`, or one per layer: `class,mean,mean`. */
function score(text: string): ObservedQuery | ObservedQuery[] {
  const each = text.split(",").map((part) => {
    const name = part.trim();
    if (name !== "class" && name !== "mean") throw new InvalidArgumentError("expected class or mean.");
    return name;
  });
  return each.length === 1 ? each[0]! : each;
}

const whatPoliciesDo = policies.map(({ name, description }) => `${name} ${description}`).join("; ");

/** The list as it was given, because a file is looked for again when it is read. */
function checkedList(text: string): string {
  reductionList(text);
  return text;
}

/** `several`: the command compares settings, given as `A.json,B.json`. */
export function addReductionOptions(command: Command, { several = false } = {}): Command {
  return command
    .option("--no-ppt", "run the unreduced model")
    .option(
      "--reduction <name|file>",
      `a reduction.json, or published settings: ${reductionPresetNames.join(", ")}${several ? "; several side by side: A.json,B.json" : ""}`,
      several ? checkedList : (text: string) => text,
    )
    .addOption(new Option("--policy <name>", `how tokens are reduced: ${whatPoliciesDo}`).choices(policyNames))
    .option("--layers <list>", "blocks that reduce, counted from 0: 3,6,9 or 0-11", layers)
    .option(
      "--tokens-removed <n>",
      "tokens to remove in each of these blocks: 50 or 25%, or a value per block: 40,50,25%",
      oneOrMore,
    )
    .option(
      "--threshold <t>",
      "score variance from which tokens are pruned instead of pooled: 7e-5, scale-free:2.69, prune or pool",
      threshold,
    )
    .option(
      "--score <query>",
      "whose attention scores the tokens: class (the class token's) or mean (that of the mean of all tokens), or one per block: class,mean,mean",
      score,
    )
    .option(
      "--prune-share <s>",
      "of diffrate: the share of the removed tokens that is pruned instead of merged: 20%, or a value per block: 20%,0%",
      pruneShares,
    )
    .addOption(
      new Option(
        "--metric <keys>",
        "which keys matching compares in models with rotary positions: rotated (as attention used them) or plain",
      ).choices(["rotated", "plain"] satisfies ObservedKeys[]),
    )
    .option("--no-proportional-attention", "do not weight merged tokens by their size");
}

/**
 * The reduction that the flags ask for: single settings override those of `--reduction`. Settings that are missing here come
 * from the model, then from `defaultReduction`, or from the published ones where blocks or counts are given.
 * @throws PptError INVALID_REDUCTION, NOT_FOUND
 */
export function reductionOf(flags: ReductionFlags): Partial<ReductionConfig> | false {
  if (!flags.ppt) return false;
  const given = {
    ...(flags.policy && { policy: flags.policy }),
    ...(flags.layers && { layers: flags.layers }),
    ...(flags.tokensRemoved !== undefined && { tokensRemoved: flags.tokensRemoved }),
    ...(flags.threshold !== undefined && { threshold: flags.threshold }),
    ...(flags.score !== undefined && { score: flags.score }),
    ...(flags.metric !== undefined && { metric: flags.metric }),
    ...(flags.pruneShare !== undefined && { pruneShare: flags.pruneShare }),
    ...(!flags.proportionalAttention && { proportionalAttention: false }),
  };
  return flags.reduction === undefined ? given : mergeReduction(readReduction(flags.reduction), given);
}

/** Refuses --no-ppt together with reduction settings, which contradict it. @throws PptError INVALID_OPTION */
export function refuseContradiction(flags: ReductionFlags, command: Command): void {
  if (flags.ppt) return;
  const given = [
    "reduction",
    "policy",
    "layers",
    "tokensRemoved",
    "threshold",
    "score",
    "metric",
    "pruneShare",
    "proportionalAttention",
  ].filter((name) => command.getOptionValueSource(name) === "cli");
  if (given.length > 0)
    throw new PptError(
      "INVALID_OPTION",
      `--no-ppt contradicts the reduction options (${given.join(", ")}): leave one out`,
    );
}
