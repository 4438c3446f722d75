/**
 * Tests the whole evaluation set of 256 pictures, if it lies beside the checkout. The CPU backend would take minutes for it,
 * so demo.test.ts tests that backend on sixteen of them.
 */
import { describe, it } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";
import { wholeSet } from "./evaluation-sets.js";

describe("demo model on the whole evaluation set", () => {
  if (wholeSet) checkDemoModel({ ...wholeSet, backend: "onnx-cpu" });
  else it.skip("needs the evaluation set beside the checkout (../shared/demo-model)");
});
