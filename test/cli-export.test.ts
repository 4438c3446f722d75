/** Tests `ppt-vit export` as users call it, and `info` on its output, as a real process of the built package. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, watch, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { OnnxRuntime } from "@ppt-vit/backend-onnx";
import { parseImageProcessorConfig, processImageInto } from "@ppt-vit/core";
import { decodeImage, fromPretrained } from "@ppt-vit/pipeline";
import { describe, expect, test } from "vitest";
import { root, run } from "../scripts/workspace.mjs";
import { demoModel, main, runPptVit, samples, temporaryFolder } from "./built.js";
import { runUnprivileged, whyNotUnprivileged } from "./unprivileged.js";

const ort: OnnxRuntime = createRequire(join(root, "packages/backend-onnx/package.json"))("onnxruntime-node");
type Tensor = InstanceType<OnnxRuntime["Tensor"]>;
const pictures = readdirSync(samples).map((name) => join(samples, name));
const imageLength = 3 * 224 * 224;

const home = temporaryFolder("export");

const pptVit = (...args: string[]) => runPptVit(home, args);

async function exported(out: string, ...options: string[]): Promise<string> {
  const { code, stderr } = await pptVit("export", "--model", "demo", "--out", out, ...options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return join(home, out);
}

const infoOf = async (folder: string) => JSON.parse((await pptVit("info", folder, "--json")).stdout);

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.replaceAll("\\", "/"))
    .sort();

/** [12, 3, 224, 224], the sample pictures. */
async function samplePixels(): Promise<Float32Array> {
  const processor = parseImageProcessorConfig(
    JSON.parse(readFileSync(join(demoModel, "preprocessor_config.json"), "utf8")),
  );
  const pixels = new Float32Array(pictures.length * imageLength);
  for (const [i, path] of pictures.entries())
    processImageInto(await decodeImage(path), processor, pixels.subarray(i * imageLength, (i + 1) * imageLength));
  return pixels;
}

/** The best class of each image of the batch, and all outputs. */
async function runFile(path: string, pixels: Float32Array) {
  const batch = pixels.length / imageLength;
  const session = await ort.InferenceSession.create(readFileSync(path));
  const outputs = await session.run({ pixel_values: new ort.Tensor("float32", pixels, [batch, 3, 224, 224]) });
  await session.release();
  const logits = outputs.logits as Tensor;
  expect(logits.dims).toEqual([batch, 48]);
  const rows = Array.from({ length: batch }, (_, i) => (logits.data as Float32Array).subarray(i * 48, (i + 1) * 48));
  return { best: rows.map((row) => row.indexOf(Math.max(...row))), outputs };
}

/** The best class of each sample picture on the CPU backend, computed once. */
const bestOnCpu = (unreduced = false) => (best[unreduced ? 1 : 0] ??= classifyOnCpu(unreduced));
const best: Promise<number[]>[] = [];

async function classifyOnCpu(unreduced: boolean): Promise<number[]> {
  const classifier = await fromPretrained("demo", unreduced ? { reduction: false } : {});
  const best: number[] = [];
  for (const path of pictures) best.push((await classifier.classify(path)).labels[0]!.index);
  await classifier.dispose();
  return best;
}

