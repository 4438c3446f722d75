import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { demoModelUrl, demoSamplesUrl } from "@ppt-vit/demo-model";
import { fromPretrained } from "@ppt-vit/pipeline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withChangedOutputs } from "../../backend-cpu/test/changed-outputs.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ppt-vit-model-"));
  cpSync(fileURLToPath(demoModelUrl), folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const editJson = (file: string, change: Record<string, unknown>) => {
  const path = join(folder, file);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
};

describe("fromPretrained", () => {
  it("takes a folder, its own reduction, and the caller's fields over it", async () => {
    const own = await fromPretrained(folder);
    expect(own.reduction).toEqual({ layers: [3, 6, 9], tokensRemoved: 50, threshold: 1e-3 });
    expect(own.tokens).toEqual([197, 147, 97, 49]);
    expect(own.gmacs.unreduced).toBeCloseTo(1.254, 3);
    expect(own.gmacs.reduced).toBeCloseTo(0.798, 3);
    await own.dispose();

    const changed = await fromPretrained(folder, { reduction: { tokensRemoved: 10, threshold: "pool" } });
    expect(changed.reduction).toEqual({ layers: [3, 6, 9], tokensRemoved: 10, threshold: "pool" });
    expect(changed.tokens).toEqual([197, 187, 177, 167]);
    await changed.dispose();

    const unreduced = await fromPretrained(folder, { reduction: false });
    expect([unreduced.reduction, unreduced.tokens]).toEqual([undefined, [197]]);
    await unreduced.dispose();
  });

  it("takes the published reduction where the folder has none", async () => {
    rmSync(join(folder, "reduction.json"));
    const classifier = await fromPretrained(folder);
    expect(classifier.reduction).toEqual({ layers: [3, 6, 9], tokensRemoved: 50, threshold: 7e-5 });
    await classifier.dispose();
  });

  it("leaves a backend that was handed in to its owner", async () => {
    const backend = createCpuBackend();
    await (await fromPretrained(folder, { backend })).dispose();
    const again = await fromPretrained(folder, { backend });
    await again.dispose();
    await backend.dispose();
    await expect(fromPretrained(folder, { backend })).rejects.toMatchObject({ code: "DISPOSED" });
  });

  it("reports logits that are not finite as a failure, not as NaN %", async () => {
    const overflowing = withChangedOutputs(createCpuBackend(), (outputs) => {
      outputs.logits!.data[7] = Number.NaN;
      return outputs;
    });
    const classifier = await fromPretrained(folder, { backend: overflowing });
    const sample = fileURLToPath(new URL("000_dog.png", demoSamplesUrl));
    await expect(classifier.classify(sample)).rejects.toMatchObject({
      code: "NOT_FINITE",
      message: expect.stringContaining("000_dog.png"),
    });
  });

  it.each([
    ["config.json", "NOT_FOUND"],
    ["preprocessor_config.json", "NOT_FOUND"],
    ["model.safetensors", "NOT_FOUND"],
  ])("names a missing %s", async (file, code) => {
    rmSync(join(folder, file));
    const error = await fromPretrained(folder).catch((e) => e);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(file);
  });

  it.each([
    ["config.json", "INVALID_CONFIG"],
    ["preprocessor_config.json", "INVALID_CONFIG"],
    ["reduction.json", "INVALID_REDUCTION"],
  ])("names a %s that is no JSON", async (file, code) => {
    writeFileSync(join(folder, file), "{ not json");
    const error = await fromPretrained(folder).catch((e) => e);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(file);
  });

  it("names truncated weights", async () => {
    truncateSync(join(folder, "model.safetensors"), 1_000_000);
    const error = await fromPretrained(folder).catch((e) => e);
    expect(error).toMatchObject({ code: "INVALID_SAFETENSORS" });
    expect(error.message).toContain("model.safetensors");
  });

  it("names the tensor that does not fit the config", async () => {
    editJson("config.json", { hidden_size: 96, intermediate_size: 384 });
    await expect(fromPretrained(folder)).rejects.toMatchObject({
      code: "INVALID_WEIGHTS",
      message: expect.stringContaining("projection.weight"),
    });
  });

  it("refuses preprocessing that does not fit the model", async () => {
    editJson("preprocessor_config.json", { size: { height: 256, width: 256 } });
    await expect(fromPretrained(folder)).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining("makes 256 x 256 pixels, config.json asks for 224 x 224"),
    });
  });

  it("refuses reductions that the model cannot do", async () => {
    await expect(fromPretrained(folder, { reduction: { layers: [12] } })).rejects.toMatchObject({
      code: "INVALID_REDUCTION",
    });
  });

  it("tells names from paths by form, whatever exists", async () => {
    const refused = ["models", "models/", "a/b/c", "~/models", "", "C:model", ".hidden", "...", "org\\name"];
    for (const source of refused)
      await expect(fromPretrained(source), source).rejects.toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringMatching(/for a folder write \.\/ in front|write \.\/.* for a folder/),
      });
    await expect(fromPretrained("https://host/org/name")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining("write a model of the Hub as its id alone, org/name"),
    });
    for (const source of ["./no-such-folder", "../no-such-folder", "/no/such-folder", "."])
      await expect(fromPretrained(source)).rejects.toMatchObject({ code: "NOT_FOUND" });
    // This is an id of the Hub, although the repository has a folder of this name.
    await expect(fromPretrained("packages/core", { localFilesOnly: true, cacheDir: folder })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("packages/core: the model is not in the cache"),
    });
  });

  it("lists the backends when the name is unknown", async () => {
    await expect(fromPretrained("demo", { backend: "gpu" })).rejects.toMatchObject({
      code: "UNKNOWN_BACKEND",
      message: expect.stringContaining("available: cpu"),
    });
  });
});
