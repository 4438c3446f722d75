/** Tests whole runs on a tiny model: what they learn, how they go on after an interruption, and what they refuse. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createVisionModel, modelFingerprint, PptError, parseReduction, processImage } from "@ppt-vit/core";
import { decodeImage, readCheckpoint, resolveReduction } from "@ppt-vit/pipeline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readBatches } from "../src/data/batches.js";
import {
  type FinetuneOptions,
  type FinetuneProgress,
  finetune,
  finetunePage,
  type TrainingPicture,
} from "../src/index.js";
import { explained } from "../src/run/memory.js";
import { common, makeModel, makePictures, readWeights, reduction } from "./tiny.js";

const home = mkdtempSync(join(tmpdir(), "ppt-vit-finetune-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let model: Awaited<ReturnType<typeof makeModel>>;
let pictures: TrainingPicture[];
let evaluation: TrainingPicture[];
beforeAll(async () => {
  model = await makeModel(join(home, "model"));
  const all = await makePictures(join(home, "pictures"), 18);
  pictures = all.slice(0, 12);
  evaluation = all.slice(12);
});

const withoutLabels = (list: readonly TrainingPicture[]) => list.map(({ file }) => ({ file }));
let runs = 0;
const train = (options: Partial<FinetuneOptions> = {}) =>
  finetune({ ...common, ...model, pictures: withoutLabels(pictures), out: join(home, `run-${runs++}`), ...options });

const bytesOf = (out: string) => readFileSync(join(out, "model.safetensors"));
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail("did not throw"),
    (error: unknown) => (error instanceof PptError ? `${error.code}: ${error.message}` : Promise.reject(error)),
  );

describe("what is learnt", () => {
  it("without labels, the reduced model comes nearer to the unreduced one, and is a checkpoint", async () => {
    const out = join(home, "label-free");
    const result = await train({ out, epochs: 10, augmentation: "none" });
    const mean = (steps: typeof result.steps) => steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
    expect(result.steps).toHaveLength(30);
    expect(mean(result.steps.slice(-3))).toBeLessThan(0.5 * mean(result.steps.slice(0, 3)));
    expect(readdirSync(out).sort()).toEqual(
      ["config.json", "finetune.json", "model.safetensors", "preprocessor_config.json", "reduction.json"].sort(),
    );
    const written = await readCheckpoint(out);
    expect(modelFingerprint(written.config, written.weights)).toBe(result.fingerprint);
    // The settings name the weights that they were made for, so they are not refused.
    expect(resolveReduction(written, undefined)?.model?.fingerprint).toBe(result.fingerprint);
    expect(result.fingerprint).not.toBe(result.model.fingerprint);
    expect(finetunePage(result)).toContain("<svg");
    expect(JSON.parse(readFileSync(join(out, "finetune.json"), "utf8")).fingerprint).toBe(result.fingerprint);
  });

  it("with labels it gets more answers right than before", async () => {
    const result = await train({
      pictures,
      evaluation,
      loss: "cross-entropy",
      epochs: 12,
      learningRate: 5e-3,
      augmentation: "none",
    });
    expect(result.chosen!.accuracy!).toBeGreaterThan(result.evaluations[0]!.accuracy!);
    expect(result.chosen!.accuracy!).toBeGreaterThan(0.8);
  });

  it("writes weights whose answers on another backend are those that were evaluated", async () => {
    const out = join(home, "answers");
    const result = await train({
      out,
      pictures,
      evaluation,
      loss: "mixed",
      mixup: 0.8,
      cutmix: 1,
      accumulate: 2,
      ema: 0.9,
    });
    const { config, weights, preprocessing } = await readCheckpoint(out);
    const backend = createCpuBackend();
    const reduced = await createVisionModel({ config, weights, backend, reduction: parseReduction(reduction) });
    let right = 0;
    for (const { file, label } of evaluation) {
      const { data } = processImage(await decodeImage(file), preprocessing);
      const { logits } = await reduced.run({ pixelValues: data, batch: 1 });
      if (logits.data.indexOf(Math.max(...logits.data)) === label) right++;
    }
    await backend.dispose();
    expect(right / evaluation.length).toBeCloseTo(result.chosen!.accuracy!, 6);
  });

  it.each([
    ["norms", /norm|bias|classifier/],
    [
      "reduced",
      /classifier|^(encoder\.)?layernorm|^norm|layer\.[12]\.|layer\.0\..*(layernorm_after|norm2|mlp|intermediate|output\.dense)/,
    ],
    ["last-blocks", /norm|bias|classifier|layer\.2\./],
    ["all", /./],
  ] as const)("%s changes nothing else", async (name, trained) => {
    const out = join(home, `subset-${name}`);
    await train({ out, train: name, blocks: 1, epochs: 1, weightDecay: 0.1 });
    const before = readWeights(bytesOf(model.folder));
    const after = readWeights(bytesOf(out));
    const changed = Object.keys(before).filter((key) => !before[key]!.every((value, i) => value === after[key]![i]));
    expect(changed.length).toBeGreaterThan(10);
    // Random weights have the names of timm.
    const own = { head: "classifier" };
    for (const key of changed)
      expect(key.replace(/^head/, own.head).replace(/^blocks\./, "layer."), key).toMatch(trained);
  });
});

describe("the same bits", () => {
  it("come from the same seed, others from another", async () => {
    const [a, b, c] = [join(home, "seed-a"), join(home, "seed-b"), join(home, "seed-c")];
    await train({ out: a, seed: 3, epochs: 1 });
    await train({ out: b, seed: 3, epochs: 1 });
    await train({ out: c, seed: 4, epochs: 1 });
    expect(bytesOf(a).equals(bytesOf(b))).toBe(true);
    expect(bytesOf(a).equals(bytesOf(c))).toBe(false);
  });

  it("come with blocks recomputed, up to rounding", async () => {
    const [a, b] = [join(home, "kept"), join(home, "recomputed")];
    await train({ out: a, epochs: 1 });
    await train({ out: b, epochs: 1, recompute: true });
    const [kept, again] = [readWeights(bytesOf(a)), readWeights(bytesOf(b))];
    // Adam divides by the length of a gradient, so noise in one of length 0 grows: keys have a bias without influence.
    for (const [name, values] of Object.entries(kept))
      if (!name.endsWith("qkv.bias"))
        expect(Math.max(...values.map((value, i) => Math.abs(value - again[name]![i]!))), name).toBeLessThan(1e-4);
  });

  it("come from a run that was interrupted three times, in every phase", async () => {
    const settings = {
      pictures,
      evaluation,
      loss: "mixed",
      mixup: 0.5,
      ema: 0.9,
      accumulate: 2,
      batch: 2,
      epochs: 4,
    } as const;
    const whole = join(home, "whole");
    const uninterrupted = await train({ ...settings, out: whole });
    const out = join(home, "interrupted");
    // While the teacher answers, in the middle of an epoch, and right after an evaluation.
    const moments: ((progress: FinetuneProgress) => boolean)[] = [
      ({ kind }) => kind === "teacher",
      (progress) => progress.kind === "step" && progress.step === 2,
      (progress) => progress.kind === "evaluation" && progress.step > 3,
    ];
    for (const [i, isMoment] of moments.entries()) {
      const abort = new AbortController();
      const reason = new Error("stop");
      const onProgress = (progress: FinetuneProgress) => {
        if (isMoment(progress)) abort.abort(reason);
      };
      const run = train({ ...settings, out, resume: i > 0, signal: abort.signal, onProgress });
      await expect(run).rejects.toBe(reason);
    }
    const resumed: number[] = [];
    const result = await train({
      ...settings,
      out,
      resume: true,
      onProgress: (progress) => progress.kind === "resumed" && resumed.push(progress.step),
    });
    expect(resumed[0]).toBeGreaterThan(3);
    expect(bytesOf(out).equals(bytesOf(whole))).toBe(true);
    expect(result.steps).toEqual(uninterrupted.steps);
    expect(result.evaluations).toEqual(uninterrupted.evaluations);
    expect(existsSync(join(out, "training"))).toBe(false);
  });
});

it("lets signals and timers in between two batches", async () => {
  const place = { index: 0, file: "a.png", augmentation: "none", version: 0 };
  // What threads have sent arrives in one turn of the event loop, as promises that are already kept.
  const reader = { read: async () => new Float32Array(3), close: async () => {} };
  const batches = readBatches(reader, [[place], [place]], () => {});
  let turns = 0;
  setImmediate(() => turns++);
  await batches.next();
  expect(turns).toBe(1);
});

describe("what goes wrong", () => {
  it("names an operation without a gradient before anything is written", async () => {
    const out = join(home, "no-gradient");
    const { getGradient, registerGradient, unregisterGradient } = await import("@tensorflow/tfjs-core");
    await import("../src/register-gradients.js");
    const reshape = getGradient("Reshape")!;
    unregisterGradient("Reshape");
    const said = await codeOf(train({ out })).finally(() => registerGradient(reshape));
    expect(said).toMatch(/^BACKEND_UNAVAILABLE: .*no gradient for the operation 'Reshape' on 'wasm'/);
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    [16, 2, /^a batch of 16 does not fit .*take batch 8 with accumulate 4, which trains the same, or let blocks/],
    [1, 1, /^a batch of 1 does not fit .*take a smaller model/],
  ])("suggests another batch than %s where memory runs out", (batch, accumulate, message) => {
    const cause = new Error("Aborted(Cannot enlarge memory arrays)");
    const error = explained(cause, batch, accumulate, false) as PptError;
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toMatch(message);
    expect(explained(new Error("other"), batch, accumulate, false)).not.toBeInstanceOf(PptError);
  });

  it("stops where the loss is no number, and keeps the last good weights", async () => {
    const out = join(home, "nan");
    const said = await codeOf(
      train({ out, evaluation: withoutLabels(evaluation), learningRate: 1e30, warmUp: 0, clip: 0 }),
    );
    expect(said).toMatch(/^NOT_FINITE: .*lower learning rate/);
    for (const values of Object.values(readWeights(bytesOf(out)))) expect(values.every(Number.isFinite)).toBe(true);
  });

  it("trains on one picture, and on fewer than a batch", async () => {
    const one = await train({ pictures: withoutLabels(pictures.slice(0, 1)), batch: 64, epochs: 2 });
    expect(one.steps.map(({ step }) => step)).toEqual([1, 2]);
    expect(one.chosen).toBeUndefined();
  });

  it("leaves out pictures that cannot be read, and fails where none can", async () => {
    const broken = join(home, "broken.png");
    writeFileSync(broken, "no picture");
    const failed: string[] = [];
    const onFailure = ({ file }: TrainingPicture) => failed.push(file);
    const result = await train({ pictures: [{ file: broken }, ...withoutLabels(pictures)], epochs: 2, onFailure });
    expect(failed).toEqual([broken]);
    expect(result.steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(await codeOf(train({ pictures: [{ file: broken }] }))).toMatch(/^INVALID_INPUT: .*could be read/);
  });

  it.each<[string, Partial<FinetuneOptions>, RegExp]>([
    ["no pictures", { pictures: [] }, /^INVALID_INPUT: .*no pictures/],
    ["no reduction and no labels", { reduction: undefined }, /^INVALID_OPTION: .*give a reduction/],
    ["missing labels", { loss: "cross-entropy" }, /^INVALID_INPUT: .*has no label/],
    ["an unknown loss", { loss: "hinge" }, /^INVALID_OPTION: .*known are distillation/],
    ["a loss for another kind of model", { loss: "cosine" }, /^INVALID_OPTION: .*take 'distillation'/],
    ["an unknown subset", { train: "heads" }, /^INVALID_OPTION: .*known are norms/],
    ["a learning rate that is no number", { learningRate: Number.NaN }, /^INVALID_OPTION: .*learningRate is NaN/],
    ["half a batch", { batch: 0.5 }, /^INVALID_OPTION: .*batch is 0.5/],
    [
      "a schedule that leaves nothing",
      { reduction: { layers: [0, 1, 2], tokensRemoved: 16, threshold: "prune", policy: "top-k" } as never },
      /^INVALID_REDUCTION/,
    ],
    ["resuming what never began", { resume: true }, /^INVALID_OPTION: .*no run that was interrupted/],
  ])("refuses %s", async (_, options, message) => {
    expect(await codeOf(train(options))).toMatch(message);
  });

  it("refuses labels of one class, and labels that are no class", async () => {
    const same = pictures.map(({ file }) => ({ file, label: 2 }));
    expect(await codeOf(train({ pictures: same, loss: "mixed" }))).toMatch(
      /^INVALID_INPUT: .*all pictures have the label 2/,
    );
    const beyond = pictures.map(({ file }) => ({ file, label: 4 }));
    expect(await codeOf(train({ pictures: beyond, loss: "mixed" }))).toMatch(/^INVALID_INPUT: .*classes are 0 to 3/);
  });

  it("refuses a folder with other files, and a state of other options or of another model", async () => {
    const out = join(home, "occupied");
    await train({ out, epochs: 1 });
    expect(await codeOf(train({ out, epochs: 1 }))).toMatch(/^INVALID_OPTION: .*exists and is not empty/);
    await train({ out, epochs: 1, force: true });
    writeFileSync(join(out, "notes.txt"), "mine");
    expect(await codeOf(train({ out, force: true }))).toMatch(/^INVALID_OPTION: .*notes\.txt/);

    const stopped = join(home, "stopped");
    const abort = new AbortController();
    const onProgress = () => abort.abort(new PptError("DISPOSED", "stopped"));
    await codeOf(train({ out: stopped, signal: abort.signal, onProgress }));
    expect(await codeOf(train({ out: stopped, resume: true, seed: 9 }))).toMatch(
      /^INVALID_INPUT: .*seed was 0 and is 9/,
    );
    const other = await makeModel(join(home, "other"), 2);
    expect(await codeOf(train({ ...other, out: stopped, resume: true }))).toMatch(/^INVALID_INPUT: .*model was/);
    writeFileSync(join(stopped, "training", "state.safetensors"), "damaged");
    expect(await codeOf(train({ out: stopped, resume: true }))).toMatch(/^INVALID_INPUT: .*cannot be read/);
  });
});
