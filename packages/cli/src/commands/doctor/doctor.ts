/** `ppt-vit doctor`: what is installed, which devices work and compute rightly, and what is used here. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import type { OnnxBackend, OnnxDevice, SelfCheck } from "@ppt-vit/backend-onnx";
import { type OnnxDeviceDescription, devices as onnx } from "@ppt-vit/backend-onnx/devices";
import {
  type Backend,
  type BackendDescription,
  firstLineOf,
  hostTensor,
  isPptError,
  prepareVisionProgram,
  weightDtypes,
} from "@ppt-vit/core";
import { type BackendChoice, createBackend, describeBackends, readCheckpoint, selectBackend } from "@ppt-vit/pipeline";
import { defaultBackend } from "../../flags/backend-option.js";
import { print, printJson } from "../../output/print.js";
import { json } from "../../output/terminal.js";
import { packageVersions } from "../../versions.js";
import { adapterIn, placementIn, vulkanLog } from "./logs.js";
import {
  type AutoChoice,
  adviceOf,
  type DeviceReport,
  explainAttention,
  type OtherBackend,
  type Probe,
  type Report,
  showReport,
  warningsOf,
} from "./report.js";

const runsInNode = ({ runsIn }: BackendDescription): boolean => runsIn?.includes("node") ?? true;

const onnxDevices = onnx.filter(runsInNode);
const otherNames = describeBackends()
  .filter((one) => runsInNode(one) && !onnx.some(({ name }) => name === one.name))
  .map(({ name }) => name);

/** The values of `--probe`: a device of ONNX Runtime, `auto` for the choice of `--backend auto`, or all other backends. */
export type Device = OnnxDevice | "auto" | "others";
export const devices: readonly Device[] = [...onnxDevices.map(({ device }) => device), "auto", "others"];

const crossOriginIsolation =
  "does not apply in Node, where threads need none; in a page threads need the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp";

export async function doctorCommand({ json: asJson }: { readonly json: boolean }): Promise<void> {
  const reports: DeviceReport[] = [];
  // One after the other, because devices that run at once disturb each other's threads.
  for (const device of onnxDevices) reports.push(await examine(device));
  const others = await askOthers();
  const auto = await askAuto(reports);
  const report: Report = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    threads: availableParallelism(),
    crossOriginIsolation,
    packages: packageVersions(),
    devices: reports,
    others,
    auto,
    defaultBackend,
    warnings: warningsOf(reports),
    advice: adviceOf({ devices: reports, auto }),
  };
  if (asJson) printJson(report, 2);
  else print(...showReport(report));
}

/** Marks the line with the answer among the lines that the runtimes print. */
const answerMark = "ppt-vit probe: ";

/** The longest time that checking a device may take. Software drivers are slow. */
const probeTimeoutMs = 300_000;

type Answer<Found> = { readonly found: Found } | { readonly failed: string };

/**
 * Checks a device in a process of its own. A driver that crashes ends only that process, and what the runtimes log past Node's
 * streams can be read here.
 */
async function ask<Found>(device: Device): Promise<{ answer: Answer<Found>; log: string }> {
  const child = spawn(process.execPath, [process.argv[1]!, "doctor", "--probe", device], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: probeTimeoutMs,
    env: { ...process.env, ...vulkanLog },
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  const end = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ? `the process was ended by ${signal}` : `exit code ${code}`));
  });
  const line = log.split("\n").find((text) => text.startsWith(answerMark));
  const answer: Answer<Found> =
    line === undefined ? { failed: `no answer: ${end}` } : JSON.parse(line.slice(answerMark.length));
  return { answer, log };
}

async function examine({ device, name: backend }: OnnxDeviceDescription): Promise<DeviceReport> {
  const name = { device, backend };
  const { answer, log } = await ask<Probe>(device);
  if ("failed" in answer) return { ...name, works: false, reason: answer.failed };
  return {
    ...name,
    works: true,
    ...answer.found,
    attentionReason: explainAttention({ device, ...answer.found }),
    ...(device === "webgpu" && { adapter: adapterIn(log) }),
    placement: placementIn(log, device),
  };
}

async function askAuto(reports: readonly DeviceReport[]): Promise<AutoChoice> {
  const { answer } = await ask<BackendChoice>("auto");
  if ("failed" in answer) return { backend: null, reason: answer.failed, candidates: [] };
  const device = reports.find(({ backend }) => backend === answer.found.backend);
  return { ...answer.found, ...(device?.works && { attention: device.attention }) };
}

async function askOthers(): Promise<readonly OtherBackend[]> {
  const { answer } = await ask<readonly OtherBackend[]>("others");
  if ("found" in answer) return answer.found;
  return otherNames.map((backend) => ({ backend, works: false, reason: answer.failed }));
}

