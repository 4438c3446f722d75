/** The report of `ppt-vit doctor`: what it found, warnings and advice, and their text for a terminal. */

import type { OnnxDevice, SelfCheck } from "@ppt-vit/backend-onnx";
import { type QuantizedDtypeName, quantizedDtypeNames } from "@ppt-vit/core";
import { counted } from "@ppt-vit/core/options";
import type { BackendChoice } from "@ppt-vit/pipeline";
import { installCommand } from "../../output/install.js";
import type { Adapter, PlacedNode, Placement } from "./logs.js";

/** What the child process found out about a device that works. */
export interface Probe {
  /** The result of comparing a known model's logits on this device with recorded ones. */
  readonly check: string;
  readonly halfPrecision: { readonly works: boolean; readonly reason?: string };
  /** WebGPU only. */
  readonly shaderF16?: boolean;
  /** How attention is computed by default. */
  readonly attention: "fused" | "decomposed";
  /** Fused attention compared with decomposed attention on this device. The difference is relative to the largest value. */
  readonly fusedAttention: SelfCheck;
  /** By precision: whether the device multiplies quantised weights rightly. Where it does not, their floats are used. */
  readonly quantizedWeights: Readonly<
    Record<QuantizedDtypeName, { readonly works: boolean; readonly reason?: string }>
  >;
}

interface DeviceName {
  readonly device: OnnxDevice;
  readonly backend: string;
}

export interface WorkingDevice extends DeviceName, Probe {
  readonly works: true;
  readonly attentionReason: string;
  /** WebGPU only; null if the runtime does not show it. */
  readonly adapter?: Adapter | null;
  /** Where the nodes of the demo model's PPT graph run; null if the runtime does not log it. */
  readonly placement: Placement | null;
}

export type DeviceReport = WorkingDevice | (DeviceName & { readonly works: false; readonly reason: string });

/** A backend of which no more is known than whether it computes rightly. */
export type OtherBackend =
  | { readonly backend: string; readonly works: true; readonly check: string; readonly runtime?: string }
  | { readonly backend: string; readonly works: false; readonly reason: string };

/** The choice of `--backend auto`; `backend` is null if none works. */
export interface AutoChoice extends Omit<BackendChoice, "backend"> {
  readonly backend: string | null;
  /** Only for ONNX backends. */
  readonly attention?: "fused" | "decomposed";
}

/** The document that --json prints. Documented in apps/docs/cli. */
export interface Report {
  readonly node: string;
  readonly platform: string;
  readonly threads: number;
  readonly crossOriginIsolation: string;
  /** Versions; null if a package is not installed. */
  readonly packages: Readonly<Record<string, string | null>>;
  /** Of ONNX Runtime. */
  readonly devices: readonly DeviceReport[];
  /** The other backends that run in Node. */
  readonly others: readonly OtherBackend[];
  readonly auto: AutoChoice;
  /** What all commands take without --backend: `auto`. */
  readonly defaultBackend: string;
  /** Defects that the user should report. */
  readonly warnings: readonly string[];
  readonly advice: readonly string[];
}

/** Explains why attention is computed on a device as it is. */
export function explainAttention({
  device,
  attention,
  fusedAttention,
}: Pick<WorkingDevice, "device" | "attention" | "fusedAttention">): string {
  const { agrees } = fusedAttention;
  const found = showCheck(fusedAttention);
  return attention === "fused"
    ? `the default on ${device}, ${agrees ? "and" : "although"} it ${found}`
    : `the default on ${device}; fused attention ${found}, and is ${agrees ? "" : "not "}used where it is asked for`;
}

function showCheck({ agrees, difference, reason }: SelfCheck): string {
  if (difference === undefined) return `does not work here (${reason})`;
  const share = `${difference.toExponential(1)} of the largest value`;
  return agrees ? `agrees with the decomposed one (${share})` : `is wrong here (${share} from the decomposed one)`;
}

/** Whether fused attention is the default although its results are wrong on this device. */
const isDefect = (report: DeviceReport): boolean =>
  report.works && report.attention === "fused" && !report.fusedAttention.agrees;

export function warningsOf(devices: readonly DeviceReport[]): string[] {
  return devices
    .filter(isDefect)
    .map(
      ({ backend }) =>
        `${backend} uses fused attention unchecked, and it is wrong here: use another backend, and please report this with the output of ppt-vit doctor --json`,
    );
}

