/** What the scripts share: where the repository is, and running commands. Imports only Node itself, to run before an install. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** Parses a JSON file. */
export function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Path of the JavaScript file behind a command of a root devDependency; `node` runs it on every system. */
export function localBin(packageName, command = packageName) {
  const dir = join(root, "node_modules", packageName);
  const { bin } = readJson(join(dir, "package.json"));
  return join(dir, typeof bin === "string" ? bin : bin[command]);
}

/** Keeps the tools from phoning home and from advertising their next version. */
export const quietEnv = {
  DO_NOT_TRACK: "1",
  NO_UPDATE_NOTIFIER: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  npm_config_update_notifier: "false",
};

let interrupted;
const children = new Set();

/** Ctrl-C reaches the children by itself, a kill of this process alone does not. Either way they end first. */
function endAfterChildren(signal) {
  if (children.size === 0) process.exit(128 + constants.signals[signal]);
  interrupted = signal;
  if (signal === "SIGTERM") for (const child of children) child.kill(signal);
}

/**
 * Runs a command in the repository, unless `cwd` says otherwise.
 * @param {string} command `node` stands for this very Node.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean, stdin?: boolean, timeout?: number }} [options]
 *   `show` passes the output through instead of collecting it, `stdin` hands over the terminal, `timeout` in ms ends the
 *   command with SIGTERM.
 * @returns {Promise<{ code: number, output: string, stdout: string }>} `output` is stdout and stderr as they came;
 *   `code` is 127 when the command is not there. Ends this process when it was interrupted meanwhile.
 */
export function run(command, args, { cwd = root, env = {}, show = false, stdin = false, timeout } = {}) {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    if (!process.listeners(signal).includes(endAfterChildren)) process.on(signal, endAfterChildren);
  }
  return new Promise((done) => {
    const isNode = command === "node";
    // npm and pnpm are .cmd files on Windows, which only its shell starts, and a shell wants blanks quoted
    const shell = process.platform === "win32" && !isNode;
    const quoted = shell
      ? [command, ...args].map((part) => (/\s/.test(part) ? `"${part}"` : part))
      : [command, ...args];
    const child = spawn(isNode ? process.execPath : quoted[0], quoted.slice(1), {
      cwd,
      env: { ...process.env, ...quietEnv, ...env },
      shell,
      timeout,
      stdio: [stdin ? "inherit" : "ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
    });
    children.add(child);
    let output = "";
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    const end = (code) => {
      children.delete(child);
      if (interrupted) process.exit(128 + constants.signals[interrupted]);
      done({ code, output, stdout });
    };
    child.on("error", (error) => {
      output += error.code === "ENOENT" ? `${command}: command not found\n` : `${error.message}\n`;
      end(127);
    });
    child.on("close", (code, signal) => end(code ?? 128 + constants.signals[signal]));
  });
}

/** Seconds since `start` (a `performance.now()`), for people. */
export function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
