/**
 * The daily command, `pnpm check`: format and lint, dependency directions, results of benchmarks, types, build, tests, package
 * hygiene.
 * Every step runs, even if an earlier one failed. The last line is `N passed, N failed`, and `, N skipped` if tests were skipped.
 * N counts the tests; each other step counts as one.
 *
 *   --fix   lets Biome rewrite what it can
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { parseArgs } from "node:util";
import { findBrowser } from "./browser.mjs";
import { checkResults } from "./check-results.mjs";
import { localBin, readJson, root, run, seconds } from "./workspace.mjs";

const { values: options } = parseArgs({ options: { fix: { type: "boolean", default: false } } });
const inCi = !["", "0", "false", undefined].includes(env.CI);

const total = { passed: 0, failed: 0, skipped: 0 };
/** One line per step, for the summary at the end. */
const summary = [];

const browser = findBrowser();
if (!browser) {
  const looked = env.CHROMIUM_PATH ? "CHROMIUM_PATH names no executable" : "no chromium or google-chrome found";
  if (inCi) settle("browser", { failed: 1 }, `${looked}, and CI needs one`);
  else console.log(`skipped: what needs a browser (${looked}; install one or set CHROMIUM_PATH)`);
}

const biome = [
  localBin("@biomejs/biome", "biome"),
  "check",
  "--error-on-warnings",
  ...(options.fix ? ["--write"] : []),
];
await step("format and lint", [...biome, "."]);
await step("dependency directions", [join(root, "scripts", "check-layers.mjs")]);
await step("file sizes", [join(root, "scripts", "check-files.mjs")]);
onlyAdded();
await step("types", [localBin("typescript", "tsc"), "--noEmit"]);
const built = await step("build", [localBin("turbo"), "run", "build", "--output-logs=errors-only", "--ui=stream"]);
await tests(built);
if (built) await step("package hygiene", [join(root, "scripts", "check-packages.mjs")], { show: true });
else settle("package hygiene", { skipped: 1 }, "needs the build");

console.log(`\n${summary.join("\n")}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 ? 1 : 0;

/** Runs a script with Node. Shows its output if it fails; with `show`, always. */
async function step(name, args, { show = false } = {}) {
  const start = performance.now();
  if (show) console.log(`\n${name}`);
  const { code, output } = await run("node", args, { show });
  if (code !== 0 && !show) console.log(`\n${name}\n${output.trimEnd()}\n`);
  settle(name, code === 0 ? { passed: 1 } : { failed: 1 }, seconds(start));
  return code === 0;
}

/** Checks that the recorded results of the benchmarks only grew. Git's history tells; without it the step is skipped. */
function onlyAdded() {
  const result = checkResults(root, "benchmarks/results");
  if ("skipped" in result) return settle("results only added", { skipped: 1 }, result.skipped);
  for (const violation of result.violations) console.log(violation);
  settle("results only added", result.violations.length > 0 ? { failed: 1 } : { passed: 1 }, `${result.files} files`);
}

/** Runs vitest. The tests in `test/` test the built packages, so they are left out if the build failed. */
async function tests(built) {
  const start = performance.now();
  const report = join(root, "test-artifacts", "vitest.json");
  mkdirSync(join(root, "test-artifacts"), { recursive: true });
  rmSync(report, { force: true });
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  if (!built) {
    console.log("skipped: the tests in test/, because the build failed");
    args.push("--exclude=test/**");
  }
  const { code } = await run("node", [localBin("vitest"), ...args], { show: true });
  settle("tests", countTests(report, code), seconds(start));
}

/** Reads vitest's report. Failures outside of tests (a file that does not load, an unhandled rejection) count as one. */
function countTests(report, code) {
  if (!existsSync(report)) return { failed: 1 };
  const { testResults, numPassedTests, numFailedTests, numPendingTests, numTodoTests } = readJson(report);
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  let failed = numFailedTests + broken.length;
  if (failed === 0 && (code !== 0 || numPassedTests === 0)) failed = 1;
  return { passed: numPassedTests, failed, skipped: numPendingTests + numTodoTests };
}

/** Adds a step to the totals and to the summary, and prints how it went. */
function settle(name, { passed = 0, failed = 0, skipped = 0 }, note) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const verdict = failed > 0 ? "FAILED" : passed > 0 ? "ok" : "skipped";
  const line = `${verdict.padEnd(8)}${name} (${note})`;
  summary.push(line);
  console.log(line);
}
