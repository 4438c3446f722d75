/** Tests what the automatic choice says of itself: which backend it took, what would be faster, and to whom it says it. */
import { readFileSync } from "node:fs";
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { PptError } from "@ppt-vit/core";
import { NotInstalled } from "@ppt-vit/core/backend";
import { afterEach, describe, expect, it, vi } from "vitest";
import { announceChoice, describeChoice } from "../src/backends/notice.js";
import { currentPlatform } from "../src/backends/platform.js";
import { selectOn } from "../src/backends/select.js";
import { createBackend, describeBackends, fromPretrained, type ProgressInfo } from "../src/index.js";
import { nodeMachine } from "../src/node/machine.js";

const platform = await currentPlatform();

/** The errors of packages that are not installed, as they really are. */
const errorsOf: Readonly<Record<string, PptError>> = {
  "onnx-cpu": new PptError("BACKEND_UNAVAILABLE", "device 'cpu' needs onnxruntime-node: npm install onnxruntime-node", {
    cause: new NotInstalled(""),
  }),
  "onnx-wasm": new PptError(
    "BACKEND_UNAVAILABLE",
    "backend 'onnx-wasm' is not installed: npm install @ppt-vit/backend-onnx onnxruntime-web",
    { cause: new NotInstalled("") },
  ),
  wasm: new PptError("BACKEND_UNAVAILABLE", "backend 'wasm' is not installed: npm install @ppt-vit/backend-wasm", {
    cause: new NotInstalled(""),
  }),
  broken: new PptError(
    "BACKEND_UNAVAILABLE",
    "device 'cpu' needs onnxruntime-node, which could not be loaded (GLIBC_2.34 not found): npm install onnxruntime-node",
    { cause: Object.assign(new Error("GLIBC_2.34 not found"), { code: "ERR_DLOPEN_FAILED" }) },
  ),
};

interface Simulated {
  readonly installed: readonly string[];
  readonly errors?: Readonly<Record<string, PptError>>;
  readonly system?: string;
}

const choose = ({ installed, errors = errorsOf, system = "linux-x64" }: Simulated) =>
  selectOn(
    {
      platform,
      async create(name) {
        if (installed.includes(name)) return createCpuBackend();
        throw (
          errors[name] ??
          new PptError("BACKEND_UNAVAILABLE", `${name} is not there: npm install ${name}`, {
            cause: new NotInstalled(""),
          })
        );
      },
      now: () => 0,
      system: () => system,
    },
    {},
  );

describe("one line says", () => {
  it.each([
    ["what was taken", { installed: ["onnx-cpu", "cpu"] }, "backend onnx-cpu (auto)"],
    [
      "what would be faster and how to get it",
      { installed: ["onnx-wasm", "cpu"] },
      "backend onnx-wasm (auto); onnx-cpu would be faster: npm install onnxruntime-node",
    ],
    [
      "the fastest of what is missing",
      { installed: ["cpu"] },
      "backend cpu (auto); onnx-cpu would be faster: npm install onnxruntime-node",
    ],
    [
      "what has compiled code for this system",
      { installed: ["cpu"], system: "linux-x64-musl" },
      "backend cpu (auto); wasm would be faster: npm install @ppt-vit/backend-wasm",
    ],
    [
      "what needs no compiled code where nothing fits the system",
      { installed: ["onnx-wasm"], system: "freebsd-x64" },
      "backend onnx-wasm (auto); wasm would be faster: npm install @ppt-vit/backend-wasm",
    ],
    [
      "nothing where the fastest that fits is there",
      { installed: ["wasm"], system: "freebsd-x64" },
      "backend wasm (auto)",
    ],
    ["nothing of what nobody has measured", { installed: ["tfjs-node"] }, "backend tfjs-node (auto)"],
    // 11.4 to 9.64 images a second: not worth an installation.
    [
      "nothing of what is hardly faster",
      { installed: ["tfjs-wasm"], system: "freebsd-x64", errors: { ...errorsOf, wasm: errorsOf.broken! } },
      "backend tfjs-wasm (auto); wasm does not work here (device 'cpu' needs onnxruntime-node, which could not be loaded (GLIBC_2.34 not found): npm install onnxruntime-node)",
    ],
    [
      "what is installed and does not work",
      { installed: ["wasm"], errors: { ...errorsOf, "onnx-cpu": errorsOf.broken! } },
      "backend wasm (auto); onnx-cpu does not work here (device 'cpu' needs onnxruntime-node, which could not be loaded (GLIBC_2.34 not found): npm install onnxruntime-node)",
    ],
  ])("%s", async (_, simulated, line) => {
    expect(describeChoice(await choose(simulated))).toBe(line);
  });

  it("what to install where nothing works", async () => {
    await expect(choose({ installed: [] })).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringMatching(
        /^no backend works here, the best would be npm install onnxruntime-node: onnx-cpu: /,
      ),
    });
  });
});

