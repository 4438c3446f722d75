/**
 * Tests the applications in `examples/` as a user would run them: packs the built packages and installs them with npm into a
 * copy of each application. Its package.json says what is then built and what its pages must answer (scripts/example.mjs).
 * Prints a table of times and sizes. The last line is `N passed, N failed`.
 *
 *   node scripts/check-examples.mjs [NAME...]   default: all of them
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBrowser } from "./browser.mjs";
import { checkExample } from "./example.mjs";
import { launch } from "./examples.mjs";
import { packAll, publishedPackages } from "./packages.mjs";
import { readJson, root, seconds } from "./workspace.mjs";

/** How many applications are installed and built at a time: npm waits for the disk while a bundler computes. */
const atOnce = 2;

const folder = join(root, "examples");
const isExample = (name) => existsSync(join(folder, name, "package.json"));
const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(folder).filter(isExample).sort();
for (const name of names) if (!isExample(name)) fail(`examples/${name}: there is no such application`);
for (const { dir, folder: place } of publishedPackages())
  if (!existsSync(join(dir, "dist"))) fail(`${place}/dist is missing: run pnpm build first`);
if (!findBrowser()) fail("no chromium or google-chrome found, and the applications run in one");

const begin = performance.now();
const home = mkdtempSync(join(tmpdir(), "ppt-vit-examples-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));
mkdirSync(join(home, "tarballs"));
const packed = await packAll(join(home, "tarballs"));

const browser = await launch();
const rows = new Map();
const waiting = [...names];
let failed = 0;
await Promise.all(Array.from({ length: atOnce }, work));
await browser.close();
console.log(`\n${table(names.flatMap((name) => rows.get(name)))}\n`);
console.log(`all examples took ${seconds(begin)}`);
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** Checks one application after the other until none is waiting. */
async function work() {
  for (let name = waiting.shift(); name; name = waiting.shift()) {
    const start = performance.now();
    const found = await check(name).catch((error) => [{ name, problems: [error.message] }]);
    rows.set(name, found);
    const problems = found.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
    console.log(`${problems.length > 0 ? "FAILED" : "ok"}  examples/${name} (${seconds(start)})`);
    for (const problem of problems) console.log(`  ${problem.replaceAll("\n", "\n  ")}`);
    if (problems.length > 0) failed += 1;
  }
}

async function check(name) {
  const cwd = join(home, name);
  cpSync(join(folder, name), cwd, { recursive: true });
  const { dependencies, devDependencies } = readJson(join(cwd, "package.json"));
  const own = withOwn({ ...devDependencies, ...dependencies });
  const tarballs = packed.filter(({ name }) => own.has(name)).map(({ tarball }) => tarball);
  return checkExample(name, cwd, tarballs, browser);
}

/** The packages of this repository among `dependencies`, and those that they depend on. */
function withOwn(dependencies = {}, found = new Set()) {
  for (const { manifest } of publishedPackages()) {
    if (!dependencies[manifest.name] || found.has(manifest.name)) continue;
    withOwn(manifest.dependencies, found.add(manifest.name));
  }
  return found;
}

/** A table in Markdown. Sizes are those of all files that a visitor may download. */
function table(rows) {
  const time = (value) => (value === undefined ? "" : `${value.toFixed(1)} s`);
  const kilobytes = (value) => (value ? `${(value / 1000).toFixed(0)} kB` : "");
  const megabytes = (value) => (value === undefined ? "" : `${(value / 1e6).toFixed(1)} MB`);
  const lines = rows.map(({ name, installS, buildS, runS, js, wasm }) => [
    name,
    time(installS),
    time(buildS),
    time(runS),
    kilobytes(js),
    megabytes(wasm),
  ]);
  const head = ["example", "install", "build", "run", "JS (gzip)", "WebAssembly"];
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
  const show = (line) =>
    `| ${line.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (i ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`;
  return [show(head), rule, ...lines.map(show)].join("\n");
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
