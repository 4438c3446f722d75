/** Tests `ppt-vit eval --no-labels` as a real process. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../scripts/workspace.mjs";
import { runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("eval-unlabelled");
const samples = join(root, "packages/demo-model/samples");
const evaluate = (...args: string[]) => runPptVit(home, ["eval", ...args]);
const read = (file: string) => JSON.parse(readFileSync(join(home, file), "utf8"));

test("pictures without labels are compared with the unreduced model, in shards as in one run", async () => {
  const args = ["-m", "demo", "-b", "onnx-cpu", "--no-labels", "--limit", "4", "--batch", "1"];
  const whole = await evaluate(samples, ...args, "-o", "whole.json");
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stdout).toMatch(/same answer as unreduced +100\.00 %/);
  const { run, ...result } = read("whole.json");
  expect(result.settings).toMatchObject({ labelled: false, agreement: true });
  expect(result.summary).toMatchObject({ top1: null, difference: { answers: { same: 4, share: 1 } } });
  expect(run.speedup).toBeGreaterThan(0);

  for (const shard of ["1/2", "2/2"]) await evaluate(samples, ...args, "--shard", shard, "-o", `${shard[0]}.json`);
  const merged = await evaluate("merge", "1.json", "2.json", "-o", "merged.json");
  expect(merged.code, merged.stderr).toBe(0);
  const { run: _, ...joined } = read("merged.json");
  expect(joined).toEqual(result);
});
