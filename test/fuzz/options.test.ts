/**
 * Tests wrong options and arguments, as JavaScript callers pass them: each throws a PptError with a code that names what is
 * wrong. The list is fixed: each function with each value that it does not accept. It runs against the sources.
 */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { createOnnxBackend, exportOnnx, inspectOnnx } from "@ppt-vit/backend-onnx";
import { createTfjsBackend, createTfjsOps, pixelsToInput } from "@ppt-vit/backend-tfjs";
import { tinyConfig } from "@ppt-vit/conformance";
import * as core from "@ppt-vit/core";
import { found } from "@ppt-vit/core/options";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClassifierWorker } from "../../packages/pipeline/src/browser/worker.js";
import * as pipeline from "../../packages/pipeline/src/index.js";
import { picture, vitFolder } from "../../packages/pipeline/test/fixtures.js";
import { values } from "./wrong-values.js";

type Label = keyof typeof values;
const labels = Object.keys(values) as Label[];
const texts: Label[] = ["a text", "a long text", "a text with NUL"];
/** Objects that a table of options accepts, because they have none of its names. */
const objects: Label[] = ["an object", "an object without a prototype", "a date", "a promise", "bytes"];
const throwing: Label[] = ["a proxy that throws", "a revoked proxy"];
const numbersAbove0: Label[] = ["one and a half", "one", "a huge number"];

interface Target {
  /** The argument that the message must name. */
  readonly names: string;
  /** Values that are valid, or that a later check refuses under its own name. */
  readonly right?: readonly Label[];
  call(value: never): unknown;
}

/** The parts of TensorFlow.js that are checked before an option is refused. */
const nothing = () => {};
const tf = { engine: nothing, tidy: nothing, tensor: nothing, getBackend: nothing, setBackend: nothing } as never;

const config = tinyConfig;
const weights = core.weightsFrom(core.randomWeights(config, 1));
const backend = createCpuBackend();
const image: core.RgbImage = { width: 4, height: 4, data: new Uint8Array(48) };
const processor = core.parseImageProcessorConfig({ size: { height: 4, width: 4 } });
const [H, W] = config.imageSize;

let classifier: pipeline.ImageClassifier;
let extractor: pipeline.FeatureExtractor;
let model: core.VisionModel;
beforeAll(async () => {
  classifier = await pipeline.fromPretrained(vitFolder, { reduction: false });
  extractor = await pipeline.fromPretrained(vitFolder, { task: "image-feature-extraction", reduction: false });
  model = await core.createVisionModel({ config, weights, backend });
});
afterAll(async () => {
  await Promise.all([classifier.dispose(), extractor.dispose(), model.dispose()]);
  await backend.dispose();
});

/** Collects all results of a generator. */
async function all(results: AsyncIterable<object>): Promise<object[]> {
  const list: object[] = [];
  for await (const result of results) {
    if (pipeline.isFailure(result)) throw result.error;
    list.push(result);
  }
  return list;
}

const pretrained = (name: string, right: readonly Label[] = [], task?: string): Record<string, Target> => ({
  [`fromPretrained(${task ?? ""}).${name}`]: {
    names: name,
    right,
    call: (value) =>
      pipeline.fromPretrained(vitFolder, { reduction: false, ...(task && { task }), [name]: value } as never),
  },
});
const flags: Label[] = ["true", "false"];
const open = () => Promise.reject(new Error("nobody opens it"));
const worker = { postMessage() {}, addEventListener() {}, terminate() {} } as unknown as Worker;

