/** Tests unusual pictures on the command line: devices, pipes, other formats, damaged files. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../scripts/workspace.mjs";
import { dog, main, temporaryFolder } from "./built.js";

const folder = temporaryFolder("pictures");

/** Runs `ppt-vit classify` in a shell, with the dog as $1. */
async function classify(shell: string) {
  const command = shell.replaceAll("classify", `"${process.execPath}" "${main}" classify --top 1`);
  const { code, output } = await run("bash", ["-c", command, "bash", dog], { cwd: folder, env: { NO_COLOR: "1" } });
  return { code, output };
}

describe.skipIf(process.platform === "win32")("classify", () => {
  test.each([
    ["process substitution", 'classify <(cat "$1")'],
    ["process substitution that takes its time", 'classify <(sleep 3; cat "$1")'],
    ["standard input from a pipe", 'cat "$1" | classify /dev/stdin'],
    ["standard input from a file", 'classify /dev/stdin < "$1"'],
  ])("reads %s", async (_, shell) => {
    const { code, output } = await classify(shell);
    expect(output).toContain("dog");
    expect(code).toBe(0);
  });

  test.each([
    ["/dev/zero", "classify /dev/zero", "/dev/zero: not a readable picture"],
    ["a pipe without a writer", "mkfifo pipe; classify pipe", "pipe: a pipe that nothing has written to for 2 s"],
    ["a pipe without end", "classify <(cat /dev/zero)", "not a readable picture"],
  ])("refuses %s", async (_, shell, message) => {
    const { code, output } = await classify(shell);
    expect(output).toContain(message);
    expect(output).toContain("[INVALID_IMAGE]");
    expect(code).toBe(1);
  });

  test.skipIf(!hasScript())("refuses a terminal (needs the program `script`)", async () => {
    const { output } = await classify('script -qec "classify /dev/stdin" /dev/null < /dev/null');
    expect(output).toContain("/dev/stdin: a terminal");
  });

  test("refuses a large drawing under a picture's name in little memory", async () => {
    const path = join(folder, "drawing.png");
    const file = openSync(path, "w");
    writeSync(file, '<svg xmlns="http://www.w3.org/2000/svg">');
    for (let i = 0; i < 200; i++) writeSync(file, '<rect width="9" height="9"/>'.repeat(3000));
    closeSync(file);
    const peak = `process.on("exit", () => console.error("peak", process.resourceUsage().maxRSS >> 10))`;
    const preload = join(folder, "peak.mjs");
    writeFileSync(preload, peak);
    const { output } = await run(process.execPath, ["--import", preload, main, "classify", path], { cwd: folder });
    expect(output).toContain("drawing.png: format SVG is not read: use JPEG, PNG, WebP, GIF, AVIF [INVALID_IMAGE]");
    expect(Number(/peak (\d+)/.exec(output)![1])).toBeLessThan(400);
  });
});

function hasScript(): boolean {
  try {
    execFileSync("sh", ["-c", "command -v script"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
