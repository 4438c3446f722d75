/** Shared by tests of the built command line: the program, its samples, temporary folders, and runs. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

export const main = join(root, "packages/cli/dist/main.js");
export const demoModel = join(root, "packages/demo-model/model");
export const samples = join(root, "packages/demo-model/samples");
export const dog = join(samples, "000_dog.png");
export const cat = join(samples, "001_cat.png");

/** What commands say on stderr of the backend that they take without `--backend`, and of the model without `--model`. */
export const automatic = "backend onnx-cpu (auto)\n";
export const noModel =
  "no --model given: taking the demo model, which knows 48 emoji and no photographs; for photographs give a real one, such as --model facebook/deit-small-patch16-224\n";

/** A folder that is removed after the tests of the calling file. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `ppt-vit-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs `ppt-vit` in the folder `cwd`. A stack trace in its output fails the test, because users must never see one. */
export async function runPptVit(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const options = { cwd, env: { NO_COLOR: "1", ...env } };
  const { code, stdout, output } = await run(process.execPath, [main, ...args], options);
  expect(output).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  return { code, stdout, stderr: output.replace(stdout, "") };
}
