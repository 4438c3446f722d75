/** `ppt-vit doctor`: what is installed, which devices work and compute rightly, and what to use here. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SelfCheck } from "@ppt-vit/backend-onnx";
import { type Backend, isPptError, prepareVisionProgram } from "@ppt-vit/core";
import { readCheckpoint } from "@ppt-vit/pipeline";

export const devices = ["cpu", "webgpu", "wasm"] as const;
export type Device = (typeof devices)[number];

/** What a child process finds out about a device. */
interface Probe {
  readonly works: boolean;
  /** Why it does not work. */
  readonly reason?: string;
  readonly halfPrecision?: { readonly works: boolean; readonly reason?: string };
  /** Fused against decomposed attention on this device; the difference is relative to the largest value. */
  readonly fusedAttention?: SelfCheck;
}

interface DeviceReport extends Probe {
  readonly device: Device;
  readonly backend: string;
  /** Nodes of the demo model's PPT graph, by execution provider. */
  readonly placement?: Readonly<Record<string, number>>;
  readonly copiesBetweenDevices?: boolean;
  /** A driver that computes WebGPU on the CPU. */
  readonly softwareDriver?: string;
}

/** The document that --json prints. Documented in the README of this package. */
interface Report {
  readonly node: string;
  readonly platform: string;
  readonly threads: number;
  /** Versions; null where a package is not installed. */
  readonly packages: Readonly<Record<string, string | null>>;
  readonly devices: readonly DeviceReport[];
  readonly choice: { readonly backend: string; readonly attention: string; readonly reason: string };
}

export async function doctorCommand({ json }: { readonly json: boolean }): Promise<void> {
  const reports: DeviceReport[] = [];
  // One after the other: they would disturb each other's threads.
  for (const device of devices) reports.push(await examine(device));
  const report: Report = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    threads: availableParallelism(),
    packages: packageVersions(),
    devices: reports,
    choice: choose(reports),
  };
  process.stdout.write(`${json ? JSON.stringify(report, null, 2) : text(report)}\n`);
}

const ours = ["cli", "core", "pipeline", "backend-cpu", "backend-onnx", "demo-model"].map((name) => `@ppt-vit/${name}`);

/** Versions of ours and of the runtimes, null where a package is not installed. */
export function packageVersions(): Record<string, string | null> {
  // The runtimes are looked for where the backend will look for them.
  const backend = createRequire(createRequire(import.meta.url).resolve("@ppt-vit/backend-onnx/package.json"));
  return Object.fromEntries([
    ...ours.map((name) => [name, versionOf(createRequire(import.meta.url), name)]),
    ...["onnxruntime-node", "onnxruntime-web"].map((name) => [name, versionOf(backend, name)]),
  ]);
}

/** The version of a package as `require` finds it, null where it is not installed. */
export function versionOf(require: NodeJS.Require, name: string): string | null {
  for (const folder of require.resolve.paths(name) ?? []) {
    const path = join(folder, name, "package.json");
    if (existsSync(path)) return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
  }
  // A package knows itself, without being among its own dependencies.
  const own = fileURLToPath(new URL("../package.json", import.meta.url));
  const { name: ownName, version } = JSON.parse(readFileSync(own, "utf8")) as { name: string; version: string };
  return ownName === name ? version : null;
}

/** Precedes the probe's answer, among what the runtimes print. */
const answerMark = "ppt-vit probe: ";

/** Longest time for a device; software drivers are slow. */
const probeTimeoutMs = 120_000;

/** In a process of its own: a driver that crashes takes the process along, and ONNX Runtime logs past Node. */
async function examine(device: Device): Promise<DeviceReport> {
  const identity = { device, backend: `onnx-${device}` };
  const child = spawn(process.execPath, [process.argv[1]!, "doctor", "--probe", device], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: probeTimeoutMs,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const end = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(signal ? `the process was ended by ${signal}` : `exit code ${code}`));
  });
  const answer = output.split("\n").find((line) => line.startsWith(answerMark));
  if (answer === undefined) return { ...identity, works: false, reason: `no answer from the device: ${end}` };

  const probe = JSON.parse(answer.slice(answerMark.length)) as Probe;
  const placed = [...output.matchAll(/(?:All nodes|Node\(s\)) placed on \[(\w+)\]\. Number of nodes: (\d+)/g)];
  const driver = device === "webgpu" ? softwareDriver() : undefined;
  return {
    ...identity,
    ...probe,
    ...(placed.length > 0 && {
      placement: Object.fromEntries(placed.map(([, provider, nodes]) => [provider, Number(nodes)])),
      copiesBetweenDevices: /MemcpyToHost|MemcpyFromHost/.test(output),
    }),
    ...(driver && { softwareDriver: driver }),
  };
}

function softwareDriver(): string | undefined {
  const chosen = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES ?? "";
  return /swiftshader|lvp_|llvmpipe/i.test(chosen) ? chosen : undefined;
}

