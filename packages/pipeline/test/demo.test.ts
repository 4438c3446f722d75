/** Tests the demo model on sixteen pictures against logits of a float64 reference. */
import { describe } from "vitest";
import { checkDemoModel } from "./demo-expectations.js";
import { committedSet } from "./evaluation-sets.js";

describe.each(["cpu", "onnx-cpu"])("demo model on sixteen pictures, backend %s", (backend) => {
  checkDemoModel({ ...committedSet, backend });
});
