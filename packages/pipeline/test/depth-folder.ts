/** The micro Depth Anything of the conformance suite, as a checkpoint with its preprocessing. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goldenUrl } from "@ppt-vit/conformance";

interface Golden {
  readonly processor: object;
  readonly interpolations: readonly {
    readonly from: readonly [number, number];
    readonly to: readonly [number, number];
    readonly mode: "bilinear" | "bicubic";
    readonly values: readonly number[];
  }[];
  readonly estimates: readonly (Readonly<Record<"bilinear" | "bicubic", GoldenMap>> & {
    readonly picture: readonly [width: number, height: number];
    /** Rows and columns of the model's map. */
    readonly model: readonly [number, number];
  })[];
}
interface GoldenMap {
  /** At each corner, in the middle of each edge, and in the middle. */
  readonly values: readonly number[];
  readonly minimum: number;
  readonly maximum: number;
}

/** What PyTorch and transformers give, made by fixtures/make-depth.py. */
export const golden: Golden = JSON.parse(readFileSync(new URL("../fixtures/depth.json", import.meta.url), "utf8"));

/** Writes the checkpoint into `folder`, which is made. */
export function makeDepthFolder(folder: string): string {
  mkdirSync(folder);
  for (const file of ["config.json", "model.safetensors"])
    copyFileSync(new URL(`modern/depth-anything/${file}`, goldenUrl), join(folder, file));
  const processor = { image_processor_type: "DPTImageProcessor", ...golden.processor };
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(processor));
  return folder;
}
