/** A test file for vitest, which is the repository's own. */
import { mkdirSync, symlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { localBin, root, run } from "../../workspace.mjs";
import { codeOf } from "../prologues.mjs";

export async function vitest(block, { cwd, env, earlier }) {
  mkdirSync(join(cwd, "test"), { recursive: true });
  mkdirSync(join(cwd, "node_modules"), { recursive: true });
  symlinkSync(join(root, "node_modules", "vitest"), join(cwd, "node_modules", "vitest"), "junction");
  await writeFile(join(cwd, "test", "block.test.js"), codeOf(block, earlier));
  await writeFile(
    join(cwd, "vitest.config.js"),
    "export default { test: { testTimeout: 240_000, hookTimeout: 240_000 } };\n",
  );
  const { code, output } = await run("node", [localBin("vitest"), "run", "--root", cwd], { cwd, env });
  if (code !== 0) throw new Error(output.slice(-6000));
}
