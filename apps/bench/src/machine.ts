/** Describes the browser and its machine, and says which backends work there. */
import { describeBackends, isSoftwareGpu } from "@ppt-vit/pipeline/browser";
import { oneThread } from "./one-thread.js";

export interface Machine {
  readonly browser: string;
  readonly system: string;
  readonly cores: number;
  /** As the browser reports it: rounded down, and in most browsers at most 8. Missing if it is not reported. */
  readonly memoryGiB?: number;
  readonly threads: boolean;
  /** The name of WebGPU's adapter, if there is one. */
  readonly adapter?: string;
  /** Whether that adapter is emulated on the CPU. */
  readonly softwareAdapter?: boolean;
  /** Whether it computes in 16 bits. */
  readonly halfPrecision?: boolean;
  /** The name of WebGL's renderer, if there is one. */
  readonly renderer?: string;
}

export interface BackendChoice {
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  /** Whether its GPU is emulated on the CPU. Such a backend is not selected by default. */
  readonly emulated?: boolean;
  /** Whether it computes in 16 bits, if it is asked to. */
  readonly halfPrecision?: boolean;
  /** Why this browser cannot run it. */
  readonly unavailable?: string;
}

interface GpuAdapter {
  readonly features: ReadonlySet<string>;
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

/** Properties that TypeScript's own types lack. */
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
    ...(adapter && { adapter: adapter.name, softwareAdapter: adapter.software, halfPrecision: adapter.half }),
    ...(renderer && { renderer }),
  };
}

/** The machine in one line of text. */
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

/** What this page cannot give a backend that the browser could run better. */
const limited: Readonly<Record<string, string>> = {
  "tfjs-wasm": "SIMD, one thread: threads would need blob: scripts, which this page forbids",
};

/** The backends that `worker.ts` also opens in half precision, where the adapter has it. */
export const inHalfPrecision: readonly string[] = ["onnx-webgpu"];

/** The registered backends that have a rank in browsers, best first. */
export function backendChoices(machine: Machine): BackendChoice[] {
  return describeBackends()
    .flatMap(({ rank, runsIn, name, title = name, needs }) =>
      rank?.browser === undefined || runsIn?.includes("browser") === false
        ? []
        : [{ rank: rank.browser, choice: { name, title, ...offered(needs, machine) } }],
    )
    .sort((a, b) => a.rank - b.rank)
    .flatMap(({ choice }) => {
      const { name, title, detail } = choice;
      const halfPrecision = inHalfPrecision.includes(name) && machine.halfPrecision === true;
      const own = { ...choice, detail: limited[name] ?? detail, halfPrecision };
      return name === oneThread.of && machine.threads
        ? [own, { name: oneThread.name, title: `${title}, one thread`, detail: "SIMD" }]
        : [own];
    });
}

/** What this browser gives to a backend with these needs. */
function offered(needs: BackendNeeds, machine: Machine): Pick<BackendChoice, "detail" | "emulated" | "unavailable"> {
  const { adapter, softwareAdapter, renderer, threads } = machine;
  const without = (unavailable: string) => ({ detail: "", unavailable });
  const on = (gpu: string, emulated: boolean) => ({
    detail: emulated ? `${gpu}: emulated in software, slower than the CPU` : gpu,
    emulated,
  });
  switch (needs) {
    case "webgpu":
      if (adapter) return on(adapter, softwareAdapter === true);
      return without(here().gpu ? "WebGPU finds no GPU adapter" : "this browser has no WebGPU");
    case "webgl":
      return renderer ? on(renderer, isSoftwareGpu(renderer)) : without("this browser has no WebGL 2 in workers");
    case "webassembly":
      return { detail: threads ? "SIMD, threads" : "SIMD, one thread: the page is not cross-origin isolated" };
    default:
      return { detail: "one core, no dependency" };
  }
}

type BackendNeeds = ReturnType<typeof describeBackends>[number]["needs"];

async function webgpuAdapter(): Promise<{ name: string; software: boolean; half: boolean } | undefined> {
  const adapter = await here()
    .gpu?.requestAdapter()
    .catch(() => null);
  if (!adapter) return undefined;
  const { vendor = "", architecture = "", description = "", isFallbackAdapter = false } = adapter.info ?? {};
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  return {
    name,
    software: isFallbackAdapter || isSoftwareGpu(`${name} ${architecture}`),
    half: adapter.features.has("shader-f16"),
  };
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

/** Name and system of a browser without client hints, from its user agent string. */
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
