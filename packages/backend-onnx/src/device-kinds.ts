/** The kinds of devices that graphs are made for, and the operators that each gets. Sessions and exported files use this table. */
import type { Fusion } from "./fusion.js";

export interface DeviceKindDescription {
  /** The devices, as a sentence about a file names them. */
  readonly title: string;
  readonly fusion: Fusion;
}

const kinds = {
  cpu: {
    title: "CPUs, WebAssembly included",
    fusion: {
      contrib: true,
      attention: true,
      standardAttention: true,
      projectedAttention: true,
      forCpu: true,
      integers: { rows: "MatMulIntegerToFloat", blocks: "MatMulNBits" },
    },
  },
  gpu: {
    title: "GPUs",
    // Fused attention is wrong on some WebGPU devices, and reports no error (docs/decisions/0005-onnx.md).
    fusion: {
      contrib: true,
      attention: false,
      forGpu: true,
      sorting: true,
      integers: { rows: "MatMulNBits", blocks: "MatMulNBits" },
    },
  },
  any: {
    title: "any device",
    fusion: { contrib: true, attention: false, integers: { rows: "MatMulNBits", blocks: "MatMulNBits" } },
  },
} as const satisfies Readonly<Record<string, DeviceKindDescription>>;

/** A kind of devices. `any` has the operators that no kind lacks. */
export type DeviceKind = keyof typeof kinds;

/** All kinds of devices, by name. */
export const deviceKinds: Readonly<Record<DeviceKind, DeviceKindDescription>> = kinds;

export const deviceKindNames = Object.keys(kinds) as readonly DeviceKind[];

/** The operators for a kind of devices. `attention`: whether fused ones, by default if the kind has them. */
export function fusionFor(kind: DeviceKind, attention = deviceKinds[kind].fusion.attention): Fusion {
  const { fusion } = deviceKinds[kind];
  const { standardAttention = false, projectedAttention = false } = fusion;
  return attention
    ? { ...fusion, attention, standardAttention, projectedAttention }
    : { ...fusion, attention, standardAttention: false, projectedAttention: false };
}

/** The operators for a kind of devices that are in the standard. Other engines than ONNX Runtime have these, too. */
export const standardFusionFor = (kind: DeviceKind): Fusion => ({
  ...fusionFor(kind, false),
  contrib: false,
  integers: { rows: "MatMulInteger" },
});
