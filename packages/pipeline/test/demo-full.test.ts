/** The whole evaluation set of 256 pictures, where it lies beside the checkout. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";

const shared = new URL("../../../../shared/demo-model/", import.meta.url);

describe("demo model on the whole evaluation set", () => {
  if (!existsSync(shared)) {
    it.skip("needs the evaluation set beside the checkout (../shared/demo-model)");
    return;
  }
  checkDemoModel({
    expected: readFileSync(new URL("expected.safetensors", shared)),
    listing: readFileSync(new URL("expected.json", shared), "utf8"),
    pictureOf: (file) => fileURLToPath(new URL(`eval/${file}`, shared)),
  });
});
