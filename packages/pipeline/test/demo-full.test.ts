/**
 * The whole evaluation set of 256 pictures, where it lies beside the checkout. The plain backend takes minutes for it
 * and is held to sixteen of them in demo.test.ts.
 */
import { describe, it } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";
import { wholeSet } from "./evaluation-sets.js";

describe("demo model on the whole evaluation set", () => {
  if (wholeSet) checkDemoModel({ ...wholeSet, backend: "onnx-cpu" });
  else it.skip("needs the evaluation set beside the checkout (../shared/demo-model)");
});
