/** Damaged pictures: those of the pipeline's fixtures, each with a few faults. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/workspace.mjs";
import { mutated, randomOf } from "./mutate.js";

const folder = join(root, "packages/pipeline/fixtures/pictures");

export interface MutatedPicture {
  /** Its file and its number, which suffice to make it again. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `count` pictures, made of all files in turn. A picture depends only on the seed and its own number. */
export function* mutatedPictures(count: number, seed: number): Generator<MutatedPicture> {
  const files = readdirSync(folder).filter((name) => /\.(jpg|png|webp|gif|avif)$/.test(name));
  for (let i = 0; i < count; i++) {
    const file = files[i % files.length]!;
    const random = randomOf(seed * 1_000_003 + i);
    yield { name: `${file} #${i}, seed ${seed}`, bytes: mutated(readFileSync(join(folder, file)), random) };
  }
}
