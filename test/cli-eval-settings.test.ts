/** Tests `ppt-vit eval --reduction A.json,B.json` as a real process. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runPptVit, samples, temporaryFolder } from "./built.js";

const home = temporaryFolder("eval-settings");
beforeAll(() => {
  for (const name of readdirSync(samples)) {
    const folder = join(home, "tree", basename(name, ".png").replace(/^\d+_/, ""));
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(samples, name), join(folder, name));
  }
});

const evaluate = (...args: string[]) => runPptVit(home, ["eval", ...args]);

/** A result without the facts of its run. */
function resultOf(file: string) {
  const { run: _, ...result } = JSON.parse(readFileSync(join(home, file), "utf8"));
  return JSON.stringify(result);
}

describe("several settings", () => {
  test("are compared picture by picture, as each gives alone, and an evaluation that was interrupted goes on with them", async () => {
    writeFileSync(
      join(home, "few.json"),
      JSON.stringify({ layers: [2, 6], tokensRemoved: [98, 40], policy: "diffrate" }),
    );
    // 7 pictures: the last batch is not full.
    const args = ["tree", "--backend", "onnx-cpu", "--batch", "2", "--limit", "7"];
    const both = [...args, "--reduction", "few.json,deit-small-paper", "-o", "both.json"];
    const whole = await evaluate(...both, "--report", "both.html");
    expect(whole.code, whole.stderr).toBe(0);
    expect(whole.stdout).toMatch(/^ +few\.json +deit-small-paper +unreduced$/m);
    expect(readFileSync(join(home, "both.html"), "utf8")).toContain("<th>deit-small-paper</th>");
    const { summary, pictures, gmacs, run } = JSON.parse(readFileSync(join(home, "both.json"), "utf8"));

    const alone = await evaluate(...args, "--reduction", "deit-small-paper", "--json");
    const other = JSON.parse(alone.stdout);
    const [second] = summary.reductions;
    const { top1, top5, loss, agreement } = other.summary;
    expect(second).toMatchObject({ name: "deit-small-paper", top1, top5, loss, agreement });
    expect(gmacs.reductions).toEqual([other.gmacs.reduced]);
    expect(run.picturesPerSecond.reductions[0]).toBeGreaterThan(0);
    const { same, rightOnlyThis, rightOnlyFirst } = second.besideFirst;
    const answers = pictures.map((picture: { predicted: number; reductions: { predicted: number }[] }) => [
      picture.predicted,
      picture.reductions[0]!.predicted,
    ]);
    expect(answers.filter(([a, b]: number[]) => a === b)).toHaveLength(same);
    expect(7 * (top1 - summary.top1)).toBeCloseTo(rightOnlyThis - rightOnlyFirst, 9);

    const before = resultOf("both.json");
    const journal = join(home, "both.json.journal.jsonl");
    writeFileSync(journal, `${readFileSync(journal, "utf8").split("\n").slice(0, 3).join("\n")}\n{`);
    const resumed = await evaluate(...both);
    expect(resumed.stderr).toContain("2 of 4 batches are done");
    expect(resultOf("both.json")).toBe(before);
  });
});