describe("export", () => {
  test("writes the Hugging Face layout, and says what it wrote", async () => {
    const { code, stdout } = await pptVit("export", "--model", "demo", "--out", "layout/below");
    expect(code).toBe(0);
    expect(stdout).toContain("wrote layout/below: tokens 197 -> 147 -> 97 -> 49, 1.25 -> 0.80 GMACs");
    expect(stdout).toMatch(
      /onnx\/model_fp16\.onnx +1\d\.\d MB +for gpu, \d+ nodes, logits, last_hidden_state, pooler_output/,
    );
    const folder = join(home, "layout/below");
    const files = ["config.json", "onnx/model.onnx", "onnx/model_fp16.onnx", "preprocessor_config.json"];
    expect(filesIn(folder)).toEqual(files);
    for (const file of ["config.json", "preprocessor_config.json"])
      expect(readFileSync(join(folder, file))).toEqual(readFileSync(join(demoModel, file)));

    const reduction = { layers: [3, 6, 9], tokensRemoved: 50, threshold: 0.001 };
    const outputs = ["logits", "last_hidden_state", "pooler_output"];
    const made = { version: 1, reduction, tokens: [197, 147, 97, 49] };
    const info = await infoOf(folder);
    expect(info).toMatchObject({
      kind: "export",
      model: { family: "vit", reduction, reductionFrom: "onnx" },
      onnx: [
        { file: "onnx/model.onnx", dtype: "float32", outputs, export: made },
        { file: "onnx/model_fp16.onnx", dtype: "float16", outputs, export: made },
      ],
    });
    expect(info.onnx[0].export.gmacs.reduced).toBeCloseTo(0.798, 3);

    const pixels = await samplePixels();
    const best = await bestOnCpu();
    for (const batch of [1, 3])
      expect((await runFile(join(folder, files[1]!), pixels.subarray(0, batch * imageLength))).best).toEqual(
        best.slice(0, batch),
      );
    expect((await runFile(join(folder, files[1]!), pixels)).best).toEqual(best);
    expect((await runFile(join(folder, files[2]!), pixels)).best).toEqual(best);
  });

  test("--dtype q8,q4 writes the files that transformers.js looks for", async () => {
    const folder = await exported("quantized", "--dtype", "fp32, q8,q4");
    expect(filesIn(join(folder, "onnx"))).toEqual(["model.onnx", "model_q4.onnx", "model_quantized.onnx"]);
    const [whole, four, quantized] = (await infoOf(folder)).onnx;
    expect(four).toMatchObject({ dtype: "q4", export: { for: "gpu" } });
    expect(four.bytes).toBeLessThan(0.22 * whole.bytes);
    expect(whole.export.for).toBe("any");
    const made = { ...whole.export, for: "cpu" };
    expect(quantized).toMatchObject({ file: "onnx/model_quantized.onnx", dtype: "q8", export: made });
    expect(quantized.bytes).toBeLessThan(0.3 * whole.bytes);
    const [{ best }, expected] = [
      await runFile(join(folder, "onnx/model_quantized.onnx"), await samplePixels()),
      await bestOnCpu(),
    ];
    // Two samples have two labels that are nearly equal (17.0 % and 15.5 %, 39.4 % and 34.9 %), and may change.
    expect(best.filter((label, i) => label === expected[i]).length).toBeGreaterThanOrEqual(expected.length - 2);
  });

  test("--portable uses standard operators only", async () => {
    const folder = await exported("portable", "--portable", "--dtype", "fp32");
    expect(filesIn(join(folder, "onnx"))).toEqual(["model.onnx"]);
    const info = await infoOf(folder);
    expect(info.onnx[0]).toMatchObject({ operatorSets: { "ai.onnx": 18 }, nonStandard: [] });
    expect(readFileSync(join(folder, "onnx/model.onnx")).includes("com.microsoft")).toBe(false);
    expect((await runFile(join(folder, "onnx/model.onnx"), await samplePixels())).best).toEqual(await bestOnCpu());
  });

  test("--for makes every file for one kind of devices, and what cannot be is refused", async () => {
    const folder = await exported("for-cpus", "--for", "cpu", "--dtype", "fp32,fp16");
    expect((await infoOf(folder)).onnx.map((file: { export: { for: string } }) => file.export.for)).toEqual([
      "cpu",
      "cpu",
    ]);
    expect((await runFile(join(folder, "onnx/model.onnx"), await samplePixels())).best).toEqual(await bestOnCpu());
    const refused = await pptVit("export", "--model", "demo", "--out", "none", "--dtype", "fp32,q4", "--portable");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("q4 needs com.microsoft.MatMulNBits, which is not in the standard");
    expect(existsSync(join(home, "none"))).toBe(false);
  });

  test("--no-ppt, and settings of the caller's", async () => {
    const folder = await exported("unreduced", "--no-ppt", "--dtype", "fp32");
    const info = await infoOf(folder);
    expect(info.onnx[0].export).toMatchObject({ reduction: null, tokens: [197] });
    expect(info.model).toMatchObject({ reduction: null, reductionFrom: "onnx" });
    expect((await runFile(join(folder, "onnx/model.onnx"), await samplePixels())).best).toEqual(await bestOnCpu(true));

    const settings = ["--layers", "2,4", "--tokens-removed", "20,30", "--threshold", "scale-free:2.69"];
    const set = await exported("set", ...settings, "--no-proportional-attention", "--dtype", "fp16");
    expect(filesIn(join(set, "onnx"))).toEqual(["model_fp16.onnx"]);
    expect((await infoOf(set)).onnx[0].export).toMatchObject({
      reduction: {
        layers: [2, 4],
        tokensRemoved: [20, 30],
        threshold: { scaleFree: 2.69 },
        proportionalAttention: false,
      },
      tokens: [197, 177, 147],
    });
  });

  test("--task computes the outputs of one task", async () => {
    const outputsOf = async (out: string, ...options: string[]) =>
      (await infoOf(await exported(out, "--dtype", "fp32", ...options))).onnx[0].outputs;
    const features = ["last_hidden_state", "pooler_output"];
    expect(await outputsOf("for-labels", "--task", "image-classification")).toEqual(["logits"]);
    expect(await outputsOf("for-features", "--task", "image-feature-extraction")).toEqual(features);
    const triton = await outputsOf("for-triton", "--format", "triton", "--task", "image-feature-extraction");
    expect(triton).toEqual(features);

    const clip = join(root, "packages/pipeline/fixtures/clip");
    const args = ["export", "--model", clip, "--out", "no-labels", "--task", "image-classification"];
    const refused = await pptVit(...args);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(
      "has no logits, which task 'image-classification' needs: export it for 'image-feature-extraction'",
    );
    expect(existsSync(join(home, "no-labels"))).toBe(false);
  });

  test("--with-source-map adds which patches each token contains", async () => {
    const folder = await exported("source", "--with-source-map", "--dtype", "fp32");
    const pixels = (await samplePixels()).subarray(0, 2 * imageLength);
    const { outputs } = await runFile(join(folder, "onnx/model.onnx"), pixels);
    const source = outputs.source as Tensor;
    expect(source.dims).toEqual([2, 49, 197]);
    expect(new Set(source.data as Float32Array)).toEqual(new Set([0, 1]));
    // The class token is its own source.
    expect([...(source.data as Float32Array).subarray(0, 3)]).toEqual([1, 0, 0]);
  });

  test("--format triton writes a model repository", async () => {
    const folder = await exported("triton", "--format", "triton", "--with-source-map");
    const names = ["demo", "demo_fp16"];
    expect(filesIn(folder)).toEqual(
      names.flatMap((name) => [`${name}/1/model.onnx`, `${name}/config.pbtxt`, `${name}/labels.txt`]),
    );
    for (const name of names) {
      const config = readFileSync(join(folder, name, "config.pbtxt"), "utf8");
      const flat = config.replaceAll(/\s+/g, " ");
      // Triton refuses a model whose name differs from its folder's.
      expect(flat).toContain(`name: "${name}" platform: "onnxruntime_onnx" backend: "onnxruntime" max_batch_size: 64`);
      // The batch is not one of the dimensions.
      expect(flat).toContain('input [ { name: "pixel_values" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]');
      expect(flat).toContain('name: "logits" data_type: TYPE_FP32 dims: [ 48 ] label_filename: "labels.txt"');
      expect(flat).toContain('name: "source" data_type: TYPE_FP32 dims: [ 49, 197 ]');
      expect(flat).toContain("dynamic_batching { }");
      expect(
        readFileSync(join(folder, name, "labels.txt"), "utf8")
          .split("\n")
          .slice(0, 2),
      ).toEqual(["dog", "cat"]);
    }
    const info = await infoOf(folder);
    expect(info.model).toBeUndefined();
    expect(info.onnx.map(({ dtype }: { dtype: string }) => dtype)).toEqual(["float32", "float16"]);
  });
});

