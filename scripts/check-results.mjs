/**
 * Holds the files in benchmarks/results to "lines are only added": every state of a file in git's history must be the
 * beginning of the file as it is now, and no file may disappear. What a line holds is checked by the tests of the CLI.
 *
 * Prints one line a violation and ends with code 1 when there is one. Without git, or in a shallow clone, which does not have
 * the history, it says that it was skipped.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.mjs";

/** Bytes of one state of a file of results. */
const maxBuffer = 2 ** 26;

/**
 * @param {string} folder of a working tree
 * @param {string} results the folder of the results in it, with slashes
 * @returns {{ skipped: string } | { files: number, violations: string[] }}
 */
export function checkResults(folder, results) {
  const git = (...args) =>
    execFileSync("git", args, { cwd: folder, maxBuffer, stdio: ["ignore", "pipe", "ignore"] }).toString();
  try {
    if (git("rev-parse", "--is-shallow-repository").trim() !== "false") return { skipped: "a shallow clone" };
    // A checkout inside of somebody else's repository says nothing about these files.
    if (git("rev-parse", "--show-prefix").trim() !== "") return { skipped: "not the root of a repository" };
    git("rev-parse", "--verify", "HEAD");
  } catch {
    return { skipped: "no git, no repository, or no commit" };
  }
  const violations = [];
  const states = statesOf(git, results);
  for (const [path, commits] of states) {
    const now = existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined;
    if (!now) violations.push(`${path}: was removed: results are only added, bring it back from ${commits[0]}`);
    else if (now.length > 0 && now.at(-1) !== 10) violations.push(`${path}: does not end with a newline`);
    for (const commit of now ? commits : []) {
      const before = execFileSync("git", ["show", `${commit}:${path}`], { cwd: folder, maxBuffer });
      if (now.subarray(0, before.length).equals(before)) continue;
      violations.push(
        `${path}: ${firstChange(before, now)} is not as commit ${commit.slice(0, 9)} has it: only add lines`,
      );
      break;
    }
  }
  return { files: states.size, violations };
}

/** The commits that changed each `.ndjson` file and still had it, newest first, along the first parents of HEAD. */
function statesOf(git, results) {
  const log = git(
    "log",
    "--first-parent",
    "-m",
    "--no-renames",
    "--diff-filter=AM",
    "--name-only",
    "--format=commit %H",
    "--",
    results,
  );
  const states = new Map();
  let commit = "";
  for (const line of log.split("\n")) {
    if (line.startsWith("commit ")) commit = line.slice("commit ".length);
    else if (line.endsWith(".ndjson")) states.set(line, [...(states.get(line) ?? []), commit]);
  }
  return states;
}

function firstChange(before, now) {
  const [old, current] = [before, now].map((bytes) => bytes.toString().split("\n"));
  return `line ${old.findIndex((line, i) => line !== current[i]) + 1}`;
}

if (process.argv[1] === import.meta.filename) {
  const result = checkResults(root, "benchmarks/results");
  if ("skipped" in result) console.log(`skipped: whether results are only added (${result.skipped})`);
  else {
    for (const violation of result.violations) console.log(violation);
    console.log(`${result.files} files of results, ${result.violations.length} violations of "only added"`);
    process.exitCode = result.violations.length > 0 ? 1 : 0;
  }
}
