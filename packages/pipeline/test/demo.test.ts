/** The demo model on one picture a class, against logits that a float64 reference computed. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";

const demo = new URL("../../demo-model/", import.meta.url);

describe("demo model on one picture a class", () => {
  checkDemoModel({
    expected: readFileSync(new URL("fixtures/expected.safetensors", demo)),
    listing: readFileSync(new URL("fixtures/expected.json", demo), "utf8"),
    // The samples are part of the package, the other pictures test fixtures.
    pictureOf(file) {
      const sample = new URL(`samples/${file}`, demo);
      return fileURLToPath(existsSync(sample) ? sample : new URL(`fixtures/eval/${file}`, demo));
    },
  });
});
