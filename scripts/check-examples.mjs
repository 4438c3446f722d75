/**
 * Tests the applications in `examples/` as a user would run them: packs the built packages and installs them with npm into a
 * copy of each application. An application with a script `test` runs it; the others are built and opened in Chromium. The last
 * line is `N passed, N failed`.
 *
 *   node scripts/check-examples.mjs [NAME...]   default: all of them
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findBrowser } from "./browser.mjs";
import { launch, problemsOf, serve, served } from "./examples.mjs";
import { packAll, publishedPackages } from "./packages.mjs";
import { readJson, root, run, seconds } from "./workspace.mjs";

/** The longest time of one command in ms, many times what an idle machine takes. */
const commandBudget = 240_000;

const folder = join(root, "examples");
const isExample = (name) => existsSync(join(folder, name, "package.json"));
const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(folder).filter(isExample).sort();
for (const name of names) if (!isExample(name)) fail(`examples/${name}: there is no such application`);
for (const { dir, folder: place } of publishedPackages())
  if (!existsSync(join(dir, "dist"))) fail(`${place}/dist is missing: run pnpm build first`);
if (!findBrowser()) fail("no chromium or google-chrome found, and the applications run in one");

const home = mkdtempSync(join(tmpdir(), "ppt-vit-examples-"));
process.on("exit", () => rmSync(home, { recursive: true, force: true }));
mkdirSync(join(home, "tarballs"));
const packed = await packAll(join(home, "tarballs"));

const browser = await launch();
let failed = 0;
for (const name of names) {
  const start = performance.now();
  const problems = await check(name).catch((error) => [error.message]);
  console.log(`${problems.length > 0 ? "FAILED" : "ok"}  examples/${name} (${seconds(start)})`);
  for (const problem of problems) console.log(`  ${problem.replaceAll("\n", "\n  ")}`);
  if (problems.length > 0) failed += 1;
}
await browser.close();
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** The problems of the application `name`, one line each. */
async function check(name) {
  const cwd = join(home, name);
  cpSync(join(folder, name), cwd, { recursive: true });
  const { dependencies, scripts } = readJson(join(cwd, "package.json"));
  const tarballs = packed.filter(({ name }) => withOwn(dependencies).has(name)).map(({ tarball }) => tarball);
  await succeed(cwd, ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs]);
  if (scripts.test) {
    await succeed(cwd, ["test"]);
    return [];
  }
  if (name === "next") {
    cpSync(served.model, join(cwd, "public", "model"), { recursive: true });
    cpSync(served.picture, join(cwd, "public", "photo.png"));
  }
  await succeed(cwd, ["run", "build"]);
  if (name === "next") return checkNext(cwd);
  const { url, close } = await serve(name === "vite" ? join(cwd, "dist") : cwd);
  try {
    return await problemsOf(browser, url);
  } finally {
    close();
  }
}

/** The packages of this repository among `dependencies`, and those that they depend on. */
function withOwn(dependencies = {}, found = new Set()) {
  for (const { manifest } of publishedPackages()) {
    if (!dependencies[manifest.name] || found.has(manifest.name)) continue;
    withOwn(manifest.dependencies, found.add(manifest.name));
  }
  return found;
}

/** Starts the server of a Next.js application and checks its page and its route. @returns the problems, one line each */
async function checkNext(cwd) {
  const { url, end } = await startNext(cwd);
  try {
    const problems = await problemsOf(browser, url);
    const response = await fetch(`${url}api/label`, { method: "POST", body: await readFile(served.picture) });
    const answer = await response.text();
    if (response.status !== 200 || JSON.parse(answer).label !== served.label)
      problems.push(`/api/label answers ${response.status} ${answer.slice(0, 300)}, expected label '${served.label}'`);
    return problems;
  } finally {
    await end();
  }
}

/** Starts Next's own server on a free port. */
async function startNext(cwd) {
  const command = join(cwd, "node_modules", "next", "dist", "bin", "next");
  const child = spawn(process.execPath, [command, "start", "-p", "0", "-H", "127.0.0.1"], {
    cwd,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const kill = () => child.kill();
  process.on("exit", kill);
  let output = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (text) => {
      output += text;
      const [, port] = /Local:\s+http:\/\/[^:]+:(\d+)[\s\S]*Ready/.exec(output) ?? [];
      if (port) resolve(`http://127.0.0.1:${port}/`);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    ended.then(() => reject(new Error(`next start ended:\n${output}`)));
  });
  return {
    url,
    async end() {
      child.kill();
      await ended;
      process.off("exit", kill);
    },
  };
}

/** Runs npm in an application. @throws Error with npm's whole output if it fails or takes too long */
async function succeed(cwd, args) {
  const env = { NEXT_TELEMETRY_DISABLED: "1" };
  const { code, output } = await run("npm", args, { cwd, env, timeout: commandBudget });
  if (code !== 0) throw new Error(`npm ${args.slice(0, 2).join(" ")} ended with code ${code}:\n${output}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
