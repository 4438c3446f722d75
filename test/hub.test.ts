/** Tests models of the Hub as users load them: the command line, parallel processes, and a real browser. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { blobName } from "../packages/pipeline/test/fake-hub.js";
import { run } from "../scripts/workspace.mjs";
import { automatic, dog, main } from "./built.js";
import {
  cache,
  classify,
  commit,
  environment,
  files,
  hub,
  id,
  labelOf,
  notice,
  pipeline,
  pptVit,
} from "./hub-fixture.js";

describe("the command line", () => {
  test("classifies with a model of the Hub, and again without a network", async () => {
    hub.fail(/^hub.*config\.json/, { status: 429, headers: { "retry-after": "0" } });
    const first = await classify("--model", id);
    expect(first.stderr).toBe(`${automatic}downloading ${id}/model.safetensors, 11.1 MB\n`);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ model: id, reduction: { threshold: 1e-3 }, failures: [] });
    expect(labelOf(first.stdout)).toBe("dog");
    hub.takeSeen();
    for (const args of [["--offline"], ["--revision", commit]]) {
      const again = await classify("--model", id, ...args);
      expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: automatic });
      expect(labelOf(again.stdout)).toBe("dog");
    }
    expect(hub.takeSeen()).toEqual([]);
    const elsewhere = await classify("--model", id, "--offline", "--cache-dir", join(cache, "other"));
    expect(elsewhere.stderr).toContain(
      `${id}: the model is not in the cache at revision main (${join(cache, "other")})`,
    );
    expect(elsewhere.code).toBe(2);
  });

  test("takes weights in several files", async () => {
    const { code, stdout, stderr } = await classify("--model", "org/sharded");
    expect(stderr.match(/model-0000[12]-of-00002\.safetensors, \d\.\d MB/g)).toHaveLength(2);
    expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
  });

  test("takes weights that only the Hub's converter has made, and says so in one line", async () => {
    const model = "org/unconverted";
    const first = await classify("--model", model);
    expect(first.stderr).toBe(`${automatic}${notice(model)}\ndownloading ${model}/model.safetensors, 11.1 MB\n`);
    expect(labelOf(first.stdout)).toBe("dog");
    hub.takeSeen();
    const again = await classify("--model", model, "--offline");
    expect({ label: labelOf(again.stdout), stderr: again.stderr }).toEqual({
      label: "dog",
      stderr: `${automatic}${notice(model)}\n`,
    });
    const named = await classify("--model", model, "--offline", "--revision", "refs/pr/3");
    // The other files of that branch were never downloaded.
    expect(named.stderr).toContain("config.json is not in the cache at revision refs/pr/3");
    expect(hub.takeSeen()).toEqual([]);
    const online = await classify("--model", model, "--revision", "refs/pr/3");
    expect({ label: labelOf(online.stdout), stderr: online.stderr }).toEqual({ label: "dog", stderr: automatic });
  });

  test("ends where a hub never answers, however it is left waiting", async () => {
    hub.fail(/^hub.*config\.json/, { silent: true }, { silent: true });
    const { code, stderr } = await run(process.execPath, [main, "classify", "--model", id, dog], {
      cwd: cache,
      env: { ...environment(), HF_HUB_DOWNLOAD_TIMEOUT: "0.1" },
    }).then(({ code, output }) => ({ code, stderr: output }));
    expect(stderr).toContain("has sent nothing for 0.1 s (timeoutMs, in Node HF_HUB_DOWNLOAD_TIMEOUT, sets how long");
    expect(code).toBe(2);
  });

  test("info shows a model without its weights, and export takes one", async () => {
    const { code, stdout } = await pptVit("info", id, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      folder: id,
      kind: "checkpoint",
      model: { reductionFrom: "reduction.json" },
    });
    expect(hub.takeSeen().filter((path) => path.startsWith("storage"))).toEqual([]);
    const exported = await pptVit("export", "--model", id, "--out", "exported", "--dtype", "fp32");
    expect(exported.code).toBe(0);
    expect(readdirSync(join(cache, "exported")).sort()).toEqual(["config.json", "onnx", "preprocessor_config.json"]);
  });

  test("bench downloads a model before anything is measured", async () => {
    const settings = ["--backends", "cpu", "--policies", "ppt", "--batches", "1", "--seconds", "1"];
    const { code, stdout, stderr } = await pptVit("bench", "--json", "--models", id, ...settings);
    expect({ code, stderr: stderr.split("\n")[0] }).toEqual({
      code: 0,
      stderr: `downloading ${id}/model.safetensors, 11.1 MB`,
    });
    expect(JSON.parse(stdout).results).toMatchObject([{ model: id, policy: "ppt" }]);
    expect(hub.seen.filter((one) => one.host === "storage")).toHaveLength(1);
  });

  test("says what to do", async () => {
    hub.models.set("org/gated", { commit, files, token: "hf_secret" });
    for (const [args, says] of [
      [["--model", "org/gated"], "org/gated/config.json: access denied (401): accept the terms at"],
      [["--model", "org/nothing"], "there is no model 'org/nothing'"],
      [["--model", id, "--revision", "v2"], "has no revision 'v2'"],
      [["--model", "org/../../etc"], "for a folder"],
      [["--model", "./folder", "--revision", "main"], "--revision is for models of the Hub"],
      [["--model", id, "--revision", "../main"], "revision '../main' is none"],
    ] as const) {
      const { code, stdout, stderr } = await classify(...args);
      expect(stderr).toContain(says);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });
});

describe("processes", () => {
  const blobs = () => readdirSync(join(cache, "models--org--demo-model/blobs")).sort();
  const expectWholeCache = () => {
    expect(blobs()).toEqual(
      Object.entries(files)
        .map(([file, bytes]) => blobName(file, bytes))
        .sort(),
    );
    for (const name of blobs().filter((name) => name.length === 64))
      expect(
        createHash("sha256")
          .update(readFileSync(join(cache, "models--org--demo-model/blobs", name)))
          .digest("hex"),
      ).toBe(name);
  };

  test("that download the same model at the same time both have it", async () => {
    // The server answers only once both have asked for the weights, so the downloads overlap.
    hub.gather(/^storage/, 2);
    const both = await Promise.all([classify("--model", id), classify("--model", id)]);
    for (const { code, stdout } of both) expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
    expect(hub.seen.filter((one) => one.host === "storage")).toHaveLength(2);
    expectWholeCache();
  });

  test("that are killed leave a beginning, which the next one takes", async () => {
    const arrived = 5_000_000;
    hub.fail(/^storage/, { stallAfter: arrived });
    const script = `
      const { readCheckpoint } = await import(${JSON.stringify(pipeline)});
      const progress_callback = ({ file, loaded }) => loaded === ${arrived} && process.stdout.write(file);
      await readCheckpoint("${id}", { progress_callback });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { ...process.env, ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
    child.stdout.once("data", () => child.kill("SIGKILL"));
    expect(await ended).toBe("SIGKILL");
    expect(blobs().filter((name) => name.length === 64)).toEqual([]);
    const { code, stdout } = await classify("--model", id);
    expect({ code, label: labelOf(stdout) }).toEqual({ code: 0, label: "dog" });
    expect(hub.seen.at(-1)).toMatchObject({ host: "storage", range: `bytes=${arrived}-` });
    expectWholeCache();
  });
});
