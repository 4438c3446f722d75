/** Commands of a shell, in the folder of the document, with the registry on loopback. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../workspace.mjs";
import { codeOf } from "../prologues.mjs";

/** Longest time of a block in ms, many times what an idle machine takes. */
const budget = 1_200_000;

export async function shell(block, { cwd, env, earlier }) {
  const file = join(cwd, `block-${block.line}.sh`);
  await writeFile(file, `set -euo pipefail\n${codeOf(block, earlier, "sh")}`);
  const { code, output } = await run("bash", [file], { cwd, env, timeout: budget });
  if (code !== 0) throw new Error(output);
}
