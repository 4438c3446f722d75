/** Tests progress on a terminal: bars end with the work, whatever ends it, and the terminal is restored. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeHub, startHub } from "../packages/pipeline/test/fake-hub.js";
import { root } from "../scripts/workspace.mjs";
import { writeTinyModel } from "./browser/bench-model.js";
import { dog, main } from "./built.js";
import { runInTerminal, whyNoTerminal } from "./pseudo-terminal.js";

const pictures = 12;

let home: string;
let hub: FakeHub;
const modelFile = (file: string) => readFileSync(join(root, "packages/demo-model/model", file));
const weights = modelFile("model.safetensors");

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "ppt-vit-progress-"));
  mkdirSync(join(home, "tiny"));
  writeTinyModel(join(home, "tiny"));
  mkdirSync(join(home, "pictures"));
  for (let i = 0; i < pictures; i++) cpSync(dog, join(home, "pictures", `${i}.png`));
  // A clock that throws stands in for a device that fails in the fifth run. It is read before and after each run.
  writeFileSync(
    join(home, "lost-device.mjs"),
    `let asked = 0;
    const now = performance.now;
    performance.now = () => {
      if (++asked > 8) throw new Error("the device was lost");
      return now.call(performance);
    };`,
  );
  const files = ["config.json", "preprocessor_config.json", "reduction.json", "model.safetensors"];
  hub = await startHub({
    "org/demo-model": {
      commit: "0123456789abcdef0123456789abcdef01234567",
      files: Object.fromEntries(files.map((file) => [file, modelFile(file)])),
    },
  });
});
afterAll(async () => {
  await hub.close();
  rmSync(home, { recursive: true });
});

/** Ends a call that hangs, long after it should have ended. */
const patience = { timeout: 120_000 };

/** Expects that a bar was drawn, and that the cursor and line wrapping are restored. */
function expectBarGone(output: string) {
  expect(output).toMatch(/[█░]/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what terminals obey
  const modes = [...output.matchAll(/\x1b\[\?(7|25)([hl])/g)].map(([, mode, to]) => `${mode}${to}`);
  expect([modes.findLast((mode) => mode.startsWith("7")), modes.findLast((mode) => mode.startsWith("25"))]).toEqual([
    modes.some((mode) => mode.startsWith("7")) ? "7h" : undefined,
    modes.some((mode) => mode.startsWith("25")) ? "25h" : undefined,
  ]);
}

const reason = whyNoTerminal();
describe.skipIf(reason !== undefined)(`on a terminal${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  const model = ["--model", "./tiny"];

  test.each([
    ["classify", ["--layers", "1"]],
    ["embed", []],
    ["visualize", ["-o", "tokens.svg"]],
  ])("%s ends when the device fails in mid-run", patience, async (command, more) => {
    const args = ["--import", pathToFileURL(join(home, "lost-device.mjs")).href, main, command, "pictures"];
    const { code, output } = await runInTerminal([...args, ...model, ...more], { cwd: home });
    expect(output).toContain("ppt-vit: unexpected error: the device was lost [UNEXPECTED]");
    expect(code).toBe(2);
    expectBarGone(output);
  });

  test("classify ends when all goes well", patience, async () => {
    const { code, output } = await runInTerminal([main, "classify", "pictures", ...model], { cwd: home });
    expect(output).toContain(`${pictures} classified, 0 failed`);
    expect(code).toBe(0);
    expectBarGone(output);
  });

  const source = ["--model", "org/demo-model"];
  test.each([
    ["classify", [dog, ...source]],
    ["embed", [dog, ...source]],
    ["visualize", [dog, ...source]],
    ["export", [...source, "--out", "exported"]],
    ["calibrate", ["--images", "pictures", ...source, "-b", "cpu"]],
    ["eval", ["pictures", ...source]],
    ["bench", ["--models", "org/demo-model", "--backends", "cpu"]],
  ])("%s ends when a download fails on the way", patience, async (command, args) => {
    hub.fail(/^storage/, { chunked: true, body: weights.subarray(0, 4_000_000) }, { status: 404 });
    const { code, output } = await runInTerminal([main, command, ...args], {
      cwd: home,
      env: { HF_ENDPOINT: hub.url, HF_HUB_CACHE: join(home, `cache of ${command}`) },
    });
    expect(output).toMatch(/ppt-vit: .*model\.safetensors.* \[DOWNLOAD_FAILED\]/);
    expect(code).toBe(2);
    expectBarGone(output);
  });
});
