/** What this browser runs on, and which backends it has. */

import { isSoftwareGpu } from "@ppt-vit/pipeline/browser";

export interface Machine {
  readonly browser: string;
  readonly system: string;
  readonly cores: number;
  /** As the browser tells it: rounded down, at most 8 in most. Left out where it does not. */
  readonly memoryGiB?: number;
  readonly threads: boolean;
  /** WebGPU's adapter, where there is one. */
  readonly adapter?: string;
  /** Whether that adapter is a program and no GPU. */
  readonly softwareAdapter?: boolean;
  /** WebGL's renderer, where there is one. */
  readonly renderer?: string;
}

export interface BackendChoice {
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  /** Runs on an emulated GPU: not chosen unless asked for. */
  readonly emulated?: boolean;
  /** Why this browser cannot run it. */
  readonly unavailable?: string;
}

interface GpuAdapter {
  readonly info?: { vendor: string; architecture: string; description: string; isFallbackAdapter?: boolean };
}

interface ClientHints {
  getHighEntropyValues(names: string[]): Promise<{
    platform: string;
    platformVersion?: string;
    architecture?: string;
    model?: string;
    fullVersionList?: { brand: string; version: string }[];
  }>;
}

/** What TypeScript's own types leave out. */
type Navigator2026 = Navigator & {
  readonly gpu?: { requestAdapter(): Promise<GpuAdapter | null> };
  readonly userAgentData?: ClientHints;
  readonly deviceMemory?: number;
};
const here = () => navigator as Navigator2026;

export async function describeMachine(): Promise<Machine> {
  const [{ browser, system }, adapter] = await Promise.all([browserAndSystem(), webgpuAdapter()]);
  const renderer = webglRenderer();
  return {
    browser,
    system,
    cores: navigator.hardwareConcurrency,
    ...(here().deviceMemory !== undefined && { memoryGiB: here().deviceMemory }),
    threads: crossOriginIsolated,
    ...(adapter && { adapter: adapter.name, softwareAdapter: adapter.software }),
    ...(renderer && { renderer }),
  };
}

/** One line for people. */
export function machineLine({ browser, system, cores, memoryGiB, threads, adapter, softwareAdapter }: Machine): string {
  return [
    browser,
    system,
    `${cores} core${cores === 1 ? "" : "s"}`,
    memoryGiB ? `${memoryGiB} GiB or more` : "",
    adapter ? `WebGPU: ${adapter}${softwareAdapter ? " (software)" : ""}` : "no WebGPU",
    threads ? "WebAssembly threads" : "no WebAssembly threads",
  ]
    .filter(Boolean)
    .join(" · ");
}

export function backendChoices(machine: Machine): BackendChoice[] {
  const { adapter, softwareAdapter, renderer, threads } = machine;
  const wasm = threads ? "SIMD, threads" : "one thread: the page is not cross-origin isolated";
  const on = (name: string, emulated: boolean) => ({
    detail: emulated ? `${name}: software, slower than the CPU` : name,
    emulated,
  });
  const without = (reason: string) => ({ detail: "", unavailable: reason });
  const gpu = adapter
    ? on(adapter, softwareAdapter === true)
    : without(here().gpu ? "WebGPU is there, but offers no adapter" : "this browser has no WebGPU");
  const gl = renderer ? on(renderer, isSoftwareGpu(renderer)) : without("this browser has no WebGL 2 in workers");
  return [
    { name: "cpu", title: "Plain TypeScript", detail: "one core, no dependency" },
    { name: "onnx-wasm", title: "ONNX Runtime · WebAssembly", detail: wasm },
    { name: "onnx-webgpu", title: "ONNX Runtime · WebGPU", ...gpu },
    {
      name: "tfjs-wasm",
      title: "TensorFlow.js · WebAssembly",
      detail: "SIMD, one thread: more would need scripts from blobs",
    },
    { name: "tfjs-webgl", title: "TensorFlow.js · WebGL", ...gl },
    { name: "tfjs-webgpu", title: "TensorFlow.js · WebGPU", ...gpu },
  ];
}

async function webgpuAdapter(): Promise<{ name: string; software: boolean } | undefined> {
  const adapter = await here()
    .gpu?.requestAdapter()
    .catch(() => null);
  if (!adapter) return undefined;
  const { vendor = "", architecture = "", description = "", isFallbackAdapter = false } = adapter.info ?? {};
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  return { name, software: isFallbackAdapter || isSoftwareGpu(`${name} ${architecture}`) };
}

function webglRenderer(): string | undefined {
  if (typeof OffscreenCanvas !== "function") return undefined;
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl) return undefined;
  const debug = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(debug ? debug.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return shortRenderer(renderer);
}

/** "ANGLE (Intel, Mesa Intel(R) UHD 620 (KBL GT2), OpenGL 4.6)" -> "Mesa Intel(R) UHD 620 (KBL GT2)" */
export function shortRenderer(renderer: string): string {
  const [, device] = /^ANGLE \([^,]*, (.*), [^,]*\)$/.exec(renderer) ?? [];
  return device ?? renderer;
}

async function browserAndSystem(): Promise<{ browser: string; system: string }> {
  const hints = await here().userAgentData?.getHighEntropyValues([
    "architecture",
    "fullVersionList",
    "model",
    "platformVersion",
  ]);
  if (!hints) return fromUserAgent(navigator.userAgent);
  const brands = (hints.fullVersionList ?? []).filter(({ brand }) => !/not.?a.?brand/i.test(brand));
  const brand = brands.find((one) => one.brand !== "Chromium") ?? brands[0];
  return {
    browser: brand ? `${brand.brand} ${brand.version}` : fromUserAgent(navigator.userAgent).browser,
    system: [hints.platform, hints.platformVersion, hints.architecture, hints.model].filter(Boolean).join(" "),
  };
}

/** For browsers without client hints: their name and system from the user agent string. */
export function fromUserAgent(userAgent: string): { browser: string; system: string } {
  const [, firefox] = /(Firefox\/[\d.]+)/.exec(userAgent) ?? [];
  const [, safari] = /Version\/([\d.]+).*Safari/.exec(userAgent) ?? [];
  const [, chrome] = /(Chrome\/[\d.]+)/.exec(userAgent) ?? [];
  const [, system] = /\(([^)]*)\)/.exec(userAgent) ?? [];
  const browser = firefox ?? (safari ? `Safari/${safari}` : chrome);
  return {
    browser: browser?.replace("/", " ") ?? "unknown browser",
    system: system?.replace(/; rv:.*/, "").replaceAll(";", ",") ?? "unknown system",
  };
}