const targets: Readonly<Record<string, Target>> = {
  "fromPretrained source": { names: "", right: texts, call: (v) => pipeline.fromPretrained(v) },
  "fromPretrained options": { names: "options", right: objects, call: (v) => pipeline.fromPretrained(vitFolder, v) },
  ...pretrained("task"),
  ...pretrained("backend", texts),
  ...pretrained("reduction", ["false", ...texts, ...objects.filter((label) => label !== "an object"), ...throwing]),
  ...pretrained("imageSize", ["zero", "minus one", "one and a half", "one", "NaN", "Infinity", "a huge number"]),
  ...pretrained("verify", flags),
  ...pretrained("trace", flags),
  ...pretrained("textEmbeddings"),
  ...pretrained("revision", texts),
  ...pretrained("cacheDir", texts),
  ...pretrained("token", ["no text", "a text", "a long text"]),
  ...pretrained("endpoint"),
  ...pretrained("localFilesOnly", flags),
  ...pretrained("signal"),
  ...pretrained("progress_callback", ["a function"]),
  ...pretrained("dense", flags, "image-feature-extraction"),
  "classify input": { names: "input", right: [...texts, "bytes"], call: (v) => classifier.classify(v) },
  "classify options": { names: "options", right: objects, call: (v) => classifier.classify(picture, v) },
  "classify topK": { names: "topK", right: ["one"], call: (v) => classifier.classify(picture, { topK: v }) },
  "classify maxBytes": {
    names: "maxBytes",
    right: [...numbersAbove0, "Infinity"],
    call: (v) => classifier.classify(picture, { maxBytes: v }),
  },
  "classify maxPixels": {
    names: "maxPixels",
    right: [...numbersAbove0, "Infinity"],
    call: (v) => classifier.classify(picture, { maxPixels: v }),
  },
  "classify firstFrame": {
    names: "firstFrame",
    right: flags,
    call: (v) => classifier.classify(picture, { firstFrame: v }),
  },
  "classify signal": { names: "signal", call: (v) => classifier.classify(picture, { signal: v }) },
  "classifyAll inputs": { names: "input", right: ["an empty list"], call: (v) => all(classifier.classifyAll(v)) },
  "classifyAll batch": {
    names: "batch",
    right: ["one"],
    call: (v) => all(classifier.classifyAll([picture], { batch: v })),
  },
  "embed options": { names: "options", right: objects, call: (v) => extractor.embed(picture, v) },
  "embed pooling": { names: "pooling", call: (v) => extractor.embed(picture, { pooling: v }) },
  "embed normalize": { names: "normalize", right: flags, call: (v) => extractor.embed(picture, { normalize: v }) },
  "embedAll inputs": { names: "input", right: ["an empty list"], call: (v) => all(extractor.embedAll(v)) },
  "features options": { names: "options", right: objects, call: (v) => extractor.features(picture, v) },
  "decodeImage input": { names: "input", right: [...texts, "bytes"], call: (v) => pipeline.decodeImage(v) },
  "decodeImage options": { names: "options", right: objects, call: (v) => pipeline.decodeImage(picture, v) },
  "readCheckpoint source": { names: "", right: texts, call: (v) => pipeline.readCheckpoint(v) },
  "sourceKind source": { names: "source", right: ["no text", ...texts], call: (v) => pipeline.sourceKind(v) },
  "readReduction source": { names: "source", right: texts, call: (v) => pipeline.readReduction(v) },
  "createBackend name": { names: "backend", right: [], call: (v) => pipeline.createBackend(v) },
  "createBackend options": { names: "options", right: objects, call: (v) => pipeline.createBackend("cpu", v) },
  "createBackend progress_callback": {
    names: "progress_callback",
    right: ["a function"],
    call: (v) => pipeline.createBackend("cpu", { progress_callback: v }),
  },
  "registerBackend descriptor": { names: "registerBackend", call: (v) => pipeline.registerBackend(v) },
  "registerBackend name": {
    names: "name",
    right: ["no text", ...texts],
    call: (v) => pipeline.registerBackend({ name: v, open }),
  },
  "registerBackend open": {
    names: "open",
    right: ["a function"],
    call: (v) => pipeline.registerBackend({ name: "x", open: v }),
  },
  "registerBackend rank": {
    names: "rank",
    right: objects,
    call: (v) => pipeline.registerBackend({ name: "x", open, rank: v }),
  },
  "registerBackend imagesPerSecond": {
    names: "imagesPerSecond",
    right: objects,
    call: (v) => pipeline.registerBackend({ name: "x", open, imagesPerSecond: v }),
  },
  "registerBackend binaries": {
    names: "binaries",
    right: ["an empty list"],
    call: (v) => pipeline.registerBackend({ name: "x", open, binaries: v }),
  },
  "selectBackend options": { names: "options", right: objects, call: (v) => pipeline.selectBackend(v) },
  "selectBackend candidates": {
    names: "candidates",
    right: ["an empty list"],
    call: (v) => pipeline.selectBackend({ candidates: v }),
  },
  "selectBackend measure": { names: "measure", call: (v) => pipeline.selectBackend({ measure: v }) },
  "selectBackend recheck": {
    names: "recheck",
    right: flags,
    call: (v) => pipeline.selectBackend({ candidates: ["cpu"], recheck: v }),
  },
  "selectBackend cache": { names: "cache", call: (v) => pipeline.selectBackend({ cache: v }) },
  "calibrate options": { names: "", call: (v) => pipeline.calibrate(vitFolder, v) },
  "calibrate images": {
    names: "images",
    right: ["an empty list", "a list"],
    call: (v) => pipeline.calibrate(vitFolder, { images: v }),
  },
  "calibrate target": { names: "target", call: (v) => pipeline.calibrate(vitFolder, { images: [picture], target: v }) },
  "calibrate gmacs": { names: "gmacs", call: (v) => pipeline.calibrate(vitFolder, { images: [picture], gmacs: v }) },
  "calibrate objective": {
    names: "objective",
    call: (v) => pipeline.calibrate(vitFolder, { images: [picture], objective: v }),
  },
  "calibrate onTrial": {
    names: "onTrial",
    right: ["a function"],
    call: (v) => pipeline.calibrate(vitFolder, { images: [picture], onTrial: v }),
  },
  "chooseSettings choices": { names: "choices", call: (v) => pipeline.chooseSettings(v, { gmacs: 1 }) },
  "tokenSheet pictures": { names: "pictures", right: ["an empty list"], call: (v) => pipeline.tokenSheet(v) },
  "tokenSheet options": { names: "options", right: objects, call: (v) => pipeline.tokenSheet([], v) },
  "tokenPage title": {
    names: "title",
    right: ["no text", ...texts],
    call: (v) => pipeline.tokenPage([], { title: v }),
  },
  "renderTokens format": { names: "format", call: (v) => pipeline.renderTokens([], v) },
  "renderTokens scale": {
    names: "scale",
    right: ["one", "one and a half"],
    call: (v) => pipeline.renderTokens([], "png", { scale: v }),
  },
  "renderTokens panelWidth": {
    names: "panelWidth",
    right: ["one", "one and a half"],
    call: (v) => pipeline.renderTokens([], "svg", { panelWidth: v }),
  },
  "parseTextEmbeddings bytes": { names: "bytes", right: ["bytes"], call: (v) => pipeline.parseTextEmbeddings(v) },
  "createClassifierWorker worker": { names: "worker", call: (v) => createClassifierWorker(v) },
  "worker's fromPretrained source": {
    names: "source",
    right: [...texts, ...throwing],
    call: (v) => createClassifierWorker(worker).fromPretrained(v),
  },
  "worker's fromPretrained backend": {
    names: "backend",
    right: texts,
    call: (v) => createClassifierWorker(worker).fromPretrained("./model/", { backend: v }),
  },
  "createCpuBackend options": { names: "options", right: objects, call: (v) => createCpuBackend(v) },
  "createCpuBackend decomposed": {
    names: "decomposed",
    right: [...flags, "an empty list"],
    call: (v) => createCpuBackend({ decomposed: v }),
  },
  "createOnnxBackend options": { names: "options", right: objects, call: (v) => createOnnxBackend(v) },
  "createOnnxBackend device": { names: "device", call: (v) => createOnnxBackend({ device: v }) },
  "createOnnxBackend dtype": { names: "dtype", call: (v) => createOnnxBackend({ dtype: v }) },
  "createOnnxBackend ort": { names: "ort", call: (v) => createOnnxBackend({ ort: v }) },
  "createOnnxBackend threads": { names: "threads", right: ["one"], call: (v) => createOnnxBackend({ threads: v }) },
  "createTfjsBackend options": { names: "options", right: objects, call: (v) => createTfjsBackend(v) },
  "createTfjsBackend device": { names: "device", call: (v) => createTfjsBackend({ tf, device: v }) },
  "createTfjsBackend tf": { names: "tf", call: (v) => createTfjsBackend({ tf: v }) },
  "createTfjsOps tf": { names: "tf", call: (v) => createTfjsOps(v) },
  "pixelsToInput pixels": { names: "pixels", call: (v) => pixelsToInput(tf, v, processor) },
  "exportOnnx options": { names: "", call: (v) => exportOnnx(v) },
  "exportOnnx dtype": { names: "dtype", call: (v) => exportOnnx({ config, weights, dtype: v }) },
  "inspectOnnx bytes": { names: "bytes", right: ["bytes"], call: (v) => inspectOnnx(v) },
  "createVisionModel options": { names: "", call: (v) => core.createVisionModel(v) },
  "createVisionModel quantize": {
    names: "quantize",
    call: (v) => core.createVisionModel({ config, weights, backend, quantize: v }),
  },
  "quantizeRows weight": { names: "weight", call: (v) => core.quantizeRows(v) },
  "createVisionModel config": { names: "config", call: (v) => core.createVisionModel({ config: v, weights, backend }) },
  "createVisionModel weights": {
    names: "weights",
    call: (v) => core.createVisionModel({ config, weights: v, backend }),
  },
  "createVisionModel backend": {
    names: "backend",
    call: (v) => core.createVisionModel({ config, weights, backend: v }),
  },
  "createVisionModel imageSize": {
    names: "imageSize",
    right: ["a list"],
    call: (v) => core.createVisionModel({ config, weights, backend, imageSize: v }),
  },
  "createVisionModel reduction": {
    names: "reduction",
    call: (v) => core.createVisionModel({ config, weights, backend, reduction: v }),
  },
  "createVisionModel outputs": {
    names: "outputs",
    right: objects,
    call: (v) => core.createVisionModel({ config, weights, backend, outputs: v }),
  },
  "run input": { names: "input", call: (v) => model.run(v) },
  "run batch": {
    names: "run",
    right: ["one"],
    call: (v) => model.run({ pixelValues: new Float32Array(3 * H * W), batch: v }),
  },
  "compile program": {
    names: "program",
    right: ["a function"],
    call: (v) => backend.compile(v, { params: {}, inputs: {} }),
  },
  "compile options": { names: "", call: (v) => backend.compile(() => ({}), v) },
  "modelCost config": { names: "config", call: (v) => core.modelCost(v) },
  "modelCost reduction": { names: "reduction", call: (v) => core.modelCost(config, v) },
  "parseReduction settings": { names: "reduction", call: (v) => core.parseReduction(v) },
  "mergeReduction given": {
    names: "reduction",
    right: ["an object without a prototype", "a date", "a promise"],
    call: (v) => core.mergeReduction(core.publishedReduction, v),
  },
  "describeReduction settings": { names: "reduction", call: (v) => core.describeReduction(v) },
  "reductionPreset name": { names: "reduction", call: (v) => core.reductionPreset(v) },
  "withImageSize config": { names: "config", call: (v) => core.withImageSize(v, [20, 12]) },
  "withImageSize imageSize": { names: "mage", right: [], call: (v) => core.withImageSize(config, v) },
  "processImage image": { names: "image", call: (v) => core.processImage(v, processor) },
  "processImage config": { names: "config", call: (v) => core.processImage(image, v) },
  "resizeImage image": { names: "image", call: (v) => core.resizeImage(v, { width: 2, height: 2 }, "bilinear") },
  "resizeImage size": { names: "size", call: (v) => core.resizeImage(image, v, "bilinear") },
  "resizeImage width": {
    names: "",
    call: (v) => core.resizeImage(image, { width: v, height: 2 }, "bilinear"),
    right: ["one"],
  },
  "resizeImage filter": { names: "filter", call: (v) => core.resizeImage(image, { width: 2, height: 2 }, v) },
  "parseSafetensors bytes": { names: "", call: (v) => core.parseSafetensors(v) },
  "parseSafetensorsIndex bytes": { names: "", call: (v) => core.parseSafetensorsIndex(v, "index") },
  "joinShards index": { names: "index", call: (v) => core.joinShards(v, new Map(), "index") },
  "joinShards files": { names: "files", call: (v) => core.joinShards({ shards: [], shardOf: new Map() }, v, "index") },
  "parseConfigJson bytes": { names: "", call: (v) => core.parseConfigJson(v), right: ["bytes"] },
  "parseModelConfig json": {
    names: "",
    call: (v) => core.parseModelConfig(v),
    right: ["a date", "a promise", "bytes", "an object", "an object without a prototype"],
  },
  "restoreTokens states": { names: "states", call: (v) => core.restoreTokens(v), right: ["an empty list"] },
  "weightsFrom tensors": {
    names: "tensors",
    right: ["an object without a prototype", "a date", "a promise"],
    call: (v) => core.weightsFrom(v),
  },
  "modelFingerprint weights": { names: "weights", call: (v) => core.modelFingerprint(config, v) },
  "verificationInput config": { names: "config", call: (v) => core.verificationInput(v, 1) },
  "randomWeights seed": {
    names: "seed",
    right: ["zero", "one", "minus one"],
    call: (v) => core.randomWeights(config, v),
  },
  "hostTensor shape": { names: "shape", right: ["an empty list"], call: (v) => core.hostTensor(v, () => 0) },
};

