/** Finds out what Node or the browser offers to compute on, without loading a runtime. */
import { firstLineOf } from "@ppt-vit/core";
import { isSoftwareGpu } from "./gpu-names.js";
import { platformKind } from "./platform-kind.js";

export interface Platform {
  readonly kind: "node" | "browser";
  /** Whether WebAssembly may use threads. In a page this takes COOP and COEP headers; in Node it is always true. */
  readonly crossOriginIsolated: boolean;
  readonly webgpu: GpuSupport;
  readonly webgl: GpuSupport;
}

/** `software` is a driver that emulates a GPU on the CPU. `name` is the name that the driver reports. */
export type GpuSupport =
  | { readonly kind: "none"; readonly reason: string }
  | { readonly kind: "software" | "hardware"; readonly name: string };

export const gpuNamed = (name: string, fallback = false): GpuSupport => ({
  kind: fallback || isSoftwareGpu(name) ? "software" : "hardware",
  name,
});

/** The part of a `GPUAdapter` that is used here. */
interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
}

/** The part of a page's or worker's global object that is used here. */
interface BrowserGlobals {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly gpu?: { requestAdapter(): Promise<Adapter | null> } };
  readonly OffscreenCanvas?: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: "webgl2"): {
      getExtension(name: string): { readonly UNMASKED_RENDERER_WEBGL: number } | null;
      getParameter(name: number): unknown;
    } | null;
  };
}

const nodeGpu: GpuSupport = { kind: "none", reason: "not looked for in Node: name the backend to use it" };

/** The platform of this code: Node, a page or a worker. */
export async function currentPlatform(globals: object = globalThis): Promise<Platform> {
  if (platformKind(globals) === "node")
    return { kind: "node", crossOriginIsolated: true, webgpu: nodeGpu, webgl: nodeGpu };
  const browser = globals as BrowserGlobals;
  return {
    kind: "browser",
    crossOriginIsolated: browser.crossOriginIsolated === true,
    webgpu: await webgpuOf(browser).catch((error: unknown) => failed("WebGPU", error)),
    webgl: await webglOf(browser).catch((error: unknown) => failed("WebGL 2", error)),
  };
}

/** A GPU that cannot be asked for is as good as none. */
const failed = (what: string, error: unknown): GpuSupport => ({
  kind: "none",
  reason: `${what} cannot be asked for here (${firstLineOf(error)})`,
});

/** The longest time in ms that a browser may take to name an adapter. */
const adapterTimeoutMs = 10_000;

/** `promise`, or an error if it takes too long. */
function soon<R>(promise: Promise<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${adapterTimeoutMs / 1000} s`)), adapterTimeoutMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function webgpuOf({ navigator }: BrowserGlobals): Promise<GpuSupport> {
  if (!navigator?.gpu)
    return { kind: "none", reason: "this browser has no WebGPU, or the page is not served securely" };
  const adapter = await soon(navigator.gpu.requestAdapter());
  if (!adapter) return { kind: "none", reason: "WebGPU has no adapter here" };
  const { info } = adapter;
  const name = [info?.vendor, info?.architecture, info?.device, info?.description].filter(Boolean).join(" ");
  return gpuNamed(name || "an unnamed adapter", adapter.isFallbackAdapter ?? info?.isFallbackAdapter);
}

async function webglOf({ OffscreenCanvas }: BrowserGlobals): Promise<GpuSupport> {
  const context = OffscreenCanvas && new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!context) return { kind: "none", reason: "this browser has no WebGL 2" };
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const name = names ? context.getParameter(names.UNMASKED_RENDERER_WEBGL) : undefined;
  return gpuNamed(typeof name === "string" ? name : "an unnamed renderer");
}