describe("nothing half-written is left behind", () => {
  test("refuses a folder in use, replaces an earlier export only with --force, and never other files", async () => {
    const folder = await exported("twice", "--dtype", "fp32,q8,q4f16");
    const again = ["export", "--model", "demo", "--out", "twice", "--dtype", "fp32", "--no-ppt"];
    const refused = await pptVit(...again);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("twice: exists and is not empty");
    expect((await infoOf(folder)).onnx).toHaveLength(3);

    expect(await pptVit(...again, "--force")).toMatchObject({ code: 0, stderr: "" });
    expect(filesIn(folder)).toEqual(["config.json", "onnx/model.onnx", "preprocessor_config.json"]);
    expect((await infoOf(folder)).onnx[0].export.reduction).toBeNull();

    writeFileSync(join(folder, "thesis.txt"), "mine");
    const foreign = await pptVit(...again, "--force");
    expect(foreign.code).toBe(2);
    expect(foreign.stderr).toContain("holds files that no export wrote (thesis.txt)");
    expect(readFileSync(join(folder, "thesis.txt"), "utf8")).toBe("mine");
  });

  test("fills an empty folder in its place", async () => {
    mkdirSync(join(home, "empty"));
    const { ino } = statSync(join(home, "empty"));
    const folder = await exported("empty", "--dtype", "fp16");
    expect(statSync(folder).ino).toBe(ino);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "onnx", "preprocessor_config.json"]);
  });

  test("a file in the way, or in the path", async () => {
    writeFileSync(join(home, "file"), "mine");
    for (const [out, says, problem] of [
      ["file", "is a file: choose another --out", "INVALID_OPTION"],
      ["file/below", "a part of this path is a file: choose another --out", "WRITE_FAILED"],
    ] as const) {
      const { code, stderr } = await pptVit("export", "--model", "demo", "--out", out);
      expect(stderr).toContain(says);
      expect(stderr).toContain(`[${problem}]`);
      expect(code).toBe(2);
    }
    expect(readFileSync(join(home, "file"), "utf8")).toBe("mine");
  });

  test.skipIf(process.platform === "win32")("a disk that takes no more, in the middle of a file", async () => {
    const before = readdirSync(home);
    for (const out of ["full", "new/full"]) {
      // A limit of the file size acts as the full disk: the write fails half-way.
      const script = `ulimit -f 8192; exec "${process.execPath}" "${main}" export --model demo --out ${out}`;
      const { code, output } = await run("bash", ["-c", script], { cwd: home });
      expect(output).toContain("[WRITE_FAILED]");
      expect(output).toContain("choose another --out (EFBIG)");
      expect(code).toBe(2);
    }
    expect(readdirSync(home)).toEqual(before);
  });

  test("a disk that is full", async ({ skip }) => {
    // A file system of 8 MiB that only this shell's commands see. It needs no rights if user namespaces are allowed.
    const inSmall = (script: string) =>
      run("unshare", ["-rm", "sh", "-ec", `mount -t tmpfs -o size=8m tmpfs small; ${script}`], { cwd: home });
    mkdirSync(join(home, "small"));
    const { code, output: reason } = await inSmall("true");
    skip(code !== 0, `mounting a small file system is not allowed here: ${reason}`);
    const { output } = await inSmall(
      `"${process.execPath}" "${main}" export --model demo --out small/new/full || echo code $?; echo left: $(ls -A small)`,
    );
    expect(output).toContain("small/new/full: the disk is full: free space, or choose another --out (ENOSPC)");
    expect(output).toMatch(/\[WRITE_FAILED\]\ncode 2\nleft:\n$/);
  });

  test("a read-only folder", ({ skip }) => {
    const reason = whyNotUnprivileged();
    skip(reason !== undefined, reason);
    chmodSync(home, 0o755);
    mkdirSync(join(home, "locked"), { mode: 0o555 });
    const { code, stderr } = runUnprivileged(["export", "--model", "demo", "--out", "locked/below"], home);
    expect(stderr).toContain("locked/below: not writable: choose another --out, or change its permissions (EACCES)");
    expect(code).toBe(2);
  });

  test.skipIf(!existsSync("/proc/self"))("a file system that takes no files at all", async () => {
    const { code, stderr } = await pptVit("export", "--model", "demo", "--out", "/proc/ppt-vit");
    expect(stderr).toMatch(/\/proc\/ppt-vit: .*\[WRITE_FAILED\]/);
    expect(code).toBe(2);
  });

  test("a model that cannot be read", async () => {
    const before = readdirSync(home);
    const { code, stderr } = await pptVit("export", "--model", "./nowhere", "--out", "never/there");
    expect(stderr).toContain("[NOT_FOUND]");
    expect(code).toBe(2);
    expect((await pptVit("export", "--model", "demo", "--out", "never", "--layers", "3,12")).stderr).toContain(
      "layer 12 does not exist",
    );
    expect(readdirSync(home)).toEqual(before);
  });

  test.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM"] as const)("%s", async (signal) => {
    const before = readdirSync(home);
    let child: ChildProcess | undefined;
    // The first visible sign of the export is its temporary folder.
    const watcher = watch(home, (_, name) => {
      if (name?.startsWith("stopped") && child && !child.killed) child.kill(signal);
    });
    child = spawn(process.execPath, [main, "export", "--model", "demo", "--out", "stopped"], { cwd: home });
    const [code] = await once(child, "exit");
    watcher.close();
    expect(code).toBe(signal === "SIGINT" ? 130 : 143);
    expect(readdirSync(home)).toEqual(before);
  });

  test.skipIf(process.platform === "win32").each([
    ["in a folder that exists", "killed", "killed"],
    ["beside one that does not", ".", "killed-new"],
  ])("what SIGKILL leaves %s is cleared away by the next export", async (_where, folder, out) => {
    mkdirSync(join(home, folder), { recursive: true });
    const leftovers = () => readdirSync(join(home, folder)).filter((name) => name.includes(".ppt-vit-"));
    let child: ChildProcess | undefined;
    const watcher = watch(join(home, folder), (_, name) => {
      if (name?.includes(".ppt-vit-")) child?.kill("SIGKILL");
    });
    child = spawn(process.execPath, [main, "export", "--model", "demo", "--out", out], { cwd: home });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    watcher.close();
    expect(leftovers()).toHaveLength(1);
    await exported(out, "--dtype", "fp16");
    expect(leftovers()).toEqual([]);
    expect(filesIn(join(home, out))).toEqual(["config.json", "onnx/model_fp16.onnx", "preprocessor_config.json"]);
  });
});

