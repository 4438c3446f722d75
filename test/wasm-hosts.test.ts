/** Tests the built wasm backend in processes of Node, Deno and Bun, which must end by themselves although threads sleep. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";

const script = join(root, "test/fixtures/wasm-host.mjs");

/**
 * The command of a runtime that npm can install: on the path, or by npx. Only CI downloads it; elsewhere npx may have it already.
 * Undefined if there is none.
 */
function commandOf(name: string, version: string): string[] | undefined {
  const answers = ([command, ...args]: string[]) =>
    spawnSync(command!, [...args, "--version"], { stdio: "ignore", timeout: 60_000 }).status === 0;
  const byNpx = ["npx", "--yes", process.env.CI ? "--prefer-offline" : "--offline", `${name}@${version}`];
  return [[name], byNpx].find(answers);
}

const hosts = [
  { name: "Node", command: [process.execPath], args: [] },
  {
    name: "Node without code from text",
    command: [process.execPath],
    args: ["--disallow-code-generation-from-strings"],
  },
  { name: "Deno", command: commandOf("deno", "2.9.6"), args: ["run", "--allow-read"] },
  { name: "Bun", command: commandOf("bun", "1.4.5"), args: [] },
];

describe("the wasm backend on two threads", () => {
  for (const { name, command, args } of hosts)
    test.skipIf(!command)(command ? `runs in ${name}` : `runs in ${name} (skipped: it is not installed)`, async () => {
      const [program, ...before] = command!;
      const { code, stdout, output } = await run(program!, [...before, ...args, script], { cwd: root });
      expect(output.replace(/^npm warn .*\n/gm, "")).toBe(stdout);
      expect(code).toBe(0);
      const seen = {
        right: true,
        runtime: expect.stringMatching(/^@ppt-vit\/backend-wasm .*simd, 2 threads$/),
        notices: [],
      };
      expect(JSON.parse(stdout)).toEqual([seen, seen]);
    });
});