/** Advice on what may run faster than the backend that `auto` takes. */
export function adviceOf({ devices, auto }: Pick<Report, "devices" | "auto">): string[] {
  const advice: string[] = [];
  if (auto.faster)
    advice.push(`${installCommand(auto.faster.install)}: ${auto.faster.backend} would be faster than ${auto.backend}`);
  const webgpu = devices.find(({ device }) => device === "webgpu");
  if (webgpu?.works && auto.backend !== webgpu.backend) {
    const { adapter, backend } = webgpu;
    if (!adapter) advice.push(`--backend ${backend}, if the adapter is a GPU: this runtime does not show it`);
    else if (!adapter.software) advice.push(`--backend ${backend}: a GPU is usable, which auto does not take`);
  }
  return advice;
}

/** The lines of the report for a terminal. */
export function showReport(report: Report): string[] {
  const { node, platform, threads, packages, crossOriginIsolation, devices, others, auto, defaultBackend } = report;
  const attention = auto.attention ? `, attention ${auto.attention}` : "";
  return [
    `Node ${node}, ${platform}, ${counted(threads, "thread")}`,
    ...Object.entries(packages).map(([name, version]) => row(name, version ?? "not installed")),
    row("cross-origin isolation", crossOriginIsolation),
    ...devices.flatMap((device) => ["", ...showDevice(device)]),
    "",
    "other backends",
    ...others.map((other) =>
      row(
        other.backend,
        other.works
          ? ["works", other.check, ...(other.runtime === undefined ? [] : [`on ${other.runtime}`])].join(", ")
          : `does not work: ${other.reason}`,
      ),
    ),
    "",
    "which backend",
    row("--backend auto", auto.backend === null ? auto.reason : `${auto.backend}${attention}: ${auto.reason}`),
    row("without --backend", defaultBackend),
    ...report.warnings.map((text) => row("WARNING", text)),
    ...report.advice.map((text) => row("advice", text)),
  ];
}

export const row = (label: string, text: string): string => `  ${label.padEnd(22)} ${text}`;

function showDevice(report: DeviceReport): string[] {
  if (!report.works) return [`${report.backend}: does not work: ${report.reason}`];
  const { backend, check, adapter, attention, attentionReason, placement } = report;
  return [
    `${backend}: works, ${check}`,
    ...(adapter === undefined ? [] : [row("adapter", showAdapter(adapter))]),
    showHalfPrecision(report),
    row("attention", `${attention}: ${attentionReason}`),
    ...showQuantizedWeights(report),
    ...showPlacement(placement),
  ];
}

function showAdapter(adapter: Adapter | null): string {
  if (!adapter) return "not shown by this runtime";
  const { name, driver, software } = adapter;
  return `${name}${software ? ", software: the CPU emulates a GPU" : ""} (${driver})`;
}

function showHalfPrecision({ halfPrecision: { works, reason }, shaderF16 }: WorkingDevice): string {
  if (shaderF16 === false) return row("shader-f16", "missing: no half precision on this adapter");
  const half = works ? "works" : `does not work: ${reason}`;
  return shaderF16 ? row("shader-f16", `there: half precision ${half}`) : row("half precision", half);
}

/** Lines about the precisions that quantise weights. */
export const showQuantizedWeights = ({ quantizedWeights }: Pick<Probe, "quantizedWeights">): string[] =>
  quantizedDtypeNames.map((dtype) => {
    const { works, reason } = quantizedWeights[dtype];
    return row(`${dtype} weights`, works ? "taken as integers" : `taken as floats: ${reason}`);
  });

/** Lines about where the nodes run. */
export function showPlacement(placement: Placement | null): string[] {
  if (!placement) return [row("placement", "not logged by this runtime")];
  const { nodes, elsewhere, copies } = placement;
  const providers = Object.entries(nodes);
  const counts = providers.map(([provider, count]) => `${counted(count, "node")} on ${provider}`).join(", ");
  const copied = copies.length === 1 ? "1 copy" : `${copies.length} copies`;
  return [
    row("placement", `${providers.length === 1 ? "all " : ""}${counts}, ${copied} between devices`),
    ...byOperator(elsewhere).map((text) => row("  elsewhere", text)),
    ...byOperator(copies).map((text) => row("  copies", text)),
  ];
}

/** One line per operator and provider, with an example. */
function byOperator(nodes: readonly PlacedNode[]): string[] {
  const groups = new Map<string, PlacedNode[]>();
  for (const node of nodes) {
    const key = `${node.operator} on ${node.provider}`;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  return [...groups].map(([key, group]) => `${group.length} ${key}, as ${group[0]!.name}`);
}