/** `ppt-vit doctor --probe DEVICE`: what the child process runs. */
export async function probeCommand(device: Device): Promise<void> {
  let answer: Answer<Probe | BackendChoice | readonly OtherBackend[]>;
  try {
    // Doctor looks again, whatever was remembered. Its answers replace the remembered ones.
    const probe = { auto: () => selectBackend({ recheck: true }), others: probeOthers };
    answer = { found: await (device === "auto" || device === "others" ? probe[device]() : probeDevice(device)) };
  } catch (error) {
    answer = { failed: firstLineOf(error) };
  }
  print("", `${answerMark}${json(answer)}`);
}

async function probeOthers(): Promise<OtherBackend[]> {
  const found: OtherBackend[] = [];
  for (const backend of otherNames) {
    try {
      const { candidates } = await selectBackend({ candidates: [backend], recheck: true });
      const opened = await createBackend(backend);
      const { runtime } = opened;
      await opened.dispose();
      found.push({ backend, works: true, check: candidates[0]!.reason, ...(runtime !== undefined && { runtime }) });
    } catch (error) {
      // With one candidate, the error of the choice is a frame around the reason.
      const line = firstLineOf(error);
      const frame = `: ${backend}: `;
      const at = line.startsWith("no backend works here") ? line.indexOf(frame) : -1;
      found.push({ backend, works: false, reason: at < 0 ? line : line.slice(at + frame.length) });
    }
  }
  return found;
}

/** How far half precision may differ from single precision, relative to the largest value. */
const halfTolerance = 2e-2;

async function probeDevice(device: OnnxDevice): Promise<Probe> {
  const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  const { name } = onnx.find((one) => one.device === device)!;
  const attention = await withBackend(
    await createBackend(name),
    async (usual) => (usual as OnnxBackend).info.attention,
  );
  return withBackend(await createOnnxBackend({ device, attention: "fused" }), async (single) => {
    const { candidates } = await selectBackend({ candidates: [name], recheck: true });
    const half = await checkHalfPrecision(device, single);
    await logPlacement(device);
    return {
      check: candidates[0]!.reason,
      ...half,
      attention,
      fusedAttention: single.info.attentionCheck!,
      quantizedWeights: await checkQuantizedWeights(single),
    };
  });
}

/** Compiles a product for each precision. The backend checks its operators then, and tells which it does not use. */
async function checkQuantizedWeights(backend: Backend): Promise<Probe["quantizedWeights"]> {
  const found: Partial<Record<string, { works: boolean; reason?: string }>> = {};
  for (const dtype of weightDtypes) {
    if (!("quantize" in dtype)) continue;
    const weight = dtype.quantize(
      hostTensor([8, 32], (i) => Math.sin(i)),
      "block",
    );
    const executable = await backend.compile((ops, { weight }, { x }) => ({ y: ops.linear(x!, weight!) }), {
      params: { weight },
      inputs: { x: [1, 32] },
    });
    const [reason] = executable.notices ?? [];
    found[dtype.name] = { works: reason === undefined, ...(reason !== undefined && { reason }) };
    await executable.dispose();
  }
  return found as Probe["quantizedWeights"];
}

async function checkHalfPrecision(
  device: OnnxDevice,
  single: Backend,
): Promise<Pick<Probe, "halfPrecision" | "shaderF16">> {
  const { compareAttention, createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  const webgpu = device === "webgpu";
  let check: SelfCheck;
  try {
    const half = await createOnnxBackend({ device, attention: "decomposed", dtype: "fp16" });
    check = await withBackend(half, () => compareAttention(half, single, halfTolerance));
  } catch (error) {
    if (!isPptError(error) || error.code !== "UNSUPPORTED_DTYPE") throw error;
    return { halfPrecision: { works: false, reason: firstLineOf(error) }, ...(webgpu && { shaderF16: false }) };
  }
  const { agrees, difference, reason } = check;
  const wrong = difference === undefined ? reason : `wrong by ${difference.toExponential(1)} of the largest value`;
  return { halfPrecision: { works: agrees, ...(!agrees && { reason: wrong! }) }, ...(webgpu && { shaderF16: true }) };
}

/** Opens the demo model with its token reduction, so that ONNX Runtime logs where it puts the nodes. */
async function logPlacement(device: OnnxDevice): Promise<void> {
  const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  const { config, weights, reduction } = await readCheckpoint("demo");
  const { program, params, inputs } = prepareVisionProgram({ config, weights, reduction });
  await withBackend(await createOnnxBackend({ device, sessionOptions: { logSeverityLevel: 0 } }), (backend) =>
    backend.compile(program, { params, inputs }),
  );
}

async function withBackend<B extends Backend, R>(backend: B, use: (backend: B) => Promise<R>): Promise<R> {
  try {
    return await use(backend);
  } finally {
    await backend.dispose();
  }
}
