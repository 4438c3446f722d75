/** The first ten minutes of a stranger, measured: the install and the first example of the README, in an empty folder. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readJson, root, run, seconds } from "../workspace.mjs";
import { blocksOf } from "./blocks.mjs";
import { photoLabel } from "./fixtures.mjs";

/**
 * Follows the README: the first command that installs, then the first example in JavaScript. npm's cache is empty, and the packages
 * come from the registry on loopback. `env` has ONNXRUNTIME_NODE_INSTALL=skip, as on a machine behind a firewall, so this also shows
 * that onnxruntime-node then installs and runs.
 * @returns {Promise<string>} the time of each step
 * @throws Error if a step fails, if anything came from elsewhere, or if the label is wrong
 */
export async function firstLabel(home, env, fixtures) {
  const [install] =
    /npm install [^\n`]*@ppt-vit\/pipeline[^\n`#|]*/.exec(readFileSync(join(root, "README.md"), "utf8")) ?? [];
  const example = blocksOf("README.md").find(({ language, says }) => language === "js" && !says.way);
  if (!install || !example) throw new Error("README.md shows no `npm install @ppt-vit/pipeline ...` or no example");
  cpSync(join(fixtures, "photo.jpg"), join(home, "photo.jpg"));
  mkdirSync(join(home, ".cache"));
  writeFileSync(join(home, "example.mjs"), example.text);
  const fresh = { ...env, npm_config_cache: join(home, ".cache"), HF_HUB_CACHE: join(home, ".hub") };

  const start = performance.now();
  await succeed("npm", install.trim().split(/\s+/).slice(1), home, fresh);
  const installed = seconds(start);
  const then = performance.now();
  const { stdout } = await succeed("node", ["example.mjs"], home, fresh);
  if (!new RegExp(`\\b${photoLabel}\\b`).test(stdout))
    throw new Error(`the example printed no '${photoLabel}':\n${stdout}`);
  const elsewhere = Object.values(readJson(join(home, "package-lock.json")).packages)
    .map(({ resolved }) => resolved)
    .find((address) => address && !address.startsWith(env.npm_config_registry));
  if (elsewhere) throw new Error(`${elsewhere} came from another server`);
  return `${install.trim()}: ${installed}, label: ${seconds(then)}, printed '${stdout.trim().split("\n")[0]}'`;
}

async function succeed(command, args, cwd, env) {
  const result = await run(command, args, { cwd, env });
  if (result.code !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with code ${result.code}:\n${result.output}`);
  return result;
}
