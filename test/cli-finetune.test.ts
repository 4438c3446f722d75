/** Tests `ppt-vit finetune` as a real process: killed, interrupted and resumed, and on bad input. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { takeLock } from "../packages/cli/src/files/lock.js";
import { makeModel, makePictures } from "../packages/finetune/test/tiny.js";
import { main, runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("finetune");
beforeAll(async () => {
  await makeModel(join(home, "model"));
  for (const { file, label } of await makePictures(join(home, "flat"), 24)) {
    const folder = join(home, "tree", ["red", "green", "blue", "grey"][label!]!);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file.split(/[/\\]/).at(-1)!), readFileSync(file));
  }
});

const settings = ["--layers", "0,1", "--tokens-removed", "4", "--threshold", "scale-free:1", "--device", "wasm"];
const call = (out: string, ...more: string[]) => [
  ...["finetune", "--model", "./model", "--images", "./tree", "--out", out, "--batch", "4", "--save-every", "0.01"],
  ...settings,
  ...more,
];
const train = (out: string, ...more: string[]) => runPptVit(home, call(out, ...more));
const weightsOf = (out: string) => readFileSync(join(home, out, "model.safetensors"));

/** Starts a run and sends a signal once its state is saved after some step. @returns the exit code */
async function endedBy(signal: NodeJS.Signals, out: string, ...more: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [main, ...call(out, ...more)], {
    cwd: home,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    // Once: a second signal ends the process without saving.
    if (/step [1-9]/.test(said) && !child.killed) child.kill(signal);
  });
  return new Promise((resolve) => child.on("close", resolve));
}

describe("a long run", () => {
  const long = ["--labels", "--epochs", "3", "--train", "all", "--seed", "5"];

  test("killed and interrupted, it ends with the weights of one that went through", async () => {
    const whole = await train("whole", ...long, "--report", "curves.html", "--json");
    expect(whole.stderr).toMatch(/step 12: .*right/);
    expect(whole.code).toBe(0);
    const document = JSON.parse(whole.stdout) as { fingerprint: string; steps: object[] };
    expect(document.steps).toHaveLength(18);
    expect(readFileSync(join(home, "curves.html"), "utf8")).toContain("accuracy");

    expect(await endedBy("SIGKILL", "parts", ...long)).toBe(null);
    // The lock of the killed run does not keep the next one out.
    expect(existsSync(join(home, "parts.lock"))).toBe(true);
    expect(await endedBy("SIGINT", "parts", ...long, "--resume")).toBe(130);
    expect(existsSync(join(home, "parts", "training", "state.safetensors"))).toBe(true);
    const rest = await train("parts", ...long, "--resume", "--json");
    expect(rest.stderr).toMatch(/going on after step [1-9]/);
    expect((JSON.parse(rest.stdout) as { fingerprint: string }).fingerprint).toBe(document.fingerprint);
    expect(existsSync(join(home, "parts.lock"))).toBe(false);
    expect(weightsOf("parts").equals(weightsOf("whole"))).toBe(true);
    const told = await runPptVit(home, ["classify", "--model", "./parts", "--backend", "cpu", "./flat/0.png"]);
    expect(told.code).toBe(0);
  });
});

describe("bad calls", () => {
  test("refuses a folder that another run writes, and says which", async () => {
    const lock = takeLock(join(home, "held.lock"), "held");
    const { code, stderr } = await train("held");
    lock.release();
    expect(stderr).toMatch(new RegExp(`held is being written by process ${process.pid} .*choose another --out`));
    expect(code).toBe(2);
  });

  test.each<[string, string[], RegExp]>([
    ["labels that match nothing", ["--labels", "--images", "./flat"], /INVALID_INPUT/],
    ["a device that is not installed", ["--device", "node-gpu"], /BACKEND_UNAVAILABLE/],
    ["the model as its own output", ["--out", "./model"], /is the model that is trained/],
  ])("refuses %s", async (_, more, message) => {
    const { code, stderr } = await train("bad", ...more);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
