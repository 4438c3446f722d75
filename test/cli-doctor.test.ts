/** Tests `ppt-vit doctor` as users call it, as a real process of the built package. */
import { join } from "node:path";
import type { OnnxBackend } from "@ppt-vit/backend-onnx";
import { createBackend, selectBackend } from "@ppt-vit/pipeline";
import { describe, expect, test } from "vitest";
import { useSoftwareVulkan } from "../packages/backend-onnx/test/webgpu.js";
import { adapterIn, placementIn } from "../packages/cli/src/commands/doctor/logs.js";
import {
  adviceOf,
  explainAttention,
  type Report,
  row,
  showPlacement,
  showQuantizedWeights,
  showReport,
  warningsOf,
} from "../packages/cli/src/commands/doctor/report.js";
import { root, run } from "../scripts/workspace.mjs";
import { runPptVit, temporaryFolder } from "./built.js";

const home = temporaryFolder("doctor");
const pptVit = (...args: string[]) => runPptVit(home, args);

describe("doctor", () => {
  // The Vulkan driver is disabled, so the answer is the same on machines with and without a GPU.
  const env = { VK_ICD_FILENAMES: "/nowhere.json", VK_DRIVER_FILES: "/nowhere.json" };
  const reportOf = async (env: Record<string, string> = {}): Promise<Report> => {
    const { code, stdout, stderr } = await runPptVit(home, ["doctor", "--json"], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout);
  };

  test.skipIf(process.platform !== "linux")("what works, what does not and why, and what is used", async () => {
    const report = await reportOf(env);
    expect(report).toMatchObject({ node: process.version, packages: { "onnxruntime-node": "1.30.0" } });
    const [cpu, webgpu, wasm] = report.devices;
    for (const device of [cpu, wasm])
      expect(device).toMatchObject({
        works: true,
        check: expect.stringContaining("computes rightly"),
        halfPrecision: { works: true },
        attention: "fused",
        attentionReason: expect.stringContaining("and it agrees with the decomposed one"),
        fusedAttention: { agrees: true },
        quantizedWeights: { q8: { works: true }, q4: { works: true } },
        placement: { nodes: { CPUExecutionProvider: expect.any(Number) }, elsewhere: [], copies: [] },
      });
    const reason = expect.stringContaining("no usable WebGPU adapter");
    expect(webgpu).toEqual({ device: "webgpu", backend: "onnx-webgpu", works: false, reason });
    expect(report).toMatchObject({ auto: { backend: "onnx-cpu", attention: "fused" }, warnings: [] });
    const own = report.others.find(({ backend }: { backend: string }) => backend === "wasm");
    expect(own).toMatchObject({ works: true, runtime: expect.stringMatching(/simd, \d+ threads?$/) });
    // Nothing that could be installed is known to be faster.
    expect(report).toMatchObject({ advice: [], defaultBackend: "auto" });
  });

  // The software driver has no half precision, but a GPU may have it.
  test.skipIf(!useSoftwareVulkan())("WebGPU: adapter, shader-f16, attention and placement", async () => {
    const report = await reportOf();
    const webgpu = report.devices[1]!;
    if (!webgpu.works) throw new Error(webgpu.reason);
    expect(webgpu.adapter?.name).toBeTruthy();
    expect(webgpu.placement).toEqual({
      nodes: { WebGpuExecutionProvider: expect.any(Number) },
      elsewhere: [],
      copies: [],
    });
    expect(webgpu.shaderF16).toBeTypeOf("boolean");
    if (!webgpu.shaderF16) expect(webgpu.halfPrecision.reason).toContain("pass dtype 'fp32'");
    const { info, ...usual } = (await createBackend("onnx-webgpu")) as OnnxBackend;
    await usual.dispose();
    expect(webgpu.attention).toBe(info.attention);
    const asked = webgpu.fusedAttention.agrees ? "and is used where it is asked for" : "and is not used where";
    expect(webgpu.attentionReason).toContain(asked);

    const text = showReport(report);
    const { name, driver, software } = webgpu.adapter!;
    expect(text).toContain(
      row("adapter", `${name}${software ? ", software: the CPU emulates a GPU" : ""} (${driver})`),
    );
    expect(text.find((line) => line.startsWith("  shader-f16 "))).toMatch(webgpu.shaderF16 ? /there: / : /missing: /);
    expect(text).toContain(row("attention", `${webgpu.attention}: ${webgpu.attentionReason}`));
    const nodes = webgpu.placement!.nodes.WebGpuExecutionProvider;
    expect(text).toContain(row("placement", `all ${nodes} nodes on WebGpuExecutionProvider, 0 copies between devices`));
    expect(report.advice.some((advice) => advice.includes("a GPU is usable"))).toBe(!software);
  });

  test("what is used with --backend auto and without", async () => {
    const { auto, defaultBackend } = await reportOf(env);
    const { backend, reason } = await selectBackend();
    expect(auto).toMatchObject({ backend, reason });
    for (const command of ["classify", "embed", "visualize", "eval", "demo"]) {
      const { stdout } = await pptVit(command, "--help");
      expect(stdout.replace(/\s+/g, " ")).toMatch(
        new RegExp(`--backend <name>[^()]*\\(default: "${defaultBackend}"\\)`),
      );
    }
  });

  test.skipIf(process.platform !== "linux")("for people", async () => {
    const { code, stdout } = await runPptVit(home, ["doctor"], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^onnx-cpu: works, computes rightly \(.*\)\n {2}half precision +works\n {2}attention +fused: .*\n {2}q8 weights +taken as integers\n {2}q4 weights +taken as integers\n/m,
    );
    expect(stdout).toMatch(/placement +all \d{3} nodes on CPUExecutionProvider, 0 copies/);
    expect(stdout).toMatch(/--backend auto +onnx-cpu, attention fused: onnx-cpu is the best that works here/);
    expect(stdout).toMatch(
      /cross-origin isolation +does not apply in Node.* Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/,
    );
  });

  test("a device that multiplies quantised weights wrongly", () => {
    const reason = "onnx-webgpu: MatMulNBits computes 4-bit weights wrongly on this device";
    expect(showQuantizedWeights({ quantizedWeights: { q8: { works: true }, q4: { works: false, reason } } })).toEqual([
      row("q8 weights", "taken as integers"),
      row("q4 weights", `taken as floats: ${reason}`),
    ]);
  });

  test("advice on what to install, and on a GPU that auto does not take", () => {
    const auto = { backend: "onnx-wasm", reason: "", candidates: [] };
    expect(adviceOf({ devices: [], auto })).toEqual([]);
    const faster = { backend: "onnx-cpu", install: "npm install onnxruntime-node" };
    expect(adviceOf({ devices: [], auto: { ...auto, faster } })).toEqual([
      "npm install onnxruntime-node: onnx-cpu would be faster than onnx-wasm",
    ]);
  });

  test("fused attention that is wrong where it is the default", () => {
    const cpu = {
      device: "cpu",
      backend: "onnx-cpu",
      works: true,
      check: "",
      halfPrecision: { works: true },
      attention: "fused",
      fusedAttention: { agrees: false, difference: 0.5 },
      attentionReason: "",
      quantizedWeights: { q8: { works: true }, q4: { works: true } },
      placement: null,
    } as const;
    expect(explainAttention(cpu)).toMatch(/although it is wrong here \(5\.0e-1 of the largest value/);
    expect(warningsOf([cpu])).toEqual([expect.stringMatching(/^onnx-cpu .* please report this/)]);
    expect(warningsOf([{ ...cpu, attention: "decomposed" }])).toEqual([]);
    expect(warningsOf([{ ...cpu, fusedAttention: { agrees: true, difference: 0 } }])).toEqual([]);
  });

  test.skipIf(!useSoftwareVulkan())("nodes that are not on the GPU, by ONNX Runtime's own log", async () => {
    const script = `
      import { createOnnxBackend } from "@ppt-vit/backend-onnx";
      const provider = { name: "webgpu", forceCpuNodeNames: ["Mul"] };
      const sessionOptions = { logSeverityLevel: 0, executionProviders: [provider] };
      const backend = await createOnnxBackend({ device: "webgpu", sessionOptions });
      const program = (ops, _, { x }) => ({ y: ops.add(ops.mul(x, x), x) });
      await backend.compile(program, { params: {}, inputs: { x: [-1, 4] } });`;
    const options = { cwd: join(root, "packages/cli"), env: {} };
    const { output } = await run(process.execPath, ["--input-type=module", "-e", script], options);
    const placement = placementIn(output, "webgpu")!;
    // The GPU gets copies of `x`, which the CPU reads too, and of the product.
    const copy = { provider: "WebGpuExecutionProvider", operator: "MemcpyFromHost", name: expect.any(String) };
    expect(placement).toEqual({
      nodes: { WebGpuExecutionProvider: 3, CPUExecutionProvider: 1 },
      elsewhere: [{ provider: "CPUExecutionProvider", operator: "Mul", name: "Mul" }],
      copies: [copy, copy],
    });
    expect(showPlacement(placement)).toEqual([
      row("placement", "3 nodes on WebGpuExecutionProvider, 1 node on CPUExecutionProvider, 2 copies between devices"),
      row("  elsewhere", "1 Mul on CPUExecutionProvider, as Mul"),
      row("  copies", `2 MemcpyFromHost on WebGpuExecutionProvider, as ${placement.copies[0]!.name}`),
    ]);
  });

  test("the adapter, by the log of the Vulkan loader", () => {
    const opened = (name: string) => `DRIVER | LAYER:          Using "${name}" with driver: "/usr/lib/some.so"\n`;
    const driver = "/usr/lib/some.so";
    for (const [name, software] of [
      ["llvmpipe (LLVM 15.0.6, 256 bits)", true],
      ["SwiftShader Device (Subzero)", true],
      ["NVIDIA H100 80GB HBM3", false],
    ] as const)
      expect(adapterIn(`other\n${opened(name)}`)).toEqual({ name, driver, software });
    expect(adapterIn("a runtime that names none")).toBeNull();
  });

  test("an unknown device", async () => {
    const { code, stderr } = await pptVit("doctor", "--probe", "tpu");
    expect(stderr).toContain("Allowed choices are cpu, webgpu, wasm");
    expect(code).toBe(2);
  });
});
