/** Tests which backend is chosen on each platform. Platforms are simulated. Backends are real, or fail as real ones do. */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { type Backend, PptError, quantizedDtypeNames, verificationInput } from "@ppt-vit/core";
import { describe, expect, it } from "vitest";
import { withChangedOutputs } from "../../backend-cpu/test/changed-outputs.js";
import { currentPlatform, gpuNamed, type Platform } from "../src/backends/platform.js";
import { candidatesOf, selectBackend, selectOn } from "../src/backends/select.js";
import { checkBackend, openSelfCheck } from "../src/backends/self-check.js";
import { backendNames, createBackend, readCheckpoint } from "../src/index.js";

const node: Platform = await currentPlatform();
const browser = (webgpu: string | undefined, webgl: string | undefined, crossOriginIsolated = true): Platform => ({
  kind: "browser",
  crossOriginIsolated,
  webgpu: webgpu === undefined ? { kind: "none", reason: "no WebGPU" } : gpuNamed(webgpu),
  webgl: webgl === undefined ? { kind: "none", reason: "no WebGL 2" } : gpuNamed(webgl),
});
const geforce = "nvidia turing NVIDIA GeForce RTX 2060";
const swiftshader = "google swiftshader";

const missing = (name: string) => new PptError("BACKEND_UNAVAILABLE", `backend '${name}' is not installed`);

/** A runtime that silently computes something else. */
function wrong(): Backend {
  return withChangedOutputs(createCpuBackend(), ({ logits, ...others }) => ({
    ...others,
    logits: { ...logits!, data: logits!.data.map((value) => value * 1.05) },
  }));
}

/** Only `installed` backends exist. Those in `broken` compute wrongly. */
const create =
  (installed: readonly string[], broken: readonly string[] = []) =>
  async (name: string): Promise<Backend> => {
    if (!installed.includes(name)) throw missing(name);
    return broken.includes(name) ? wrong() : createCpuBackend();
  };
const everything = [...candidatesOf("browser"), ...candidatesOf("node")];

const now = () => 0;

