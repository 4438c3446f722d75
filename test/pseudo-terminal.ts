/** Runs a command in a terminal that util-linux' `script` provides. */
import { spawnSync } from "node:child_process";
import { run } from "../scripts/workspace.mjs";

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs Node in a terminal. `output` is what it prints on stdout and stderr, with the terminal's line ends. */
export function runInTerminal(args: readonly string[], options: { cwd: string; env?: Record<string, string> }) {
  const command = [process.execPath, ...args].map(quoted).join(" ");
  return run("script", ["-qec", command, "/dev/null"], options);
}

/** Why this machine has no terminal, or undefined if it has one. */
export function whyNoTerminal(): string | undefined {
  const { status, stdout } = spawnSync("script", ["-qec", "test -t 2 && echo terminal", "/dev/null"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return status === 0 && stdout.includes("terminal") ? undefined : "no 'script' of util-linux is installed";
}
