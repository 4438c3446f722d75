/** The option `--shard`. */
import { InvalidArgumentError } from "commander";

/** Part `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** Parses `2/8`: the second of eight shards. */
export function shard(text: string): Shard {
  const [index, parts] = text.split("/").map(Number);
  if (!/^\d+\/\d+$/.test(text) || index! < 1 || index! > parts!)
    throw new InvalidArgumentError("expected I/N, as in 1/8 to 8/8.");
  return { index: index!, count: parts! };
}