describe("a wrong call ends with code 2 and says what to do", () => {
  test.each([
    { args: [], says: "required option '-m, --model <dir|org/name|demo>' not specified" },
    { args: ["--model", "demo"], says: "required option '-o, --out <dir>' not specified" },
    { args: ["--model", "demo", "--out", "x", "--dtype", "fp8"], says: "expected one or more of fp32,fp16" },
    { args: ["--model", "demo", "--out", "x", "--format", "tflite"], says: "Allowed choices are onnx, triton" },
    { args: ["--model", "demo", "--out", "x", "--no-ppt", "--layers", "3"], says: "--no-ppt contradicts" },
    { args: ["--model", "demo", "--out", "x", "--no-ppt", "--with-source-map"], says: "leave out --no-ppt" },
    { args: ["--model", "demos", "--out", "x"], says: "write ./demos for a folder" },
    { args: ["--model", "demo", "--out", "x", "--dtype", "q8, q8"], says: "'q8' is there twice: name it once" },
  ])("export $args", async ({ args, says }) => {
    const { code, stdout, stderr } = await pptVit("export", ...args);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(existsSync(join(home, "x"))).toBe(false);
  });

  test("info", async () => {
    mkdirSync(join(home, "nothing"));
    mkdirSync(join(home, "broken"));
    writeFileSync(join(home, "broken/model.onnx"), "no model");
    for (const [folder, code] of [
      ["./nowhere", "NOT_FOUND"],
      ["./nothing", "NOT_FOUND"],
      ["./broken", "INVALID_INPUT"],
      ["nothing", "INVALID_OPTION"],
    ] as const) {
      const result = await pptVit("info", folder);
      expect(result.stderr).toContain(`[${code}]`);
      expect(result).toMatchObject({ code: 2, stdout: "" });
    }
  });
});