it("the speeds are those that the benchmarks recorded", () => {
  const file = new URL("../../../benchmarks/results/runs.ndjson", import.meta.url);
  const { results } = JSON.parse(readFileSync(file, "utf8").split("\n")[5]!) as {
    results: { backend: string; model: string; policy: string; batch: number; imagesPerSecond: number }[];
  };
  const measured = describeBackends().flatMap(({ name, imagesPerSecond }) =>
    imagesPerSecond ? [[name, imagesPerSecond] as const] : [],
  );
  expect(measured.map(([name]) => name)).toEqual(["cpu", "onnx-cpu", "onnx-wasm", "tfjs-wasm", "wasm"]);
  for (const [name, speeds] of measured) {
    const found = results.find(
      ({ backend, model, policy, batch }) => backend === name && model === "demo" && policy === "ppt" && batch === 1,
    );
    expect(speeds).toEqual({ node: Number(found!.imagesPerSecond.toPrecision(3)) });
  }
});

it("the notice holds what would be faster as data, too", async () => {
  const told: unknown[] = [];
  announceChoice(await choose({ installed: ["onnx-wasm"] }), (notice) => told.push(notice));
  expect(told).toEqual([
    {
      status: "notice",
      backend: "onnx-wasm",
      message: expect.stringContaining("npm install onnxruntime-node"),
      faster: { backend: "onnx-cpu", install: "npm install onnxruntime-node" },
    },
  ]);
});

it.runIf(process.platform === "linux")("the system is named with its C library", () => {
  expect(nodeMachine().system!()).toMatch(new RegExp(`^linux-${process.arch}(-musl)?$`));
});

describe("the default", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is the best backend, told to the callback and not to the console", async () => {
    const warn = vi.spyOn(console, "warn");
    const told: ProgressInfo[] = [];
    const model = await fromPretrained("demo", { progress_callback: (info) => told.push(info) });
    expect(model.backend).toBe("onnx-cpu");
    await model.dispose();
    const notice = { status: "notice", backend: "onnx-cpu", message: "backend onnx-cpu (auto)" };
    expect(told.filter(({ status }) => status === "notice")).toEqual([notice]);
    expect(warn).not.toHaveBeenCalled();
  });

  it("is silent for a backend with a name", async () => {
    const told: unknown[] = [];
    await (await createBackend("cpu", { progress_callback: (notice) => told.push(notice) })).dispose();
    expect(told).toEqual([]);
    await (await createBackend(undefined, { progress_callback: (notice) => told.push(notice) })).dispose();
    expect(told).toHaveLength(1);
  });

  it("tells the console once, and only what somebody can act on", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const fast = await choose({ installed: ["onnx-cpu"] });
    const slow = await choose({ installed: ["onnx-wasm"] });
    for (let i = 0; i < 2; i++) for (const choice of [fast, slow]) announceChoice(choice, undefined);
    expect(warn.mock.calls).toEqual([[`ppt-vit: ${describeChoice(slow)}`]]);
  });
});
