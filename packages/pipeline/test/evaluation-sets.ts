import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { DemoExpectations } from "./demo-expectations.js";

type EvaluationSet = Omit<DemoExpectations, "backend">;

const demo = new URL("../../demo-model/", import.meta.url);

/** The samples and four more pictures, so that sixteen classes are covered. */
export const committedSet: EvaluationSet = {
  expected: gunzipSync(readFileSync(new URL("fixtures/expected.safetensors.gz", demo))),
  listing: readFileSync(new URL("fixtures/expected.json", demo), "utf8"),
  // The samples are part of the package. The other pictures are test fixtures.
  pictureOf(file) {
    const sample = new URL(`samples/${file}`, demo);
    return fileURLToPath(existsSync(sample) ? sample : new URL(`fixtures/eval/${file}`, demo));
  },
};

const shared = new URL("../../../../shared/demo-model/", import.meta.url);

/** All 256 pictures, if they lie beside the checkout. */
export const wholeSet: EvaluationSet | undefined = existsSync(shared)
  ? {
      expected: readFileSync(new URL("expected.safetensors", shared)),
      listing: readFileSync(new URL("expected.json", shared), "utf8"),
      pictureOf: (file) => fileURLToPath(new URL(`eval/${file}`, shared)),
    }
  : undefined;
