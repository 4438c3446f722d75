/**
 * The plain TypeScript backend without some of its fused kernels, to see what each is worth:
 * `pnpm bench --contenders benchmarks/contenders/cpu.mjs --backends cpu,cpu:decomposed-attention --reference cpu --models demo`
 */
import { createCpuBackend } from "@ppt-vit/backend-cpu";
import { backendContender } from "./backend.mjs";

const fused = ["compressTokens", "attention", "layerNorm", "activation", "linear", "unfold", "convolution"];

export const contenders = [
  backendContender("cpu:decomposed", () => createCpuBackend({ decomposed: true })),
  ...fused.map((name) => backendContender(`cpu:decomposed-${name}`, () => createCpuBackend({ decomposed: [name] }))),
];
