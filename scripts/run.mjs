/**
 * `npm start`, `npm test` and `npm run examples`. They work in a fresh clone with only Node and npm: they fetch pnpm at the version
 * that package.json pins and install from the lockfile. Then they build and run the demo, run the daily check, or build and run
 * the applications of `examples/`.
 *
 *   node scripts/run.mjs start [ARGUMENT...]   arguments go to `ppt-vit demo`
 *   node scripts/run.mjs test [ARGUMENT...]    arguments go to scripts/check.mjs
 *   node scripts/run.mjs examples [NAME...]    arguments go to scripts/check-examples.mjs
 *   node scripts/run.mjs published [DOCUMENT...]   arguments go to scripts/check-published.mjs
 *   node scripts/run.mjs tarballs [FOLDER]     arguments go to scripts/pack.mjs
 *   node scripts/run.mjs unit [ARGUMENT...]    the tests of the packages' sources; arguments go to vitest
 *   node scripts/run.mjs version-packages      what the pending changesets ask for, by `changeset version`
 *   node scripts/run.mjs publish-packages      builds, then `changeset publish`
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env as caller } from "node:process";
import { localBin, readJson, root, run, seconds } from "./workspace.mjs";

const { packageManager, engines } = readJson(join(root, "package.json"));
const pnpmVersion = packageManager.replace(/^pnpm@/, "").replace(/\+.*$/, "");
const [task, ...args] = process.argv.slice(2);

const changesets = ["node_modules", "@changesets", "cli", "bin.js"];
/** For each task, what is built first and which script then runs. The daily check builds by itself. */
const tasks = {
  start: { build: "@ppt-vit/cli...", script: ["packages", "cli", "dist", "main.js"], command: ["demo"] },
  test: { script: ["scripts", "check.mjs"], command: [] },
  examples: { build: "./packages/*", script: ["scripts", "check-examples.mjs"], command: [] },
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
// --prod=false installs the tools even with NODE_ENV=production; confirmModulesPurge=false never waits for an answer
await prepare("dependencies", "pnpm", [
  "install",
  "--frozen-lockfile",
  "--prod=false",
  "--config.confirmModulesPurge=false",
]);

const { build, script, command } = tasks[task];
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
  const start = begin(`pnpm ${pnpmVersion}`);
  // Run outside of the repository and without network, so that neither pnpm nor corepack downloads another version to answer.
  const present = await run("pnpm", ["--version"], { cwd: tmpdir(), env: { COREPACK_ENABLE_NETWORK: "0" } });
  if (present.code === 0 && present.stdout.trim() === pnpmVersion) {
    ready(start);
    return caller.PATH;
  }
  const command = ["exec", "--yes", `--package=pnpm@${pnpmVersion}`, "--", "node", "-p", "process.env.PATH"];
  const brought = await run("npm", command);
  if (brought.code !== 0) fail(`\n${brought.output}\nnpm could not bring pnpm ${pnpmVersion}, see above`, brought.code);
  ready(start);
  return brought.stdout.trim();
}

/** Runs one step of the preparation. Prints a line if it succeeds; if it fails, prints its whole output and ends. */
async function prepare(name, command, commandArgs) {
  const start = begin(name);
  const { code, output } = await run(command, commandArgs, { env });
  if (code !== 0) fail(`\n${output}\n${name}: \`${command} ${commandArgs.join(" ")}\` failed with code ${code}`, code);
  ready(start);
}

/** Prints what is being prepared, to stderr, because stdout belongs to the demo. */
function begin(name) {
  process.stderr.write(`${name} ... `);
  return performance.now();
}

function ready(start) {
  process.stderr.write(`${seconds(start)}\n`);
}

function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}