/** `ppt-vit doctor --probe DEVICE`, the child's side. */
export async function probeCommand(device: Device): Promise<void> {
  let probe: Probe;
  try {
    probe = await probeDevice(device);
  } catch (error) {
    probe = { works: false, reason: reasonOf(error) };
  }
  process.stdout.write(`\n${answerMark}${JSON.stringify(probe)}\n`);
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0]!;

/** How far half precision may lie from single, relative to the largest value. */
const halfTolerance = 2e-2;

async function probeDevice(device: Device): Promise<Probe> {
  const { compareAttention, createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  const single = await createOnnxBackend({ device, attention: "fused" });
  const compareHalf = async (): Promise<SelfCheck> => {
    try {
      const half = await createOnnxBackend({ device, attention: "decomposed", dtype: "fp16" });
      return await withBackend(half, () => compareAttention(half, single, halfTolerance));
    } catch (error) {
      if (!isPptError(error) || error.code !== "UNSUPPORTED_DTYPE") throw error;
      return { agrees: false, reason: reasonOf(error) };
    }
  };
  return withBackend(single, async () => {
    const { agrees, difference, reason } = await compareHalf();
    await logPlacement(device);
    const wrong = difference === undefined ? reason : `wrong by ${difference.toExponential(1)} of the largest value`;
    return {
      works: true,
      halfPrecision: { works: agrees, ...(!agrees && { reason: wrong! }) },
      fusedAttention: single.info.attentionCheck!,
    };
  });
}

/** Opens the demo model with its token reduction, so that ONNX Runtime logs where it puts the nodes. */
async function logPlacement(device: Device): Promise<void> {
  const { createOnnxBackend } = await import("@ppt-vit/backend-onnx");
  const { config, weights, reduction } = await readCheckpoint("demo");
  const { program, params, inputs } = prepareVisionProgram({ config, weights, reduction });
  await withBackend(await createOnnxBackend({ device, sessionOptions: { logSeverityLevel: 0 } }), (backend) =>
    backend.compile(program, { params, inputs }),
  );
}

async function withBackend<R>(backend: Backend, use: (backend: Backend) => Promise<R>): Promise<R> {
  try {
    return await use(backend);
  } finally {
    await backend.dispose();
  }
}

/** A GPU first, then native code, then WebAssembly, then what always works. */
function choose(reports: readonly DeviceReport[]): Report["choice"] {
  const working = (device: Device) => reports.find((report) => report.device === device && report.works);
  const webgpu = working("webgpu");
  if (webgpu && !webgpu.softwareDriver)
    return {
      backend: webgpu.backend,
      attention: "decomposed",
      reason: `WebGPU has an adapter; attention is written out there by default, the fused one ${showAttention(webgpu)}`,
    };
  const skipped = webgpu ? "WebGPU has only a software driver" : "WebGPU does not work";
  for (const device of ["cpu", "wasm"] as const) {
    const report = working(device);
    if (!report) continue;
    const reason = `${skipped}; ${device === "cpu" ? "native code works" : "onnxruntime-node does not work, WebAssembly does"}; attention is one operator there by default, and ${showAttention(report)}`;
    return { backend: report.backend, attention: report.fusedAttention?.agrees ? "fused" : "decomposed", reason };
  }
  return {
    backend: "cpu",
    attention: "decomposed",
    reason: "no ONNX runtime works here: npm install onnxruntime-node",
  };
}

function showAttention({ fusedAttention }: DeviceReport): string {
  if (!fusedAttention) return "was not compared";
  const { agrees, difference, reason } = fusedAttention;
  if (difference === undefined) return `does not work here: ${reason}`;
  return agrees
    ? `agrees with the decomposed one (${difference.toExponential(1)} of the largest value)`
    : `is wrong here: ${difference.toExponential(1)} of the largest value away from the decomposed one`;
}

function text({ node, platform, threads, packages, devices: reports, choice }: Report): string {
  const lines = [
    `Node ${node}, ${platform}, ${threads} threads`,
    ...Object.entries(packages).map(([name, version]) => `  ${name.padEnd(22)} ${version ?? "not installed"}`),
  ];
  for (const report of reports) {
    lines.push("", `${report.backend}: ${report.works ? "works" : `does not work: ${report.reason}`}`);
    if (!report.works) continue;
    if (report.softwareDriver) lines.push(`  driver           software: ${report.softwareDriver}`);
    const { works: half, reason = "" } = report.halfPrecision ?? { works: false };
    lines.push(`  half precision   ${half ? "works" : `does not work: ${reason}`}`);
    lines.push(`  fused attention  ${showAttention(report)}`);
    const placed = Object.entries(report.placement ?? {}).map(([provider, nodes]) => `${nodes} nodes on ${provider}`);
    const copies = report.copiesBetweenDevices ? "with copies between devices" : "no copies between devices";
    lines.push(
      `  placement        ${placed.length > 0 ? `${placed.join(", ")}, ${copies}` : "not logged by this runtime"}`,
    );
  }
  return [
    ...lines,
    "",
    `choice: --backend ${choice.backend}, attention ${choice.attention}`,
    `  ${choice.reason}`,
  ].join("\n");
}
