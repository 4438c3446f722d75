/**
 * `npm start`, `npm test` and `npm run examples`, from a fresh clone with only Node and npm: brings pnpm at the version that
 * package.json pins, installs from the lockfile, then builds and runs the demo, or runs the daily check, or builds and runs
 * the applications of `examples/`.
 *
 *   node scripts/run.mjs start [ARGUMENT...]   arguments go to `ppt-vit demo`
 *   node scripts/run.mjs test [ARGUMENT...]    arguments go to scripts/check.mjs
 *   node scripts/run.mjs examples [NAME...]    arguments go to scripts/check-examples.mjs
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env as caller } from "node:process";
import { localBin, readJson, root, run, seconds } from "./workspace.mjs";

const { packageManager, engines } = readJson(join(root, "package.json"));
const pnpmVersion = packageManager.replace(/^pnpm@/, "").replace(/\+.*$/, "");
const [task, ...args] = process.argv.slice(2);

/** What is built for each task, and what then runs. The daily check builds by itself. */
const tasks = {
  start: { build: "@ppt-vit/cli...", script: ["packages", "cli", "dist", "main.js"], command: ["demo"] },
  test: { script: ["scripts", "check.mjs"], command: [] },
  examples: { build: "./packages/*", script: ["scripts", "check-examples.mjs"], command: [] },
};
if (!Object.hasOwn(tasks, task ?? "")) {
  fail(`run.mjs: unknown task '${task}', expected one of ${Object.keys(tasks).join(", ")}`);
}
requireNode(engines.node);

/** The PATH on which `pnpm` is the pinned one; turbo and `pnpm pack` need it there, too. */
const env = { PATH: await bringPnpm() };
// --prod=false: NODE_ENV=production must not drop the tools; confirmModulesPurge: never wait for an answer
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
// npm's folder of the caller, so that a relative path among the demo's arguments means what it says
const cwd = task === "start" ? (caller.INIT_CWD ?? process.cwd()) : root;
process.exitCode = (
  await run("node", [join(root, ...script), ...command, ...args], { cwd, env, show: true, stdin: true })
).code;

/** Ends with a message when this Node is older than `range`, which has the form `>=20.19`. */
function requireNode(range) {
  const wanted = range.match(/\d+/g).map(Number);
  const found = process.versions.node.split(".").map(Number);
  const differing = wanted.findIndex((number, i) => number !== found[i]);
  if (differing >= 0 && found[differing] < wanted[differing]) {
    fail(`ppt-vit needs Node ${range}, this is Node ${process.versions.node}: install a current one from nodejs.org`);
  }
}

/** PATH with the pinned pnpm first: the one at hand when it is equal, otherwise from npm's own cache or the registry. */
async function bringPnpm() {
  const start = begin(`pnpm ${pnpmVersion}`);
  // asked outside the repository, and without network, so that neither pnpm nor corepack fetches itself to answer
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

/** Runs one step of the preparation: a line when it succeeds, its whole output and the end when it fails. */
async function prepare(name, command, commandArgs) {
  const start = begin(name);
  const { code, output } = await run(command, commandArgs, { env });
  if (code !== 0) fail(`\n${output}\n${name}: \`${command} ${commandArgs.join(" ")}\` failed with code ${code}`, code);
  ready(start);
}

/** Says what is being prepared, on stderr: stdout belongs to the demo. */
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