describe("the choice", () => {
  it("is among the backends that can be asked for by name", () => {
    expect(backendNames).toEqual(expect.arrayContaining(everything));
    // A backend that runs everywhere comes last, so there is always a choice.
    for (const kind of ["browser", "node"] as const) expect(candidatesOf(kind).at(-1)).toBe("cpu");
  });

  it.each([
    ["a browser with a GPU", browser(geforce, geforce), everything, [], "onnx-webgpu"],
    ["a browser without WebGPU", browser(undefined, geforce), everything, [], "tfjs-webgl"],
    ["a browser whose GPU is software", browser(swiftshader, "ANGLE (Google, SwiftShader)"), everything, [], "wasm"],
    ["a browser without any GPU, not isolated", browser(undefined, undefined, false), everything, [], "wasm"],
    ["a browser whose WebAssembly computes wrongly", browser(undefined, undefined), everything, ["wasm"], "onnx-wasm"],
    ["a browser whose ONNX computes wrongly", browser(geforce, geforce), everything, ["onnx-webgpu"], "tfjs-webgpu"],
    [
      "a browser whose WebGPU computes wrongly",
      browser(geforce, geforce),
      everything,
      ["onnx-webgpu", "tfjs-webgpu"],
      "tfjs-webgl",
    ],
    ["a browser with TensorFlow.js, no GPU", browser(undefined, undefined), ["tfjs-wasm", "cpu"], [], "tfjs-wasm"],
    ["a browser with nothing but this project", browser(geforce, geforce), ["cpu"], [], "cpu"],
    ["Node with everything", node, everything, [], "onnx-cpu"],
    ["Node without onnxruntime-node", node, ["tfjs-node", "onnx-wasm", "cpu"], [], "tfjs-node"],
    ["Node with WebAssembly only", node, ["onnx-wasm", "wasm", "cpu"], [], "wasm"],
    ["Node with ONNX Runtime's WebAssembly only", node, ["onnx-wasm", "cpu"], [], "onnx-wasm"],
    ["Node with nothing installed", node, ["cpu"], [], "cpu"],
  ])("in %s", async (_name, platform, installed, broken, expected) => {
    const choice = await selectOn({ platform, create: create(installed, broken), now }, {});
    expect(choice.backend).toBe(expected);
    expect(choice.candidates.filter(({ outcome }) => outcome === "chosen").map(({ name }) => name)).toEqual([expected]);
    // Each better candidate says why it was not chosen.
    const before = choice.candidates.slice(
      0,
      choice.candidates.findIndex(({ name }) => name === expected),
    );
    for (const { outcome, reason } of before) {
      expect(["failed", "passed over"]).toContain(outcome);
      expect(choice.reason).toContain(reason);
    }
  });

  it("says which driver is software, and which headers bring threads", async () => {
    const platform = browser(swiftshader, undefined, false);
    const { reason } = await selectOn({ platform, create: create(everything), now }, {});
    expect(reason).toContain("only a software GPU (google swiftshader)");
    expect(reason).toContain("Cross-Origin-Embedder-Policy");
  });

  it("passes over a backend that neither computes nor disposes", async () => {
    const stuck = async (name: string): Promise<Backend> =>
      name === "cpu" ? createCpuBackend() : { ...wrong(), dispose: () => Promise.reject(new Error("device lost")) };
    const choice = await selectOn({ platform: node, create: stuck, now }, { candidates: ["onnx-cpu", "cpu"] });
    expect(choice.backend).toBe("cpu");
    expect(choice.candidates[0]).toMatchObject({ outcome: "failed", reason: expect.stringMatching(/away from/) });
  });

  it("is an error with every reason where nothing works", async () => {
    const choosing = selectOn({ platform: node, create: create(["onnx-cpu"], ["onnx-cpu"]), now }, {});
    await expect(choosing).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    await expect(choosing).rejects.toThrow(/onnx-cpu: the logits .* away .*; cpu: backend 'cpu' is not installed/);
  });
});

describe("measuring", () => {
  it("takes the fastest on this model, and remembers it", async () => {
    const checkpoint = await readCheckpoint("demo");
    const created: string[] = [];
    // On this clock a run of the first candidate takes 90 ms, and a run of the others 30 ms.
    let clock = 0;
    const host = {
      platform: node,
      now: () => clock,
      async create(name: string): Promise<Backend> {
        created.push(name);
        return withChangedOutputs(createCpuBackend(), (outputs) => {
          clock += name === "onnx-cpu" ? 90 : 30;
          return outputs;
        });
      },
    };
    const kept = new Map<string, string>();
    const cache = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (k: string, v: string) => void kept.set(k, v),
    };
    const options = {
      candidates: ["onnx-cpu", "cpu"],
      measure: { checkpoint, reduction: checkpoint.reduction },
      cache,
    };
    const first = await selectOn(host, options);
    expect(first.backend).toBe("cpu");
    expect(first.candidates.map(({ outcome }) => outcome)).toEqual(["works", "chosen"]);
    expect(first.candidates.map(({ imageMs }) => imageMs)).toEqual([90, 30]);

    created.length = 0;
    const second = await selectOn(host, options);
    expect(second.backend).toBe("cpu");
    expect(created).toEqual(["cpu"]);
    expect(second.reason).toContain("measured here before");

    // The backend that was once the fastest is not chosen if it no longer works.
    const changed = { ...host, create: create(["onnx-cpu"]) };
    const third = await selectOn(changed, options);
    expect(third.candidates.map(({ outcome }) => outcome)).toEqual(["chosen", "failed"]);
  });
});

