/**
 * `npm start`, `npm test` and the other commands below. They work in a fresh clone with only Node and npm: they fetch pnpm at the version
 * that package.json pins and install from the lockfile. Then they build and run the demo, run the daily check, or build and run
 * the applications of `examples/`. The demo needs few packages. Where nothing is installed yet, `npm start` installs only these,
 * and the next task installs the others.
 *
 *   node scripts/run.mjs start [ARGUMENT...]   arguments go to `ppt-vit demo`
 *   node scripts/run.mjs test [ARGUMENT...]    arguments go to scripts/check.mjs
 *   node scripts/run.mjs examples [NAME...]    arguments go to scripts/check-examples.mjs
 *   node scripts/run.mjs engines [NAME...]     arguments go to scripts/check-engines.mjs
 *   node scripts/run.mjs docs [--dev]          arguments go to scripts/check-docs.mjs
 *   node scripts/run.mjs published [DOCUMENT...]   arguments go to scripts/check-published.mjs
 *   node scripts/run.mjs tarballs [FOLDER]     arguments go to scripts/pack.mjs
 *   node scripts/run.mjs unit [ARGUMENT...]    the tests of the packages' sources; arguments go to vitest
 *   node scripts/run.mjs version-packages      what the pending changesets ask for, by `changeset version`
 *   node scripts/run.mjs publish-packages      builds, then `changeset publish`
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env as caller } from "node:process";
import { localBin, readJson, root, run, seconds } from "./workspace.mjs";

const { packageManager, engines } = readJson(join(root, "package.json"));
const pnpmVersion = packageManager.replace(/^pnpm@/, "").replace(/\+.*$/, "");
const [task, ...args] = process.argv.slice(2);

const changesets = ["node_modules", "@changesets", "cli", "bin.js"];
/** For each task, what is built first, or which app is bundled, and which script then runs. The daily check builds by itself. */
const tasks = {
  start: { bundle: "demo", script: ["apps", "demo", "dist", "main.js"], command: ["demo"] },
  test: { script: ["scripts", "check.mjs"], command: [] },
  examples: { build: "./packages/*", script: ["scripts", "check-examples.mjs"], command: [] },
  engines: { build: "./packages/*", script: ["scripts", "check-engines.mjs"], command: [] },
  docs: { build: "./packages/*", script: ["scripts", "check-docs.mjs"], command: [] },
  published: { build: "./packages/*", script: ["scripts", "check-published.mjs"], command: [] },
  tarballs: { build: "./packages/*", script: ["scripts", "pack.mjs"], command: [] },
  unit: { script: ["node_modules", "vitest", "vitest.mjs"], command: ["run", "packages"] },
  "version-packages": { script: changesets, command: ["version"] },
  "publish-packages": { build: "./packages/*", script: changesets, command: ["publish"] },
};
if (!Object.hasOwn(tasks, task ?? "")) {
  fail(`run.mjs: unknown task '${task}', expected one of ${Object.keys(tasks).join(", ")}`);
}
requireNode(engines.node);

/** The PATH on which `pnpm` is the pinned version. turbo and the packing of packages find it there too. */
const env = { PATH: await bringPnpm() };
// An install of few packages removes the others, so that is done only where nothing is installed.
const isFresh = task === "start" && !existsSync(join(root, "node_modules", "turbo"));
await prepare("dependencies", "pnpm", [
  "install",
  "--frozen-lockfile",
  // --prod=false installs the tools even with NODE_ENV=production
  ...(isFresh ? ["--prod", "--filter-prod=@ppt-vit/app-demo..."] : ["--prod=false"]),
  // never waits for an answer
  "--config.confirmModulesPurge=false",
  "--reporter=append-only",
]);

const { build, bundle, script, command } = tasks[task];
if (bundle) await prepare("build", "node", [join(root, "apps", bundle, "build.mjs")]);
if (build) {
  const turbo = localBin("turbo");
  const filter = [`--filter=${build}`, "--output-logs=errors-only", "--ui=stream"];
  await prepare("build", "node", [turbo, "run", "build", ...filter]);
}
// The folder in which npm was called, so that relative paths in the demo's arguments are resolved from there.
const cwd = task === "start" ? (caller.INIT_CWD ?? process.cwd()) : root;
process.exitCode = (
  await run("node", [join(root, ...script), ...command, ...args], { cwd, env, show: true, stdin: true })
).code;

/** Ends with a message if this Node is older than `range`, which has the form `>=20.19`. */
function requireNode(range) {
  const wanted = range.match(/\d+/g).map(Number);
  const found = process.versions.node.split(".").map(Number);
  const differing = wanted.findIndex((number, i) => number !== found[i]);
  if (differing >= 0 && found[differing] < wanted[differing]) {
    fail(`ppt-vit needs Node ${range}, this is Node ${process.versions.node}: install a current one from nodejs.org`);
  }
}

/** The PATH with the pinned pnpm first: an installed pnpm of this version, else one from npm's cache or the registry. */
async function bringPnpm() {
  const step = begin(`pnpm ${pnpmVersion}`);
  // Run outside of the repository and without network, so that neither pnpm nor corepack downloads another version to answer.
  const present = await run("pnpm", ["--version"], { cwd: tmpdir(), env: { COREPACK_ENABLE_NETWORK: "0" } });
  if (present.code === 0 && present.stdout.trim() === pnpmVersion) {
    step.ready();
    return caller.PATH;
  }
  const command = ["exec", "--yes", `--package=pnpm@${pnpmVersion}`, "--", "node", "-p", "process.env.PATH"];
  const brought = await run("npm", command);
  if (brought.code !== 0) fail(`\n${brought.output}\nnpm could not bring pnpm ${pnpmVersion}, see above`, brought.code);
  step.ready();
  return brought.stdout.trim();
}

/** Runs one step of the preparation. Prints a line if it succeeds; if it fails, prints its whole output and ends. */
async function prepare(name, command, commandArgs) {
  const step = begin(name);
  const { code, output } = await run(command, commandArgs, { env, onOutput: step.hear });
  if (code !== 0) fail(`\n${output}\n${name}: \`${command} ${commandArgs.join(" ")}\` failed with code ${code}`, code);
  step.ready();
}

/**
 * Prints what is being prepared, to stderr, because stdout belongs to the demo. On a terminal one line shows each second how far
 * the step is. Elsewhere a line is added every ten seconds.
 */
function begin(name) {
  const start = performance.now();
  const [before, after, ms] = process.stderr.isTTY ? ["\r\x1b[2K", "", 1000] : ["", "\n", 10_000];
  let progress = "";
  const tell = (end) => process.stderr.write(`${before}${name} ... ${seconds(start)}${end}`);
  process.stderr.write(`${name} ... ${after}`);
  const timer = setInterval(() => tell(`${progress}${after}`), ms);
  return {
    /** Reads in pnpm's output how far it is. */
    hear(text) {
      const [, resolved, added] = [...text.matchAll(/resolved (\d+), .*added (\d+)/g)].at(-1) ?? [];
      if (resolved) progress = `, ${added} of ${resolved} packages`;
    },
    ready() {
      clearInterval(timer);
      tell("\n");
    },
  };
}

function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}