const wrong = Object.entries(targets).flatMap(([name, { right = [], ...target }]) =>
  labels.filter((label) => !right.includes(label)).map((label) => ({ name, label, ...target })),
);

describe("wrong options and arguments", () => {
  it("are more than 450", () => expect(wrong.length).toBeGreaterThan(450));

  it.each(Object.keys(targets))("%s", async (name) => {
    const problems: string[] = [];
    for (const { label, names, call } of wrong.filter((one) => one.name === name)) {
      let outcome: unknown;
      try {
        outcome = `was accepted: ${found(await call(values[label] as never))}`;
      } catch (error) {
        outcome = error;
      }
      if (!core.isPptError(outcome)) problems.push(`${label}: ${outcome}`);
      else if (!outcome.message.includes(names)) problems.push(`${label}: does not name ${names}: ${outcome.message}`);
      else if (outcome.message.length > 600) problems.push(`${label}: ${outcome.message.length} characters`);
    }
    expect(problems).toEqual([]);
  });
});

describe("names of other libraries, and misspelt ones", () => {
  const refusal = (message: RegExp) => ({ code: "INVALID_OPTION", message: expect.stringMatching(message) });

  it.each([
    [{ device: "webgpu" }, /no option 'device': write backend/],
    [{ dtype: "fp16" }, /dtype is "fp16", expected one of 'fp32', 'q8', 'q4'; .*createOnnxBackend/],
    [{ quantized: true }, /no option 'quantized': write dtype: 'q8'/],
    [{ backends: "cpu" }, /no option 'backends': write 'backend'/],
    [{ bakcend: "cpu" }, /write 'backend'/],
    [{ cache_dir: "x" }, /write 'cacheDir'/],
    [{ local_files_only: true }, /write 'localFilesOnly'/],
    [{ progressCallback: () => {} }, /write 'progress_callback'/],
    [{ image_size: 32 }, /write 'imageSize'/],
    [{ topK: 3 }, /no option 'topK': give it to classify/],
    [{ dense: true }, /'dense': it is for task 'image-feature-extraction'/],
  ])("fromPretrained(%o)", async (options, message) => {
    await expect(pipeline.fromPretrained(vitFolder, options as never)).rejects.toMatchObject(refusal(message));
  });

  it.each([
    [{ top_k: 3 }, /write 'topK'|write topK/],
    [{ topk: 3 }, /write 'topK'/],
    [{ batch_size: 3 }, /write batch/],
    [{ backend: "cpu" }, /give it to fromPretrained/],
  ])("classify(%o)", async (options, message) => {
    await expect(classifier.classify(picture, options as never)).rejects.toMatchObject(refusal(message));
  });

  it("are ignored where they are near to nothing", async () => {
    const { labels } = await classifier.classify(picture, { topK: 2, requestId: 7 } as never);
    expect(labels).toHaveLength(2);
  });

  it("are said for backends", async () => {
    await expect(createOnnxBackend({ dtypes: "fp16" } as never)).rejects.toMatchObject(refusal(/write 'dtype'/));
    await expect(createOnnxBackend({ dtype: "q8" } as never)).rejects.toMatchObject(
      refusal(/one of 'fp32', 'fp16'; for weights in 8 or 4 bits write fromPretrained/),
    );
    await expect(pipeline.selectBackend({ backends: ["cpu"] } as never)).rejects.toMatchObject(refusal(/candidates/));
  });
});
