/** The whole evaluation set of 256 pictures, where it lies beside the checkout. */
import { describe, it } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";
import { wholeSet } from "./evaluation-sets.js";

describe.each(["cpu", "onnx-cpu"])("demo model on the whole evaluation set, backend %s", (backend) => {
  if (wholeSet) checkDemoModel({ ...wholeSet, backend });
  else it.skip("needs the evaluation set beside the checkout (../shared/demo-model)");
});
