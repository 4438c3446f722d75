/** The options that say where and how tokens are reduced, shared by the commands that load a model. */
import { PptError, type ReductionConfig, type Threshold } from "@ppt-vit/core";
import { type Command, InvalidArgumentError } from "commander";

export interface ReductionFlags {
  readonly ppt: boolean;
  readonly layers?: number[];
  readonly tokensRemoved?: number | number[];
  readonly threshold?: Threshold;
  readonly proportionalAttention: boolean;
}

export function count(least: number) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    return value;
  };
}

const counts = (text: string): number[] => text.split(",").map(count(0));

/** `50`, or one number per layer: `40,50,50`. */
const oneOrMore = (text: string): number | number[] => (text.includes(",") ? counts(text) : count(0)(text));

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

export function addReductionOptions(command: Command): Command {
  return command
    .option("--no-ppt", "the unreduced model")
    .option("--layers <list>", "blocks that reduce, counted from 0, as in 3,6,9", counts)
    .option("--tokens-removed <n>", "tokens to remove in each, one number or one per layer", oneOrMore)
    .option(
      "--threshold <t>",
      "score variance from which an image is pruned: 7e-5, scale-free:2.69, prune or pool",
      threshold,
    )
    .option("--no-proportional-attention", "do not weight merged tokens by their size");
}

/** The settings given as flags; the model's own and the published ones fill in the rest. */
export function reductionOf(flags: ReductionFlags): Partial<ReductionConfig> | false {
  if (!flags.ppt) return false;
  return {
    ...(flags.layers && { layers: flags.layers }),
    ...(flags.tokensRemoved !== undefined && { tokensRemoved: flags.tokensRemoved }),
    ...(flags.threshold !== undefined && { threshold: flags.threshold }),
    ...(!flags.proportionalAttention && { proportionalAttention: false }),
  };
}

/** --no-ppt together with reduction settings is a mistake, not a preference. @throws PptError INVALID_OPTION */
export function refuseContradiction(flags: ReductionFlags, command: Command): void {
  if (flags.ppt) return;
  const given = ["layers", "tokensRemoved", "threshold", "proportionalAttention"].filter(
    (name) => command.getOptionValueSource(name) === "cli",
  );
  if (given.length > 0)
    throw new PptError(
      "INVALID_OPTION",
      `--no-ppt contradicts the reduction options (${given.join(", ")}): leave one out`,
    );
}
