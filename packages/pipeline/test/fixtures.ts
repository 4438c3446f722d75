/** The tiny checkpoints of `fixtures/`, and what transformers computes with them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseSafetensors } from "@ppt-vit/core";
import { expect } from "vitest";

const at = (file: string) => fileURLToPath(new URL(`../fixtures/${file}`, import.meta.url));

export const picture = at("picture.png");
export const vitFolder = at("vit");
export const clipFolder = at("clip");
export const dinov2Folder = at("dinov2");

export const expectedOf = (model: "vit" | "clip" | "dinov2") =>
  parseSafetensors(readFileSync(at(`${model}/expected.safetensors`)));

/** Requires every element to be within 1e-4 of the expected one, relative to 1 + |expected|. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(actual[i]! - expected[i]!), `element ${i}`).toBeLessThan(1e-4 * (1 + Math.abs(expected[i]!)));
}