describe("the check of a backend", () => {
  it("covers both policies, and its record is what the CPU backend gives", async () => {
    const model = await openSelfCheck(createCpuBackend());
    const { stages } = await model.run({ pixelValues: verificationInput(model.config, 7), batch: 1 });
    expect(stages.map(({ policies }) => policies[0])).toEqual(["prune", "pool"]);
    expect((await checkBackend(createCpuBackend())).difference).toBeLessThan(1e-5);
  });

  it("refuses a backend that is off by 5 %", async () => {
    await expect(checkBackend(wrong())).rejects.toMatchObject({ code: "VERIFICATION_FAILED" });
  });
});

describe("the check of a backend for quantised weights", () => {
  /** Right in floats. Models with quantised weights get 1.1 times the logits. */
  function wrongIntegers(): Backend {
    const right = createCpuBackend();
    const broken = withChangedOutputs(createCpuBackend(), ({ logits, ...others }) => ({
      ...others,
      logits: { ...logits!, data: logits!.data.map((value) => value * 1.1) },
    }));
    return {
      ...right,
      compile: (program, options) =>
        (Object.values(options.params).some(({ quantized }) => quantized) ? broken : right).compile(program, options),
    };
  }

  it.each(quantizedDtypeNames)("refuses a backend whose %s is wrong, and says which weights", async (dtype) => {
    expect((await checkBackend(wrongIntegers())).difference).toBeLessThan(1e-5);
    await expect(checkBackend(wrongIntegers(), dtype)).rejects.toMatchObject({
      code: "VERIFICATION_FAILED",
      message: expect.stringMatching(new RegExp(`^${dtype} weights: `)),
    });
    await checkBackend(createCpuBackend(), dtype);
  });

  it("decides the choice for a model with such weights only", async () => {
    const host = {
      platform: node,
      now,
      create: async (name: string) => (name === "cpu" ? createCpuBackend() : wrongIntegers()),
    };
    const candidates = ["onnx-cpu", "cpu"];
    const choices = [];
    for (const dtype of ["fp32", "q8"] as const) choices.push(await selectOn(host, { candidates, dtype }));
    expect(choices.map(({ backend }) => backend)).toEqual(["onnx-cpu", "cpu"]);
    expect(choices[1]!.reason).toContain("onnx-cpu: q8 weights: ");
  });

  it.each(["onnx-cpu", "onnx-wasm", "wasm", "tfjs-cpu"])("finds %s right on this machine", async (name) => {
    const backend = await createBackend(name);
    for (const dtype of quantizedDtypeNames) await checkBackend(backend, dtype);
    await backend.dispose();
  });
});

describe("looking around", () => {
  it("tells an emulated GPU from a real one by its name or its flag", async () => {
    const page = (adapter: object | null) =>
      currentPlatform({ navigator: { gpu: { requestAdapter: async () => adapter } } });
    const info = { vendor: "google", architecture: "swiftshader" };
    expect((await page({ info })).webgpu).toEqual({ kind: "software", name: "google swiftshader" });
    expect((await page({ isFallbackAdapter: true, info: {} })).webgpu).toMatchObject({ kind: "software" });
    expect((await page({ info: { vendor: "apple", architecture: "metal-3" } })).webgpu).toMatchObject({
      kind: "hardware",
    });
    expect((await page(null)).webgpu).toEqual({ kind: "none", reason: "WebGPU has no adapter here" });
    expect((await currentPlatform({})).webgpu).toMatchObject({ kind: "none" });
    const failing = {
      navigator: { gpu: { requestAdapter: () => Promise.reject(new Error("the GPU process has gone")) } },
      OffscreenCanvas: class {
        constructor() {
          throw new TypeError("Illegal constructor");
        }
      },
    };
    expect(await currentPlatform(failing)).toMatchObject({
      webgpu: { kind: "none", reason: "WebGPU cannot be asked for here (the GPU process has gone)" },
      webgl: { kind: "none", reason: "WebGL 2 cannot be asked for here (Illegal constructor)" },
    });
  });

  it("finds a working backend on this machine", async () => {
    const choice = await selectBackend({});
    expect(choice.backend).toBe("onnx-cpu");
  });
});
