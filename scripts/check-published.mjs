/**
 * Publishes all packages to a registry on loopback, as a release does, installs them in empty folders with npm, pnpm and yarn, and
 * runs every code block of the READMEs and of the documentation against what was installed. Prints the time of each step. The last
 * line is `N passed, N failed`.
 *
 *   node scripts/check-published.mjs [DOCUMENT...]   default: the blocks of all documents
 *
 * `published/blocks.mjs` says how a document tells what its blocks need.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { findBrowser } from "./browser.mjs";
import { publishedPackages } from "./packages.mjs";
import { blocksOf, findDocuments } from "./published/blocks.mjs";
import { firstLabel } from "./published/first-label.mjs";
import { demoModel, makeFixtures, startHub } from "./published/fixtures.mjs";
import { installProblems, makeWorkshop, otherManagers, tryTarballs } from "./published/install.mjs";
import { startRegistry } from "./published/registry.mjs";
import { rehearseRelease } from "./published/release.mjs";
import { checkSize, measured, sizeRows } from "./published/sizes.mjs";
import { wayOf, ways } from "./published/ways/index.mjs";
import { seconds } from "./workspace.mjs";

const chosen = process.argv.slice(2);
const documents = findDocuments();
for (const name of chosen) if (!documents.includes(name)) fail(`${name} is no document: ${documents.join(", ")}`);
for (const { dir, folder } of publishedPackages())
  if (!existsSync(join(dir, "dist"))) fail(`${folder}/dist is missing: run pnpm build first`);
if (!findBrowser()) fail("no chromium or google-chrome found, and blocks for pages run in one");

const home = mkdtempSync(join(tmpdir(), "ppt-vit-published-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }));
const folderOf = (name) => {
  mkdirSync(join(home, name), { recursive: true });
  return join(home, name);
};
const total = { passed: 0, failed: 0 };

const registry = await needed("registry on loopback", () => startRegistry(folderOf("registry")));
// `npm run` tells its own settings to its children. What is installed here must not depend on them.
for (const name of Object.keys(process.env)) if (/^npm_/i.test(name)) delete process.env[name];
await needed("changeset version, changeset publish", () => rehearseRelease(folderOf("release"), registry.env));
const hub = await startHub(folderOf("hub"), join(home, "models"));
const bin = join(folderOf("global"), process.platform === "win32" ? "" : "bin");
const workshop = folderOf("workshop");
const env = {
  ...registry.env,
  // Without it, onnxruntime-node on Linux x64 downloads CUDA's libraries from another server.
  ONNXRUNTIME_NODE_INSTALL: "skip",
  HF_ENDPOINT: hub.url,
  HF_HUB_CACHE: folderOf("hub-cache"),
  NO_COLOR: "1",
  npm_config_prefix: folderOf("global"),
  npm_config_yes: "true",
  PATH: [bin, join(workshop, "node_modules", ".bin"), process.env.PATH].join(delimiter),
};
await needed("npm install of all packages", async () => {
  await makeWorkshop(workshop, env);
  const problems = installProblems(workshop);
  if (problems.length > 0) throw new Error(problems.join("\n"));
});
await makeFixtures(folderOf("fixtures"), folderOf("models"));

if (chosen.length === 0) {
  await step("from an empty folder to the first label", () =>
    firstLabel(folderOf("first"), env, join(home, "fixtures")),
  );
  for (const [name, install] of otherManagers) await step(name, () => install(folderOf(name.replace(/\W/g, "-")), env));
  await step("npm run tarballs", () => tryTarballs(folderOf("tarballs"), env));
}
const queue = chosen.length > 0 ? [...chosen] : [...documents];
if (`${process.platform}-${process.arch}` !== measured)
  console.log(`skipped: install sizes, which are for ${measured}`);
else
  for (const row of queue.flatMap(sizeRows))
    await step(`size of npm install ${row.packages}`, async () => `${(await checkSize(row, home, env)).toFixed(1)} MB`);

// Two documents at a time, as many commands mostly wait for files or processes.
await Promise.all([runDocuments(), runDocuments()]);

await hub.close();
await registry.close();
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function runDocuments() {
  for (let document = queue.shift(); document; document = queue.shift()) await runBlocks(document);
}

/** Runs the blocks of a document in their order, all in one folder. */
async function runBlocks(document) {
  const blocks = await step(`${document}: comments before blocks`, async () => blocksOf(document), { quiet: true });
  if (!blocks || blocks.length === 0) return;
  const cwd = join(workshop, "documents", document.replace(/\W+/g, "-"));
  cpSync(join(home, "fixtures"), cwd, { recursive: true, verbatimSymlinks: true });
  for (const [at, block] of blocks.entries())
    await step(`${document}:${block.line} ${block.language}`, async () => {
      const way = wayOf(block);
      await ways[way](block, {
        cwd,
        env,
        earlier: blocks.slice(0, at),
        later: blocks.slice(at + 1),
        models: demoModel,
        hub,
      });
      return block.says.reason ? `${way}: ${block.says.reason}` : way;
    });
  rmSync(cwd, { recursive: true, force: true, maxRetries: 3 });
}

/** Runs one step, counts it, and prints a line. @returns what the step returned, or undefined if it failed */
async function step(name, work, { quiet = false } = {}) {
  const start = performance.now();
  try {
    const result = await work();
    if (quiet) return result;
    total.passed += 1;
    console.log(`ok      ${name} (${seconds(start)})${typeof result === "string" ? ` ${result}` : ""}`);
    return result ?? true;
  } catch (error) {
    total.failed += 1;
    console.log(`FAILED  ${name} (${seconds(start)})\n  ${error.message.trimEnd().replaceAll("\n", "\n  ")}`);
    return undefined;
  }
}

/** Runs a step that all others need. */
async function needed(name, work) {
  const result = await step(name, work);
  if (result !== undefined) return result;
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(1);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
