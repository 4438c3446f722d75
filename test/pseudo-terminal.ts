/** A command that believes somebody watches: util-linux' `script` gives it a terminal. */
import { spawnSync } from "node:child_process";
import { run } from "../scripts/workspace.mjs";

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** Runs this very Node in a terminal; what it prints on stdout and stderr is `output`, with the terminal's line ends. */
export function runInTerminal(args: readonly string[], options: { cwd: string; env?: Record<string, string> }) {
  const command = [process.execPath, ...args].map(quoted).join(" ");
  return run("script", ["-qec", command, "/dev/null"], options);
}

/** Why there is no terminal on this machine; undefined where there is one. */
export function whyNoTerminal(): string | undefined {
  const { status, stdout } = spawnSync("script", ["-qec", "test -t 2 && echo terminal", "/dev/null"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  return status === 0 && stdout.includes("terminal") ? undefined : "no 'script' of util-linux is installed";
}
