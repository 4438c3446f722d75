/** Tests exported files with Python's tools: onnx's checker, and onnxruntime, which must give the same logits as in Node. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OnnxRuntime } from "@ppt-vit/backend-onnx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const ort: OnnxRuntime = createRequire(join(root, "packages/backend-onnx/package.json"))("onnxruntime-node");

/** Prints the logits of two images as JSON. */
const script = `
import json, sys
import numpy, onnx, onnxruntime
onnx.checker.check_model(sys.argv[1], full_check=True)
pixels = numpy.sin(numpy.arange(2 * 3 * 224 * 224) * 0.01).astype(numpy.float32).reshape(2, 3, 224, 224)
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(json.dumps(session.run(["logits"], {"pixel_values": pixels})[0].ravel().tolist()))
`;
const hasPython = spawnSync("python3", ["-c", "import numpy, onnx, onnxruntime"]).status === 0;
const needs = hasPython ? "" : " (needs python3 with onnx and onnxruntime)";

describe.skipIf(!hasPython)(`Python accepts exported files${needs}`, () => {
  let home: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "ppt-vit-python-"));
    for (const [out, more] of Object.entries({ own: ["--dtype", "fp32,fp16"], portable: ["--portable"] })) {
      const args = ["export", "--model", "demo", "--out", out, ...more];
      const { code, output } = await run(process.execPath, [join(root, "packages/cli/dist/main.js"), ...args], {
        cwd: home,
      });
      expect(code, output).toBe(0);
    }
  });
  afterAll(() => rmSync(home, { recursive: true }));

  test.each([
    ["own/onnx/model.onnx", 1e-4],
    ["own/onnx/model_fp16.onnx", 1e-1],
    ["portable/onnx/model.onnx", 1e-4],
  ])("%s", async (file, within) => {
    const path = join(home, file);
    const python = spawnSync("python3", ["-c", script, path], { encoding: "utf8" });
    expect(python.status, python.stderr).toBe(0);
    const theirs: number[] = JSON.parse(python.stdout);

    const session = await ort.InferenceSession.create(readFileSync(path));
    const pixels = Float32Array.from({ length: 2 * 3 * 224 * 224 }, (_, i) => Math.sin(i * 0.01));
    const { logits } = await session.run({ pixel_values: new ort.Tensor("float32", pixels, [2, 3, 224, 224]) });
    const ours = logits!.data as Float32Array;
    expect(theirs).toHaveLength(ours.length);
    expect(Math.max(...theirs.map((logit, i) => Math.abs(logit - ours[i]!)))).toBeLessThan(within);
    await session.release();
  });
});
