/** Mutated pictures: those of the pipeline's fixtures, each with a few faults. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/workspace.mjs";
import { mutated, randomOf } from "./mutate.js";

const folder = join(root, "packages/pipeline/fixtures/pictures");

export interface MutatedPicture {
  /** From which file it is, and its number: enough to make it again. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `count` pictures, of all files in turn. A picture depends on the seed and on its own number only. */
export function* mutatedPictures(count: number, seed: number): Generator<MutatedPicture> {
  const files = readdirSync(folder).filter((name) => /\.(jpg|png|webp|gif|avif)$/.test(name));
  for (let i = 0; i < count; i++) {
    const file = files[i % files.length]!;
    const random = randomOf(seed * 1_000_003 + i);
    yield { name: `${file} #${i}, seed ${seed}`, bytes: mutated(readFileSync(join(folder, file)), random) };
  }
}
