/** Tests numbers with their nouns in messages. */
import { parseReduction } from "@ppt-vit/core";
import { expect, it } from "vitest";
import { counted } from "../src/counted.js";

it.each([
  [counted(0, "layer"), "0 layers"],
  [counted(1, "layer"), "1 layer"],
  [counted(2, "entry", "entries"), "2 entries"],
  [counted(1, "entry", "entries"), "1 entry"],
])("%s", (text, expected) => {
  expect(text).toBe(expected);
});

it("messages say one layer and two entries", () => {
  const parse = () => parseReduction({ layers: [3], tokensRemoved: [5, 5], threshold: "pool" });
  expect(parse).toThrow("tokensRemoved has 2 entries for 1 layer");
  expect(parse).not.toThrow("1 layers");
});
