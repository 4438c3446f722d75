/** Helpers for all scripts: the repository's path, and running commands. Imports only Node, so that it runs before an install. */
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

/** The JavaScript file of a command that a devDependency of the root installs. Node runs it on every system. */
export function localBin(packageName, command = packageName) {
  const dir = join(root, "node_modules", packageName);
  const { bin } = readJson(join(dir, "package.json"));
  return join(dir, typeof bin === "string" ? bin : bin[command]);
}

/** Environment variables that keep the tools from sending telemetry and from advertising new versions. */
export const quietEnv = {
  DO_NOT_TRACK: "1",
  NO_UPDATE_NOTIFIER: "1",
  TURBO_NO_UPDATE_NOTIFIER: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  npm_config_update_notifier: "false",
};

let interrupted;
const children = new Set();

/** Ends this process after its children. Ctrl-C reaches them without help; SIGTERM does not, so it is passed on. */
function endAfterChildren(signal) {
  if (children.size === 0) process.exit(128 + constants.signals[signal]);
  interrupted = signal;
  if (signal === "SIGTERM") for (const child of children) child.kill(signal);
}

/**
 * Runs a command in the repository, unless `cwd` says otherwise.
 * @param {string} command `node` stands for this very Node.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, show?: boolean, stdin?: boolean, timeout?: number,
 *   onOutput?: (text: string) => void }} [options]
 *   `show` prints the output instead of collecting it; `stdin` gives the command the terminal; after `timeout` ms the command gets
 *   SIGTERM; `onOutput` hears what is collected as it comes.
 * @returns {Promise<{ code: number, output: string, stdout: string }>} `output` is stdout and stderr in the order of their arrival;
 *   `code` is 127 if the command does not exist. If this process is interrupted meanwhile, it ends instead.
 */
export function run(command, args, options = {}) {
  const { cwd = root, env = {}, show = false, stdin = false, timeout, onOutput = () => {} } = options;
  for (const signal of ["SIGINT", "SIGTERM"]) {
    if (!process.listeners(signal).includes(endAfterChildren)) process.on(signal, endAfterChildren);
  }
  return new Promise((done) => {
    const isNode = command === "node";
    // On Windows npm and pnpm are .cmd files. Only a shell starts these, and it needs quotes around blanks.
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
      onOutput(text);
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      output += text;
      onOutput(text);
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

/** The seconds since `start` (a `performance.now()`) as text. */
export function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
