/** JavaScript and TypeScript in Node: the prologues and the block are one ES module. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";
import { run } from "../../workspace.mjs";
import { codeOf } from "../prologues.mjs";

/** Longest time of a block in ms, many times what an idle machine takes. */
const budget = 1_200_000;

export async function node(block, { cwd, env, earlier }) {
  const isTyped = /^t/.test(block.language);
  const code = codeOf(block, earlier);
  const { code: script } = isTyped ? await transform(code, { loader: "ts" }) : { code };
  const file = join(cwd, `block-${block.line}.mjs`);
  await writeFile(file, script);
  const { code: status, output } = await run("node", [file], { cwd, env, timeout: budget });
  if (status !== 0) throw new Error(output);
}
